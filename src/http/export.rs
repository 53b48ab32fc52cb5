//! `GET /export.csv`: returns a named query or any SELECT as a CSV download, streamed while the query runs.
//!
//! A Grafana link can write the address: `${__url_time_range}` gives `from` and `to`, `${pattern:queryparam}`
//! gives one `var-pattern` per value.
//!
//! An error before the first row is an HTTP error status. An error after it breaks the transfer off. Grafana
//! ends a broken transfer like a complete one, so a last line also says `INCOMPLETE: …`.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::Extension;
use axum::body::Body;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::http::header::{CONTENT_DISPOSITION, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use jiff::Timestamp;
use serde_json::{Map, Value, json};
use tokio_stream::Stream;

use super::document::{ExportParameters, Failures};
use super::failure::Failure;
use crate::app::{App, CsvExport, DataQuery, ExportOptions, InstanceSettings};
use crate::error::{Error, Result};
use crate::query::{QueryModel, TimeRange};
use crate::reports::{self, EVERYTHING, NamedQuery, Parameter, ParameterKind};

/// The values of a variable that mean All. Dashboards use the first. Grafana writes the second into addresses
/// when All has a text of its own (`${pattern:queryparam}` gives `var-pattern=All`), and reads it back as
/// All.
const ALL: [&str; 2] = [reports::ALL, "All"];
/// Parameters for which an empty text box of a dashboard has a meaning: `None` stands for "not given", `Some`
/// for this value.
const EMPTY: &[(&str, Option<&str>)] =
    &[("slow_ms", None), ("percent", Some("0")), ("min_samples", Some("0"))];
/// Parameters that Grafana adds to addresses and that are ignored here.
const IGNORED: &[&str] = &["timezone", "orgId"];
/// The prefix of template variables in Grafana's addresses.
const VARIABLE: &str = "var-";
/// Maximum length of a download's file name in characters.
const LONGEST_NAME: usize = 120;

type Pairs = Vec<(String, String)>;

/// Rows as CSV (RFC 4180), streamed while the query runs. What goes wrong before the first row is an error
/// status; after it the last line says `INCOMPLETE: …` and the transfer is broken off.
///
/// - `table`: one of the queries with a name, `weeks` when missing, with its own parameters (`pattern`,
///   `week`, `slow_ms`, …), or `sql`: any SELECT;
/// - `from`, `to`: the time range, everything when missing;
/// - `var-NAME`: a template variable as Grafana writes it, repeated for several values, `$__all` for All; a
///   query with a name takes those that it has a parameter for;
/// - `filename`: what the download is called;
/// - `raw`: `true` leaves texts that could be formulas as they are.
#[utoipa::path(
    get, path = "/api/export.csv", tag = "reports",
    params(ExportParameters),
    responses(
        (status = 200, description = "The rows under a header", content_type = "text/csv", body = String),
        Failures,
    )
)]
pub(super) async fn export(
    State(app): State<Arc<App>>,
    Extension(settings): Extension<InstanceSettings>,
    given: Result<Query<Pairs>, QueryRejection>,
) -> Response {
    match run(&app, &settings, given).await {
        Ok(response) => response,
        Err(error) => Failure::from(error).into_response(),
    }
}

async fn run(
    app: &App,
    settings: &InstanceSettings,
    given: Result<Query<Pairs>, QueryRejection>,
) -> Result<Response> {
    let Query(given) = given
        .map_err(|error| Error::bad_query(format!("the query of the address cannot be read: {error}")))?;
    let asked = Asked::read(given, Timestamp::now())?;
    let options = ExportOptions { raw: asked.raw, ..ExportOptions::default() };
    let export = app.export(settings, asked.query, options).await;
    let export = export.map_err(|error| match &asked.named {
        Some(named) => named.explained(error),
        None => error,
    })?;
    let headers = [
        (CONTENT_TYPE, "text/csv; charset=utf-8; header=present".to_owned()),
        (CONTENT_DISPOSITION, format!("attachment; filename=\"{}\"", asked.file_name)),
    ];
    Ok((headers, Body::from_stream(Told { export, in_row: false, error: None })).into_response())
}

/// The CSV stream of an export, with a last line `INCOMPLETE: …` if the export fails.
struct Told {
    export: CsvExport,
    /// Whether the last piece ended in the middle of a row, because the row is longer than a piece.
    in_row: bool,
    /// The error that ends the stream after the line `INCOMPLETE: …`.
    error: Option<Error>,
}

impl Stream for Told {
    type Item = Result<Bytes>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if let Some(error) = self.error.take() {
            return Poll::Ready(Some(Err(error)));
        }
        match ready!(Pin::new(&mut self.export).poll_next(context)) {
            Some(Err(error)) => {
                let text = error.full_text().replace('"', "\"\"").replace(['\r', '\n'], " ");
                self.error = Some(error);
                let line = if self.in_row { "\r\n" } else { "" };
                Poll::Ready(Some(Ok(format!("{line}\"INCOMPLETE: {text}\"\r\n").into())))
            }
            Some(Ok(piece)) => {
                self.in_row = !piece.ends_with(b"\n");
                Poll::Ready(Some(Ok(piece)))
            }
            None => Poll::Ready(None),
        }
    }
}

/// The parsed address of an export.
#[derive(Debug)]
struct Asked {
    query: DataQuery,
    /// The named query, unless the address has `sql`.
    named: Option<reports::Asked>,
    file_name: String,
    raw: bool,
}

impl Asked {
    fn read(mut given: Pairs, now: Timestamp) -> Result<Self> {
        given.retain(|(name, _)| !IGNORED.contains(&name.as_str()));
        let table = one(&mut given, "table")?;
        let sql = one(&mut given, "sql")?;
        let file_name = one(&mut given, "filename")?;
        let raw = match one(&mut given, "raw")?.as_deref() {
            None | Some("false" | "0") => false,
            Some("true" | "1" | "") => true,
            Some(other) => {
                return Err(Error::bad_query(format!("the parameter `raw` is `{other}`"))
                    .hint("Write `true` or `false`"));
            }
        };
        let (from, to) = (one(&mut given, "from")?, one(&mut given, "to")?);
        let (start, end) = (from.as_deref().unwrap_or(EVERYTHING.0), to.as_deref().unwrap_or(EVERYTHING.1));
        let range = TimeRange::parse(start, end, now)?;
        let (name, model, named) = match (table, sql) {
            (Some(_), Some(_)) => {
                return Err(Error::bad_query("both `table` and `sql` are given").hint("Give one of them"));
            }
            (None, Some(sql)) => ("query", of_sql(&sql, given)?, None),
            (table, None) => {
                let query: NamedQuery = table.as_deref().unwrap_or("weeks").parse()?;
                let asked = query.ask(&of_table(query, given))?;
                (query.name(), asked.export_model(), Some(asked))
            }
        };
        let file_name = file_name.map_or_else(
            || {
                let from = from.map_or_else(String::new, |_| format!("_{}", day(range.from)));
                let to = to.map_or_else(String::new, |_| format!("_{}", day(range.to)));
                // Without `_until`, a single date in the file name would look like the start of the range.
                let until = if from.is_empty() && !to.is_empty() { "_until" } else { "" };
                format!("perf_{name}{from}{until}{to}.csv")
            },
            |name| clean(&name),
        );
        let query = DataQuery {
            ref_id: "A".to_owned(),
            model: QueryModel::from_members(&model)?,
            range,
            interval: Duration::ZERO,
            max_data_points: 0,
            is_of_alert: false,
        };
        Ok(Self { query, named, file_name, raw })
    }
}

/// Removes the parameter `name` from `given` and returns its value. Fails if it is given more than once.
fn one(given: &mut Pairs, name: &str) -> Result<Option<String>> {
    let mut values: Vec<String> =
        given.extract_if(.., |(other, _)| other == name).map(|(_, value)| value).collect();
    if values.len() > 1 {
        return Err(Error::bad_query(format!("the parameter `{name}` is given more than once")));
    }
    Ok(values.pop())
}

/// Returns the query model of an address with `sql`.
fn of_sql(sql: &str, given: Pairs) -> Result<Map<String, Value>> {
    let mut variables: Map<String, Value> = Map::new();
    for (name, value) in given {
        let Some(name) = name.strip_prefix(VARIABLE) else {
            return Err(Error::bad_query(format!("`{name}` is not a parameter of an export")).hint(
                "It takes `table` or `sql`, `from`, `to`, `filename`, `raw`, and variables as `var-NAME`",
            ));
        };
        match variables.get_mut(name) {
            None => {
                variables.insert(name.to_owned(), value.into());
            }
            Some(Value::Array(values)) => values.push(value.into()),
            Some(first) => *first = json!([first.take(), value]),
        }
    }
    Ok([("rawSql".to_owned(), sql.into()), ("variables".to_owned(), variables.into())].into_iter().collect())
}

/// Returns the parameters for a named query: those in the address, and the dashboard variables that the query
/// knows. Other variables are left out, because a dashboard has variables for other panels too.
fn of_table(query: NamedQuery, given: Pairs) -> Pairs {
    given
        .into_iter()
        .filter_map(|(name, value)| match name.strip_prefix(VARIABLE) {
            None => Some((name, value)),
            // Without the parameter, the query takes all values.
            Some(_) if ALL.contains(&value.as_str()) => None,
            Some(variable) => {
                let name = known(query, variable)?.name;
                match EMPTY.iter().find(|(other, _)| value.is_empty() && *other == name) {
                    Some((_, meant)) => meant.map(|meant| (name.to_owned(), meant.to_owned())),
                    None => Some((name.to_owned(), value)),
                }
            }
        })
        .collect()
}

/// Returns the parameter that a dashboard variable fills. A dashboard about one pattern has a variable
/// `pattern` for the parameter `name`. The ends of the time range are no variables.
fn known(query: NamedQuery, variable: &str) -> Option<&'static Parameter> {
    let is_variable = |parameter: &&Parameter| parameter.kind != ParameterKind::Time;
    let named = |name: &str| query.parameters().iter().filter(is_variable).find(|other| other.name == name);
    named(variable).or_else(|| if variable == "pattern" { named("name") } else { None })
}

/// Returns a file name that every operating system accepts, with the extension `.csv`.
fn clean(name: &str) -> String {
    let name = name.strip_suffix(".csv").unwrap_or(name);
    let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.' | ' ');
    let name: String = name.chars().take(LONGEST_NAME).map(|c| if is_plain(c) { c } else { '_' }).collect();
    let name = name.trim_matches([' ', '.']);
    format!("{}.csv", if name.is_empty() { "export" } else { name })
}

fn day(at: Timestamp) -> String {
    at.strftime("%Y-%m-%d").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::query::{Variable, Variables};

    fn read(address: &[(&str, &str)]) -> Result<Asked> {
        let given = address.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        Asked::read(given, "2026-11-25T12:00:00Z".parse().unwrap())
    }

    fn model(address: &[(&str, &str)]) -> QueryModel {
        read(address).unwrap().query.model
    }

    /// Reads the JSON value of a variable.
    fn variable(value: &Value) -> Option<Variable> {
        Variables::from_json(Some(&json!({ "x": value }))).unwrap().get("x").cloned()
    }

    #[test]
    fn what_a_link_in_grafana_gives() {
        let asked = read(&[
            ("from", "now-26w/w"),
            ("to", "now/w"),
            ("timezone", "browser"),
            ("var-datasource", "duckdb-perf"),
            ("var-pattern", "it's"),
            ("var-pattern", "{a,b}"),
        ])
        .unwrap();
        assert_eq!(asked.file_name, "perf_weeks_2026-05-25_2026-11-29.csv");
        assert!(!asked.raw);
        let model = asked.query.model;
        assert_eq!(model.variables.get("pattern").cloned(), variable(&json!(["it's", "{a,b}"])));
        assert_eq!(model.variables.get("week").cloned(), variable(&"$__all".into()));
        assert!(model.variables.get("datasource").is_none());
        for text in ["$__all", "All"] {
            let all = super::tests::model(&[
                ("var-pattern", text),
                ("from", "1772409600000"),
                ("to", "1773619199999"),
            ]);
            assert_eq!(all.variables.get("pattern").cloned(), variable(&"$__all".into()), "{text}");
            assert!(!all.raw_sql.contains("ORDER BY"), "sorting would hold every row");
        }
        let one = super::tests::model(&[("table", "pattern"), ("var-pattern", "a")]);
        assert_eq!(one.variables.get("name").cloned(), variable(&"a".into()));
        let slow = super::tests::model(&[("table", "slow"), ("var-slow_ms", "250")]);
        assert_eq!(slow.variables.get("slow_ms").cloned(), variable(&json!(250.0)));
    }

    /// The variables of a dashboard in their initial state, and with emptied text boxes.
    #[test]
    fn what_nobody_chose_means_what_the_panels_show() {
        let any = model(&[("table", "pattern"), ("var-pattern", "All")]);
        assert_eq!(any.variables.get("name").cloned(), variable(&json!([])), "NULL: the slowest");
        let unchosen = model(&[
            ("table", "regressions"),
            ("var-week", "newest"),
            ("var-before", "previous"),
            ("var-agent", "$__all"),
            ("var-percent", ""),
            ("var-min_samples", ""),
        ]);
        assert_eq!(
            unchosen.variables,
            Variables::from_json(Some(&json!({
                "week": "$__all", "before": [], "agent": "$__all", "pattern": "$__all", "percent": 0.0,
                "min_samples": 0, "limit": [],
            })))
            .unwrap()
        );
        let agents = model(&[("table", "agents"), ("var-slow_ms", ""), ("var-pattern", "a")]);
        assert_eq!(
            agents.variables.get("slow_ms").cloned(),
            variable(&json!([])),
            "NULL: the datasource's own"
        );
        assert!(agents.variables.get("pattern").is_none(), "a variable that it has no use for");
    }

    #[test]
    fn any_sql_with_variables() {
        let model = model(&[
            ("sql", "SELECT $a, $b"),
            ("var-a", "1"),
            ("var-b", "x"),
            ("var-b", "y"),
            ("var-b", "z"),
        ]);
        assert_eq!(
            model,
            QueryModel::from_json(
                br#"{"rawSql": "SELECT $a, $b", "variables": {"a": "1", "b": ["x", "y", "z"]}}"#
            )
            .unwrap()
        );
    }

    #[test]
    fn what_is_wrong_is_named() {
        for (address, message) in [
            (&[("tabel", "slow")][..], "`tabel` is not a parameter of `weeks`"),
            (&[("table", "nosuch")], "there is no table `nosuch`"),
            (&[("table", "slow"), ("sql", "SELECT 1")], "both `table` and `sql` are given"),
            (&[("table", "slow"), ("table", "weeks")], "`table` is given more than once"),
            (&[("sql", "SELECT 1"), ("x", "1")], "`x` is not a parameter of an export"),
            (&[("from", "yesterday")], "`yesterday` is not a time"),
            (&[("from", "now"), ("to", "now-1d")], "ends before it starts"),
            (&[("table", "regressions"), ("percent", "")], "the parameter `percent` is ``"),
            (&[("table", "regressions"), ("var-percent", "a lot")], "the parameter `percent` is `a lot`"),
            (&[("raw", "maybe")], "`raw` is `maybe`"),
        ] {
            let error = read(address).unwrap_err();
            assert_eq!(error.kind, crate::error::Kind::BadQuery);
            assert!(error.message.contains(message), "{}", error.message);
        }
    }

    #[test]
    fn file_names_are_plain() {
        for (given, expected) in [
            ("slow queries", "slow queries.csv"),
            ("a.csv", "a.csv"),
            ("../../etc/passwd", "_.._etc_passwd.csv"),
            ("a\"; x=\"\r\nB: c", "a__ x____B_ c.csv"),
            ("ü", "_.csv"),
            (" .. ", "export.csv"),
        ] {
            assert_eq!(read(&[("filename", given)]).unwrap().file_name, expected, "{given}");
        }
        assert_eq!(clean(&"x".repeat(1000)).len(), LONGEST_NAME + 4);
    }
}
