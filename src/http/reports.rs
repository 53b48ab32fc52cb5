//! `/api/perf/…`: the named queries of `reports::named`, as arrays of row objects.

use std::sync::Arc;
use std::time::Duration;

use axum::Extension;
use axum::extract::rejection::{PathRejection, QueryRejection};
use axum::extract::{Path, Query, State};
use axum::response::Response;
use jiff::Timestamp;
use serde::Serialize;
use utoipa::openapi::path::{ParameterBuilder, ParameterIn};
use utoipa::openapi::schema::{ArrayBuilder, ObjectBuilder, Type};
use utoipa::openapi::{RefOr, Required, Schema};
use utoipa::{IntoParams, ToSchema};

use super::answer::{Shape, ask};
use super::failure::{Failure, Problem};
use crate::app::{App, DataQuery, InstanceSettings};
use crate::error::{Error, Result};
use crate::query::TimeRange;
use crate::reports::{Asked, NamedQuery, Parameter, ParameterKind};

/// A row of a report. Reports may have more columns than these; those come too.
#[derive(Serialize, ToSchema)]
pub(super) struct ReportRow {
    /// ISO week as YYYYWW.
    #[schema(example = 202_653)]
    week: i32,
    /// The normalised query.
    pattern: Option<String>,
    /// How often it ran.
    samples: Option<i64>,
    /// Percentiles of its latency in milliseconds.
    p50_ms: Option<f64>,
    p95_ms: Option<f64>,
    p99_ms: Option<f64>,
    /// Whether the weekly job calls it slow.
    slow_flag: Option<bool>,
}

/// A pattern with its numbers in the newest report that has it.
#[derive(Serialize, ToSchema)]
pub(super) struct PatternRow {
    pattern: String,
    /// How many reports have it.
    weeks: i64,
    first_week: i32,
    last_week: i32,
    /// How often it ran, in all of them.
    samples: Option<i64>,
    p50_ms: Option<f64>,
    p95_ms: Option<f64>,
    p99_ms: Option<f64>,
    /// Its highest p95.
    max_p95_ms: Option<f64>,
    /// Whether its newest p95 is above the threshold.
    slow: Option<bool>,
}

/// A pattern in one week.
#[derive(Serialize, ToSchema)]
pub(super) struct PatternWeekRow {
    week: i32,
    pattern: String,
    samples: Option<i64>,
    p50_ms: Option<f64>,
    p95_ms: Option<f64>,
    p99_ms: Option<f64>,
    slow_flag: Option<bool>,
    /// 1 for the slowest pattern of the week.
    place: i64,
    /// Against the report before it.
    p95_change_ms: Option<f64>,
    p95_change_percent: Option<f64>,
}

/// A pattern that got slower.
#[derive(Serialize, ToSchema)]
pub(super) struct RegressionRow {
    week: i32,
    pattern: String,
    /// The report that it is compared with.
    previous_week: i32,
    p95_ms: f64,
    previous_p95_ms: f64,
    change_ms: f64,
    change_percent: f64,
    samples: i64,
    previous_samples: i64,
}

type Pairs = Result<Query<Vec<(String, String)>>, QueryRejection>;
type Text = Result<Path<String>, PathRejection>;

/// The rows of one week's report, slowest pattern first. A week without a report gives an empty array.
#[utoipa::path(
    get, path = "/api/perf/weekly/{week}", tag = "reports",
    params(("week" = String, Path, description = "An ISO week, 202653 or 2026-W53", example = "202653"), Weekly),
    responses((status = 200, body = Vec<ReportRow>), (status = 400, body = Problem))
)]
pub(super) async fn weekly(
    State(app): State<Arc<App>>,
    Extension(settings): Extension<InstanceSettings>,
    week: Text,
    given: Pairs,
) -> Result<Response, Failure> {
    let mut given = pairs(given)?;
    if let Some((name, _)) = given.iter().find(|(name, _)| !WEEKLY.contains(&name.as_str())) {
        return Err(Error::bad_query(format!("`{name}` is not a parameter of this route"))
            .hint("The week is part of the path; `pattern` and `limit` narrow the answer")
            .into());
    }
    given.push(("week".to_owned(), text(week)?));
    run(&app, &settings, NamedQuery::Weeks.ask(&given)?).await
}

/// The rows above the threshold, newest week first, slowest pattern first.
#[utoipa::path(
    get, path = "/api/perf/slow", tag = "reports", params(Slow),
    responses((status = 200, body = Vec<ReportRow>), (status = 400, body = Problem))
)]
pub(super) async fn slow(
    State(app): State<Arc<App>>,
    Extension(settings): Extension<InstanceSettings>,
    given: Pairs,
) -> Result<Response, Failure> {
    run(&app, &settings, NamedQuery::Slow.ask(&pairs(given)?)?).await
}

/// Each pattern once, with its numbers in the newest report that has it.
#[utoipa::path(
    get, path = "/api/perf/patterns", tag = "reports", params(Patterns),
    responses((status = 200, body = Vec<PatternRow>), (status = 400, body = Problem))
)]
pub(super) async fn patterns(
    State(app): State<Arc<App>>,
    Extension(settings): Extension<InstanceSettings>,
    given: Pairs,
) -> Result<Response, Failure> {
    run(&app, &settings, NamedQuery::Patterns.ask(&pairs(given)?)?).await
}

/// One pattern over the weeks, oldest first. A pattern that no report has gives an empty array.
#[utoipa::path(
    get, path = "/api/perf/pattern", tag = "reports", params(Pattern),
    responses((status = 200, body = Vec<PatternWeekRow>), (status = 400, body = Problem))
)]
pub(super) async fn pattern(
    State(app): State<Arc<App>>,
    Extension(settings): Extension<InstanceSettings>,
    given: Pairs,
) -> Result<Response, Failure> {
    run(&app, &settings, NamedQuery::Pattern.ask(&pairs(given)?)?).await
}

/// The same with the pattern in the path: percent-encoded; `/` may stand as it is.
#[utoipa::path(
    get, path = "/api/perf/pattern/{*name}", tag = "reports",
    params(("name" = String, Path, description = "The pattern, percent-encoded", example = "SELECT%201"), PatternPath),
    responses((status = 200, body = Vec<PatternWeekRow>), (status = 400, body = Problem))
)]
pub(super) async fn pattern_by_path(
    State(app): State<Arc<App>>,
    Extension(settings): Extension<InstanceSettings>,
    name: Text,
    given: Pairs,
) -> Result<Response, Failure> {
    let mut given = pairs(given)?;
    given.push(("name".to_owned(), text(name)?));
    run(&app, &settings, NamedQuery::Pattern.ask(&given)?).await
}

/// Patterns whose p95 grew from one report to the next: in the newest report of the time range, or in the given weeks.
#[utoipa::path(
    get, path = "/api/perf/regressions", tag = "reports", params(Regressions),
    responses((status = 200, body = Vec<RegressionRow>), (status = 400, body = Problem))
)]
pub(super) async fn regressions(
    State(app): State<Arc<App>>,
    Extension(settings): Extension<InstanceSettings>,
    given: Pairs,
) -> Result<Response, Failure> {
    run(&app, &settings, NamedQuery::Regressions.ask(&pairs(given)?)?).await
}

/// The query's parameters, decoded.
pub(super) fn pairs(given: Pairs) -> Result<Vec<(String, String)>> {
    match given {
        Ok(Query(pairs)) => Ok(pairs),
        Err(error) => Err(Error::bad_query(format!("the query of the address cannot be read: {error}"))),
    }
}

fn text(part: Text) -> Result<String> {
    match part {
        Ok(Path(text)) => Ok(text),
        Err(error) => Err(Error::bad_query(format!("the path cannot be read: {error}"))
            .hint("Percent-encode it as UTF-8, as `encodeURIComponent` does")),
    }
}

async fn run(app: &Arc<App>, settings: &InstanceSettings, asked: Asked) -> Result<Response, Failure> {
    ask(app, settings, data_query(&asked, Timestamp::now())?, Shape::Rows).await
}

/// The query as the app takes it.
pub(super) fn data_query(asked: &Asked, now: Timestamp) -> Result<DataQuery> {
    Ok(DataQuery {
        ref_id: "A".to_owned(),
        json: asked.model().to_string().into(),
        range: time_range(&asked.from, &asked.to, now)?,
        interval: Duration::ZERO,
        max_data_points: 0,
    })
}

/// The time range of `from` and `to`, with errors that say which of them is meant.
pub(super) fn time_range(from: &str, to: &str, now: Timestamp) -> Result<TimeRange> {
    TimeRange::parse(from, to, now).map_err(|error| {
        let is_meant = |(_, text): &(&str, &str)| error.message == format!("`{text}` is not a time");
        match [("from", from), ("to", to)].into_iter().find(is_meant) {
            Some((name, _)) => {
                Error { message: format!("the parameter `{name}`: {}", error.message), ..error }
            }
            None => error,
        }
    })
}

/// What `/api/perf/weekly/…` takes beside the week in its path.
const WEEKLY: &[&str] = &["pattern", "limit"];
/// What `/api/perf/pattern/…` takes beside the pattern in its path.
const PATTERN_PATH: &[&str] = &["from", "to", "week"];

/// The parameters of the routes, for the `OpenAPI` document: the table in `reports::named`.
macro_rules! documented {
    ($($name:ident: $query:ident, $only:expr;)*) => {$(
        struct $name;

        impl IntoParams for $name {
            fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<utoipa::openapi::path::Parameter> {
                documentation(NamedQuery::$query, $only)
            }
        }
    )*};
}

documented! {
    Weekly: Weeks, Some(WEEKLY);
    Slow: Slow, None;
    Patterns: Patterns, None;
    Pattern: Pattern, None;
    PatternPath: Pattern, Some(PATTERN_PATH);
    Regressions: Regressions, None;
}

fn documentation(query: NamedQuery, only: Option<&[&str]>) -> Vec<utoipa::openapi::path::Parameter> {
    let is_shown = |parameter: &&Parameter| only.is_none_or(|names| names.contains(&parameter.name));
    query.parameters().iter().filter(is_shown).map(described).collect()
}

fn described(parameter: &Parameter) -> utoipa::openapi::path::Parameter {
    let of = |kind: Type| ObjectBuilder::new().schema_type(kind);
    let schema: RefOr<Schema> = match parameter.kind {
        ParameterKind::Time | ParameterKind::Text => of(Type::String).into(),
        ParameterKind::Weeks | ParameterKind::Texts => ArrayBuilder::new().items(of(Type::String)).into(),
        ParameterKind::Number => of(Type::Number).minimum(Some(0.0)).into(),
        ParameterKind::Count(0) => of(Type::Integer).minimum(Some(0)).into(),
        ParameterKind::Count(_) => of(Type::Integer).minimum(Some(1)).into(),
    };
    ParameterBuilder::new()
        .name(parameter.name)
        .parameter_in(ParameterIn::Query)
        .required(if parameter.required { Required::True } else { Required::False })
        .description(Some(parameter.doc))
        .schema(Some(schema))
        .example(Some(parameter.example.into()))
        .build()
}
