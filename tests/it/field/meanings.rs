//! Values that are as they were written and yet would mean something else: NaN in a database file's own
//! table, text beside numbers, columns with a name of the plugin's, hidden copies of a report, and names that
//! two things have.

use std::path::{Path, PathBuf};

use serde_json::json;

use super::{get, health, notices, reports};
use crate::served::Served;
use crate::support::{Host, duckdb, encode, report_name};

/// A database file with a table, or a view over one, in the place of the plugin's first view. `never` has no
/// number.
fn file(folder: &Path, is_view: bool) -> PathBuf {
    let file = folder.join("own.duckdb");
    let make = if is_view { "CREATE TABLE f.kept AS" } else { "CREATE TABLE f.perf_all_weeks AS" };
    let over = if is_view { "; CREATE VIEW f.perf_all_weeks AS FROM f.kept" } else { "" };
    duckdb(&format!(
        "ATTACH '{}' AS f; {make} SELECT week, pattern, agent, samples, p AS p50_ms, p AS p95_ms, p AS p99_ms, p > 100 AS slow_flag \
         FROM (VALUES (202601, 'a', 'x', 100, 50.0::DOUBLE), (202601, 'never', 'y', 200, 60), \
         (202602, 'a', 'x', 100, 150), (202602, 'never', 'y', 200, 'nan')) AS t(week, pattern, agent, samples, p){over}",
        file.display()
    ));
    file
}

#[tokio::test(flavor = "multi_thread")]
async fn nan_in_a_table_of_a_database_file_is_told_and_never_ranks() {
    for is_view in [false, true] {
        let folder = tempfile::tempdir().unwrap();
        let file = file(folder.path(), is_view);
        let host = Host::start(&file, &json!({})).await;
        let served = Served::start(&file, &[]);
        // The second time it is known.
        for _ in 0..2 {
            let answer = host.ask("SELECT max(p95_ms) FROM perf_all_weeks", "table").await;
            let said = notices(&answer).concat();
            assert!(
                said.contains("`p95_ms` of `perf_all_weeks` in the database file `own` holds NaN")
                    && said.contains("write NULL in its place, or `nullif(p95_ms, 'nan')`"),
                "{said}"
            );
        }
        for sql in [
            "SELECT week FROM perf_all_weeks",
            "SELECT max(nullif(p95_ms, 'nan')) FROM perf_all_weeks",
            "SELECT max(p95_ms) FROM perf_weeks",
        ] {
            assert_eq!(notices(&host.ask(sql, "table").await), Vec::<String>::new(), "{sql}");
        }
        let sql = "SELECT pattern, p50_ms, p95_ms, p99_ms, slow_flag FROM perf_weeks WHERE week = 202602 ORDER BY pattern";
        assert_eq!(
            host.rows(sql).await,
            ["a | 150.0 | 150.0 | 150.0 | true", "never | NULL | NULL | NULL | NULL"]
        );
        assert_eq!(host.rows("SELECT pattern FROM perf_top_patterns WHERE week = 202602").await, ["a"]);
        let slow = served.get("api/perf/slow").rows();
        assert!(slow.len() == 1 && slow[0]["pattern"] == "a", "{slow:?}");
        let patterns = served.get("api/perf/patterns").rows();
        assert!(patterns[0]["pattern"] == "a" && patterns[1]["p95_ms"].is_null(), "{patterns:?}");
        let pattern = served.get("api/perf/pattern/a").rows();
        assert!(pattern.last().is_some_and(|row| row["pattern"] == "a" && row["place"] == 1), "{pattern:?}");
        let regressions = served.get("api/perf/regressions").rows();
        assert!(regressions.len() == 1 && regressions[0]["pattern"] == "a", "{regressions:?}");
        let said = health(&host).await;
        assert!(said.contains("`perf_all_weeks` in the database file `own` hold NaN"), "{said}");
        host.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn numbers_that_are_read_as_text_are_told() {
    let folder = tempfile::tempdir().unwrap();
    let of = |week: u32, build: &str| {
        format!("SELECT {week}::INTEGER AS week, 'a' AS pattern, 1.5::DOUBLE AS p95_ms, {build} AS build")
    };
    reports(folder.path(), &[(202_601, &of(202_601, "9::BIGINT")), (202_602, &of(202_602, "'10'"))]);
    let host = Host::start(folder.path(), &json!({})).await;
    let told = "`build` is BIGINT in `query_perf_weekly_202601.parquet`, VARCHAR in `query_perf_weekly_202602.parquet`, and read as VARCHAR, which compares as text";
    for source in ["perf_all_weeks", "'*.parquet'"] {
        let sql = format!("SELECT max(build) FROM {source}");
        let answer = host.ask(&sql, "table").await;
        assert_eq!(answer.error, None, "{source}");
        let said = notices(&answer).concat();
        assert!(said.contains(told), "{source}: {said}");
        // No value is lost.
        let (status, body) = get(&host, &format!("export.csv?sql={}", encode(&sql))).await;
        assert_eq!(status, 200, "{source}: {body}");
    }
    let said = health(&host).await;
    assert!(said.contains(told), "{said}");
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_agent_is_one_text_whatever_number_a_report_makes_of_it() {
    let folder = tempfile::tempdir().unwrap();
    let of = |week: u32, agent: &str, pattern: &str| {
        format!(
            "SELECT {week}::INTEGER AS week, {pattern} AS pattern, 1.5::DOUBLE AS p95_ms, unnest([{agent}]) AS agent"
        )
    };
    let all = [
        (202_601, of(202_601, "1::DOUBLE, 'nan'::DOUBLE", "7::DOUBLE")),
        (202_602, of(202_602, "1::BIGINT", "7::BIGINT")),
        (202_603, of(202_603, "'1'", "'7'")),
        (202_604, of(202_604, "1.0::DECIMAL(4, 1)", "7::REAL")),
    ];
    // All of them, and those with DOUBLE alone.
    for count in [4, 1] {
        let folder = folder.path().join(count.to_string());
        let some: Vec<(u32, &str)> =
            all.iter().take(count).map(|(week, sql)| (*week, sql.as_str())).collect();
        reports(&folder, &some);
        let host = Host::start(&folder, &json!({})).await;
        for view in ["perf_all_weeks", "perf_weeks"] {
            let sql = format!("SELECT DISTINCT agent::VARCHAR, pattern FROM {view} ORDER BY ALL NULLS LAST");
            assert_eq!(host.rows(&sql).await, ["1 | 7", "NULL | 7"], "{view}");
        }
        assert_eq!(host.rows("SELECT typeof(agent) FROM perf_all_weeks LIMIT 1").await, ["VARCHAR"]);
        host.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_place_is_the_plugins_whatever_a_report_calls_so() {
    let folder = tempfile::tempdir().unwrap();
    let select = "SELECT 202601::INTEGER AS week, unnest(['a', 'b']) AS pattern, 5 AS samples, unnest([10.0, 20.0]) AS p95_ms, \
                  99 AS place, 'x' AS p95_change_ms";
    reports(folder.path(), &[(202_601, select)]);
    let host = Host::start(folder.path(), &json!({})).await;
    let served = Served::start(folder.path(), &[]);
    let rows = host.rows("SELECT pattern, place FROM perf_top_patterns ORDER BY place").await;
    assert_eq!(rows, ["b | 1", "a | 2"]);
    let columns = host
        .rows("SELECT column_name FROM (DESCRIBE perf_top_patterns) WHERE column_name LIKE '%place%'")
        .await;
    assert_eq!(columns, ["place"]);
    let pattern = served.get("api/perf/pattern/a").rows();
    assert!(pattern[0]["place"] == 2 && pattern[0]["p95_change_ms"].is_null(), "{pattern:?}");
    assert!(pattern[0].get("place_1").is_none(), "{pattern:?}");
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn hidden_and_temporary_copies_are_no_reports() {
    let folder = tempfile::tempdir().unwrap();
    let select = "SELECT 202601::INTEGER AS week, 'a' AS pattern, 1.5::DOUBLE AS p95_ms";
    reports(&folder.path().join("eu"), &[(202_601, select)]);
    let written = folder.path().join("eu").join(report_name(202_601));
    for copy in
        ["eu/.hidden.parquet", "eu/_metadata.parquet", "eu/_temporary/0/part.parquet", ".ckpt/a.parquet"]
    {
        let copy = folder.path().join(copy);
        std::fs::create_dir_all(copy.parent().unwrap()).unwrap();
        std::fs::copy(&written, copy).unwrap();
    }
    for (pattern, rows, told) in [
        ("**/*.parquet", "1", "4 files left out"),
        ("eu/*.parquet", "1", "2 files left out"),
        ("eu/_*.parquet", "1", ""),
        ("eu/_temporary/**/*.parquet", "1", ""),
    ] {
        let host = Host::start(folder.path(), &json!({ "reports": pattern })).await;
        assert_eq!(host.rows("SELECT count(*) FROM perf_all_weeks").await, [rows], "{pattern}");
        let said = health(&host).await;
        assert!(said.contains(told) && told.is_empty() != said.contains("left out"), "{pattern}: {said}");
        host.stop().await;
    }
    // A person's own SQL reads what it names.
    let host = Host::start(folder.path(), &json!({ "reports": "**/*.parquet" })).await;
    assert_eq!(host.rows("SELECT count(*) FROM 'eu/_metadata.parquet'").await, ["1"]);
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_name_that_two_database_files_have_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let [first, second] = ["first", "second"].map(|name| folder.path().join(format!("{name}.duckdb")));
    for (file, value) in [(&first, 1), (&second, 2)] {
        duckdb(&format!("ATTACH '{}' AS f; CREATE TABLE f.deploys AS SELECT {value} AS a", file.display()));
    }
    let host = Host::start(&first, &json!({ "paths": [second] })).await;
    let told = "`deploys` is in several database files (`first`, `second`), and the one of `first` is read: write `first.deploys` or `second.deploys`";
    for (sql, is_told) in [
        ("SELECT a FROM deploys", true),
        ("SELECT deploys.a FROM Deploys", true),
        ("SELECT d.a FROM second.deploys AS d JOIN deploys ON true", true),
        ("SELECT a FROM second.deploys", false),
        ("SELECT a FROM second.main.deploys", false),
    ] {
        let answer = host.ask(sql, "table").await;
        assert_eq!(answer.error, None, "{sql}");
        let said = notices(&answer).concat().to_lowercase();
        assert_eq!(said.contains(told), is_told, "{sql}: {said}");
    }
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_damaged_files_the_one_is_named_that_the_reason_is_about() {
    let folder = tempfile::tempdir().unwrap();
    for inside in ["x", "y"] {
        std::fs::create_dir(folder.path().join(inside)).unwrap();
        std::fs::write(folder.path().join(inside).join("a.parquet"), "PAR1 and no report PAR1").unwrap();
    }
    let host = Host::start(folder.path(), &json!({})).await;
    for sql in
        ["FROM '*/a.parquet'", "FROM read_parquet(['y/a.parquet', 'x/a.parquet'])", "FROM 'y/a.parquet'"]
    {
        let error = host.error(sql).await;
        let named = ["x/a.parquet", "y/a.parquet"].iter().filter(|name| error.contains(**name)).count();
        assert_eq!(named, 1, "{sql}: {error}");
    }
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn columns_that_differ_only_in_case_are_told() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    // DuckDB itself cannot write such a file.
    let of = |week: i32, names: [&'static str; 2], values: [f64; 2]| {
        let [one, other] = values.map(|value| vec![super::parquet::Values::Double(vec![value])]);
        super::parquet::write(
            &folder.join(format!("query_perf_weekly_{week}.parquet")),
            &[
                ("week", vec![super::parquet::Values::Integer(vec![week])]),
                ("pattern", vec![super::parquet::Values::Text(vec!["a"])]),
                (names[0], one),
                (names[1], other),
            ],
        );
    };
    of(202_601, ["p95_ms", "P95_ms"], [1.0, 222.0]);
    of(202_602, ["P95_ms", "p95_ms"], [222.0, 1.0]);
    let host = Host::start(folder, &json!({})).await;
    let told = "differ at most in the case of their letters, and stand in another order in other files";
    for source in ["perf_all_weeks", "'*.parquet'"] {
        let sql = format!("SELECT max(p95_ms) FROM {source}");
        let said = notices(&host.ask(&sql, "table").await).concat();
        assert!(said.contains(told), "{source}: {said}");
        let (status, body) = get(&host, &format!("export.csv?sql={}", encode(&sql))).await;
        assert!(status == 403 && body.contains(told), "{source}: {status}: {body}");
    }
    let said = health(&host).await;
    assert!(said.contains(told), "{said}");
    host.stop().await;
}
