//! A report that is added, replaced or removed shows in the next query.

use serde_json::json;

use crate::support::{Host, demo, duckdb, meta, rows};

#[tokio::test(flavor = "multi_thread")]
async fn changes_show_in_the_next_query() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    demo(folder.path(), 2, 10);
    let host = Host::start(folder.path(), &json!({})).await;
    let weeks = "SELECT string_agg(DISTINCT week::VARCHAR, ',' ORDER BY week::VARCHAR) FROM perf_all_weeks";
    assert_eq!(host.rows(weeks).await, ["202652,202653"]);

    let write = |week: i64, value: f64| {
        let (aside, there) = (at("aside.tmp"), at(&format!("query_perf_weekly_{week}.parquet")));
        duckdb(&format!(
            "COPY (SELECT {week}::INTEGER AS week, 'new' AS pattern, 1::BIGINT AS samples, {value}::DOUBLE AS p95_ms) TO '{}' (FORMAT parquet)",
            aside.display()
        ));
        std::fs::rename(aside, there).unwrap();
    };
    write(202_701, 5.0);
    assert_eq!(host.rows(weeks).await, ["202652,202653,202701"]);
    // The new report lacks p50_ms, p99_ms and slow_flag: the views read it all the same.
    let new = "SELECT p95_ms, p50_ms, slow_flag FROM perf_all_weeks WHERE week = 202701";
    assert_eq!(host.rows(new).await, ["5.0 | NULL | false"]);
    write(202_701, 500.0);
    assert_eq!(host.rows(new).await, ["500.0 | NULL | true"]);
    std::fs::remove_file(at("query_perf_weekly_202652.parquet")).unwrap();
    assert_eq!(host.rows(weeks).await, ["202653,202701"]);

    // New columns, and one whose type is another than when the views were made.
    for (value, kind) in [("7", "INTEGER"), ("'v1.2'", "VARCHAR")] {
        duckdb(&format!(
            "COPY (SELECT 202702::INTEGER AS week, 'x' AS pattern, 1.0::DOUBLE AS p95_ms, {value}::{kind} AS build) TO '{}' (FORMAT parquet)",
            at("query_perf_weekly_202702.parquet").display()
        ));
        let build = value.trim_matches('\'');
        assert_eq!(host.rows("SELECT build FROM perf_all_weeks WHERE week = 202702").await, [build]);
        assert_eq!(
            host.rows("SELECT * EXCLUDE (place) FROM perf_top_patterns WHERE week = 202702").await.len(),
            1
        );
    }
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_folder_without_reports_gets_its_first_one() {
    let folder = tempfile::tempdir().unwrap();
    let host = Host::start(folder.path(), &json!({})).await;
    let weeks = "SELECT count(DISTINCT week) FROM perf_all_weeks";
    for view in ["perf_all_weeks", "perf_slow_patterns", "perf_top_patterns", "perf_weeks", "perf_reports"] {
        let answer = host.ask(&format!("FROM {view}"), "table").await;
        assert_eq!((answer.error.as_deref(), rows(&answer).len()), (None, 0), "{view}");
        let notice = meta(&answer)["notices"][0]["text"].as_str().unwrap().to_owned();
        assert!(notice.contains("holds no report that matches `query_perf_weekly_*.parquet`"), "{notice}");
        assert!(notice.contains("wait for the first report"), "{notice}");
    }
    let error = host.error("FROM 'query_perf_weekly_*.parquet'").await;
    assert!(error.contains("No files found"), "who names the files hears that they are not there: {error}");
    demo(folder.path(), 1, 5);
    assert_eq!(host.rows(weeks).await, ["1"]);
    // All of them gone, and there again.
    std::fs::remove_file(folder.path().join("query_perf_weekly_202653.parquet")).unwrap();
    assert_eq!(host.rows(weeks).await, ["0"]);
    demo(folder.path(), 2, 5);
    let answer = host.ask(weeks, "table").await;
    assert_eq!((rows(&answer), meta(&answer).get("notices").cloned()), (vec!["2".to_owned()], None));
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn several_folders_are_one_set_of_reports() {
    let (first, second) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    demo(first.path(), 1, 5);
    let host = Host::start(first.path(), &json!({ "paths": [second.path()] })).await;
    let weeks = "SELECT string_agg(DISTINCT week::VARCHAR, ',' ORDER BY week::VARCHAR) FROM perf_all_weeks";
    assert_eq!(host.rows(weeks).await, ["202653"], "a folder without reports does no harm");
    let health = host.plugin.health(&host.settings).await.unwrap();
    assert!(health.ok && health.message.contains("1 report"), "{health:?}");
    duckdb(&format!(
        "COPY (SELECT 202701::INTEGER AS week, 'x' AS pattern) TO '{}' (FORMAT parquet)",
        second.path().join("query_perf_weekly_202701.parquet").display()
    ));
    assert_eq!(host.rows(weeks).await, ["202653,202701"]);
    host.stop().await;
}
