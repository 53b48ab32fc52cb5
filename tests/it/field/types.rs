//! Reports that do not agree on the types of their columns, hold a number as text, or no column at all.

use std::path::Path;

use duckdb_perf::frame;
use serde_json::json;

use super::parquet::{Values, write};
use super::{get, health, notices, reports};
use crate::support::{Host, duckdb, report_name, rows};

async fn over(folder: &Path) -> Host {
    Host::start(folder, &json!({})).await
}

#[tokio::test(flavor = "multi_thread")]
async fn the_first_file_does_not_round_the_others() {
    let folder = tempfile::tempdir().unwrap();
    let of = |week: u32, values: &str| {
        format!("SELECT {week}::INTEGER AS week, unnest(['a', 'b']) AS pattern, unnest({values}) AS p95_ms")
    };
    reports(
        folder.path(),
        &[
            (202_601, &of(202_601, "[50::BIGINT, 150]")),
            (202_602, &of(202_602, "[50.9::DOUBLE, 99.7]")),
            (202_603, &of(202_603, "[0.4::DOUBLE, 100.4]")),
        ],
    );
    let host = over(folder.path()).await;
    let names =
        ["202601", "202602", "202603"].map(|week| format!("'query_perf_weekly_{week}.parquet'")).join(", ");
    let expected = ["50.0", "150.0", "50.9", "99.7", "0.4", "100.4"];
    for source in [
        "perf_all_weeks".to_owned(),
        "'query_perf_weekly_*.parquet'".to_owned(),
        "'*.parquet' AS x".to_owned(),
        "\"*.parquet\"".to_owned(),
        "read_parquet('*.parquet')".to_owned(),
        format!("parquet_scan([{names}])"),
        format!("read_parquet([{names}], filename = true)"),
        "(TABLE '*.parquet')".to_owned(),
    ] {
        let answer = host.ask(&format!("SELECT p95_ms FROM {source} ORDER BY week, pattern"), "table").await;
        assert_eq!(
            (answer.error.clone(), rows(&answer)),
            (None, expected.map(str::to_owned).to_vec()),
            "{source}"
        );
        assert_eq!(notices(&answer), Vec::<String>::new(), "{source}");
        assert_eq!(
            host.rows(&format!("SELECT count(*) FROM {source} WHERE p95_ms > 99.5")).await,
            ["3"],
            "{source}"
        );
    }
    let described = "SELECT column_type FROM (DESCRIBE '*.parquet') WHERE column_name = 'p95_ms'";
    assert_eq!(host.rows(described).await, ["DOUBLE"]);
    assert_eq!(
        host.rows("SELECT max FROM (SUMMARIZE '*.parquet') WHERE column_name = 'p95_ms'").await,
        ["150.0"]
    );
    // The whole pattern is the name of the table, as it is without our arguments.
    assert_eq!(host.rows("SELECT max(\"*.parquet\".p95_ms) FROM '*.parquet'").await, ["150.0"]);
    let own = "SELECT query_perf_weekly_202601.week FROM 'query_perf_weekly_202601.parquet' LIMIT 1";
    assert_eq!(host.rows(own).await, ["202601"]);
    let error = host.error("WITH \"x.parquet\" AS (SELECT 1 AS a) FROM 'x.parquet'").await;
    assert!(error.contains("may be the CTE of that name or the file"), "{error}");
    // What is put in shows in no name of a column.
    for (source, name) in [
        ("'*.parquet'", "\"*.parquet\""),
        ("'query_perf_weekly_202601.parquet' AS t", "\"query_perf_weekly_202601.parquet\" AS t"),
        ("'query_perf_weekly_202601.parquet'", "\"query_perf_weekly_202601.parquet\""),
        ("read_parquet('*.parquet')", "read_parquet('*.parquet')"),
    ] {
        let answer = host.ask(&format!("SELECT (SELECT max(p95_ms) FROM {source})"), "table").await;
        let decoded = frame::decode(&answer.frames[0]).unwrap();
        let schema = decoded.batches[0].schema();
        assert_eq!(schema.field(0).name(), &format!("(SELECT max(p95_ms) FROM {name})"));
    }
    // Who asks for the first one's types gets them, with a word about it.
    let answer =
        host.ask("SELECT p95_ms FROM read_parquet('*.parquet', union_by_name = false)", "table").await;
    let said = notices(&answer).concat();
    assert!(
        said.contains("`p95_ms` is BIGINT in the first and DOUBLE in `query_perf_weekly_202602.parquet`"),
        "{said}"
    );
    host.stop().await;
}

/// Files of partitions all have the same name.
#[tokio::test(flavor = "multi_thread")]
async fn a_file_of_another_type_is_named_with_its_folder() {
    let folder = tempfile::tempdir().unwrap();
    for (week, value) in [("week=202601", "1"), ("week=202602", "1.5::DOUBLE")] {
        std::fs::create_dir(folder.path().join(week)).unwrap();
        let path = folder.path().join(week).join("part-0.parquet");
        duckdb(&format!("COPY (SELECT {value} AS p95_ms) TO '{}' (FORMAT parquet)", path.display()));
    }
    let host = over(folder.path()).await;
    let sql = "SELECT p95_ms FROM read_parquet('*/*.parquet', union_by_name = false)";
    let said = notices(&host.ask(sql, "table").await).concat();
    assert!(said.contains("in the first and DOUBLE in `week=202602/part-0.parquet`"), "{said}");
    host.stop().await;
}

/// What the first file would make of the second one's value, and what it is.
#[tokio::test(flavor = "multi_thread")]
async fn no_type_of_the_first_file_changes_a_value() {
    let folder = tempfile::tempdir().unwrap();
    let host = over(folder.path()).await;
    for (index, (first, second, expected)) in [
        ("1.5::DECIMAL(10, 1)", "2.125::DECIMAL(10, 3)", "2.125"),
        ("DATE '2026-01-01'", "TIMESTAMP '2026-01-02 03:04:05'", "2026-01-02 03:04:05"),
        ("true", "7", "7"),
        (
            "TIMESTAMP_NS '2026-01-01 00:00:00.123456789'",
            "TIMESTAMP '2026-01-01 00:00:00.5'",
            "2026-01-01 00:00:00.5",
        ),
        (
            "TIMESTAMP '2026-01-01 00:00:00.5'",
            "TIMESTAMP_NS '2026-01-01 00:00:00.123456789'",
            "2026-01-01 00:00:00.123456789",
        ),
        ("{'a': 1}", "{'a': 1.5, 'b': 'x'}", "{'a': 1.5, 'b': x}"),
        ("[1]", "[1.5]", "[1.5]"),
        ("1::TINYINT", "300", "300"),
        ("1", "'x'", "x"),
        ("NULL", "1.5::DOUBLE", "1.5"),
    ]
    .into_iter()
    .enumerate()
    {
        let kind = folder.path().join(index.to_string());
        reports(
            &kind,
            &[
                (202_601, &format!("SELECT 1 AS n, {first} AS v")),
                (202_602, &format!("SELECT 2 AS n, {second} AS v, 'there' AS more")),
            ],
        );
        for source in [format!("'{index}/*.parquet'"), format!("read_parquet('{index}/*.parquet')")] {
            let sql = format!("SELECT v::VARCHAR, more FROM {source} ORDER BY n DESC LIMIT 1");
            assert_eq!(host.rows(&sql).await, [format!("{expected} | there")], "{first}, {second}");
        }
    }
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_number_as_text_is_read_and_what_is_none_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let row = |week: &str, p95: &str, more: &str| {
        format!("SELECT {week} AS week, unnest(['a', 'b']) AS pattern, unnest([{p95}]) AS p95_ms{more}")
    };
    let sound = row("202601::INTEGER", "1.5::DOUBLE, 2.5", ", 10::BIGINT AS samples");
    // Text that is a number, with its week and count as text too.
    let text = row("'202602'", "'150.25', 'NaN'", ", '20' AS samples, 't' AS slow_flag");
    reports(folder.path(), &[(202_601, &sound), (202_602, &text)]);
    let host = over(folder.path()).await;
    let all = "SELECT week, pattern, p95_ms, samples, slow_flag FROM perf_all_weeks ORDER BY week, pattern";
    let answer = host.ask(all, "table").await;
    let expected = [
        "202601 | a | 1.5 | 10.0 | false",
        "202601 | b | 2.5 | 10.0 | false",
        "202602 | a | 150.25 | 20.0 | true",
        "202602 | b | NULL | 20.0 | NULL",
    ];
    assert_eq!((answer.error.clone(), rows(&answer)), (None, expected.map(str::to_owned).to_vec()));
    assert_eq!(notices(&answer), Vec::<String>::new());
    assert_eq!(host.rows("SELECT count(*) FROM perf_all_weeks WHERE week = 202601").await, ["2"]);
    assert_eq!(host.rows("SELECT pattern FROM perf_slow_patterns").await, ["a"]);
    let said = health(&host).await;
    assert!(said.contains("`p95_ms` is VARCHAR in `query_perf_weekly_202602.parquet`, and the views and dashboards need a number"), "{said}");
    // Text that is none.
    reports(
        folder.path(),
        &[(202_603, &row("202603", "'fast', '9'", ", [1] AS samples, {'a': 1} AS slow_flag"))],
    );
    let answer = host.ask(all, "table").await;
    assert_eq!(answer.error, None);
    assert_eq!(rows(&answer)[4..], ["202603 | a | NULL | NULL | NULL", "202603 | b | 9.0 | NULL | false"]);
    let said = notices(&answer).join("\n");
    for part in [
        "`p95_ms` is VARCHAR in `query_perf_weekly_202603.parquet`, where 1 of its values cannot be read as a number",
        "`samples` is INTEGER[] in `query_perf_weekly_202603.parquet`, where 2 of its values",
        "`slow_flag` is STRUCT(a INTEGER) in `query_perf_weekly_202603.parquet`",
    ] {
        assert!(said.contains(part), "{part}: {said}");
    }
    let (status, body) = get(&host, "export.csv?sql=FROM%20perf_all_weeks").await;
    assert!(status == 403 && body.contains("query_perf_weekly_202603.parquet"), "{status}: {body}");
    // Once it is gone, so is what was said of it.
    std::fs::remove_file(folder.path().join(report_name(202_603))).unwrap();
    let answer = host.ask(all, "table").await;
    assert_eq!((rows(&answer).len(), notices(&answer).len()), (4, 0));
    host.stop().await;
}

/// DuckDB makes REAL of REAL and a whole number.
#[tokio::test(flavor = "multi_thread")]
async fn whole_numbers_beside_real_ones_keep_their_digits() {
    let folder = tempfile::tempdir().unwrap();
    let row = |week: u32, of: &str| {
        format!(
            "SELECT {week} AS week, 'a' AS pattern, 16777217::{of} AS p95_ms, 0.1::REAL AS p50_ms, 16777217::{of} AS samples"
        )
    };
    reports(
        folder.path(),
        &[
            (202_601, &row(202_601, "REAL")),
            (202_602, &row(202_602, "INTEGER")),
            (202_603, &row(202_603, "BIGINT")),
        ],
    );
    let host = over(folder.path()).await;
    let rows = host
        .rows("SELECT p95_ms::BIGINT, samples::BIGINT, p50_ms = 0.1::REAL FROM perf_all_weeks ORDER BY week")
        .await;
    assert_eq!(
        rows,
        ["16777216 | 16777216 | true", "16777217 | 16777217 | true", "16777217 | 16777217 | true"]
    );
    host.stop().await;
}

/// DuckDB makes one DECIMAL of several, with fewer places where 38 digits are too few.
#[tokio::test(flavor = "multi_thread")]
async fn decimals_beside_others_keep_their_places() {
    let folder = tempfile::tempdir().unwrap();
    let row = |week: u32, value: &str| {
        format!("SELECT {week} AS week, 'a' AS pattern, {value} AS p95_ms, {value} AS samples")
    };
    reports(
        folder.path(),
        &[
            (202_601, &row(202_601, "50.12::DECIMAL(10, 2)")),
            (202_602, &row(202_602, "50.123456::DECIMAL(18, 6)")),
            (202_603, &row(202_603, "7::DECIMAL(38, 2)")),
            (202_604, &row(202_604, "9::BIGINT")),
        ],
    );
    let host = over(folder.path()).await;
    let rows = host.rows("SELECT p95_ms, samples FROM perf_all_weeks ORDER BY week").await;
    assert_eq!(rows, ["50.12 | 50.12", "50.123456 | 50.123456", "7.0 | 7.0", "9.0 | 9.0"]);
    host.stop().await;
}

/// Every type that a column can be of in one report: the others answer with their numbers.
#[tokio::test(flavor = "multi_thread")]
async fn no_type_of_one_report_stops_the_views() {
    let root = tempfile::tempdir().unwrap();
    for (index, (column, value)) in [
        ("week", "DATE '2026-01-05'"),
        ("week", "'2026-W02'"),
        ("week", "202602.0::DOUBLE"),
        ("week", "{'a': 1}"),
        ("week", "TIMESTAMP '2026-01-05 00:00:00'"),
        ("p95_ms", "INTERVAL 1 SECOND"),
        ("p95_ms", "[1.5]"),
        ("p95_ms", "true"),
        ("p95_ms", "'\\x01'::BLOB"),
        ("p50_ms", "uuid()"),
        ("slow_flag", "1.5::DOUBLE"),
        ("slow_flag", "'perhaps'"),
        ("samples", "MAP {'a': 1}"),
        ("pattern", "'ab'::BLOB"),
        ("pattern", "['a']"),
        ("pattern", "DATE '2026-01-05'"),
        ("p95_ms", "NULL"),
    ]
    .into_iter()
    .enumerate()
    {
        let folder = root.path().join(index.to_string());
        let sound = "SELECT 202601::INTEGER AS week, 'a' AS pattern, 10::BIGINT AS samples, 1.0::DOUBLE AS p50_ms, 150.5::DOUBLE AS p95_ms, true AS slow_flag";
        let odd =
            format!("SELECT * REPLACE ({value} AS {column}) FROM ({})", sound.replace("202601", "202602"));
        reports(&folder, &[(202_601, sound), (202_602, &odd)]);
        let host = over(&folder).await;
        let sql = "SELECT pattern, p50_ms, p95_ms, slow_flag FROM perf_all_weeks WHERE week = 202601";
        assert_eq!(host.rows(sql).await, ["a | 1.0 | 150.5 | true"], "{column}, {value}");
        assert_eq!(host.rows("SELECT count(*) FROM perf_all_weeks").await, ["2"], "{column}, {value}");
        let rows = host.rows("SELECT p95_ms FROM perf_slow_patterns WHERE week = 202601").await;
        assert_eq!(rows, ["150.5"], "{column}, {value}");
        host.stop().await;
    }
}

/// An empty data frame of pandas has no column, and DuckDB refuses the file.
#[tokio::test(flavor = "multi_thread")]
async fn a_report_without_columns_is_one_without_rows() {
    let folder = tempfile::tempdir().unwrap();
    write(&folder.path().join(report_name(202_602)), &[]);
    let host = over(folder.path()).await;
    assert_eq!(host.rows("SELECT count(*) FROM perf_all_weeks").await, ["0"]);
    let columns = [
        ("week", vec![Values::Integer(vec![202_601])]),
        ("pattern", vec![Values::Text(vec!["a"])]),
        ("p95_ms", vec![Values::Double(vec![1.5])]),
    ];
    write(&folder.path().join(report_name(202_601)), &columns);
    assert_eq!(host.rows("SELECT week, p95_ms FROM perf_all_weeks").await, ["202601 | 1.5"]);
    let said = health(&host).await;
    assert!(
        said.contains("2 reports, 1 row")
            && said.contains("No column at all in `query_perf_weekly_202602.parquet`"),
        "{said}"
    );
    host.stop().await;
}

/// Health lists columns, not what is inside of them.
#[tokio::test(flavor = "multi_thread")]
async fn health_knows_nested_columns_and_those_without_a_value() {
    let folder = tempfile::tempdir().unwrap();
    let columns = |p95: &str| format!("SELECT 202601 AS week, 'a' AS pattern, {p95} AS p95_ms");
    reports(
        folder.path(),
        &[
            (202_601, &columns("1.5::DOUBLE")),
            (202_602, &format!("{}, {{'p95_ms': 'x', 'l': [1]}} AS tags", columns("NULL"))),
        ],
    );
    let host = over(folder.path()).await;
    let said = health(&host).await;
    assert!(
        said.contains("`tags STRUCT(p95_ms VARCHAR, l INTEGER[])`") && !said.contains("need a number"),
        "{said}"
    );
    host.stop().await;
}

/// A database file's own view does not round either: its text says nothing of types.
#[tokio::test(flavor = "multi_thread")]
async fn views_of_a_database_file_do_not_round() {
    let folder = tempfile::tempdir().unwrap();
    let of = |week: u32, value: &str| format!("SELECT {week} AS week, 'a' AS pattern, {value} AS p95_ms");
    reports(folder.path(), &[(202_601, &of(202_601, "50::BIGINT")), (202_602, &of(202_602, "50.9::DOUBLE"))]);
    let file = folder.path().join("perf.duckdb");
    crate::support::duckdb(&format!(
        "SET file_search_path = '{}'; ATTACH '{}' AS made; USE made; \
         CREATE VIEW perf_all_weeks AS SELECT * FROM 'query_perf_weekly_*.parquet'; \
         CREATE VIEW top AS SELECT max(p95_ms) AS top FROM perf_all_weeks",
        folder.path().display(),
        file.display()
    ));
    let host = Host::start(&file, &json!({})).await;
    for (sql, expected) in [
        ("SELECT max(p95_ms) FROM perf_all_weeks", "50.9"),
        ("SELECT top FROM top", "50.9"),
        ("SELECT max(p95_ms) FROM perf_top_patterns", "50.9"),
    ] {
        let answer = host.ask(sql, "table").await;
        assert_eq!((answer.error.clone(), rows(&answer)), (None, vec![expected.to_owned()]), "{sql}");
        assert_eq!(notices(&answer), Vec::<String>::new(), "{sql}");
    }
    let answer = host.ask("SELECT max(p95_ms) FROM perf.main.perf_all_weeks", "table").await;
    let said = notices(&answer).concat();
    assert!(
        said.contains("`p95_ms` is BIGINT in the first and DOUBLE in `query_perf_weekly_202602.parquet`"),
        "{said}"
    );
    // A report that is not whole is told once.
    std::fs::write(folder.path().join(report_name(202_603)), "PAR1half").unwrap();
    let said = health(&host).await;
    assert_eq!(
        said.matches("query_perf_weekly_202603.parquet").count(),
        said.matches("cannot be read (").count() * 2,
        "{said}"
    );
    assert!(!said.contains("cannot be queried"), "{said}");
    host.stop().await;
}
