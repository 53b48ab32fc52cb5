//! `/api/perf/…`: returns the named queries of `reports::named` as arrays of row objects.

use std::sync::Arc;
use std::time::Duration;

use axum::Extension;
use axum::extract::rejection::{PathRejection, QueryRejection};
use axum::extract::{Path, Query, State};
use axum::response::Response;
use jiff::Timestamp;
use serde::Serialize;
use utoipa::openapi::path::ParameterIn;
use utoipa::{IntoParams, ToSchema};

use super::answer::{Shape, ask};
use super::document::{self, Failures};
use super::failure::Failure;
use crate::app::{App, DataQuery, InstanceSettings};
use crate::error::{Detail, Error, Result};
use crate::query::End;
use crate::query::{QueryModel, TimeRange};
use crate::reports::{Asked, NamedQuery};

/// A row of a report. Reports may have more columns than these, such as `agent`; those come too.
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
    /// Whether the weekly job calls it slow; where it does not say, whether p95 is above the threshold.
    slow_flag: Option<bool>,
}

/// A pattern with its numbers in the newest report that has it; of several agents, those of the slowest.
#[derive(Serialize, ToSchema)]
pub(super) struct PatternRow {
    pattern: String,
    /// How many reports have it.
    weeks: i64,
    first_week: i32,
    last_week: i32,
    /// How often it ran, in all of them, with all agents.
    samples: Option<i64>,
    p50_ms: Option<f64>,
    p95_ms: Option<f64>,
    p99_ms: Option<f64>,
    /// Its highest p95.
    max_p95_ms: Option<f64>,
    /// Whether its newest p95 is above the threshold.
    slow: Option<bool>,
}

/// A pattern in one week; of several agents, the slowest one's row. Other columns of the reports come too.
#[derive(Serialize, ToSchema)]
pub(super) struct PatternWeekRow {
    week: i32,
    pattern: String,
    /// How often it ran, with all agents.
    samples: Option<i64>,
    p50_ms: Option<f64>,
    p95_ms: Option<f64>,
    p99_ms: Option<f64>,
    slow_flag: Option<bool>,
    /// 1 for the slowest row of the week.
    place: i64,
    /// Against the last report that has it.
    p95_change_ms: Option<f64>,
    p95_change_percent: Option<f64>,
}

/// A pattern that got slower; of several agents, with the slowest one's p95 and the samples of all.
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
    samples: Option<i64>,
    previous_samples: Option<i64>,
}

/// An agent in one report.
#[derive(Serialize, ToSchema)]
pub(super) struct AgentRow {
    week: i32,
    agent: String,
    patterns: i64,
    /// Those with a p95 above the threshold.
    slow_patterns: i64,
    samples: Option<i64>,
    /// The mean of its patterns, weighted by samples.
    p95_ms: Option<f64>,
    /// Of that, against the report before.
    change_percent: Option<f64>,
    /// The highest p95 of its patterns, and which one has it.
    max_p95_ms: Option<f64>,
    slowest_pattern: Option<String>,
}

type Pairs = Result<Query<Vec<(String, String)>>, QueryRejection>;
type Text = Result<Path<String>, PathRejection>;

/// The rows of one week's report, slowest pattern first. A week without a report gives an empty array.
#[utoipa::path(
    get, path = "/api/perf/weekly/{week}", tag = "reports",
    params(("week" = String, Path, description = "An ISO week, 202653 or 2026-W53", example = "202653"), Weekly),
    responses((status = 200, body = Vec<ReportRow>), Failures)
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
            .hint("The week is part of the path; `pattern`, `agent` and `limit` narrow the answer")
            .into());
    }
    given.push(("week".to_owned(), text(week)?));
    run(&app, &settings, NamedQuery::Weeks.ask(&given)?).await
}

/// The slow rows: those that the reports call slow, or above a threshold. The 20 with the highest p95, or as
/// the parameters say.
#[utoipa::path(
    get, path = "/api/perf/slow", tag = "reports", params(Slow),
    responses((status = 200, body = Vec<ReportRow>), Failures)
)]
pub(super) async fn slow(
    State(app): State<Arc<App>>,
    Extension(settings): Extension<InstanceSettings>,
    given: Pairs,
) -> Result<Response, Failure> {
    let mut given = pairs(given)?;
    if given.iter().all(|(name, _)| name != "limit") {
        given.push(("limit".to_owned(), SLOW_ROWS.to_owned()));
    }
    run(&app, &settings, NamedQuery::Slow.ask(&given)?).await
}

/// Each pattern once, with its numbers in the newest report that has it.
#[utoipa::path(
    get, path = "/api/perf/patterns", tag = "reports", params(Patterns),
    responses((status = 200, body = Vec<PatternRow>), Failures)
)]
pub(super) async fn patterns(
    State(app): State<Arc<App>>,
    Extension(settings): Extension<InstanceSettings>,
    given: Pairs,
) -> Result<Response, Failure> {
    run(&app, &settings, NamedQuery::Patterns.ask(&pairs(given)?)?).await
}

/// One pattern over the weeks, oldest first; without a name the slowest one of the newest report in the time
/// range. A pattern that no report has gives an empty array.
#[utoipa::path(
    get, path = "/api/perf/pattern", tag = "reports", params(Pattern),
    responses((status = 200, body = Vec<PatternWeekRow>), Failures)
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
    responses((status = 200, body = Vec<PatternWeekRow>), Failures)
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

/// Patterns whose p95 grew from one report to a later one, the largest change first: in the newest report of
/// the time range, or in the given weeks, against the report before or a chosen one.
#[utoipa::path(
    get, path = "/api/perf/regressions", tag = "reports", params(Regressions),
    responses((status = 200, body = Vec<RegressionRow>), Failures)
)]
pub(super) async fn regressions(
    State(app): State<Arc<App>>,
    Extension(settings): Extension<InstanceSettings>,
    given: Pairs,
) -> Result<Response, Failure> {
    run(&app, &settings, NamedQuery::Regressions.ask(&pairs(given)?)?).await
}

/// The agents of one report, those with the most slow patterns first. An agent is what the column `agent`
/// says, or, in rows without one, what an expression finds in the pattern.
#[utoipa::path(
    get, path = "/api/perf/agents", tag = "reports", params(Agents),
    responses((status = 200, body = Vec<AgentRow>), Failures)
)]
pub(super) async fn agents(
    State(app): State<Arc<App>>,
    Extension(settings): Extension<InstanceSettings>,
    given: Pairs,
) -> Result<Response, Failure> {
    run(&app, &settings, NamedQuery::Agents.ask(&pairs(given)?)?).await
}

/// Returns the parameters of an address as decoded pairs of name and value.
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
    let query = data_query(&asked, Timestamp::now())?;
    ask(app, settings, query, Shape::Rows).await.map_err(|failure| failure.explained(&asked))
}

/// Returns the named query as a `DataQuery` for the app.
pub(super) fn data_query(asked: &Asked, now: Timestamp) -> Result<DataQuery> {
    Ok(DataQuery {
        ref_id: "A".to_owned(),
        model: QueryModel::from_members(&asked.model())?,
        range: time_range(&asked.from, &asked.to, now)?,
        interval: Duration::ZERO,
        max_data_points: 0,
        is_of_alert: false,
    })
}

/// Reads the time range from `from` and `to`; an error names the parameter that is wrong.
pub(super) fn time_range(from: &str, to: &str, now: Timestamp) -> Result<TimeRange> {
    TimeRange::parse(from, to, now).map_err(Error::from).map_err(|error| {
        let name = match error.detail {
            Some(Detail::RangeEnd(End::From)) => "from",
            Some(Detail::RangeEnd(End::To)) => "to",
            _ => return error,
        };
        Error { message: format!("the parameter `{name}`: {}", error.message), ..error }
    })
}

/// Default number of rows of `/api/perf/slow`.
const SLOW_ROWS: &str = "20";
/// Parameters of `/api/perf/weekly/…`, beside the week in its path.
const WEEKLY: &[&str] = &["pattern", "agent", "limit"];
/// Parameters of `/api/perf/pattern/…`, beside the pattern in its path.
const PATTERN_PATH: &[&str] = &["from", "to", "week", "agent"];

/// Declares the parameters of a route for the `OpenAPI` document, from the table in `reports::named`.
macro_rules! documented {
    ($($name:ident: $query:ident, $only:expr;)*) => {$(
        struct $name;

        impl IntoParams for $name {
            fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<utoipa::openapi::path::Parameter> {
                document::parameters(NamedQuery::$query, $only)
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
    Agents: Agents, None;
}
