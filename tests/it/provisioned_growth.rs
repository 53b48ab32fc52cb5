//! What the dashboards say where there is little to say: growth from nothing, one report, a pattern that no
//! report has, names that are cut.

use crate::provisioned::{array, dashboards};
use crate::provisioned_edges::{report, with};
use crate::provisioned_queries::{rows_of, sql_of};

/// What took nothing before has no percentage: it is not left out, and called new.
#[test]
fn growth_from_nothing_has_no_percentage_and_is_shown() {
    let folder = tempfile::tempdir().unwrap();
    report(
        folder.path(),
        202_651,
        "(202651, 'zero', 40, 0.0), (202651, 'less', 40, -1.0), (202651, 'some', 40, 10.0)",
    );
    report(
        folder.path(),
        202_652,
        "(202652, 'zero', 40, 90.0), (202652, 'less', 40, 5.0), (202652, 'some', 40, 30.0)",
    );
    let range = ("2026-W51", "2026-W52");
    let of = |title| rows_of(folder.path(), &sql_of("query-perf-compare", title), range, &with(&[]));
    assert_eq!(
        of("Regressions"),
        ["1 of 3,zero,0,90,90,,40,zero", "2 of 3,some,10,30,20,200,40,some", "3 of 3,less,-1,5,6,,40,less"]
    );
    assert_eq!(of("What changed"), ["2026‑W52,2026‑W51,3,0,0,0,0,0"]);
    let all = dashboards();
    let panel = array(&all["query-perf-compare"], "panels").iter().find(|one| one["title"] == "Regressions");
    assert!(panel.unwrap()["fieldConfig"].to_string().contains(r#""text":"new""#));
    let week = rows_of(
        folder.path(),
        &sql_of("query-perf-pattern", "The current week"),
        range,
        &with(&["pattern=zero"]),
    );
    assert_eq!(week, ["2026‑W52,90,,45,180,40,1,0.9"]);
}

/// Zeros would say that nothing changed.
#[test]
fn one_report_alone_has_nothing_to_compare() {
    let folder = tempfile::tempdir().unwrap();
    report(folder.path(), 202_652, "(202652, 'a', 40, 200.0)");
    let counts = sql_of("query-perf-compare", "What changed");
    let of = |more: &[&'static str]| rows_of(folder.path(), &counts, ("2026-W52", "2026-W52"), &with(more));
    assert_eq!(of(&[]), ["2026‑W52,,,,,,1,"]);
    // Nor does what is in no report at all.
    assert!(of(&["pattern=nowhere"]).is_empty());
}

/// A pattern that no report has is not one that is fast.
#[test]
fn an_unknown_pattern_is_not_healthy() {
    let folder = tempfile::tempdir().unwrap();
    report(folder.path(), 202_652, "(202652, 'a', 40, 200.0)");
    let range = ("2026-W52", "2026-W52");
    let of = |uid, title| rows_of(folder.path(), &sql_of(uid, title), range, &with(&["pattern=nowhere"]));
    assert!(of("query-perf-overview", "Slow query count").is_empty());
    assert_eq!(
        of("query-perf-pattern", "Pattern"),
        ["No report of the time range has the pattern that is chosen above.,2"]
    );
}

/// Names are cut at their end; a hash tells only twins apart.
#[test]
fn only_twins_have_a_hash() {
    let folder = tempfile::tempdir().unwrap();
    let start = "SELECT a, b, c, d, e, f, g, h FROM somewhere WHERE ";
    report(
        folder.path(),
        202_652,
        &format!(
            "(202652, '{start}x = 1', 40, 300.0), (202652, '{start}y = 1', 40, 200.0), (202652, 'UPDATE {start}', 40, 100.0), (202652, 'short', 40, 90.0)"
        ),
    );
    let sql = sql_of("query-perf-overview", "Top 10 slow patterns of the current week");
    let rows = rows_of(folder.path(), &sql, ("2026-W52", "2026-W52"), &with(&[]));
    let names: Vec<_> = rows.iter().map(|row| row.split(",3").next().unwrap().to_owned()).collect();
    let hashed = rows.iter().filter(|row| row.contains('#')).count();
    assert_eq!(hashed, 2, "{names:?}");
    assert!(rows[3].starts_with("  short,") && rows[2].contains('…') && !rows[2].contains('#'), "{rows:?}");
}
