//! The queries of the document that started the project run as written, relative paths included.

use duckdb_perf::app::InstanceSettings;
use serde_json::json;

use crate::support::{Host, demo, duckdb, query, rows};

#[tokio::test(flavor = "multi_thread")]
async fn queries_as_written_from_a_base_path() {
    let base = tempfile::tempdir().unwrap();
    let reports = base.path().join("g/reports");
    std::fs::create_dir_all(&reports).unwrap();
    demo(&reports, 10, 20);
    let host = Host::start(&reports, &json!({ "basePath": base.path() })).await;

    let trend = "SELECT week, pattern, p95_ms FROM 'g/reports/query_perf_weekly_*.parquet' WHERE pattern IN (SELECT pattern \
                 FROM 'g/reports/query_perf_weekly_*.parquet' ORDER BY p95_ms DESC LIMIT 10)";
    let answer = host.ask(trend, "time_series").await;
    assert_eq!(answer.error, None);
    assert_eq!(rows(&answer).len(), 10, "one row per week");

    let slow = "SELECT week, COUNT(*) AS slow FROM 'g/reports/query_perf_weekly_*.parquet' WHERE slow_flag = true \
                AND week >= (SELECT MAX(week) - 3 FROM 'g/reports/query_perf_weekly_*.parquet') GROUP BY week ORDER BY week";
    assert_eq!(host.rows(slow).await.len(), 4);
    assert_eq!(host.rows("SELECT * FROM perf_all_weeks LIMIT 5").await.len(), 5);

    let mut selected = query(
        "A",
        "SELECT week, pattern, SUM(samples) AS samples FROM 'g/reports/query_perf_weekly_*.parquet' \
         WHERE pattern IN ($selected_patterns) GROUP BY week, pattern ORDER BY week ASC",
        "time_series",
    );
    let patterns = host.rows("SELECT DISTINCT pattern FROM perf_all_weeks ORDER BY 1 LIMIT 2").await;
    let mut model: serde_json::Value = serde_json::from_slice(&selected.json).unwrap();
    model["variables"] = json!({ "selected_patterns": patterns });
    selected.json = model.to_string().into();
    let answer = host.ask_all(&[selected]).await.remove(0);
    assert_eq!(answer.error, None);
    assert_eq!(rows(&answer)[0].split(" | ").count(), 3, "the week and two patterns");
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_relative_glob_says_from_where_it_would_match() {
    let base = tempfile::tempdir().unwrap();
    let reports = base.path().join("g/reports");
    std::fs::create_dir_all(&reports).unwrap();
    demo(&reports, 1, 5);
    let host = Host::start(&reports, &json!({})).await;
    let error = host.error("FROM 'g/reports/query_perf_weekly_*.parquet'").await;
    let base = base.path().canonicalize().unwrap();
    assert!(
        error.contains(&format!("matches from `{}`", base.display())) && error.contains("`basePath`"),
        "{error}"
    );
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn provisioning_of_the_other_plugin_opens_unchanged() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("perf.duckdb");
    duckdb(&format!(
        "ATTACH '{}' AS f; CREATE TABLE f.runs AS SELECT 202601 AS week, 'a' AS pattern, 5.0 AS p95_ms",
        file.display()
    ));
    let mut host = Host::start(folder.path(), &json!({})).await;
    for (json_data, url) in [
        (json!({ "path": file }).to_string(), String::new()),
        ("{}".to_owned(), format!("file://{}", file.display())),
    ] {
        host.settings = InstanceSettings {
            uid: url.clone(),
            org_id: 1,
            url,
            json_data: json_data.into(),
            ..Default::default()
        };
        assert_eq!(host.rows("SELECT pattern FROM runs").await, ["a"]);
        assert_eq!(host.rows("SELECT pattern FROM perf.runs").await, ["a"]);
    }
    host.stop().await;
}
