//! Columns that files hold in different types: where DuckDB's common type loses digits, the answer says so.

use serde_json::json;

use super::{get, health, notices, reports};
use crate::support::{Host, report_name, rows};

fn report(week: u32, id: &str) -> String {
    format!("SELECT {week}::INTEGER AS week, 'a' AS pattern, 1.5::DOUBLE AS p95_ms, {id} AS id")
}

#[tokio::test(flavor = "multi_thread")]
async fn digits_that_another_reports_type_takes_are_told() {
    let root = tempfile::tempdir().unwrap();
    for (index, (first, second, told)) in [
        (
            "9007199254740993::BIGINT",
            "1.5::DOUBLE",
            "`id` is BIGINT in `query_perf_weekly_202601.parquet` and DOUBLE elsewhere, and read as DOUBLE, in which digits are lost: 9007199254740993 becomes 9007199254740992.0",
        ),
        ("1.5::DOUBLE", "-9007199254740993::BIGINT", "-9007199254740993 becomes -9007199254740992.0"),
        ("18446744073709551615::UBIGINT", "1.5::DOUBLE", "18446744073709551615 becomes"),
        ("16777217::INTEGER", "0.5::REAL", "read as FLOAT, in which digits are lost: 16777217 becomes"),
        ("12345678901234567.8::DECIMAL(18, 1)", "1.5::DOUBLE", "12345678901234567.8 becomes"),
        (
            "0.1234567891::DECIMAL(38, 10)",
            "1::DECIMAL(30, 0)",
            "read as DECIMAL(38,8), in which digits are lost: 0.1234567891 becomes 0.12345679",
        ),
        ("{'n': 9007199254740993}", "{'n': 1.5::DOUBLE}", "9007199254740993"),
        ("[9007199254740993]", "[1.5::DOUBLE]", "9007199254740993"),
    ]
    .into_iter()
    .enumerate()
    {
        let folder = root.path().join(index.to_string());
        reports(&folder, &[(202_601, &report(202_601, first)), (202_602, &report(202_602, second))]);
        let host = Host::start(&folder, &json!({})).await;
        for source in ["perf_all_weeks", "'*.parquet'", "read_parquet('*.parquet', union_by_name = true)"] {
            // The second time it is known.
            for _ in 0..2 {
                let answer = host.ask(&format!("SELECT id FROM {source}"), "table").await;
                assert_eq!(answer.error, None, "{first}, {second}, {source}");
                let said = notices(&answer).concat();
                assert!(said.contains(told), "{first}, {second}, {source}: {said}");
                assert!(said.contains("Write that column with one type in all files"), "{said}");
            }
            let sql = crate::support::encode(&format!("SELECT id FROM {source}"));
            let (status, body) = get(&host, &format!("export.csv?sql={sql}")).await;
            assert!(status == 403 && body.contains("digits are lost"), "{source}: {status}: {body}");
        }
        let said = health(&host).await;
        assert!(said.contains(told), "{first}, {second}: {said}");
        let alone = host.ask("SELECT id::VARCHAR FROM 'query_perf_weekly_202601.parquet'", "table").await;
        assert_eq!(notices(&alone), Vec::<String>::new(), "{first}, {second}");
        host.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn where_no_digit_is_lost_nothing_is_said() {
    let root = tempfile::tempdir().unwrap();
    for (index, (first, second)) in [
        ("9007199254740992::BIGINT", "1.5::DOUBLE"),
        ("16777217::INTEGER", "1.5::DOUBLE"),
        ("300::SMALLINT", "0.5::REAL"),
        ("0.1::REAL", "0.1::DOUBLE"),
        ("9007199254740993::BIGINT", "18446744073709551615::UBIGINT"),
        ("9007199254740993::BIGINT", "'x'"),
        ("9007199254740993::BIGINT", "NULL"),
        ("9007199254740993::BIGINT", "1.5::DECIMAL(10, 1)"),
        ("1.125::DECIMAL(10, 3)", "1.5::DOUBLE"),
        ("DATE '2026-01-01'", "TIMESTAMP '2026-01-01 00:00:00.5'"),
        ("TIMESTAMP '2026-01-01 00:00:00.5'", "TIMESTAMP_NS '2026-01-01 00:00:00.123456789'"),
        ("{'a': 1}", "{'a': 1.5, 'b': 'x'}"),
        ("true", "7"),
    ]
    .into_iter()
    .enumerate()
    {
        let folder = root.path().join(index.to_string());
        reports(&folder, &[(202_601, &report(202_601, first)), (202_602, &report(202_602, second))]);
        let host = Host::start(&folder, &json!({})).await;
        for source in ["perf_all_weeks", "'*.parquet'"] {
            let answer = host.ask(&format!("SELECT id::VARCHAR FROM {source}"), "table").await;
            let mut said = notices(&answer);
            // It has its digits, and yet compares as text, which is told.
            said.retain(|notice| !(second == "'x'" && notice.contains("compares as text")));
            assert_eq!((answer.error.clone(), said), (None, vec![]), "{first}, {second}, {source}");
        }
        assert!(!health(&host).await.contains("digits"), "{first}, {second}");
        // A file that comes later changes that.
        if first.ends_with("BIGINT") && second.ends_with("DOUBLE") {
            reports(&folder, &[(202_603, &report(202_603, "9007199254740993::BIGINT"))]);
            for source in ["perf_all_weeks", "'*.parquet'"] {
                let answer = host.ask(&format!("SELECT id FROM {source}"), "table").await;
                assert!(notices(&answer).concat().contains("9007199254740993 becomes"), "{source}");
            }
            std::fs::remove_file(folder.join(report_name(202_602))).unwrap();
            let answer = host.ask("SELECT id::VARCHAR FROM perf_all_weeks ORDER BY week DESC", "table").await;
            assert_eq!((rows(&answer)[0].as_str(), notices(&answer)), ("9007199254740993", vec![]));
        }
        host.stop().await;
    }
}

/// The views read text and DECIMAL as DOUBLE, and a percentile in any case: judged is the type that they have
/// in the end.
#[tokio::test(flavor = "multi_thread")]
async fn digits_that_the_views_own_types_take_are_told() {
    let root = tempfile::tempdir().unwrap();
    let row = |week: u32, samples: &str, p95: &str| {
        format!("SELECT {week}::INTEGER AS week, 'a' AS pattern, {samples} AS samples, {p95} AS p95_ms")
    };
    let big = "9007199254740993::BIGINT";
    for (index, (first, second, told)) in [
        ((big, "1.5"), ("'12'", "1.5"), "`samples` is BIGINT in `query_perf_weekly_202601.parquet` and VARCHAR elsewhere, and read as DOUBLE, in which digits are lost: 9007199254740993 becomes 9007199254740992.0"),
        (("'9007199254740993'", "1.5"), ("12", "1.5"), "`samples` is VARCHAR in `query_perf_weekly_202601.parquet`"),
        (("'9007199254740993'", "1.5"), ("'12'", "1.5"), "`samples` is VARCHAR in `query_perf_weekly_202601.parquet` and one other report, and read as DOUBLE"),
        ((big, "1.5"), ("12::DECIMAL(20, 0)", "1.5"), "9007199254740993 becomes"),
        (("9007199254740993::DECIMAL(20, 0)", "1.5"), ("12::BIGINT", "1.5"), "`samples` is DECIMAL(20,0) in `query_perf_weekly_202601.parquet` and BIGINT elsewhere"),
        ((big, "1.5"), ("1.5::DOUBLE", "1.5"), "9007199254740993 becomes"),
        ((big, "1.5"), ("1.5::REAL", "1.5"), "read as DOUBLE, in which digits are lost: 9007199254740993 becomes"),
        (("18446744073709551615::UBIGINT", "1.5"), ("'1'", "1.5"), "18446744073709551615 becomes"),
        (("1", big), ("1", "1.5::DOUBLE"), "`p95_ms` is BIGINT in `query_perf_weekly_202601.parquet` and DOUBLE elsewhere"),
        (("1", big), ("1", "2::BIGINT"), "`p95_ms` is BIGINT in `query_perf_weekly_202601.parquet` and one other report, and read as DOUBLE"),
        (("1", "123456789012345.678::DECIMAL(18, 3)"), ("1", "2::DECIMAL(18, 3)"), "123456789012345.678 becomes"),
    ]
    .into_iter()
    .enumerate()
    {
        let folder = root.path().join(index.to_string());
        let (one, other) = (row(202_601, first.0, first.1), row(202_602, second.0, second.1));
        reports(&folder, &[(202_601, &one), (202_602, &other)]);
        let host = Host::start(&folder, &json!({})).await;
        let answer = host.ask("SELECT samples, p95_ms FROM perf_all_weeks", "table").await;
        assert_eq!(answer.error, None, "{first:?}, {second:?}");
        let said = notices(&answer).concat();
        assert!(said.contains(told), "{first:?}, {second:?}: {said}");
        let said = health(&host).await;
        assert!(said.contains(told), "{first:?}, {second:?}: {said}");
        host.stop().await;
    }
    for (index, (first, second)) in [
        (("16777217::INTEGER", "1.5"), ("0.5::REAL", "1.5")),
        (("9007199254740992::BIGINT", "1.5"), ("'12'", "1.5")),
        (("'0.12345678901234567890'", "1.5"), ("12", "1.5")),
        (("1", "16777217::INTEGER"), ("1", "0.5::REAL")),
        (("1", "123456789012.345::DECIMAL(18, 3)"), ("1", "2::DECIMAL(12, 6)")),
        (("18446744073709551615::UBIGINT", "1.5"), ("-1::BIGINT", "1.5")),
    ]
    .into_iter()
    .enumerate()
    {
        let folder = root.path().join(format!("exact{index}"));
        let (one, other) = (row(202_601, first.0, first.1), row(202_602, second.0, second.1));
        reports(&folder, &[(202_601, &one), (202_602, &other)]);
        let host = Host::start(&folder, &json!({})).await;
        let answer = host.ask("SELECT samples::VARCHAR, p95_ms FROM perf_all_weeks", "table").await;
        assert_eq!((answer.error.clone(), notices(&answer)), (None, vec![]), "{first:?}, {second:?}");
        assert!(!health(&host).await.contains("digits"), "{first:?}, {second:?}");
        host.stop().await;
    }
}

/// A report of text makes a group of its own, so that the others become FLOAT before they become DOUBLE.
#[tokio::test(flavor = "multi_thread")]
async fn digits_that_are_lost_on_the_way_are_told() {
    let folder = tempfile::tempdir().unwrap();
    let text = report(202_603, "1.5::DOUBLE").replace("1.5::DOUBLE AS p95_ms", "'1.5' AS p95_ms");
    reports(
        folder.path(),
        &[
            (202_601, &report(202_601, "16777217::INTEGER")),
            (202_602, &report(202_602, "0.5::REAL")),
            (202_603, &text),
        ],
    );
    let host = Host::start(folder.path(), &json!({})).await;
    let answer = host.ask("SELECT id FROM perf_all_weeks ORDER BY week", "table").await;
    let said = notices(&answer).concat();
    assert_eq!(rows(&answer), ["16777216.0", "0.5", "1.5"]);
    assert!(said.contains("read as FLOAT, in which digits are lost: 16777217 becomes"), "{said}");
    host.stop().await;
}

/// A download has no place for a notice, so it fails; but not for a column that is not in it.
#[tokio::test(flavor = "multi_thread")]
async fn a_download_fails_for_the_columns_that_it_reads() {
    let folder = tempfile::tempdir().unwrap();
    let first =
        report(202_601, "9007199254740993::BIGINT").replace("1.5::DOUBLE AS p95_ms", "'fast' AS p95_ms");
    reports(folder.path(), &[(202_601, &first), (202_602, &report(202_602, "1.5::DOUBLE"))]);
    let host = Host::start(folder.path(), &json!({})).await;
    for (sql, status) in [
        ("SELECT week, pattern FROM perf_all_weeks", 200),
        ("SELECT count(*) FROM perf_all_weeks", 200),
        ("SELECT pattern FROM '*.parquet'", 200),
        ("SELECT id FROM perf_all_weeks", 403),
        ("FROM perf_all_weeks", 403),
        ("SELECT w FROM perf_all_weeks AS w", 403),
        ("SELECT pattern FROM perf_all_weeks WHERE id > 7", 403),
        ("SELECT pattern FROM perf_all_weeks WHERE slow_flag", 403),
        ("SELECT pattern FROM perf_slow_patterns", 403),
        ("FROM '*.parquet'", 403),
    ] {
        let (found, body) = get(&host, &format!("export.csv?sql={}", crate::support::encode(sql))).await;
        assert_eq!(found, status, "{sql}: {body}");
    }
    host.stop().await;
}

/// A file's Arrow schema, as pandas and pyarrow put it into the footer.
fn arrow_schema(columns: &[(&str, arrow::datatypes::DataType)]) -> String {
    use arrow::datatypes::{Field, Schema};
    let fields: Vec<Field> = columns.iter().map(|(name, of)| Field::new(*name, of.clone(), true)).collect();
    let mut bytes = Vec::new();
    arrow::ipc::writer::StreamWriter::try_new(&mut bytes, &Schema::new(fields)).unwrap();
    let hex = bytes.iter().fold(String::new(), |hex, byte| hex + &format!("{byte:02x}"));
    duckdb::Connection::open_in_memory()
        .unwrap()
        .query_row(&format!("SELECT to_base64(unhex('{hex}'))"), [], |row| row.get(0))
        .unwrap()
}

/// DuckDB reads them as the integers that they are stored as.
#[tokio::test(flavor = "multi_thread")]
async fn durations_are_read_in_the_unit_that_the_file_tells() {
    use arrow::datatypes::{DataType, TimeUnit};
    let folder = tempfile::tempdir().unwrap();
    reports(
        folder.path(),
        &[(202_601, "SELECT 202601 AS week, 'a' AS pattern, 1500::BIGINT AS p95_ms, 2.5 AS p50_ms")],
    );
    for (week, unit, stored) in [
        (202_602, TimeUnit::Nanosecond, 1_500_250_000_i64),
        (202_603, TimeUnit::Microsecond, 1_500_250),
        (202_604, TimeUnit::Millisecond, 1_500),
        (202_605, TimeUnit::Second, 2),
    ] {
        let schema = arrow_schema(&[
            ("week", DataType::Int64),
            ("P95_ms", DataType::Duration(unit)),
            ("p50_ms", DataType::Int64),
        ]);
        crate::support::duckdb(&format!(
            "COPY (SELECT {week}::BIGINT AS week, 'a' AS pattern, {stored}::BIGINT AS P95_ms, 7::BIGINT AS p50_ms) \
             TO '{}' (FORMAT parquet, KV_METADATA {{'ARROW:schema': '{schema}'}})",
            folder.path().join(report_name(week)).display()
        ));
    }
    // What is no Arrow schema says nothing.
    crate::support::duckdb(&format!(
        "COPY (SELECT 202606 AS week, 'a' AS pattern, 3::BIGINT AS p95_ms) TO '{}' (FORMAT parquet, KV_METADATA {{'ARROW:schema': '/////wAA'}})",
        folder.path().join(report_name(202_606)).display()
    ));
    let host = Host::start(folder.path(), &json!({})).await;
    let answer = host.ask("SELECT week, p95_ms, p50_ms FROM perf_all_weeks ORDER BY week", "table").await;
    let expected = [
        "202601 | 1500.0 | 2.5",
        "202602 | 1500.25 | 7.0",
        "202603 | 1500.25 | 7.0",
        "202604 | 1500.0 | 7.0",
        "202605 | 2000.0 | 7.0",
        "202606 | 3.0 | NULL",
    ];
    assert_eq!((answer.error.clone(), rows(&answer)), (None, expected.map(str::to_owned).to_vec()));
    assert_eq!(notices(&answer), Vec::<String>::new());
    assert_eq!(host.rows("SELECT count(*) FROM perf_slow_patterns").await, ["5"]);
    host.stop().await;
}

/// Of other columns nobody knows which unit is meant.
#[tokio::test(flavor = "multi_thread")]
async fn durations_in_several_units_are_told() {
    use arrow::datatypes::{DataType, TimeUnit};
    let folder = tempfile::tempdir().unwrap();
    let write = |week: u32, of: DataType| {
        let schema = arrow_schema(&[("Wait", of)]);
        crate::support::duckdb(&format!(
            "COPY (SELECT {week} AS week, 'a' AS pattern, 1.5 AS p95_ms, 7::BIGINT AS Wait) TO '{}' (FORMAT parquet, KV_METADATA {{'ARROW:schema': '{schema}'}})",
            folder.path().join(report_name(week)).display()
        ));
    };
    let sources = ["perf_all_weeks", "'*.parquet'"];
    write(202_601, DataType::Duration(TimeUnit::Nanosecond));
    write(202_602, DataType::Duration(TimeUnit::Nanosecond));
    let host = Host::start(folder.path(), &json!({})).await;
    for source in sources {
        let answer = host.ask(&format!("SELECT wait FROM {source}"), "table").await;
        assert_eq!((rows(&answer), notices(&answer)), (vec!["7".to_owned(); 2], vec![]), "{source}");
    }
    for (of, told) in [
        (
            DataType::Duration(TimeUnit::Millisecond),
            "`wait` is durations in milliseconds in `query_perf_weekly_202603.parquet` and durations in nanoseconds elsewhere",
        ),
        (
            DataType::Int64,
            "`wait` is durations in nanoseconds in `query_perf_weekly_202601.parquet` and one other report and BIGINT elsewhere",
        ),
    ] {
        write(202_603, of);
        for source in sources {
            let answer = host.ask(&format!("SELECT wait FROM {source}"), "table").await;
            let said = notices(&answer).concat();
            assert!(
                said.contains(told) && said.contains("all are read as plain numbers"),
                "{source}: {said}"
            );
            let sql = crate::support::encode(&format!("SELECT wait FROM {source}"));
            assert_eq!(get(&host, &format!("export.csv?sql={sql}")).await.0, 403);
        }
        assert!(health(&host).await.contains(told));
    }
    host.stop().await;
}
