//! The same of database files and their views.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use serde_json::json;

use super::{folder, health, notices, report, write};
use crate::served::Served;
use crate::support::{Host, duckdb, report_name};

/// A database file in `folder`, made by statements over its catalog `f`.
fn database(folder: &Path, statements: &str) -> PathBuf {
    let file = folder.join("perf.duckdb");
    duckdb(&format!(
        "SET file_search_path = '{}'; ATTACH '{}' AS f; USE f; {statements}",
        folder.display(),
        file.display()
    ));
    file
}

/// A database file that has nothing for the dashboards is one all the same.
#[tokio::test(flavor = "multi_thread")]
async fn a_database_file_without_reports_says_what_the_dashboards_need() {
    let root = folder();
    let file = database(root.path(), "CREATE TABLE t AS SELECT 7 AS a");
    let host = Host::start(&file, &json!({})).await;
    let (ok, said) = health(&host).await;
    let needs =
        "No report lies beside the file, and it has no table or view `perf_all_weeks`: the dashboards";
    assert!(ok && said.contains(needs), "{said}");
    let error = host.error("FROM perf_all_weeks").await;
    assert!(
        error.contains("put reports beside the file") && !error.contains("The views over the reports are"),
        "{error}"
    );
    report(root.path(), &report_name(202_601), 202_601);
    assert_eq!(host.rows("SELECT week FROM perf_all_weeks").await, ["202601"]);
    assert!(!health(&host).await.1.contains("No report lies"));
    host.stop().await;
}

/// A database file that a query names by its path, with `?` in it: DuckDB cuts the name of the write-ahead
/// log there.
#[tokio::test(flavor = "multi_thread")]
async fn a_database_file_with_a_question_mark_is_refused_by_its_path_too() {
    let root = folder();
    for (below, sql) in [
        ("q", "FROM read_duckdb('a?b.duckdb', table_name = 't')"),
        ("q?x", "FROM read_duckdb('plain.duckdb', table_name = 't')"),
    ] {
        let at = root.path().join(below);
        std::fs::create_dir(&at).unwrap();
        let made = root.path().join("made.duckdb");
        duckdb(&format!("ATTACH '{}' AS f; CREATE OR REPLACE TABLE f.t AS SELECT 7 AS a", made.display()));
        std::fs::copy(&made, at.join(if below == "q" { "a?b.duckdb" } else { "plain.duckdb" })).unwrap();
        let host = Host::start(&at, &json!({})).await;
        let error = host.error(sql).await;
        assert!(error.contains("has a `?` in its name") && error.contains("Rename"), "{error}");
        host.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_folder_that_the_policy_refuses_is_not_advised_as_if_it_worked() {
    let root = folder();
    let path = root.path().canonicalize().unwrap();
    let (own, other) = (path.join("own"), path.join("other"));
    report(&own, &report_name(202_601), 202_601);
    report(&other, "x.parquet", 202_601);
    let file =
        database(&own, &format!("CREATE VIEW far AS FROM read_parquet('{}/*.parquet')", other.display()));
    let host =
        Host::start_with(&file, &json!({}), &[("GF_PLUGIN_ALLOWED_PATHS", own.to_str().unwrap())]).await;
    let (ok, said) = health(&host).await;
    let wanted = format!("A server administrator can add `{}` to `allowed_paths`", other.display());
    assert!(!ok && said.contains(&wanted), "{said}");
    assert!(said.contains("then name it under \"Add a folder or file\""), "{said}");
    assert!(!said.contains(&format!("settings name `{}`", other.display())), "{said}");
    host.stop().await;
    // One file whose folder nobody may name.
    let alone = path.join("alone.parquet");
    report(&path, "alone.parquet", 202_601);
    let host =
        Host::start_with(&alone, &json!({}), &[("GF_PLUGIN_ALLOWED_PATHS", alone.to_str().unwrap())]).await;
    let error = host.error("SELECT 1").await;
    assert!(
        error.contains("is one Parquet file and not a folder, and its folder cannot be named"),
        "{error}"
    );
    assert!(error.contains(&format!("can add `{}` to `allowed_paths`", path.display())), "{error}");
    host.stop().await;
}

/// Views over reports whose percentiles are NaN, each column in another report.
#[tokio::test(flavor = "multi_thread")]
async fn every_column_with_nan_is_named_and_the_remedy_fits_the_view() {
    let root = folder();
    let at = root.path().canonicalize().unwrap();
    let nan = "'nan'::DOUBLE";
    for (week, [p50, p95, p99]) in [(202_601, [nan, nan, "1.0"]), (202_602, ["1.0", nan, nan])] {
        let select = format!(
            "SELECT {week} AS week, 'a' AS pattern, {p50}::DOUBLE AS p50_ms, {p95}::DOUBLE AS p95_ms, {p99}::DOUBLE AS p99_ms"
        );
        write(&at, &report_name(week), &select);
    }
    let glob = "'query_perf_weekly_*.parquet'";
    let file = database(
        &at,
        &format!(
            "CREATE VIEW v AS FROM {glob}; \
             CREATE VIEW one AS SELECT * REPLACE (CASE WHEN NOT isnan(p95_ms) THEN p95_ms END AS p95_ms) FROM {glob}; \
             CREATE VIEW by_pattern AS SELECT week, pattern, CASE WHEN NOT isnan(COLUMNS('_ms$')) THEN COLUMNS('_ms$') END FROM {glob}; \
             CREATE SCHEMA s; CREATE VIEW s.apart AS FROM {glob}; CREATE MACRO m() AS TABLE FROM {glob}; \
             CREATE VIEW says_no AS FROM read_parquet({glob}, union_by_name = false)"
        ),
    );
    let host = Host::start(&file, &json!({})).await;
    let both = "`p50_ms` and `p95_ms` in `query_perf_weekly_202601.parquet`, `p99_ms` in `query_perf_weekly_202602.parquet`, which the view `v` of the database file reads, holds NaN";
    for (sql, told, untold) in [
        ("FROM v", both, "or name the view"),
        (
            "FROM v",
            "CASE WHEN NOT isnan(p50_ms) THEN p50_ms END AS p50_ms, CASE WHEN NOT isnan(p95_ms)",
            "\u{0}",
        ),
        ("FROM perf.v", "in it, or name the view without its database and schema", "\u{0}"),
        // What handles one column handles one.
        ("FROM one", "`p50_ms` in `query_perf_weekly_202601.parquet`, `p99_ms` in `query_perf", "`p95_ms`"),
        ("FROM by_pattern", "", "NaN"),
        // Its bare name finds nothing.
        (
            "FROM s.apart",
            "may pass over such rows or not: write `read_parquet(…, union_by_name = true, can_have_nan = true)` in it",
            "or name the view",
        ),
        ("FROM m()", "can_have_nan = true)` in it", "or name the view"),
        ("FROM perf.says_no", "in place of its own `union_by_name`, or name the view without", "\u{0}"),
    ] {
        let said = notices(&host.ask(&format!("SELECT count(*) {sql}"), "table").await);
        assert!(said.contains(told) && !said.contains(untold), "{sql}: {said}");
    }
    host.stop().await;
}

/// What an explicit `union_by_name = false` rounds, no other name of the view mends.
#[tokio::test(flavor = "multi_thread")]
async fn a_view_that_says_union_by_name_itself_is_told_to_say_otherwise() {
    let root = folder();
    let at = root.path().canonicalize().unwrap();
    for (week, value) in [(202_601, "1::INTEGER"), (202_602, "1.5::DOUBLE")] {
        write(&at, &report_name(week), &format!("SELECT {week} AS week, {value} AS v"));
    }
    let file = database(
        &at,
        "CREATE VIEW no AS FROM read_parquet('query_perf_weekly_*.parquet', union_by_name = false); \
         CREATE VIEW plain AS FROM 'query_perf_weekly_*.parquet'",
    );
    let host = Host::start(&file, &json!({})).await;
    let said = notices(&host.ask("SELECT sum(v) FROM perf.no", "table").await);
    assert!(
        said.contains("Of the view `no`") && said.contains("in place of its own `union_by_name`"),
        "{said}"
    );
    assert!(!said.contains("or name the view"), "{said}");
    let said = notices(&host.ask("SELECT sum(v) FROM perf.plain", "table").await);
    assert!(said.contains("Of the view `plain`") && said.contains("or name the view"), "{said}");
    host.stop().await;
}

/// The columns of a report as a table's.
const COLUMNS: [(&str, &str); 7] = [
    ("week", "202601 + i"),
    ("pattern", "'SELECT ' || i"),
    ("samples", "100 + i"),
    ("p50_ms", "1.5 * i"),
    ("p95_ms", "2.5 * i"),
    ("p99_ms", "3.5 * i"),
    ("slow_flag", "i > 1"),
];

/// What an own `perf_all_weeks` lacks fails in the API: the health check says which column, and for what.
#[tokio::test(flavor = "multi_thread")]
async fn a_column_that_an_own_view_lacks_is_told_with_what_needs_it() {
    for missing in COLUMNS.iter().map(|(name, _)| Some(*name)).chain([None]) {
        let root = folder();
        let columns = COLUMNS.iter().filter(|(name, _)| Some(*name) != missing);
        let columns: Vec<String> = columns.map(|(name, value)| format!("{value} AS {name}")).collect();
        let file = database(
            root.path(),
            &format!("CREATE TABLE perf_all_weeks AS SELECT {} FROM range(4) AS t(i)", columns.join(", ")),
        );
        let host = Host::start(&file, &json!({})).await;
        let served = Served::start(&file, &[]);
        let (ok, said) = health(&host).await;
        let mut failing = String::new();
        for route in ["slow", "patterns", "pattern", "regressions", "agents"] {
            let answer = served.get(&format!("api/perf/{route}"));
            if answer.status == 200 {
                assert!(!said.contains(&format!("`/api/perf/{route}`")), "{missing:?}: {route}: {said}");
            } else {
                write!(failing, "{route} ").unwrap();
                let is_told =
                    said.contains(&format!("`/api/perf/{route}`")) || said.contains("`/api/perf/…`");
                assert!(is_told, "{missing:?}: {route}: {said}");
            }
        }
        match missing {
            Some(missing) => {
                let wanted = format!("The file's own `perf_all_weeks` has no column `{missing}`");
                assert!(ok && said.contains(&wanted) && !failing.is_empty(), "{failing}: {said}");
            }
            None => assert!(!said.contains("no column") && failing.is_empty(), "{failing}: {said}"),
        }
        host.stop().await;
    }
    let root = folder();
    let file = database(
        root.path(),
        "CREATE VIEW perf_all_weeks AS SELECT '2026-W01' AS week, 'a' AS pattern, 1 AS samples, 1.0 AS p50_ms, 1.0 AS p95_ms, 1.0 AS p99_ms, true AS slow_flag",
    );
    let host = Host::start(&file, &json!({})).await;
    let (_, said) = health(&host).await;
    assert!(said.contains("`week` of the file's own `perf_all_weeks` is VARCHAR, and"), "{said}");
    host.stop().await;
}
