//! Each parameter is read or refused by name, and each text names exactly the variables that its parameters fill.

use std::time::Duration;

use super::*;
use crate::query::{Context, QueryModel, TimeRange, prepare};

fn pairs(given: &[(&str, &str)]) -> Vec<(String, String)> {
    given.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

/// The SQL that DuckDB gets.
fn sql(query: NamedQuery, given: &[(&str, &str)]) -> String {
    let asked = query.ask(&pairs(given)).unwrap();
    let model = QueryModel::from_json(asked.model().to_string().as_bytes()).unwrap();
    let now = "2026-11-25T00:00:00Z".parse().unwrap();
    let context = Context {
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
        let given = if query == NamedQuery::Pattern { &[("name", "a")][..] } else { &[] };
        let sql = sql(query, given);
        assert!(sql.contains("BETWEEN 101 AND 999952"), "{sql}");
        assert!(!sql.contains('$'), "{sql}");
        assert_eq!(query.name().parse::<NamedQuery>().unwrap(), query);
    }
    assert!(sql(NamedQuery::Slow, &[]).contains("p95_ms > coalesce(NULL, 100)"));
    assert!(sql(NamedQuery::Weeks, &[]).ends_with("LIMIT NULL\n"));
    let regressions = sql(NamedQuery::Regressions, &[]);
    assert!(regressions.contains("(1 + 25 / 100)") && regressions.contains(">= 30"), "{regressions}");
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
        ("slow_ms", "2.5"),
        ("limit", "7"),
    ];
    let text = sql(NamedQuery::Slow, &given);
    for part in [
        "BETWEEN 202601 AND 202653",
        "week IN (202653,202601)",
        "pattern IN ('it''s','''; DROP TABLE x; --')",
        "coalesce(2.5, 100)",
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
fn bad_parameters_are_named() {
    use NamedQuery::{Pattern, Regressions, Slow, Weeks};
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
        (Pattern, vec![], "the parameter `name` is missing"),
        (Regressions, vec![("percent", "a lot")], "the parameter `percent` is `a lot`"),
        (Regressions, vec![("min_samples", "1.5")], "the parameter `min_samples` is `1.5`"),
    ];
    for (query, given, message) in cases {
        let error = query.ask(&pairs(&given)).unwrap_err();
        assert!(error.message.starts_with(message), "{given:?}: {}", error.message);
    }
    let error = "week".parse::<NamedQuery>().unwrap_err();
    assert!(error.hint.unwrap().contains("`weeks`, `slow`, `patterns`, `pattern`, `regressions`"));
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
