//! A `.duckdb` file: read, never held between queries, and its own views come first.

use std::time::Duration;

use serde_json::json;

use crate::support::{Host, duckdb};

#[tokio::test(flavor = "multi_thread")]
async fn a_writer_writes_between_queries_and_commits_are_seen() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("perf.duckdb");
    let attach = format!("ATTACH '{}' AS f; ", file.display());
    duckdb(&format!(
        "{attach} CREATE TABLE f.t AS SELECT 1 AS a; CREATE VIEW f.perf_all_weeks AS SELECT 'mine' AS pattern"
    ));
    let host = Host::start(&file, &json!({})).await;
    assert_eq!(host.rows("SELECT a FROM t").await, ["1"]);
    assert_eq!(host.rows("FROM perf_all_weeks").await, ["mine"]);
    for value in 2..6 {
        // Opens the file for writing: fails while anyone holds it.
        duckdb(&format!("{attach} UPDATE f.t SET a = {value}"));
        assert_eq!(host.rows("SELECT a FROM t").await, [value.to_string()]);
    }
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn many_queries_share_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("perf.duckdb");
    duckdb(&format!(
        "ATTACH '{}' AS f; CREATE TABLE f.t AS SELECT range AS a FROM range(1000)",
        file.display()
    ));
    let host = Host::start(&file, &json!({})).await;
    let queries: Vec<_> = (0..30)
        .map(|n| crate::support::query(&format!("Q{n}"), "SELECT count(*) FROM t, range(100)", "table"))
        .collect();
    for answer in host.ask_all(&queries).await {
        assert_eq!(answer.error, None);
        assert_eq!(crate::support::rows(&answer), ["100000"]);
    }
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_locked_file_is_a_clear_error_after_a_short_wait() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("perf.duckdb");
    let writer = duckdb::Connection::open(&file).unwrap();
    writer.execute_batch("CREATE TABLE t AS SELECT 1 AS a").unwrap();
    let host = Host::start(&file, &json!({})).await;
    let error = tokio::time::timeout(Duration::from_secs(10), host.error("SELECT a FROM t")).await.unwrap();
    assert!(error.contains("lock") && error.contains("works when it closes the file"), "{error}");
    let health = host.plugin.health(&host.settings).await.unwrap();
    assert!(!health.ok && health.message.contains("lock"), "{health:?}");
    drop(writer);
    assert_eq!(host.rows("SELECT a FROM t").await, ["1"]);
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_of_a_newer_duckdb_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("perf.duckdb");
    duckdb(&format!("ATTACH '{}' AS f; CREATE TABLE f.t AS SELECT 1 AS a", file.display()));
    let mut bytes = std::fs::read(&file).unwrap();
    // The main header: a checksum of what follows, "DUCK", the version.
    bytes[12..20].copy_from_slice(&99_999_u64.to_le_bytes());
    let words = bytes[8..4096].chunks_exact(8).map(|word| u64::from_le_bytes(word.try_into().unwrap()));
    let checksum = words.fold(5381, |sum, word| sum ^ word.wrapping_mul(0xbf58_476d_1ce4_e5b9));
    bytes[..8].copy_from_slice(&checksum.to_le_bytes());
    std::fs::write(&file, bytes).unwrap();
    let host = Host::start(&file, &json!({})).await;
    let error = host.error("SELECT 1").await;
    assert!(error.contains("newer version of DuckDB") && error.contains("update this plugin"), "{error}");
    let health = host.plugin.health(&host.settings).await.unwrap();
    assert!(!health.ok && health.message.contains("newer version of DuckDB"), "{health:?}");
    host.stop().await;
}
