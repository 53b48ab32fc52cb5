//! What people write every day answers, although the bundled engine has no ICU.

use duckdb_perf::app::DataQuery;
use duckdb_perf::query::TimeRange;
use serde_json::json;

use crate::support::{Host, duckdb, meta, query, reports};

#[tokio::test(flavor = "multi_thread")]
async fn time_without_icu() {
    let host = Host::start(&reports(), &json!({})).await;
    for sql in [
        "SELECT now() - INTERVAL 7 DAY < now()",
        "SELECT current_date = now()::DATE",
        "SELECT today() = current_date",
        "SELECT date_trunc('day', now()) <= now()",
        "SELECT time_bucket(INTERVAL 1 HOUR, now()) <= now()",
        "SELECT extract(year FROM now()) >= 2026",
        "SELECT date_diff('day', now() - INTERVAL 3 DAY, now()) = 3",
        "SELECT TIMESTAMPTZ '2026-07-01 12:00:00+00' AT TIME ZONE 'Europe/Berlin' = TIMESTAMP '2026-07-01 14:00:00'",
        "SELECT TIMESTAMP '2026-01-01 12:00:00' AT TIME ZONE 'Europe/Berlin' = TIMESTAMPTZ '2026-01-01 11:00:00+00'",
        "SELECT now() > TIMESTAMP '2026-01-01'",
        "SELECT now()::TIMESTAMP > now()::TIMESTAMP - INTERVAL '1 hour'",
        "SELECT count(*) = 1 FROM (SELECT now() AS t) WHERE t BETWEEN now() - INTERVAL 1 DAY AND now()",
    ] {
        assert_eq!(host.rows(sql).await, ["true"], "{sql}");
    }
    let error = host.error("FROM generate_series(now() - INTERVAL 1 DAY, now(), INTERVAL 1 HOUR)").await;
    assert!(error.contains("`now()::TIMESTAMP`"), "{error}");
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn readers_of_every_kind() {
    let host = Host::start(&reports(), &json!({})).await;
    for (sql, least) in [
        ("DESCRIBE perf_all_weeks", 7),
        ("DESCRIBE SELECT 1 AS a", 1),
        ("SUMMARIZE perf_all_weeks", 7),
        ("SHOW TABLES", 3),
        ("SHOW ALL TABLES", 3),
        ("PIVOT perf_all_weeks ON week USING max(p95_ms) GROUP BY pattern", 20),
        ("PIVOT perf_all_weeks ON week IN (202652, 202653) USING max(p95_ms) GROUP BY pattern", 20),
        ("EXPLAIN SELECT * FROM perf_all_weeks", 1),
        ("EXPLAIN ANALYZE SELECT count(*) FROM perf_all_weeks", 1),
        ("FROM perf_top_patterns LIMIT 3", 3),
        ("VALUES (1), (2)", 2),
        ("FROM 'query_perf_weekly_*.parquet' LIMIT 5", 5),
        ("SELECT * FROM perf_slow_patterns LIMIT 1", 1),
    ] {
        let rows = host.rows(sql).await;
        assert!(rows.len() >= least, "{sql}: {rows:?}");
    }
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_passes_from_one_query_to_the_next() {
    let host = Host::start(&reports(), &json!({})).await;
    for refused in [
        "CREATE TEMP VIEW t AS SELECT 1",
        "SET VARIABLE x = 1",
        "USE temp",
        "PREPARE p AS SELECT 1",
        "SET threads = 1",
    ] {
        let error = host.error(refused).await;
        assert!(error.contains("statements are not allowed"), "{refused}: {error}");
    }
    assert_eq!(host.rows("SELECT getvariable('x') IS NULL").await, ["true"]);
    host.stop().await;
}

/// A range of hours holds no Monday: the graph says so, and an alert rule, which nobody looks at, gets the
/// same rows without a word.
#[tokio::test(flavor = "multi_thread")]
async fn a_range_of_hours_is_too_short_for_weeks() {
    let host = Host::start(&reports(), &json!({})).await;
    let weekly =
        "SELECT week, max(p95_ms) AS p95_ms FROM perf_all_weeks WHERE $__weekFilter(week) GROUP BY week";
    let hours =
        TimeRange::parse("2026-12-02T06:00:00Z", "2026-12-02T12:00:00Z", jiff::Timestamp::now()).unwrap();
    for (is_of_alert, sql, format, told) in [
        (false, weekly, "time_series", true),
        (false, "SELECT week, p95_ms FROM perf_top_patterns", "time_series", true),
        (false, "SELECT pattern FROM perf_all_weeks WHERE $__weekFilter(week) AND false", "table", true),
        (false, "SELECT pattern FROM perf_all_weeks WHERE false", "table", false),
        (false, weekly, "table", false),
        (true, weekly, "time_series", false),
    ] {
        let asked = DataQuery { range: hours, is_of_alert, ..query("A", sql, format) };
        let answer = host.ask_all(&[asked]).await.remove(0);
        assert_eq!(answer.error, None, "{sql}");
        let notices = meta(&answer)["notices"].to_string();
        assert_eq!(notices.contains("the last 6 months"), told, "{sql} {format} {is_of_alert}: {notices}");
    }
    host.stop().await;
}

/// Columns with nanoseconds in a zone, as pandas and polars write them, in reports.
#[tokio::test(flavor = "multi_thread")]
async fn nanoseconds_in_reports() {
    let folder = tempfile::tempdir().unwrap();
    for (week, ts) in [(202_601, "2026-01-01 00:10:00.123456789+00"), (202_602, "2026-01-07 05:59:59+00")] {
        let file = folder.path().join(format!("query_perf_weekly_{week}.parquet"));
        duckdb(&format!(
            "COPY (SELECT {week} AS week, 'a' AS pattern, 1.0::DOUBLE AS p95_ms, TIMESTAMPTZ_NS '{ts}' AS ts) TO '{}' (FORMAT parquet)",
            file.display()
        ));
    }
    let host = Host::start(folder.path(), &json!({})).await;
    for (sql, expected) in [
        ("SELECT typeof(ts) FROM perf_all_weeks LIMIT 1", "TIMESTAMPTZ_NS"),
        (
            "SELECT strftime($__timeGroup(ts, '1h'), '%d %H') FROM perf_all_weeks WHERE $__timeFilter(ts) ORDER BY 1",
            "01 00,07 05",
        ),
        (
            "SELECT date_trunc('week', ts)::VARCHAR FROM perf_all_weeks ORDER BY 1",
            "2025-12-29 00:00:00+00,2026-01-05 00:00:00+00",
        ),
        (
            "SELECT count(*) FROM perf_all_weeks WHERE ts < now() AND ts + INTERVAL 1 DAY > ts AND ts::DATE = '2026-01-07'",
            "1",
        ),
    ] {
        assert_eq!(host.rows(sql).await.join(","), expected, "{sql}");
    }
    host.stop().await;
}
