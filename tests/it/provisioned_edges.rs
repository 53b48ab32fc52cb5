//! The dashboards' queries over reports at the edges: weeks that do not exist, patterns without a P95, few
//! samples, one report, one pattern, more agents than colours.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use serde_json::Value;

use crate::provisioned::{array, dashboards, root};
use crate::provisioned_queries::{UNCHOSEN, rows_of, sql_of};
use crate::support::duckdb;

/// A report of this name with these rows `(week, pattern, samples, p95_ms)`.
pub(crate) fn report(folder: &Path, week: u32, rows: &str) {
    duckdb(&format!(
        "COPY (SELECT week::INTEGER AS week, pattern, samples::BIGINT AS samples, p95_ms::DOUBLE / 2 AS p50_ms, p95_ms::DOUBLE AS p95_ms, p95_ms::DOUBLE * 2 AS p99_ms \
         FROM (VALUES {rows}) AS n(week, pattern, samples, p95_ms)) TO '{}' (FORMAT parquet)",
        folder.join(format!("query_perf_weekly_{week}.parquet")).display()
    ));
}

/// The variables as the dashboards open, but for these.
pub(crate) fn with(more: &[&'static str]) -> Vec<&'static str> {
    let name = |variable: &'static str| variable.split('=').next().unwrap_or_default();
    let given: Vec<_> = more.iter().map(|variable| name(variable)).collect();
    UNCHOSEN
        .into_iter()
        .filter(|variable| !given.contains(&name(variable)))
        .chain(more.iter().copied())
        .collect()
}

fn variable(uid: &str, name: &str) -> Value {
    let all = dashboards();
    array(&all[uid]["templating"], "list").iter().find(|one| one["name"] == name).unwrap().clone()
}

/// 2025 has 52 weeks: its 53rd would come between the newest report and the one before it.
fn with_impossible_weeks(folder: &Path) {
    report(folder, 202_552, "(202552, 'a', 40, 200.0), (202552, 'b', 40, 300.0)");
    report(folder, 202_553, "(202553, 'a', 40, 1.0), (202553, 'c', 40, 1.0), (202560, 'a', 40, 1.0)");
    report(folder, 202_601, "(202601, 'a', 40, 400.0), (202601, 'b', 40, 300.0), (999952, 'a', 40, 9000.0)");
}

#[test]
fn a_week_that_does_not_exist_is_not_the_report_before() {
    let folder = tempfile::tempdir().unwrap();
    with_impossible_weeks(folder.path());
    let newest = ("2026-W01", "2026-W01");
    let of =
        |uid, title, more: &[&'static str]| rows_of(folder.path(), &sql_of(uid, title), newest, &with(more));
    for uid in ["query-perf-overview", "query-perf-public"] {
        assert_eq!(
            of(uid, "Slow query count", &[]),
            ["202552,2025-W52,b,2", "202601,2026-W01 = as before,a,2"],
            "{uid}"
        );
    }
    let week = of("query-perf-pattern", "The current week", &["pattern=a"]);
    assert_eq!(week, ["2026‑W01,400,100,200,800,40,1,4"]);
    assert_eq!(of("query-perf-compare", "What changed", &[]), ["2026‑W01,2025‑W52,1,0,0,0,2,2"]);
    assert_eq!(of("query-perf-compare", "Regressions", &[]), ["1 of 1,a,200,400,200,100,40,a"]);
    assert!(of("query-perf-compare", "New and gone patterns", &[]).is_empty());
    for uid in ["query-perf-overview", "query-perf-pattern"] {
        let all = dashboards();
        let marks =
            array(&all[uid]["annotations"], "list").iter().find(|one| one["name"] == "What got slower");
        let sql = marks.unwrap()["target"]["rawSql"].as_str().unwrap();
        let rows = rows_of(folder.path(), sql, newest, &with(&["pattern=a"]));
        assert!(rows.len() == 1 && rows[0].contains("a: 200 ms → 400 ms"), "{uid}: {rows:?}");
    }
}

/// Neither a panel, a variable nor a mark shows them, in whatever range.
#[test]
fn no_query_shows_a_week_that_does_not_exist() {
    let folder = tempfile::tempdir().unwrap();
    with_impossible_weeks(folder.path());
    let mut ran = 0;
    for (uid, dashboard) in dashboards() {
        for sql in queries(&dashboard).filter(|sql| sql.contains("perf_")) {
            let given = with(&["agent_regex=x", "percent=0"]);
            let rows = rows_of(folder.path(), sql, ("2025-W40", "2026-W10"), &given).join("\n");
            for wrong in ["202553", "202560", "999952", "2025-W53", "2025-W60", "2025\u{2011}W53", "9999"] {
                // The order of the entry `Newest` is no week.
                assert!(!rows.replace("999999", "").contains(wrong), "{uid}: {sql}\n{rows}");
            }
            ran += 1;
        }
    }
    assert!(ran > 30, "{ran}");
}

/// All SQL of a dashboard: of its variables, marks and panels.
fn queries(dashboard: &Value) -> impl Iterator<Item = &str> {
    let variables = array(&dashboard["templating"], "list").iter().map(|one| &one["query"]);
    let marks = array(&dashboard["annotations"], "list").iter().map(|one| &one["target"]);
    let panels = array(dashboard, "panels").iter().flat_map(|panel| array(panel, "targets"));
    variables.chain(marks).chain(panels).filter_map(|one| one["rawSql"].as_str())
}

/// Whatever asks for weeks asks for those that exist: by the macro of the time range, or of `perf_reports`,
/// which has no others.
#[test]
fn every_query_asks_for_weeks_that_exist() {
    let mut looked = 0;
    for (uid, dashboard) in dashboards() {
        for sql in
            queries(&dashboard).filter(|sql| sql.contains("perf_weeks") || sql.contains("perf_reports"))
        {
            // `week <= …` alone lets any number in.
            for (at, _) in sql.match_indices("week <= $__weekTo(") {
                let table = sql[..at].rsplit("FROM ").next().unwrap();
                assert!(table.starts_with("perf_reports WHERE"), "{uid}: {sql}");
                looked += 1;
            }
            assert!(sql.contains("$__weekFilter("), "{uid}: {sql}");
            assert!(!sql.contains("perf_all_weeks"), "{uid}: {sql}");
        }
    }
    assert!(looked > 5, "{looked}");
}

#[test]
fn what_has_no_p95_has_no_place() {
    let folder = tempfile::tempdir().unwrap();
    report(
        folder.path(),
        202_652,
        "(202652, 'a', 40, 200.0), (202652, 'none', 40, NULL), (202652, 'z', 40, 300.0)",
    );
    let range = ("2026-W52", "2026-W52");
    let of = |title, pattern| {
        rows_of(folder.path(), &sql_of("query-perf-pattern", title), range, &with(&[pattern]))
    };
    assert_eq!(of("The current week", "pattern=none"), ["2026‑W52,,,,,40,,"]);
    assert_eq!(of("The current week", "pattern=a"), ["2026‑W52,200,,100,400,40,2,2"]);
    assert_eq!(of("Neighbours", "pattern=none"), [",▶ none,,40,none"]);
    assert_eq!(of("Neighbours", "pattern=a"), ["1,z,300,40,z", "2,▶ a,200,40,a"]);
    assert!(of("Place over the weeks", "pattern=none").is_empty());
    assert!(of("Percentiles over the weeks", "pattern=none").is_empty());
    // Nor a line.
    let trend =
        rows_of(folder.path(), &sql_of("query-perf-overview", "P95 latency trend"), range, &with(&[]));
    assert!(trend.len() > 3 && !trend.iter().any(|row| row.contains("none")), "{trend:?}");
}

/// The page of one pattern that was opened without one says which it took, and every panel takes the same.
#[test]
fn all_patterns_are_the_slowest_one_by_name() {
    let folder = tempfile::tempdir().unwrap();
    report(folder.path(), 202_651, "(202651, 'before', 40, 900.0), (202651, 'slow', 41, 200.0)");
    report(folder.path(), 202_652, "(202652, 'fast', 42, 10.0), (202652, 'slow', 43, 400.0)");
    let range = ("2026-W51", "2026-W52");
    let of = |title, more: &[&'static str]| {
        rows_of(folder.path(), &sql_of("query-perf-pattern", title), range, &with(more))
    };
    assert_eq!(
        of("Pattern", &[]),
        ["All is chosen above. This is the slowest pattern of 2026-W52:,1", "slow,2"]
    );
    assert_eq!(of("Pattern", &["pattern=fast"]), ["fast,2"]);
    for title in [
        "The current week",
        "Percentiles over the weeks",
        "Place over the weeks",
        "Samples per week",
        "Week over week",
        "Neighbours",
    ] {
        // Rows of one time come in any order.
        let sorted = |mut rows: Vec<String>| {
            rows.sort();
            rows
        };
        let shown = sorted(of(title, &[]));
        assert!(!shown.is_empty() && shown == sorted(of(title, &["pattern=slow"])), "{title}: {shown:?}");
    }
    assert_eq!(variable("query-perf-pattern", "pattern")["allValue"], "$__all");
}

/// A title is true whatever is chosen.
#[test]
fn titles_name_what_is_chosen() {
    for (uid, dashboard) in dashboards() {
        for panel in array(&dashboard, "panels") {
            let title = panel["title"].as_str().unwrap_or_default();
            assert!(!title.contains("selected") && !title.contains("chosen"), "{uid}: {title}");
        }
    }
    let all = dashboards();
    let titles: Vec<_> =
        array(&all["query-perf-overview"], "panels").iter().map(|panel| &panel["title"]).collect();
    assert_eq!(titles[4], "P50, P95 and P99 of: ${pattern:text}");
}

/// A change of fewer than thirty samples is chance: it is said in words, without a colour.
#[test]
fn changes_of_few_samples_are_not_coloured() {
    let folder = tempfile::tempdir().unwrap();
    report(
        folder.path(),
        202_651,
        "(202651, 'SELECT 1 FROM often', 40, 100.0), (202651, 'SELECT 1 FROM few', 29, 100.0)",
    );
    report(
        folder.path(),
        202_652,
        "(202652, 'SELECT 1 FROM often', 40, 300.0), (202652, 'SELECT 1 FROM few', 90, 300.0)",
    );
    let range = ("2026-W51", "2026-W52");
    let regex: &'static str =
        format!("agent_regex={}", variable("query-perf-agents", "agent_regex")["query"].as_str().unwrap())
            .leak();
    let cases: [(&str, &str, &[&str], usize); 4] = [
        ("query-perf-pattern", "The current week", &[], 2),
        ("query-perf-pattern", "Week over week", &[], 3),
        ("query-perf-compare", "Regressions", &["min_samples=0"], 5),
        ("query-perf-agents", "Agents in the current week", &[regex], 5),
    ];
    for (uid, title, more, column) in cases {
        for (pattern, change) in [("SELECT 1 FROM few", "NaN"), ("SELECT 1 FROM often", "200")] {
            let mut given: Vec<&str> = UNCHOSEN
                .into_iter()
                .filter(|one| !one.starts_with("pattern=") && !one.starts_with("min_samples="))
                .collect();
            let chosen = format!("pattern={pattern}");
            given.extend([chosen.as_str()].into_iter().chain(more.iter().copied()));
            let rows = rows_of(folder.path(), &sql_of(uid, title), range, &given);
            let row = rows.iter().find(|row| {
                row.contains(if title == "The current week" || title == "Week over week" {
                    "300"
                } else {
                    pattern
                })
            });
            assert_eq!(
                row.unwrap().split(',').nth(column).unwrap(),
                change,
                "{uid} {title} {pattern}: {rows:?}"
            );
        }
        let all = dashboards();
        let panel = array(&all[uid], "panels").iter().find(|panel| panel["title"] == title).unwrap();
        let fields = array(&panel["fieldConfig"], "overrides").iter();
        let mapped = fields.filter(|one| {
            one["matcher"]["options"] == "change_percent" || one["matcher"]["options"] == "Change"
        });
        let mapping =
            mapped.flat_map(|one| array(one, "properties")).find(|one| one["id"] == "mappings").unwrap();
        let words = &mapping["value"][0]["options"];
        assert_eq!(
            (&words["match"], &words["result"]["text"], &words["result"]["color"]),
            (&"nan".into(), &"few samples".into(), &"text".into())
        );
    }
}

/// A bar is as wide as the shortest way to the next one: of one report alone it would take the whole range.
#[test]
fn one_report_has_a_bar_of_one_week() {
    let folder = tempfile::tempdir().unwrap();
    report(folder.path(), 202_653, "(202653, 'SELECT 1 FROM a', 40, 200.0)");
    let regex: &'static str =
        format!("agent_regex={}", variable("query-perf-agents", "agent_regex")["query"].as_str().unwrap())
            .leak();
    for (uid, title) in [
        ("query-perf-overview", "Query volume per week"),
        ("query-perf-public", "Query volume per week"),
        ("query-perf-pattern", "Samples per week"),
        ("query-perf-agents", "Slow patterns by agent"),
        ("query-perf-agents", "Query volume by agent"),
    ] {
        let rows = rows_of(folder.path(), &sql_of(uid, title), ("2026-W40", "2026-W53"), &with(&[regex]));
        let weeks: BTreeSet<_> = rows.iter().map(|row| row.split(',').next().unwrap()).collect();
        assert_eq!(weeks.into_iter().collect::<Vec<_>>(), ["202653", "202701"], "{uid} {title}: {rows:?}");
        let empty = rows.iter().find(|row| row.starts_with("202701")).unwrap();
        assert!(empty.ends_with(','), "{uid} {title}: {empty}");
    }
}

/// One bar alone would be as high as the panel.
#[test]
fn the_ten_slowest_have_ten_places() {
    let folder = tempfile::tempdir().unwrap();
    report(folder.path(), 202_652, "(202652, 'a', 40, 200.0), (202652, 'none', 40, NULL)");
    for uid in ["query-perf-overview", "query-perf-public"] {
        let sql = sql_of(uid, "Top 10 slow patterns of the current week");
        let rows = rows_of(folder.path(), &sql, ("2026-W52", "2026-W52"), &with(&[]));
        assert!(
            rows.len() == 10 && rows[0].starts_with("  a,200,100,400,40,2026-W52,a,1,a"),
            "{uid}: {rows:?}"
        );
        assert!(rows[1..].iter().all(|row| row.trim_matches(['"', ',']).is_empty()), "{uid}: {rows:?}");
        assert!(rows_of(folder.path(), &sql, ("2026-W40", "2026-W41"), &with(&[])).is_empty(), "{uid}");
    }
}

/// The table of a query, not what a function takes after its FROM.
#[test]
fn an_agent_by_name_is_the_first_table() {
    let folder = tempfile::tempdir().unwrap();
    report(folder.path(), 202_652, "(202652, 'a', 40, 200.0)");
    let regex = variable("query-perf-agents", "agent_regex")["query"].as_str().unwrap().to_owned();
    for (sql, table) in [
        ("SELECT UserID, extract(minute FROM EventTime) AS m FROM hits GROUP BY 1", "hits"),
        ("SELECT EXTRACT (year FROM max(b)) , trim(both ''x'' from c) FROM \"orders\" o", "orders"),
        ("SELECT substring(a from 2), a IS DISTINCT FROM b\nFROM\n  public.users", "public.users"),
        ("SELECT * FROM (SELECT x FROM inner_one) t", "inner_one"),
        ("UPDATE stock SET shelf = ?", "stock"),
        ("insert into logs VALUES (?)", "logs"),
        ("SELECT 1", ""),
    ] {
        let given = [format!("agent_regex={regex}")];
        let asked = format!("SELECT regexp_extract('{sql}', '$agent_regex', 1) AS agent");
        let found = rows_of(folder.path(), &asked, ("2026-W52", "2026-W52"), &[&given[0]]);
        assert_eq!(found[0].trim_matches('"'), table, "{sql}");
    }
    // The address of the same name has the same default.
    let parameters = std::fs::read_to_string(root().join("src/reports/named/parameters.rs")).unwrap();
    assert!(parameters.contains(&regex), "{regex}");
}

/// Ten agents: the two that ran least are the others. An agent has the same number, so the same colour, in
/// each panel.
#[test]
fn an_agent_has_one_colour_and_no_slow_pattern_is_dropped() {
    let folder = tempfile::tempdir().unwrap();
    for (week, slow) in [(202_650, 150.0), (202_651, 150.0), (202_652, 60_000.0)] {
        // The more samples, the fewer slow patterns.
        duckdb(&format!(
            "COPY (SELECT {week}::INTEGER AS week, 'p' || a || '-' || n AS pattern, 'agent' || a AS agent, (100 - 9 * a)::BIGINT AS samples, \
             CASE WHEN n <= a THEN {slow} ELSE 5.0 END AS p95_ms, 1.0 AS p50_ms, 1.0 AS p99_ms FROM range(10) AS x(a), range(10) AS y(n)) TO '{}' (FORMAT parquet)",
            folder.path().join(format!("query_perf_weekly_{week}.parquet")).display()
        ));
    }
    let of = |title| {
        rows_of(
            folder.path(),
            &sql_of("query-perf-agents", title),
            ("2026-W40", "2026-W52"),
            &with(&["agent_regex=x"]),
        )
    };
    let numbers = |rows: &[String], agent: usize| -> BTreeMap<String, String> {
        let cells = rows.iter().map(|row| row.split(',').map(str::to_owned).collect::<Vec<_>>());
        cells.filter(|row| row[1] != "week").map(|row| (row[agent].clone(), row[1].clone())).collect()
    };
    let trend = of("P95 by agent");
    assert!(trend.iter().filter(|row| !row.contains(",week,")).all(|row| row.contains(",log,")), "{trend:?}");
    let lines = numbers(&trend, 4);
    assert_eq!(lines.len(), 8);
    for title in ["Slow patterns by agent", "Query volume by agent"] {
        let rows = of(title);
        let mut bars = numbers(&rows, 2);
        assert_eq!(bars.remove("all others").as_deref(), Some("others"), "{title}");
        assert_eq!(bars, lines, "{title}");
        let total: u32 = rows
            .iter()
            .filter(|row| row.starts_with("202652,") && !row.contains(",week,"))
            .map(|row| row.rsplit(',').next().unwrap().parse::<u32>().unwrap())
            .sum();
        assert_eq!(total, if title == "Slow patterns by agent" { 55 } else { 5950 }, "{title}");
    }
}
