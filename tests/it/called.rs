//! Files by how they are called: names that DuckDB keeps for itself, endings that say something else than
//! what is in the file, and views that a database file brings itself.

use std::path::Path;

use serde_json::json;

use crate::support::{Host, duckdb, settings};

/// Makes a database file in which `sql` made what is there; its catalog is `f`.
fn database(file: &Path, sql: &str) {
    duckdb(&format!("ATTACH '{}' AS f; {sql}", file.display()));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_file_may_have_a_name_that_duckdb_keeps() {
    let folder = tempfile::tempdir().unwrap();
    let mut host = Host::start(folder.path(), &json!({})).await;
    for name in ["main", "temp", "memory", "system", "MAIN", "Temp"] {
        let file = folder.path().join(format!("{name}.duckdb"));
        database(&file, "CREATE TABLE f.t AS SELECT 7 AS a; CREATE VIEW f.v AS SELECT a + 1 AS b FROM f.t");
        host.settings = settings(&file, &json!({}));
        // Its views name the catalog as it was then; the shell calls it like this.
        duckdb(&format!(
            "ATTACH '{}' AS {name}_db; CREATE OR REPLACE VIEW {name}_db.v AS SELECT a + 1 AS b FROM {name}_db.main.t",
            file.display()
        ));
        for sql in ["SELECT a FROM t", "SELECT b - 1 FROM v", &format!("SELECT a FROM {name}_db.t")] {
            assert_eq!(host.rows(sql).await, ["7"], "{name}: {sql}");
        }
        let health = host.plugin.health(&host.settings).await.unwrap();
        assert!(health.ok, "{name}: {health:?}");
        std::fs::remove_file(file).unwrap();
    }
    host.stop().await;
}

/// Its header is that of the file format's description.
#[tokio::test(flavor = "multi_thread")]
async fn a_sqlite_database_says_that_it_is_one() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("perf.duckdb");
    let mut bytes = b"SQLite format 3\0\x10\0\x01\x01\0\x40\x20\x20".to_vec();
    bytes.resize(8192, 0);
    std::fs::write(&file, bytes).unwrap();
    let host = Host::start(&file, &json!({})).await;
    let health = host.plugin.health(&host.settings).await.unwrap();
    for said in
        [host.error("SELECT 1").await, format!("{} {}", health.message, health.details["verboseMessage"])]
    {
        assert!(
            said.contains("perf.duckdb` is a SQLite database") && said.contains("Parquet reports"),
            "{said}"
        );
    }
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn parquet_files_of_other_endings_say_how_they_are_read() {
    let folder = tempfile::tempdir().unwrap();
    let host = Host::start(folder.path(), &json!({})).await;
    for name in ["x.pq", "x.PARQ", "x.parquet.snappy", "x.pq.gz"] {
        let file = folder.path().join(name);
        duckdb(&format!("COPY (SELECT 7 AS a) TO '{}' (FORMAT parquet)", file.display()));
        let error = host.error(&format!("FROM '{name}'")).await;
        assert!(error.contains("write FROM read_parquet('…')"), "{name}: {error}");
        assert!(!error.contains("Did you mean"), "{name}: {error}");
        assert_eq!(host.rows(&format!("FROM read_parquet('{name}')")).await, ["7"], "{name}");
    }
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_path_of_one_report_says_to_name_its_folder() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path().canonicalize().unwrap();
    let file = folder.join("weekly.parquet");
    duckdb(&format!(
        "COPY (SELECT 202601::INTEGER AS week, 'a' AS pattern, 1.5::DOUBLE AS p95_ms) TO '{}' (FORMAT parquet)",
        file.display()
    ));
    let mut host = Host::start(&file, &json!({})).await;
    let health = host.plugin.health(&host.settings).await.unwrap();
    let remedy = format!(
        "Use its folder `{}` as \"Path\" (`path`); for this file alone, set \"Report files\" (`reports`) to `weekly.parquet`.",
        folder.display()
    );
    assert!(!health.ok && health.message.contains("is one Parquet file and not a folder"), "{health:?}");
    assert_eq!(health.details["verboseMessage"], remedy.as_str(), "{health:?}");
    host.settings = settings(&folder, &json!({ "reports": "weekly.parquet" }));
    assert_eq!(host.rows("SELECT week FROM perf_all_weeks").await, ["202601"]);
    host.stop().await;
}

const ROWS: &str = "SELECT * FROM (VALUES (202601, 'a', 10, 150.5), (202601, 'b', 10, 250.5), (202602, 'a', 10, 1.5)) t(week, pattern, samples, p95_ms)";
const COLUMNS: &str = "week::INTEGER AS week, pattern, samples::BIGINT AS samples, 0.5::DOUBLE AS p50_ms, p95_ms::DOUBLE AS p95_ms, 999.5::DOUBLE AS p99_ms, p95_ms > 100 AS slow_flag";

/// The views that build on `perf_all_weeks` show what that shows, whether reports lie beside the file or not.
#[tokio::test(flavor = "multi_thread")]
async fn views_over_a_files_own_weeks() {
    let folder = tempfile::tempdir().unwrap();
    let reports = folder.path().join("reports");
    std::fs::create_dir(&reports).unwrap();
    duckdb(&format!(
        "COPY (SELECT {COLUMNS} FROM (VALUES (202652, 'other', 10, 777.0)) t(week, pattern, samples, p95_ms)) TO '{}/query_perf_weekly_202652.parquet' (FORMAT parquet)",
        reports.display()
    ));
    let file = folder.path().join("perf.duckdb");
    let top = "SELECT week, place, pattern FROM perf_top_patterns ORDER BY ALL";
    let slow = "SELECT pattern FROM perf_slow_patterns ORDER BY ALL";
    for kind in ["TABLE", "VIEW"] {
        database(&file, &format!("CREATE {kind} f.perf_all_weeks AS SELECT {COLUMNS} FROM ({ROWS})"));
        for more in [json!({}), json!({ "paths": [&reports] })] {
            let host = Host::start(&file, &more).await;
            assert_eq!(host.rows(slow).await, ["a", "b"], "{kind} {more}");
            assert_eq!(
                host.rows(top).await,
                ["202601 | 1 | b", "202601 | 2 | a", "202602 | 1 | a"],
                "{kind} {more}"
            );
            assert_eq!(host.rows("SELECT count(*) FROM perf_all_weeks").await, ["3"], "{kind} {more}");
            host.stop().await;
        }
        std::fs::remove_file(&file).unwrap();
    }
    // What the file brings itself stays.
    database(
        &file,
        &format!(
            "CREATE TABLE f.perf_all_weeks AS SELECT {COLUMNS} FROM ({ROWS}); CREATE VIEW f.perf_slow_patterns AS SELECT 'mine' AS pattern"
        ),
    );
    let host = Host::start(&file, &json!({})).await;
    assert_eq!(host.rows(slow).await, ["mine"]);
    assert_eq!(host.rows(top).await.len(), 3);
    host.stop().await;
    std::fs::remove_file(&file).unwrap();
    // One that may not be queried may not be so through another name.
    database(
        &file,
        "CREATE VIEW f.perf_all_weeks AS SELECT 202601 AS week, current_setting('temp_directory') AS pattern, 1 AS p95_ms, 1 AS samples",
    );
    let host = Host::start(&file, &json!({})).await;
    for sql in [top, slow] {
        let error = host.error(sql).await;
        assert!(
            error.contains("the view `perf_all_weeks` of the database file may not be queried"),
            "{error}"
        );
    }
    host.stop().await;
}
