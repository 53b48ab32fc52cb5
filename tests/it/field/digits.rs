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
            assert_eq!(
                (answer.error.clone(), notices(&answer)),
                (None, vec![]),
                "{first}, {second}, {source}"
            );
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
