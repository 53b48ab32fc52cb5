//! What people write every day answers, although the bundled engine has no ICU.

use serde_json::json;

use crate::support::{Host, reports};

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
