//! Each parameter is accepted or refused by name, and each SQL text uses exactly the variables that its
//! parameters set.

use std::time::Duration;

use super::*;
use crate::query::{Context, Dialect, QueryModel, TimeRange, prepare};

fn pairs(given: &[(&str, &str)]) -> Vec<(String, String)> {
    given.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

/// Returns the SQL that DuckDB gets.
fn sql(query: NamedQuery, given: &[(&str, &str)]) -> String {
    let asked = query.ask(&pairs(given)).unwrap();
    let model = QueryModel::from_members(&asked.model()).unwrap();
    let now = "2026-11-25T00:00:00Z".parse().unwrap();
    let context = Context {
        dialect: Dialect::DuckDb,
        range: TimeRange::parse(&asked.from, &asked.to, now).unwrap(),
        interval: Duration::ZERO,
        max_data_points: 0,
        variables: &model.variables,
        slow_ms: 100.0,
    };
    prepare(&model.raw_sql, &context).unwrap().sql
}

#[test]
fn without_parameters_everything_is_meant() {
    for query in NamedQuery::ALL {
        let sql = sql(query, &[]);
        assert!(sql.contains("BETWEEN 197001 AND 219952"), "{sql}");
        assert!(!sql.contains('$'), "{sql}");
        let names_it = sql.lines().any(|line| !line.trim_start().starts_with("--") && line.contains("agent"));
        assert_eq!(names_it, query == NamedQuery::Agents, "reports may have no column `agent`: {sql}");
        assert_eq!(query.name().parse::<NamedQuery>().unwrap(), query);
    }
    assert!(sql(NamedQuery::Slow, &[]).contains("CASE WHEN NULL IS NULL THEN slow_flag"));
    assert!(sql(NamedQuery::Weeks, &[]).ends_with("LIMIT NULL\n"));
    let regressions = sql(NamedQuery::Regressions, &[]);
    assert!(regressions.contains("> 25.0)\n") && regressions.contains(">= 30\n"), "{regressions}");
    assert!(regressions.contains("coalesce(NULL, 999952)"), "{regressions}");
    assert!(regressions.contains("CASE WHEN 1=1 THEN 1 END"), "{regressions}");
}

#[test]
fn parameters_become_literals() {
    let given = [
        ("from", "2026-W01"),
        ("to", "202653"),
        ("week", "2026-W53"),
        ("week", "202601"),
        ("pattern", "it's"),
        ("pattern", "'; DROP TABLE x; --"),
        ("agent", "it's"),
        ("slow_ms", "2.5"),
        ("limit", "7"),
    ];
    let text = sql(NamedQuery::Slow, &given);
    for part in [
        "BETWEEN 202601 AND 202653",
        "week IN (202653,202601)",
        "pattern IN ('it''s','''; DROP TABLE x; --')",
        "agent IN ('it''s')",
        "CASE WHEN 2.5 IS NULL THEN slow_flag AND p95_ms IS NOT NULL ELSE p95_ms > 2.5 END",
        "LIMIT 7",
    ] {
        assert!(text.contains(part), "{part} in {text}");
    }
    assert!(sql(NamedQuery::Pattern, &[("name", "$limit ${x} $__from")]).contains("'$limit ${x} $__from'"));
    assert!(
        sql(NamedQuery::Regressions, &[("week", "202653")]).contains("CASE WHEN (false) THEN 1 END"),
        "all chosen weeks"
    );
}

#[test]
fn weeks_that_are_compared() {
    let text = sql(NamedQuery::Regressions, &[("week", "2026-W42"), ("before", "202636")]);
    assert!(text.contains("IN (202642)") && text.contains("coalesce(202636, 999952)"), "{text}");
    let unchosen = sql(NamedQuery::Regressions, &[("week", "newest"), ("before", "previous")]);
    assert_eq!(unchosen, sql(NamedQuery::Regressions, &[]));
    let text = sql(NamedQuery::Agents, &[("week", "202642"), ("agent_regex", "it's ($x)")]);
    assert!(text.contains("coalesce(202642, 999952)") && text.contains("'it''s ($x)'"), "{text}");
}

/// The dashboard's text box and the CSV export have the same default expression.
#[test]
fn the_expression_for_agents_is_the_dashboards() {
    let text = include_str!("../../../provisioning/dashboards/query_perf_agents.json");
    let dashboard: Value = serde_json::from_str(text).unwrap();
    let mut variables = dashboard["templating"]["list"].as_array().unwrap().iter();
    let shipped = variables.find(|variable| variable["name"] == AGENT_REGEX.name).unwrap();
    assert_eq!(shipped["query"].as_str(), AGENT_REGEX.default);
}

#[test]
fn errors_speak_of_parameters() {
    let binder =
        || Error::bad_query("Binder Error: Referenced column \"agent\" not found in FROM clause!").at(99);
    let chosen = NamedQuery::Slow.ask(&pairs(&[("agent", "a")])).unwrap();
    assert!(chosen.explained(binder()).message.contains("no report has a column `agent`"));
    let told = NamedQuery::Slow.ask(&[]).unwrap().explained(binder());
    assert_eq!((told.message, told.position), (binder().message, None));
}

#[test]
fn bad_parameters_are_named() {
    use NamedQuery::{Agents, Regressions, Slow, Weeks};
    let cases = [
        (Weeks, vec![("weak", "1")], "`weak` is not a parameter of `weeks`"),
        (Weeks, vec![("slow_ms", "1")], "`slow_ms` is not a parameter of `weeks`"),
        (Weeks, vec![("week", "202600")], "the parameter `week`: `202600` is not an ISO week"),
        (Weeks, vec![("week", "2025-W53")], "the parameter `week`: `2025-W53` is not an ISO week"),
        (Weeks, vec![("week", "")], "the parameter `week`: `` is not an ISO week"),
        (Weeks, vec![("limit", "0")], "the parameter `limit` is `0`, which is not a whole number from 1 on"),
        (Weeks, vec![("limit", "+1")], "the parameter `limit` is `+1`"),
        (Weeks, vec![("limit", "99999999999999999999")], "the parameter `limit` is"),
        (Weeks, vec![("limit", "1"), ("limit", "2")], "the parameter `limit` is given more than once"),
        (Weeks, vec![("from", "a"), ("from", "b")], "the parameter `from` is given more than once"),
        (Slow, vec![("slow_ms", "-1")], "the parameter `slow_ms` is `-1`, which is not a number from 0 on"),
        (Slow, vec![("slow_ms", "NaN")], "the parameter `slow_ms` is `NaN`"),
        (Slow, vec![("slow_ms", "inf")], "the parameter `slow_ms` is `inf`"),
        (Slow, vec![("pattern", "$__all")], "the parameter `pattern` is `$__all`"),
        (Slow, vec![("agent", "$__all")], "the parameter `agent` is `$__all`"),
        (Slow, vec![("week", "newest")], "the parameter `week`: `newest` is not an ISO week"),
        (Regressions, vec![("before", "newest")], "the parameter `before`: `newest` is not an ISO week"),
        (
            Regressions,
            vec![("before", "202601"), ("before", "202602")],
            "the parameter `before` is given more",
        ),
        (
            Agents,
            vec![("week", "202601"), ("week", "202602")],
            "the parameter `week` is given more than once",
        ),
        (Regressions, vec![("percent", "a lot")], "the parameter `percent` is `a lot`"),
        (Regressions, vec![("min_samples", "1.5")], "the parameter `min_samples` is `1.5`"),
    ];
    for (query, given, message) in cases {
        let error = query.ask(&pairs(&given)).unwrap_err();
        assert!(error.message.starts_with(message), "{given:?}: {}", error.message);
    }
    let error = "week".parse::<NamedQuery>().unwrap_err();
    assert!(error.hint.unwrap().contains("`weeks`, `slow`, `patterns`, `pattern`, `regressions`, `agents`"));
}

#[test]
fn an_export_of_all_weeks_is_not_sorted() {
    let text = |given: &[(&str, &str)]| {
        let given: Vec<_> =
            given.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        NamedQuery::Weeks.ask(&given).unwrap().export_model()["rawSql"].as_str().unwrap().to_owned()
    };
    let all = text(&[]);
    assert!(!all.contains("ORDER BY") && all.contains("$__weekFilter(week)"), "{all}");
    assert_eq!(all.lines().count() + 1, NamedQuery::Weeks.sql().lines().count());
    assert!(text(&[("limit", "3")]).contains("ORDER BY"));
}
