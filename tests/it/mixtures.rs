//! Files that get another version while queries read them more than once: no answer holds something of both.
//! Rewritten in place, so that their folder looks the same, and behind the views of a database file, which
//! the query does not name.

use std::os::unix::fs::FileExt as _;
use std::time::Duration;

use serde_json::json;

use crate::changing_files::{meanwhile, watch};
use crate::support::{Host, duckdb};

/// Reads `source` several times, so that a version that comes in between shows; gives [`SAME`].
fn several_reads_of(source: &str) -> String {
    format!(
        "SELECT (SELECT max(v) FROM {source}) - (SELECT max(v + r % 2 - r % 2) FROM {source}), (SELECT max(v) - min(v) FROM {source}), (SELECT count(*) FROM {source})"
    )
}

/// Rows of a file that is read several times: enough for a change in the middle.
const MANY: usize = 300_000;

/// What [`several_reads_of`] gives of one version of [`MANY`] rows.
fn same() -> String {
    format!("0 | 0 | {MANY}")
}

/// Two versions of a report with [`MANY`] rows, which differ in every one; their bytes.
fn two_versions(format: &str) -> [Vec<u8>; 2] {
    let folder = tempfile::tempdir().unwrap();
    [1, 2].map(|version| {
        let path = folder.path().join(version.to_string());
        duckdb(&format!(
            "COPY (SELECT 202601 AS week, 'pattern ' || range AS pattern, {version} AS v, range AS r FROM range({MANY})) TO '{}' (FORMAT {format})",
            path.display()
        ));
        std::fs::read(path).unwrap()
    })
}

/// As `cp` does it. The folder looks the same then, so that only the file itself can tell.
#[tokio::test(flavor = "multi_thread")]
async fn rewritten_in_place() {
    for (name, format, source) in [
        ("query_perf_weekly_202601.parquet", "parquet", "perf_all_weeks"),
        ("a.csv", "csv", "'*.csv'"),
        ("b.csv", "csv", "'*/*.csv'"),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let path = if source.contains('/') { folder.path().join("deep") } else { folder.path().to_owned() };
        std::fs::create_dir_all(&path).unwrap();
        let path = path.join(name);
        let versions = two_versions(format);
        std::fs::write(&path, &versions[0]).unwrap();
        let host = Host::start_with(folder.path(), &json!({}), &[("GF_PLUGIN_CACHE_MB", "0")]).await;
        let (changer, done) = meanwhile(move || {
            let file = std::fs::OpenOptions::new().write(true).open(&path).unwrap();
            for round in 1..60 {
                let bytes = &versions[round % 2];
                file.write_all_at(bytes, 0).unwrap();
                file.set_len(bytes.len() as u64).unwrap();
                // Now and then there is time enough for a query, but most are met in the middle.
                std::thread::sleep(Duration::from_millis(if round % 4 == 0 { 400 } else { 60 }));
            }
        });
        let (sql, same) = (several_reads_of(source), same());
        let asking = || watch(&host, &sql, &same, 10, &done);
        let (one, two) = tokio::join!(asking(), asking());
        changer.join().unwrap();
        println!("{source}, rewritten in place: {one:?} {two:?}");
        for what in one.keys().chain(two.keys()) {
            assert!(what == "one version" || what.contains("files changed while"), "{what}");
        }
        host.stop().await;
    }
}

/// What `duckdb-perf views FILE.duckdb` makes: nothing of the query tells which files it reads.
#[tokio::test(flavor = "multi_thread")]
async fn replaced_behind_a_view_of_a_database() {
    let (folder, reports) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (file, report) = (folder.path().join("perf.duckdb"), reports.path().join("a.parquet"));
    let versions = two_versions("parquet");
    std::fs::write(&report, &versions[0]).unwrap();
    duckdb(&format!(
        "ATTACH '{0}' AS perf; USE perf; CREATE VIEW weeks AS FROM '{1}'; CREATE VIEW many AS FROM read_parquet(['{1}']); CREATE VIEW over AS SELECT v, r FROM weeks; USE memory; DETACH perf",
        file.display(),
        report.display()
    ));
    let more = json!({ "paths": [reports.path()] });
    for source in ["weeks", "many", "over"] {
        let host = Host::start_with(&file, &more, &[("GF_PLUGIN_CACHE_MB", "0")]).await;
        let (target, versions) = (report.clone(), versions.clone());
        let (changer, done) = meanwhile(move || {
            for round in 1..60 {
                std::fs::write(target.with_extension("tmp"), &versions[round % 2]).unwrap();
                std::fs::rename(target.with_extension("tmp"), &target).unwrap();
                std::thread::sleep(Duration::from_millis(if round % 4 == 0 { 300 } else { 50 }));
            }
        });
        let (sql, same) = (several_reads_of(source), same());
        let asking = || watch(&host, &sql, &same, 10, &done);
        let (one, two) = tokio::join!(asking(), asking());
        changer.join().unwrap();
        println!("replaced behind the view {source}: {one:?} {two:?}");
        host.stop().await;
    }
}
