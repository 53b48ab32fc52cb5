//! Bad input: each mistake has its own message, its position's owner is right, and nothing else is harmed.

use serde_json::json;

use crate::support::{Host, demo, meta, query, reports, settings};

#[tokio::test(flavor = "multi_thread")]
async fn each_mistake_has_its_message() {
    let host = Host::start(&reports(), &json!({})).await;
    for (sql, parts) in [
        ("SELECT $__nope(week) FROM perf_all_weeks", &["`$__nope`"][..]),
        ("SELECT * FROM perf_all_weeks WHERE $__timeFilter()", &["`$__timeFilter`"]),
        ("SELECT $__timeGroup(t, '5 parsecs') FROM perf_all_weeks", &["5 parsecs"]),
        ("SELECT * FROM perf_all_weeks WHERE pattern = $missing", &["`$missing`"]),
        ("SELECT 1; SELECT 2", &["more than one statement"]),
        ("DROP TABLE perf_all_weeks", &["`DROP` statements are not allowed", "only reads"]),
        ("WITH c AS (COPY (SELECT 1) TO 'x.csv') FROM c", &["`COPY` is not allowed"]),
        ("SELECT 'open", &["'"]),
        ("", &["empty"]),
        ("   -- only a comment", &["empty"]),
        ("SELECT * FROM 'missing_*.parquet'", &["No files found", "basePath"]),
        ("SELECT * FROM nope", &["nope does not exist"]),
        ("SELECT nope FROM perf_all_weeks", &["nope"]),
        ("SELECT * FROM read_csv('/etc/passwd')", &["paths"]),
        ("SELECT * FROM read_text('/etc/passwd')", &["paths"]),
        ("SELECT 1 +", &["Parser Error"]),
        ("SELECT 'x'::INTEGER", &["Conversion Error"]),
        ("SELECT * FROM query('SELECT 1')", &["the function `query` is not allowed"]),
        ("SELECT 'a\0b'", &["NUL"]),
    ] {
        let answer = host.ask(sql, "table").await;
        let error = answer.error.clone().unwrap_or_else(|| panic!("`{sql}` did not fail"));
        for part in parts {
            assert!(error.contains(part), "{sql}: {error}");
        }
        assert_eq!(answer.error_source, "downstream", "{sql}: {error}");
        assert!(answer.status >= 400, "{sql}");
        if !sql.trim().is_empty() {
            assert!(meta(&answer)["executedQueryString"].is_string(), "{sql}");
        }
    }
    assert_eq!(host.rows("SELECT 1").await, ["1"]);
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_time_series_without_time_says_so() {
    let host = Host::start(&reports(), &json!({})).await;
    let error = host.ask("SELECT 1.5 AS value", "time_series").await.error.unwrap();
    assert!(error.contains("time"), "{error}");
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bad_query_fails_only_its_own_ref_id() {
    let host = Host::start(&reports(), &json!({})).await;
    let mut broken = query("B", "x", "table");
    broken.json = "{\"rawSql\": 7}".into();
    let answers = host
        .ask_all(&[
            query("A", "SELECT 1", "table"),
            broken,
            query("C", "SELEC", "table"),
            query("D", "SELECT 1", "pie"),
        ])
        .await;
    assert_eq!(answers[0].error, None);
    assert!(answers[1].error.as_ref().unwrap().contains("rawSql"));
    assert!(answers[2].error.as_ref().unwrap().contains("Parser Error"));
    assert!(answers[3].error.as_ref().unwrap().contains("format"));
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn settings_of_the_wrong_type_name_their_field() {
    let mut host = Host::start(&reports(), &json!({})).await;
    for (more, part) in [
        (json!({ "timeoutSeconds": "soon" }), "`timeoutSeconds`"),
        (json!({ "maxRows": -1 }), "`maxRows`"),
        (json!({ "paths": "x" }), "`paths`"),
        (json!({ "path": 7 }), "`path`"),
        (json!({ "reports": "../*.parquet" }), "`reports`"),
    ] {
        host.settings = settings(&reports(), &more);
        let error = host.error("SELECT 1").await;
        assert!(error.contains(part), "{more}: {error}");
        let health = host.plugin.health(&host.settings).await.unwrap();
        assert!(!health.ok && health.message.contains(part), "{more}: {health:?}");
    }
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn half_written_and_differing_reports() {
    let folder = tempfile::tempdir().unwrap();
    demo(folder.path(), 2, 10);
    let good = std::fs::read(folder.path().join("query_perf_weekly_202653.parquet")).unwrap();
    let bad = folder.path().join("query_perf_weekly_202701.parquet");
    std::fs::write(&bad, &good[..good.len() / 2]).unwrap();
    let host = Host::start(folder.path(), &json!({})).await;
    let error = host.error("SELECT * FROM perf_all_weeks").await;
    assert!(error.contains("query_perf_weekly_202701.parquet") && error.contains("half-written"), "{error}");

    crate::support::duckdb(&format!(
        "COPY (SELECT 'x' AS other, 202701 AS week) TO '{}' (FORMAT parquet)",
        bad.display()
    ));
    let glob = host.error("SELECT pattern FROM read_parquet(['query_perf_weekly_202653.parquet', 'query_perf_weekly_202701.parquet'])").await;
    assert!(glob.contains("union_by_name"), "{glob}");
    assert_eq!(host.rows("SELECT count(*) FROM perf_all_weeks WHERE week = 202701").await, ["1"]);
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn caps_announce_themselves() {
    let host = Host::start(&reports(), &json!({ "maxRows": 5, "maxResultMb": 1 })).await;
    let answer = host.ask("SELECT range AS n FROM range(100)", "table").await;
    assert_eq!(crate::support::rows(&answer).len(), 5);
    let notices = meta(&answer)["notices"].to_string();
    assert!(notices.contains('5') && notices.contains("maxRows"), "{notices}");
    host.stop().await;

    let host = Host::start(&reports(), &json!({ "maxResultMb": 1 })).await;
    let answer = host.ask("SELECT range AS n, repeat('x', 100) AS t FROM range(500000)", "table").await;
    let notices = meta(&answer)["notices"].to_string();
    assert!(notices.contains("maxResultMb"), "{notices}");
    assert!(answer.frames[0].len() < 2 << 20);
    host.stop().await;
}
