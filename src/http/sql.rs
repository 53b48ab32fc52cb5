//! `POST /api/query`: runs a query like one from Grafana's frontend, for callers without Grafana.

use std::sync::Arc;
use std::time::Duration;

use axum::Extension;
use axum::body::Bytes;
use axum::extract::State;
use axum::extract::rejection::BytesRejection;
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use jiff::Timestamp;
use serde::Serialize;
use serde_json::{Map, Value};
use utoipa::ToSchema;

use super::answer::{Shape, ask};
use super::document::Failures;
use super::failure::{Failure, Problem};
use super::reports::time_range;
use crate::app::{App, DataQuery, InstanceSettings};
use crate::error::{Error, Result};
use crate::query::QueryModel;

/// The default time range, as on the command line.
const DEFAULT_RANGE: (&str, &str) = ("now-26w", "now");
/// The default `refId`.
const REF_ID: &str = "A";

/// Members of the body that belong to the query model. Those after `variables` occur in Grafana's own query
/// models and are ignored.
const MODEL: [&str; 9] = [
    "rawSql",
    "format",
    "variables",
    "datasource",
    "datasourceId",
    "editorMode",
    "hide",
    "queryType",
    "rawQuery",
];

/// A query.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct QueryBody {
    /// The SQL text, with macros and template variables.
    #[schema(
        example = "SELECT week, max(p95_ms) AS p95_ms FROM perf_all_weeks WHERE $__weekFilter(week) GROUP BY week"
    )]
    raw_sql: String,
    /// `table` (when missing) or `time_series`.
    #[schema(required = false)]
    format: String,
    /// Start of the time range, `now-26w` when missing: a week, a day, `now-…`, RFC 3339, or milliseconds
    /// since 1970.
    #[schema(required = false)]
    from: String,
    /// Its end, `now` when missing.
    #[schema(required = false)]
    to: String,
    /// Values of template variables by name: a text, a number, a truth value, a list of these, or `$__all`.
    #[schema(required = false)]
    variables: Map<String, Value>,
    /// What `$__interval` stands for; a hundredth of the time range when missing.
    #[schema(required = false)]
    interval_ms: u64,
    /// How many points can be shown; the interval is chosen for them.
    #[schema(required = false)]
    max_data_points: u64,
    /// `rows` (when missing): an array of row objects; `frame`: a data frame as Grafana's `/api/ds/query` has
    /// it; `arrow`: an Arrow IPC file.
    #[schema(required = false)]
    r#as: String,
    /// The query's letter, `A` when missing.
    #[schema(required = false)]
    ref_id: String,
}

/// Runs one query, through the same gate and in the same jail as Grafana's. A cut result says so in the
/// header `X-DuckDB-Perf-Notice` (with `"as": "frame"`: in the frame's `meta.notices`).
#[utoipa::path(
    post, path = "/api/query", tag = "query", request_body = QueryBody,
    responses(
        (status = 200, description = "An array of row objects, or what `as` asks for", body = Vec<Map<String, Value>>),
        (status = 415, description = "The body is not declared as JSON", body = Problem),
        Failures,
    )
)]
pub(super) async fn query(
    State(app): State<Arc<App>>,
    Extension(settings): Extension<InstanceSettings>,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Result<Response, Failure> {
    // A page of another site can send any other content type without a CORS preflight.
    let is_json = headers.get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).is_some_and(|kind| {
        kind.split(';').next().is_some_and(|kind| kind.trim().eq_ignore_ascii_case("application/json"))
    });
    if !is_json {
        let error = Error::bad_query("the body is not declared as JSON")
            .hint("Send the header `Content-Type: application/json`");
        return Err(Failure::with_status(error, StatusCode::UNSUPPORTED_MEDIA_TYPE));
    }
    let body = body.map_err(|rejection| {
        let error = Error::bad_query(format!("the body cannot be read: {}", rejection.body_text()));
        Failure::with_status(error, rejection.status())
    })?;
    let (query, shape) = read(&body, Timestamp::now())?;
    ask(&app, &settings, query, shape).await
}

fn read(body: &[u8], now: Timestamp) -> Result<(DataQuery, Shape)> {
    let mut model: Map<String, Value> = serde_json::from_slice(body).map_err(|error| {
        Error::bad_query(format!("the body is not a JSON object: {error}"))
            .hint("Send `{\"rawSql\": \"SELECT …\"}`")
    })?;
    let shape = text(&mut model, "as")?.map_or(Ok(Shape::default()), |word| word.parse())?;
    let from = text(&mut model, "from")?.unwrap_or_else(|| DEFAULT_RANGE.0.to_owned());
    let to = text(&mut model, "to")?.unwrap_or_else(|| DEFAULT_RANGE.1.to_owned());
    let interval = Duration::from_millis(number(&mut model, "intervalMs")?);
    let max_data_points = i64::try_from(number(&mut model, "maxDataPoints")?).unwrap_or(i64::MAX);
    let ref_id = text(&mut model, "refId")?.unwrap_or_else(|| REF_ID.to_owned());
    let range = time_range(&from, &to, now)?;
    if let Some(unknown) = model.keys().find(|name| !MODEL.contains(&name.as_str())) {
        return Err(Error::bad_query(format!("`{unknown}` is not a member of a query")).hint(
            "It takes `rawSql`, `format`, `from`, `to`, `variables`, `intervalMs`, `maxDataPoints`, `as` and `refId`",
        ));
    }
    let model = QueryModel::from_members(&model)?;
    Ok((DataQuery { ref_id, model, range, interval, max_data_points, is_of_alert: false }, shape))
}

/// Removes the member `name` and returns it as text; a number becomes its digits.
fn text(model: &mut Map<String, Value>, name: &str) -> Result<Option<String>> {
    match model.remove(name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text)),
        Some(Value::Number(number)) => Ok(Some(number.to_string())),
        Some(other) => Err(Error::bad_query(format!("`{name}` is {other}, not a text"))),
    }
}

fn number(model: &mut Map<String, Value>, name: &str) -> Result<u64> {
    match model.remove(name) {
        None | Some(Value::Null) => Ok(0),
        Some(value) => value.as_u64().ok_or_else(|| {
            Error::bad_query(format!("`{name}` is {value}, which is not a whole number from 0 on"))
        }),
    }
}

#[cfg(test)]
mod tests {
    use axum::Router;
    use axum::body::{Body, to_bytes};
    use axum::http::Request;
    use axum::routing::{get, post};
    use tower::ServiceExt as _;

    use super::*;
    use crate::app::fixed;
    use crate::http::export::export;
    use crate::source::Policy;

    /// The HTTP edge passes on answers of any engine, not only those of a worker.
    #[tokio::test]
    async fn any_engine_answers() {
        let settings = InstanceSettings { json_data: fixed::SETTINGS.into(), ..InstanceSettings::default() };
        let router = Router::new()
            .route("/api/sql", post(query))
            .route("/export.csv", get(export))
            .layer(Extension(settings))
            .with_state(Arc::new(App::new(Ok(Policy::default()))));
        let ask = async |request: axum::http::request::Builder, body: String| {
            let request = request.header(CONTENT_TYPE, "application/json").body(Body::from(body)).unwrap();
            let answer = router.clone().oneshot(request).await.unwrap();
            let status = answer.status().as_u16();
            let body = to_bytes(answer.into_body(), 1 << 20).await.unwrap();
            (status, String::from_utf8(body.to_vec()).unwrap())
        };
        let sql = async |sql: &str| {
            ask(Request::post("/api/sql"), serde_json::json!({ "rawSql": sql }).to_string()).await
        };
        assert_eq!(sql("SELECT ${__slowMs}").await, (200, "[\n{\"sql\":\"SELECT 7\"}\n]\n".to_owned()));
        let (status, problem) = sql("SELECT ${__slowMs}, broken").await;
        assert!(status == 400 && problem.contains(r#""column":21"#), "{problem}");
        let download = Request::get("/export.csv?sql=SELECT%20${__slowMs}");
        assert_eq!(ask(download, String::new()).await, (200, "sql\r\nSELECT 7\r\n".to_owned()));
    }

    fn now() -> Timestamp {
        "2026-11-25T00:00:00Z".parse().unwrap()
    }

    #[test]
    fn members_and_defaults() {
        let (query, shape) = read(br#"{"rawSql": "SELECT 1", "variables": {"a": 1}}"#, now()).unwrap();
        assert_eq!((query.ref_id.as_str(), shape), ("A", Shape::Rows));
        assert_eq!(
            query.model,
            QueryModel::from_json(br#"{"rawSql":"SELECT 1","variables":{"a":1}}"#).unwrap()
        );
        assert_eq!(query.range.to, now());
        assert_eq!((query.interval, query.max_data_points), (Duration::ZERO, 0));
        let body = br#"{"rawSql":"x","from":1000,"to":"2026-W10","intervalMs":5,"maxDataPoints":7,"as":"frame","refId":"B"}"#;
        let (query, shape) = read(body, now()).unwrap();
        assert_eq!((query.range.from_ms(), query.interval.as_millis(), query.max_data_points), (1000, 5, 7));
        assert_eq!((query.ref_id.as_str(), shape), ("B", Shape::Frame));
    }

    #[test]
    fn bad_members_are_named() {
        for (body, message) in [
            ("", "the body is not a JSON object"),
            ("[]", "the body is not a JSON object"),
            (r#"{"as":"csv"}"#, "`as` is `csv`, which is not known"),
            (r#"{"as":[]}"#, "`as` is [], not a text"),
            (r#"{"from":"yesterday"}"#, "the parameter `from`: `yesterday` is not a time"),
            (r#"{"to":{}}"#, "`to` is {}, not a text"),
            (r#"{"to":"x"}"#, "the parameter `to`: `x` is not a time"),
            (r#"{"from":"now","to":"now-1d"}"#, "the time range ends before it starts"),
            (r#"{"intervalMs":-1}"#, "`intervalMs` is -1"),
            (r#"{"maxDataPoints":"many"}"#, "`maxDataPoints` is \"many\""),
        ] {
            let error = read(body.as_bytes(), now()).unwrap_err();
            assert!(error.message.starts_with(message), "{body}: {}", error.message);
        }
    }
}
