//! NaN, which writers store for the percentile of no samples: no number, never slow, without a place; and
//! every filter the same whether DuckDB passes over rows by statistics or not.

use std::path::Path;

use serde_json::json;
use tempfile::TempDir;

use super::parquet::{Values, write};
use super::{get, reports};
use crate::served::Served;
use crate::support::{Host, duckdb};

const NAN: f64 = f64::NAN;

/// Two reports as pandas writes them, of which the pattern `never` has no number, and other files below
/// `more`.
fn folder() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let names = || Values::Text(vec!["a", "never", "c"]);
    for (week, slowest) in [(202_601, 250.0), (202_602, 20.0)] {
        let numbers = || vec![Values::Double(vec![10.0, NAN, slowest])];
        let reals = vec![Values::Real(vec![10.0, f32::NAN, 20.0])];
        let columns = [
            ("week", vec![Values::Integer(vec![week; 3])]),
            ("pattern", vec![names()]),
            ("p50_ms", reals),
            ("p95_ms", numbers()),
            ("p99_ms", numbers()),
        ];
        write(&at(&format!("query_perf_weekly_{week}.parquet")), &columns);
    }
    std::fs::create_dir(at("more")).unwrap();
    let groups = |make: fn(Vec<f64>) -> Values| {
        vec![
            make(vec![10.0, NAN, 250.0]),
            make(vec![10.0, NAN, 20.0]),
            make(vec![NAN, NAN, NAN]),
            make(vec![f64::NEG_INFINITY, NAN, 5.0]),
            make(vec![f64::INFINITY, 1.0, 2.0]),
        ]
    };
    #[expect(clippy::cast_possible_truncation, reason = "to the narrower type of the file")]
    let real = |values: Vec<f64>| Values::Real(values.into_iter().map(|value| value as f32).collect());
    write(&at("more/double.parquet"), &[("v", groups(Values::Double))]);
    write(&at("more/real.parquet"), &[("v", groups(real))]);
    let ids = (0..5).map(|group| Values::Integer(vec![group; 3])).collect();
    write(&at("more/struct.parquet"), &[("s.id", ids), ("s.v", groups(Values::Double))]);
    folder
}

async fn host(folder: &Path) -> Host {
    Host::start(folder, &json!({})).await
}

#[tokio::test(flavor = "multi_thread")]
async fn nan_is_no_number_in_the_views() {
    let folder = folder();
    let host = host(folder.path()).await;
    let rows =
        host.rows("SELECT place, pattern FROM perf_top_patterns WHERE week = 202601 ORDER BY place").await;
    assert_eq!(rows, ["1 | c", "2 | a"]);
    assert_eq!(host.rows("SELECT week, pattern FROM perf_slow_patterns").await, ["202601 | c"]);
    let sql = "SELECT pattern, p50_ms, p95_ms, p99_ms, slow_flag FROM perf_all_weeks WHERE week = 202601";
    let expected = [
        "a | 10.0 | 10.0 | 10.0 | false",
        "never | NULL | NULL | NULL | NULL",
        "c | 20.0 | 250.0 | 250.0 | true",
    ];
    assert_eq!(host.rows(sql).await, expected);
    for (condition, count) in [
        ("p95_ms > 100", 1),
        ("p95_ms > 100 AND week = 202601", 1),
        ("p95_ms > 100 AND week = 202602", 0),
        ("isnan(p95_ms)", 0),
        ("p95_ms IS NULL", 2),
        ("p50_ms IS NULL AND week = 202602", 1),
        ("NOT slow_flag", 3),
        ("slow_flag", 1),
    ] {
        let rows = host.rows(&format!("SELECT count(*) FROM perf_all_weeks WHERE {condition}")).await;
        assert_eq!(rows, [count.to_string()], "{condition}");
    }
    for table in ["slow", "top"] {
        let (status, body) = get(&host, &format!("api/perf/{table}")).await;
        assert!(status != 200 || !body.contains("never") && !body.contains("NaN"), "{table}: {body}");
    }
    let (status, csv) = get(&host, "export.csv?sql=FROM%20perf_all_weeks").await;
    assert!(status == 200 && csv.contains("never") && !csv.to_lowercase().contains("nan"), "{status}: {csv}");
    host.stop().await;
}

/// A job in DuckDB itself stores `slow_flag` as true for such a row.
/// pandas makes numbers with NaN of whole numbers and flags of which one is missing.
#[tokio::test(flavor = "multi_thread")]
async fn counts_and_flags_that_are_nan_are_missing() {
    let folder = tempfile::tempdir().unwrap();
    let rows = "SELECT 202601 AS week, pattern, samples, p95_ms, slow_flag FROM (VALUES \
                ('a', 'nan'::DOUBLE, 10.0, 1.0::DOUBLE), ('b', 5, 20, 0), ('c', 3, 30, 'nan')) AS t(pattern, samples, p95_ms, slow_flag)";
    reports(
        folder.path(),
        &[
            (202_601, rows),
            (
                202_602,
                "SELECT 202602 AS week, 'a' AS pattern, 7 AS samples, 10.0 AS p95_ms, false AS slow_flag",
            ),
        ],
    );
    let host = Host::start(folder.path(), &json!({})).await;
    for (sql, expected) in [
        ("SELECT sum(samples)::BIGINT FROM perf_all_weeks", "15"),
        ("SELECT count(*) FROM perf_all_weeks WHERE samples >= 500", "0"),
        ("SELECT count(*) FROM perf_all_weeks WHERE isnan(samples)", "0"),
        ("SELECT string_agg(pattern, ',' ORDER BY pattern) FROM perf_all_weeks WHERE slow_flag", "a"),
    ] {
        assert_eq!(host.rows(sql).await, [expected], "{sql}");
    }
    host.stop().await;
}

/// A name may stand right behind a word, and a word right behind it.
#[tokio::test(flavor = "multi_thread")]
async fn no_blank_is_needed_beside_a_files_name() {
    let folder = tempfile::tempdir().unwrap();
    duckdb(&format!(
        "COPY (SELECT 1 AS i, 2.0 AS d) TO '{}' (FORMAT parquet)",
        folder.path().join("a.parquet").display()
    ));
    let host = Host::start(folder.path(), &json!({})).await;
    for sql in [
        "SELECT i FROM'a.parquet'",
        "FROM'a.parquet'SELECT i",
        "TABLE'a.parquet'",
        "DESCRIBE'a.parquet'",
        "SELECT i FROM a.parquet JOIN'a.parquet'AS b USING(i)",
        "SELECT i FROM a.parquet JOIN(FROM'a.parquet')USING(i)",
        "EXPLAIN FROM'a.parquet'",
        "UNPIVOT'a.parquet'ON i",
        "FROM'a.parquet'WHERE i=1",
    ] {
        assert!(!host.rows(sql).await.is_empty(), "{sql}");
    }
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_row_without_a_number_is_not_slow_whatever_its_flag_says() {
    let folder = tempfile::tempdir().unwrap();
    let select = "SELECT 202601 AS week, 'x' AS pattern, v::DOUBLE AS p95_ms, f AS slow_flag \
                  FROM (VALUES ('nan', true), ('nan', false), (NULL, true), ('1', true), ('200', false)) AS t(v, f)";
    reports(folder.path(), &[(202_601, select)]);
    let host = host(folder.path()).await;
    let rows = host.rows("SELECT p95_ms, slow_flag FROM perf_all_weeks").await;
    assert_eq!(rows, ["NULL | NULL", "NULL | false", "NULL | NULL", "1.0 | true", "200.0 | false"]);
    host.stop().await;
}

/// The same filter over the files themselves, over a subquery that no statistics reach, and however the files
/// are named.
#[tokio::test(flavor = "multi_thread")]
async fn every_filter_answers_the_same_with_and_without_statistics() {
    let folder = folder();
    let host = host(folder.path()).await;
    let glob = format!("{}/more/*e*.parquet", folder.path().canonicalize().unwrap().display());
    let mut sources: Vec<(String, &str)> = vec![("read_parquet('more/struct.parquet')".to_owned(), "s.v")];
    sources.push(("'more/struct.parquet'".to_owned(), "s.v"));
    for name in ["double", "real"] {
        let path = format!("more/{name}.parquet");
        for source in [
            format!("'{path}'"),
            format!("\"{path}\" AS x"),
            format!("x: '{path}'"),
            format!("read_parquet('{path}')"),
            format!("read_parquet('{path}', )"),
            format!("system.main.parquet_scan(['{path}'])"),
            format!("read_parquet('{path}', union_by_name = true, can_have_nan = true)"),
            format!("(SELECT * FROM '{path}')"),
            format!("(TABLE '{path}')"),
            format!("(WITH x AS (FROM '{path}') FROM x)"),
            format!("(SELECT v FROM '{glob}' WHERE filename LIKE '%{name}%')"),
        ] {
            sources.push((source, "v"));
        }
    }
    let conditions = [
        ("V > 100", 8),
        ("V > 300", 7),
        ("V >= 250 AND V < 1000", 1),
        ("isnan(V)", 6),
        ("V = 'nan'", 6),
        ("V <> 'nan'", 9),
        ("V < 0", 1),
        ("V = '-inf'", 1),
        ("V = 'inf'", 1),
        ("V <= 5", 4),
        ("NOT V < 300", 7),
        ("V IN (250, 'nan')", 7),
        ("V BETWEEN 100 AND 'nan'", 8),
        ("V IS DISTINCT FROM 10", 13),
    ];
    for (source, column) in sources {
        for (condition, expected) in conditions {
            let sql = format!("SELECT count(*) FROM {source} WHERE {}", condition.replace('V', column));
            assert_eq!(host.rows(&sql).await, [expected.to_string()], "{sql}");
        }
    }
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn statistics_are_not_to_be_promised_anything() {
    let folder = folder();
    let host = host(folder.path()).await;
    for argument in [
        "can_have_nan = false",
        "can_have_nan := FALSE",
        "\"CAN_HAVE_NAN\" => 1 = 2",
        "can_have_nan = NOT true",
    ] {
        let sql = format!("SELECT count(*) FROM read_parquet('more/double.parquet', {argument}) WHERE v > 1");
        let error = host.error(&sql).await;
        assert!(
            error.contains("no value in it is NaN") && error.contains("can_have_nan = true"),
            "{sql}: {error}"
        );
    }
    let (explained, error) = (
        host.rows("EXPLAIN SELECT nosuch.v, v FROM 'more/double.parquet' AS nosuch WHERE v > 1")
            .await
            .concat(),
        host.error("SELECT v,\n  nosuch FROM 'more/double.parquet'").await,
    );
    assert!(explained.contains("PARQUET"), "{explained}");
    assert!(
        error.contains("nosuch") && error.contains("line 2") && !error.contains("can_have_nan"),
        "{error}"
    );
    let pivoted = host.rows("PIVOT 'more/double.parquet' ON isnan(v) USING count(*)").await;
    assert_eq!(pivoted, ["9 | 6"]);
    host.stop().await;
}

/// A macro of a database file hides DuckDB's function of the same name, and only where that is not named in
/// full.
#[tokio::test(flavor = "multi_thread")]
async fn a_macro_takes_the_place_of_the_function_that_it_hides_alone() {
    let folder = folder();
    let file = folder.path().join("more/perf.duckdb");
    duckdb(&format!(
        "ATTACH '{}' AS f; CREATE MACRO f.read_parquet(p) AS TABLE SELECT 7 AS v, p AS path; \
         CREATE SCHEMA f.lib; CREATE MACRO f.lib.parquet_scan(p) AS TABLE SELECT 7 AS v; CREATE MACRO f.parquet_scan(p) AS p; \
         CREATE TABLE f.\"DOUBLÉ.parquet\" AS SELECT 7 AS v",
        file.display()
    ));
    let host = Host::start(&file, &json!({"paths": [folder.path()], "reports": "*.parquet"})).await;
    std::fs::copy(folder.path().join("more/double.parquet"), folder.path().join("more/doublé.parquet"))
        .unwrap();
    for (source, expected) in [
        ("read_parquet('double.parquet')", "1"),
        ("system.main.read_parquet('double.parquet')", "8"),
        ("parquet_scan('double.parquet')", "8"),
        ("lib.parquet_scan('double.parquet')", "1"),
        ("'doublé.parquet'", "8"),
        ("\"DOUBLÉ.parquet\"", "1"),
    ] {
        let sql = format!("SELECT count(*) FROM {source} WHERE v > 5 AND v <> 10 AND v <> 20");
        assert_eq!(host.rows(&sql).await, [expected], "{source}");
    }
    host.stop().await;
}

/// A database file with views of its own over the same reports, as the document has them and in other ways.
fn attached(folder: &Path) -> std::path::PathBuf {
    let file = folder.join("perf.duckdb");
    duckdb(&format!(
        "SET file_search_path = '{}'; ATTACH '{}' AS made; USE made; \
         CREATE VIEW perf_all_weeks AS SELECT * FROM read_parquet('query_perf_weekly_*.parquet'); \
         CREATE VIEW renamed(w, p, a, b, c) AS FROM 'query_perf_weekly_*.parquet'; \
         CREATE VIEW over_it AS SELECT * FROM perf_all_weeks WHERE p95_ms > 100; \
         CREATE SCHEMA s; CREATE VIEW s.apart AS FROM read_parquet('query_perf_weekly_*.parquet'); \
         CREATE VIEW sound AS SELECT * REPLACE (CASE WHEN NOT isnan(p95_ms) THEN p95_ms END AS p95_ms) \
         FROM read_parquet('query_perf_weekly_*.parquet', union_by_name = true, can_have_nan = true)",
        folder.display(),
        file.display()
    ));
    file
}

#[tokio::test(flavor = "multi_thread")]
async fn views_of_a_database_file_answer_one_way() {
    let folder = folder();
    let file = attached(folder.path());
    let host = Host::start(&file, &json!({})).await;
    // Both the rows that are large and those that are NaN, whether a group's statistics tell of them or not.
    for (sql, count) in [
        ("FROM perf_all_weeks WHERE p95_ms > 100", "3"),
        ("FROM perf_all_weeks WHERE p95_ms > 100 AND week = 202602", "1"),
        ("FROM perf_all_weeks WHERE isnan(p95_ms)", "2"),
        ("FROM renamed WHERE b > 100 AND w = 202602", "1"),
        ("FROM over_it WHERE week = 202602", "1"),
        ("FROM sound WHERE p95_ms > 100", "1"),
        // Those of the plugin over it.
        ("FROM perf_slow_patterns", "1"),
        ("FROM perf_top_patterns WHERE place = 1 AND isnan(p95_ms)", "0"),
        ("FROM perf_top_patterns", "4"),
    ] {
        assert_eq!(host.rows(&format!("SELECT count(*) {sql}")).await, [count], "{sql}");
    }
    for (sql, told) in [
        (
            "SELECT count(*) FROM perf_all_weeks",
            "`p50_ms`, `p95_ms` and `p99_ms` in `query_perf_weekly_202601.parquet`, which the view `perf_all_weeks` of the database file reads, holds NaN, which DuckDB takes for the largest number: write `CASE WHEN NOT isnan(p50_ms)",
        ),
        ("SELECT count(*) FROM over_it", "holds NaN, which DuckDB takes for the largest number"),
        (
            "SELECT count(*) FROM perf.perf_all_weeks",
            "holds NaN, and DuckDB may pass over such rows or not: write `read_parquet(…, union_by_name = true, can_have_nan = true)` in it, or name the view without its database and schema",
        ),
        ("SELECT count(*) FROM s.apart", "holds NaN, and DuckDB may pass over such rows or not"),
        (
            "SELECT count(*) FROM sound",
            "`p50_ms` and `p99_ms` in `query_perf_weekly_202601.parquet`, which the view `sound`",
        ),
        ("SELECT 1", ""),
    ] {
        let answer = host.ask(sql, "table").await;
        assert_eq!(answer.error, None, "{sql}");
        let said = super::notices(&answer).concat();
        assert!(said.contains(told) && told.is_empty() == said.is_empty(), "{sql}: {said}");
    }
    let said = super::health(&host).await;
    assert!(said.contains("`apart` of the database file reads Parquet files as it is stored"), "{said}");
    host.stop().await;
}

/// An argument may stand in parentheses, which is how DuckDB stores it in a view.
#[tokio::test(flavor = "multi_thread")]
async fn an_argument_in_parentheses_is_one() {
    let folder = folder();
    let host = host(folder.path()).await;
    for arguments in ["(union_by_name = true)", "((union_by_name = true)), (can_have_nan = true)"] {
        let sql = format!("SELECT count(*) FROM read_parquet('*.parquet', {arguments}) WHERE p95_ms > 100");
        assert_eq!(host.rows(&sql).await, ["3"], "{arguments}");
    }
    let error = host.error("FROM read_parquet('*.parquet', (can_have_nan = false))").await;
    assert!(error.contains("Leave `can_have_nan` away"), "{error}");
    host.stop().await;
}

/// What is infinite in two reports has not changed, and the difference is no number.
#[test]
fn what_is_infinite_twice_has_not_changed() {
    let folder = tempfile::tempdir().unwrap();
    let rows = |slow: &str| {
        format!(
            "SELECT * FROM (VALUES ('d', 100, 'inf'::DOUBLE), ('s', 100, {slow}::DOUBLE)) AS t(pattern, samples, p95_ms)"
        )
    };
    let (before, after) = (
        format!("SELECT 202601 AS week, * FROM ({})", rows("10")),
        format!("SELECT 202602 AS week, * FROM ({})", rows("40")),
    );
    reports(folder.path(), &[(202_601, before.as_str()), (202_602, after.as_str())]);
    let served = Served::start(folder.path(), &[]);
    let rows = served.get("api/perf/regressions?percent=25").rows();
    let patterns: Vec<_> = rows.iter().map(|row| row["pattern"].clone()).collect();
    assert_eq!(patterns, [json!("s")], "{rows:?}");
    for table in ["regressions", "pattern&name=d", "agents"] {
        let answer = served.get(&format!("api/export.csv?table={table}"));
        let body = String::from_utf8_lossy(&answer.body);
        assert!(answer.status == 200 && !body.contains("NaN"), "{table}: {body}");
    }
}
