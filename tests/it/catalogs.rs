//! What is long and no frame: catalogs of very wide databases, the looks of thousands of files, rows longer
//! than a chunk.

use std::fmt::Write as _;
use std::time::Duration;

use bytes::Bytes;
use serde_json::{Value, json};

use crate::confined::peak_of;
use crate::support::{Host, demo, duckdb, encode, report_name, reports, sample};

const MB: u64 = 1 << 20;

/// A database file with so many tables of a thousand columns each.
fn wide(folder: &tempfile::TempDir, tables: usize) -> std::path::PathBuf {
    let path = folder.path().join("wide.duckdb");
    let mut sql = format!("ATTACH '{}' AS wide;", path.display());
    for table in 0..tables {
        let columns: Vec<String> =
            (0..1_000).map(|column| format!("a_rather_long_name_of_a_column_{column} INTEGER")).collect();
        write!(sql, "CREATE TABLE wide.t{table} ({});", columns.join(", ")).unwrap();
    }
    duckdb(&format!("{sql} DETACH wide;"));
    path
}

async fn catalog(host: &Host) -> (i32, Value) {
    let answer = host.plugin.resource(&host.settings, "GET", "catalog", Bytes::new()).await.unwrap();
    (answer.status, serde_json::from_slice(&answer.body).unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_catalog_lists_what_queries_can_name() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.duckdb");
    duckdb(&format!(
        "ATTACH '{}' AS a; CREATE TABLE a.\"t \"\"1\" (\"c\\\" INTEGER, d VARCHAR[]); CREATE VIEW a.v AS SELECT 1 AS e; \
         CREATE SCHEMA a.s; CREATE TABLE a.s.v (f DATE); DETACH a;",
        path.display()
    ));
    let host = Host::start(&reports(), &json!({ "paths": [path] })).await;
    let (status, found) = catalog(&host).await;
    assert_eq!(status, 200);
    let relations = found["relations"].as_array().unwrap();
    let named = |name: &str| relations.iter().find(|relation| relation["name"] == name).unwrap();
    assert_eq!(
        *named("t \"1"),
        json!({ "database": "a", "schema": "", "name": "t \"1", "columns": [
            { "name": "c\\", "type": "INTEGER" }, { "name": "d", "type": "VARCHAR[]" },
        ] })
    );
    assert_eq!(named("v")["columns"], json!([{ "name": "e", "type": "INTEGER" }]));
    let elsewhere =
        json!({ "database": "a", "schema": "s", "name": "v", "columns": [{ "name": "f", "type": "DATE" }] });
    assert!(relations.contains(&elsewhere), "{relations:?}");
    let view = named("perf_all_weeks");
    assert_eq!(view["database"], "");
    assert!(view["columns"].as_array().unwrap().contains(&json!({ "name": "pattern", "type": "VARCHAR" })));
    host.stop().await;
}

/// Three hundred thousand columns once took 809 of 768 MB: as values of JSON, in the worker and in the
/// broker.
#[tokio::test(flavor = "multi_thread")]
async fn a_very_long_catalog_stays_within_the_datasources_memory() {
    let folder = tempfile::tempdir().unwrap();
    let limit = 512;
    let more = json!({ "memoryLimitMb": limit, "timeoutSeconds": 120 });
    let host = Host::start(&wide(&folder, 300), &more).await;
    let plugin = host.plugin.pid().unwrap();
    let (peak, (status, problem)) = peak_of(plugin, catalog(&host)).await;
    println!("300,000 columns: {} MB at most, {problem}", peak / MB);
    assert!(peak < (limit + 256) * MB, "{} MB", peak / MB);
    assert_eq!(status, 429, "{problem}");
    let message = problem["message"].as_str().unwrap();
    assert!(message.contains("300000 columns, whose list is longer than 8 MB"), "{message}");
    assert!(problem["hint"].as_str().unwrap().contains("DESCRIBE"), "{problem}");
    assert_eq!(host.rows("SELECT count(*) FROM (DESCRIBE t7)").await, ["1000"]);
    let health = host.plugin.health(&host.settings).await.unwrap();
    assert!(health.ok && health.message.contains("300 tables and views"), "{health:?}");
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_long_catalog_that_fits_is_whole() {
    let folder = tempfile::tempdir().unwrap();
    let host = Host::start(&wide(&folder, 80), &json!({ "timeoutSeconds": 120 })).await;
    let plugin = host.plugin.pid().unwrap();
    host.rows("SELECT 1").await;
    let (peak, (status, found)) = peak_of(plugin, catalog(&host)).await;
    let relations = found["relations"].as_array().unwrap();
    let columns: usize = relations.iter().map(|relation| relation["columns"].as_array().unwrap().len()).sum();
    println!("80,000 columns: {} MB at most", peak / MB);
    assert_eq!((status, relations.len(), columns), (200, 80, 80_000));
    host.stop().await;
}

/// What a worker says of 4,000 files is far longer than its other messages; the results are kept all the
/// same.
#[tokio::test(flavor = "multi_thread")]
async fn results_of_thousands_of_reports_are_kept() {
    let folder = tempfile::tempdir().unwrap();
    let long = folder.path().join("x".repeat(200));
    std::fs::create_dir(&long).unwrap();
    demo(&long, 1, 1);
    let first = long.join(report_name(202_653));
    for number in 0..3_999 {
        std::fs::hard_link(&first, long.join(format!("query_perf_weekly_{number:06}.parquet"))).unwrap();
    }
    // What has just changed is not believed.
    tokio::time::sleep(Duration::from_millis(100)).await;
    let mut host = Host::start(&long, &json!({ "timeoutSeconds": 300 })).await;
    host.settings.uid = "many".to_owned();
    for _ in 0..2 {
        assert_eq!(host.rows("SELECT count(*) FROM perf_all_weeks").await, ["4000"]);
    }
    let metrics = host.plugin.metrics().await.unwrap();
    let hits = sample(&metrics, "duckdb_perf_cache_requests_total{datasource=\"many\",result=\"hit\"}");
    assert!(hits >= 1.0, "{metrics}");
    host.stop().await;
}

/// A row that is longer than a chunk is sent in several, by query and by download.
#[tokio::test(flavor = "multi_thread")]
async fn long_rows_cross_in_several_chunks() {
    let host = Host::start(&reports(), &json!({ "maxResultMb": 64, "timeoutSeconds": 120 })).await;
    let sql = "SELECT repeat('x', 3000000 + range::BIGINT) AS a, range AS b FROM range(4)";
    let rows = host.rows(sql).await;
    let lengths: Vec<usize> = rows.iter().map(|row| row.len() - " | 0".len()).collect();
    assert_eq!(lengths, [3_000_000, 3_000_001, 3_000_002, 3_000_003]);
    let address = format!("export.csv?sql={}", encode(sql));
    let answer = host.plugin.resource(&host.settings, "GET", &address, Bytes::new()).await.unwrap();
    let text = String::from_utf8(answer.body.to_vec()).unwrap();
    let lines: Vec<usize> = text.lines().map(str::len).collect();
    assert_eq!(lines, ["a,b".len(), 3_000_002, 3_000_003, 3_000_004, 3_000_005]);
    host.stop().await;
}
