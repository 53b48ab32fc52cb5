//! Weeks that are no plain integer are read as the week that they are; weeks that do not exist count nowhere
//! and are told.

use std::path::Path;

use serde_json::{Value, json};

use super::{get, health, notices, reports};
use crate::served::Served;
use crate::support::{Host, duckdb, rows};

const COUNTS: &str = "SELECT week, count(*) FROM perf_all_weeks GROUP BY week ORDER BY week NULLS LAST";

async fn over(folder: &Path, more: &Value) -> Host {
    Host::start(folder, more).await
}

fn report(week: &str, p95: &str) -> String {
    format!("SELECT {week} AS week, 'a' AS pattern, 100::BIGINT AS samples, {p95}::DOUBLE AS p95_ms")
}

/// Beside a report with an integer.
#[tokio::test(flavor = "multi_thread")]
async fn a_week_is_read_however_it_is_written() {
    let root = tempfile::tempdir().unwrap();
    for (index, (written, read)) in [
        ("'2026-W02'", 202_602),
        ("'2026W02'", 202_602),
        ("'2026-w2'", 202_602),
        ("'2026-W02-7'", 202_602),
        ("' 202602 '", 202_602),
        ("'202602.0'", 202_602),
        ("'2026-01-05'", 202_602),
        ("'2026-01-11T23:59:59Z'", 202_602),
        ("'202602'::BLOB", 202_602),
        ("202602::DOUBLE", 202_602),
        ("202602::REAL", 202_602),
        ("202602::DECIMAL(9, 2)", 202_602),
        ("202602::UBIGINT", 202_602),
        ("202602::HUGEINT", 202_602),
        ("DATE '2026-01-05'", 202_602),
        ("DATE '2027-01-03'", 202_653),
        ("TIMESTAMP '2026-01-11 23:59:59.999'", 202_602),
        ("TIMESTAMP_NS '2026-01-05 00:00:00'", 202_602),
        ("TIMESTAMPTZ '2026-01-11 23:59:59+00'", 202_602),
    ]
    .into_iter()
    .enumerate()
    {
        let folder = root.path().join(index.to_string());
        reports(&folder, &[(202_601, &report("202601::INTEGER", "1.5")), (202_602, &report(written, "2.5"))]);
        let host = over(&folder, &json!({})).await;
        let answer = host.ask(COUNTS, "table").await;
        assert_eq!(answer.error, None, "{written}");
        assert_eq!(rows(&answer), ["202601 | 1".to_owned(), format!("{read} | 1")], "{written}");
        assert_eq!(notices(&answer), Vec::<String>::new(), "{written}");
        let typed = format!("SELECT typeof(week) FROM perf_all_weeks WHERE week = {read} AND p95_ms = 2.5");
        assert_eq!(host.rows(&typed).await, ["INTEGER"], "{written}");
        let checked = host.plugin.health(&host.settings).await.unwrap();
        assert_eq!(checked.details["newestWeek"], read, "{written}: {checked:?}");
        assert!(!checked.message.contains("cannot be read"), "{written}: {checked:?}");
        host.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_week_is_missing_and_told() {
    let root = tempfile::tempdir().unwrap();
    for (index, (written, of)) in [
        ("'last week'", "VARCHAR"),
        ("'2026-01'", "VARCHAR"),
        ("202602.5::DOUBLE", "DOUBLE"),
        ("202602.5::DECIMAL(9, 2)", "DECIMAL(9,2)"),
        ("true", "BOOLEAN"),
        ("INTERVAL 1 WEEK", "INTERVAL"),
        ("[202602]", "INTEGER[]"),
    ]
    .into_iter()
    .enumerate()
    {
        let folder = root.path().join(index.to_string());
        reports(&folder, &[(202_601, &report("202601::INTEGER", "1.5")), (202_602, &report(written, "2.5"))]);
        let host = over(&folder, &json!({})).await;
        let answer = host.ask(COUNTS, "table").await;
        assert_eq!(answer.error, None, "{written}");
        assert_eq!(rows(&answer), ["202601 | 1", "NULL | 1"], "{written}");
        let said = notices(&answer).join("\n");
        let expected = format!(
            "`week` is {of} in `query_perf_weekly_202602.parquet`, where 1 of its values cannot be read as a week"
        );
        assert!(said.contains(&expected), "{written}: {said}");
        let said = health(&host).await;
        let expected = format!("`week` is {of} in `query_perf_weekly_202602.parquet`");
        assert!(said.contains(&expected), "{written}: {said}");
        assert!(said.contains("Newest week 2026-W01"), "{written}: {said}");
        let (status, body) = get(&host, "export.csv?sql=FROM%20perf_all_weeks").await;
        assert!(status == 403 && body.contains("query_perf_weekly_202602.parquet"), "{status}: {body}");
        host.stop().await;
    }
    // NaN is how pandas writes a week that is missing.
    let folder = root.path().join("nan");
    let rows_of = "SELECT unnest([202602.0, 'nan'::DOUBLE]) AS week, 'a' AS pattern, 2.5 AS p95_ms";
    reports(&folder, &[(202_601, &report("202601::INTEGER", "1.5")), (202_602, rows_of)]);
    let host = over(&folder, &json!({})).await;
    let answer = host.ask(COUNTS, "table").await;
    assert_eq!(rows(&answer), ["202601 | 1", "202602 | 1", "NULL | 1"]);
    assert_eq!(notices(&answer), Vec::<String>::new());
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn folders_tell_weeks_as_people_write_them() {
    let root = tempfile::tempdir().unwrap();
    let folder = root.path().canonicalize().unwrap();
    let write = |path: &str, select: &str| {
        let folder = folder.join(path);
        std::fs::create_dir_all(&folder).unwrap();
        duckdb(&format!("COPY ({select}) TO '{}/part-0.parquet' (FORMAT parquet)", folder.display()));
    };
    let rest = "SELECT 'a' AS pattern, 100 AS samples, 1.5 AS p95_ms";
    write("own", &report("202601::INTEGER", "1.5"));
    for path in ["week=2026-W02", "week=202603", "week=2026w4", "week=2026-01-26", "week=2026%2DW06"] {
        write(path, rest);
    }
    let host = over(&folder, &json!({ "reports": "*/*.parquet" })).await;
    let answer = host.ask(COUNTS, "table").await;
    let weeks: Vec<String> = (202_601..=202_606).map(|week| format!("{week} | 1")).collect();
    assert_eq!((answer.error.clone(), rows(&answer)), (None, weeks));
    assert_eq!(notices(&answer), Vec::<String>::new());
    assert_eq!(host.rows("SELECT count(*) FROM perf_all_weeks WHERE week = 202602").await, ["1"]);
    let said = health(&host).await;
    assert!(said.contains("6 reports") && said.contains("Newest week 2026-W06"), "{said}");
    assert!(!said.contains("No column `week`"), "{said}");

    write("week=latest", rest);
    write("week=__HIVE_DEFAULT_PARTITION__", rest);
    let answer = host.ask("SELECT count(*) FROM perf_all_weeks WHERE week IS NULL", "table").await;
    assert_eq!(rows(&answer), ["2"]);
    let expected = "`week` is told by the names of folders, of which `week=latest` cannot be read as a week";
    assert!(notices(&answer).concat().contains(expected), "{:?}", notices(&answer));
    let said = health(&host).await;
    assert!(said.contains(expected), "{said}");
    host.stop().await;
}

/// Two real weeks and rows of some that do not exist, after, between and before them.
fn odd_weeks(folder: &Path, odd: &[i64]) {
    let row = |week: i64, p95: f64| report(&format!("{week}::INTEGER"), &format!("{p95}"));
    reports(folder, &[(202_552, &row(202_552, 100.0)), (202_601, &row(202_601, 200.0))]);
    for (index, week) in odd.iter().enumerate() {
        let file = folder.join(format!("query_perf_weekly_x{index}.parquet"));
        duckdb(&format!("COPY ({}) TO '{}' (FORMAT parquet)", row(*week, 150.0), file.display()));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_week_that_does_not_exist_is_neither_the_newest_nor_the_one_before() {
    let folder = tempfile::tempdir().unwrap();
    odd_weeks(folder.path(), &[202_553, 202_560, 202_600, 202_660, 2_601, 101, 226_252, 999_952]);
    let host = over(folder.path(), &json!({})).await;
    let mut query = crate::support::query(
        "A",
        "SELECT week FROM perf_all_weeks WHERE $__weekFilter(week) ORDER BY 1",
        "table",
    );
    query.range =
        duckdb_perf::query::TimeRange::parse("0001-01-01", "9999-12-31", jiff::Timestamp::now()).unwrap();
    let answer = host.ask_all(&[query]).await.remove(0);
    assert_eq!(
        (answer.error.clone(), rows(&answer)),
        (None, ["202552", "202601"].map(str::to_owned).to_vec())
    );
    let said = notices(&answer).concat();
    assert!(
        said.contains("`week` is no ISO week (202553, for example) in 8 rows of `query_perf_weekly_x0.parquet` and 7 other reports"),
        "{said}"
    );
    let checked = host.plugin.health(&host.settings).await.unwrap();
    assert_eq!(checked.details["newestWeek"], 202_601, "{checked:?}");
    let expected = "`week` is no ISO week (202553, for example) in 8 rows of `query_perf_weekly_x0.parquet` and 7 other reports. Write the report again";
    assert!(checked.ok && checked.message.contains(expected), "{checked:?}");
    // Nothing of such rows is missing in a download.
    let (status, body) = get(&host, "export.csv?sql=SELECT%20week%20FROM%20perf_all_weeks").await;
    assert!(status == 200 && body.contains("999952"), "{status}: {body}");
    host.stop().await;
}

#[test]
fn the_api_knows_neither_such_weeks() {
    let folder = tempfile::tempdir().unwrap();
    odd_weeks(folder.path(), &[202_553, 202_560, 202_600, 202_660, 2_601, 101, 226_252, 999_952]);
    let served = Served::start(folder.path(), &[]);
    let found = served.get("api/perf/regressions?percent=0&min_samples=0").rows();
    assert_eq!(found.len(), 1, "{found:?}");
    assert_eq!((&found[0]["week"], &found[0]["previous_week"]), (&json!(202_601), &json!(202_552)));
    assert_eq!(found[0]["previous_p95_ms"].as_f64(), Some(100.0));
    let found = served.get("api/perf/pattern?name=a").rows();
    let of: Vec<_> = found.iter().map(|row| (row["week"].as_i64(), row["p95_change_ms"].as_f64())).collect();
    assert_eq!(of, [(Some(202_552), None), (Some(202_601), Some(100.0))]);
    for (route, week) in
        [("patterns", "last_week"), ("slow?slow_ms=1&order=newest", "week"), ("agents", "week")]
    {
        let found = served.get(&format!("api/perf/{route}")).rows();
        assert_eq!(found[0][week], json!(202_601), "{route}: {found:?}");
    }
    served.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn sound_weeks_are_not_mentioned() {
    let folder = tempfile::tempdir().unwrap();
    let of_years = "SELECT unnest([202652, 202653, 202701])::INTEGER AS week, 'a' AS pattern, 100 AS samples, 1.5 AS p95_ms";
    reports(folder.path(), &[(202_601, &report("202601::BIGINT", "1.5")), (202_701, of_years)]);
    let host = over(folder.path(), &json!({})).await;
    let answer = host.ask("SELECT count(*) FROM perf_all_weeks WHERE $__weekFilter(week)", "table").await;
    assert_eq!((rows(&answer), notices(&answer)), (vec!["3".to_owned()], vec![]));
    assert!(!health(&host).await.contains("no ISO week"));
    // One row of many.
    let one = "SELECT CASE range WHEN 7000 THEN 202654 ELSE 202653 END::INTEGER AS week, 'a' AS pattern, 100 AS samples, 1.5 AS p95_ms FROM range(9000)";
    reports(folder.path(), &[(202_653, one)]);
    let answer = host.ask("SELECT count(*) FROM perf_all_weeks", "table").await;
    let said = notices(&answer).concat();
    assert!(
        said.contains("is no ISO week (202654, for example) in 1 row of `query_perf_weekly_202653.parquet`."),
        "{said}"
    );
    host.stop().await;
}

/// A file is passed over by the bounds of its weeks, also beside reports that hold the week as text.
#[tokio::test(flavor = "multi_thread")]
async fn a_filter_on_weeks_still_passes_over_files() {
    let folder = tempfile::tempdir().unwrap();
    let text = report("'2026-W03'", "3.5");
    reports(
        folder.path(),
        &[
            (202_601, &report("202601::INTEGER", "1.5")),
            (202_602, &report("202602::INTEGER", "2.5")),
            (202_603, &text),
        ],
    );
    let host = over(folder.path(), &json!({})).await;
    let explained = host
        .rows("EXPLAIN ANALYZE SELECT pattern FROM perf_all_weeks WHERE week BETWEEN 202602 AND 202603")
        .await
        .concat();
    assert!(explained.contains("Row Groups Scanned: 1 / 2"), "{explained}");
    host.stop().await;
}

/// A cast would round it to the next one.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_whole_number_is_no_week() {
    let folder = tempfile::tempdir().unwrap();
    let host = over(folder.path(), &json!({})).await;
    for of in ["DOUBLE", "DECIMAL(9, 1)", "VARCHAR", "REAL"] {
        let weeks = format!("(SELECT unnest(['202601.0', '202601.5', '202602.4'])::{of} AS w)");
        // One year, and several, of which one has a week 53.
        for (from, to) in
            [("2026-01-01", "2026-06-01"), ("2025-06-01", "2026-06-01"), ("2025-06-01", "2027-06-01")]
        {
            // DuckDB compares no text with a number.
            if of == "VARCHAR" {
                continue;
            }
            let mut query = crate::support::query(
                "A",
                &format!("SELECT CAST(w AS DOUBLE) FROM {weeks} WHERE $__weekFilter(w)"),
                "table",
            );
            query.range = duckdb_perf::query::TimeRange::parse(from, to, jiff::Timestamp::now()).unwrap();
            let answer = host.ask_all(&[query]).await.remove(0);
            assert_eq!((answer.error.clone(), rows(&answer)), (None, vec!["202601.0".to_owned()]), "{of}");
        }
        let answer = host.rows(&format!("SELECT $__weekTime(w)::VARCHAR FROM {weeks}")).await;
        assert_eq!(answer, ["2025-12-29 00:00:00", "NULL", "NULL"], "{of}");
    }
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_number_beyond_any_week_is_told() {
    let root = tempfile::tempdir().unwrap();
    for (index, (written, shown)) in [
        ("5000000000::BIGINT", "5000000000"),
        ("4000000000::UINTEGER", "4000000000"),
        ("18446744073709551615::UBIGINT", "18446744073709551615"),
        ("(-9223372036854775807 - 1)::BIGINT", "-9223372036854775808"),
        ("170141183460469231731687303715884105727::HUGEINT", "cannot be read as a week"),
        ("99999999999999999999::DECIMAL(38, 0)", "cannot be read as a week"),
        ("'99999999999999999999'", "cannot be read as a week"),
        ("5000000000::DOUBLE", "cannot be read as a week"),
        ("'inf'::DOUBLE", "cannot be read as a week"),
    ]
    .into_iter()
    .enumerate()
    {
        for alone in [false, true] {
            let folder = root.path().join(format!("{index}{alone}"));
            let odd = report(written, "2.5");
            reports(&folder, &[(202_602, &odd)]);
            if !alone {
                reports(&folder, &[(202_601, &report("202601::INTEGER", "1.5"))]);
            }
            let host = over(&folder, &json!({})).await;
            let answer = host.ask(COUNTS, "table").await;
            assert_eq!(rows(&answer).last().unwrap(), "NULL | 1", "{written}");
            let said = notices(&answer).concat();
            assert!(said.contains(shown), "{written}: {said}");
            let said = health(&host).await;
            assert!(said.contains(shown) || said.contains("`week` is"), "{written}: {said}");
            host.stop().await;
        }
    }
}
