//! Files that change under queries: every answer is the old data, the new data or a clear error, never a
//! mixture, and no writer is kept from writing. Races over reports run with the result cache, which must
//! never give what is gone, and without, where every query reads.

use std::collections::BTreeMap;
use std::os::unix::fs::FileExt as _;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use serde_json::json;

use crate::support::{Host, duckdb, workers};

/// Rows of one version of a file.
const ROWS: usize = 50_000;

/// Writes a report whose every row carries `version`.
fn write(path: &Path, version: u32) {
    duckdb(&format!(
        "COPY (SELECT {version} AS v, range AS r, 'pattern ' || range AS p FROM range({ROWS})) TO '{}' (FORMAT parquet, ROW_GROUP_SIZE 5000)",
        path.display()
    ));
}

/// Set when it is dropped.
struct Ends(Arc<AtomicBool>);

impl Drop for Ends {
    fn drop(&mut self) {
        self.0.store(true, Ordering::SeqCst);
    }
}

/// Runs `change` on a thread. The flag is set at its end, also when it panics: whoever asks until then would
/// never end.
pub(crate) fn meanwhile<T: Send + 'static>(
    change: impl FnOnce() -> T + Send + 'static,
) -> (JoinHandle<T>, Arc<AtomicBool>) {
    let done = Arc::new(AtomicBool::new(false));
    let ends = Ends(Arc::clone(&done));
    let changer = std::thread::spawn(move || {
        let result = change();
        drop(ends);
        result
    });
    (changer, done)
}

/// Asks `sql`, which gives `expected` of each whole version, until `done` and `least` times a whole version
/// came; counts what comes back.
pub(crate) async fn watch(
    host: &Host,
    sql: &str,
    expected: &str,
    least: usize,
    done: &AtomicBool,
) -> BTreeMap<String, u32> {
    let mut seen = BTreeMap::new();
    let mut whole = 0;
    let mut since = Instant::now();
    while whole < least || !done.load(Ordering::SeqCst) {
        if !done.load(Ordering::SeqCst) {
            since = Instant::now();
        }
        assert!(
            since.elapsed() < Duration::from_mins(1),
            "nothing changes any more, and none is whole: {seen:?}"
        );
        let answer = host.ask(sql, "table").await;
        let what = match answer.error {
            None => {
                let rows = crate::support::rows(&answer);
                assert_eq!(rows, [expected], "a mixture of two versions");
                whole += 1;
                since = Instant::now();
                "one version".to_owned()
            }
            Some(error) => {
                assert!(!error.contains("INTERNAL") && !error.contains("worker process died"), "{error}");
                assert_eq!(answer.error_source, "downstream", "{error}");
                error.split(['"', '`', '(']).next().unwrap_or_default().to_owned()
            }
        };
        *seen.entry(what).or_insert(0) += 1;
    }
    seen
}

const ONE_VERSION: &str = "SELECT count(DISTINCT v), count(*) FROM 'a.parquet'";

/// What [`ONE_VERSION`] gives.
fn whole() -> String {
    format!("1 | {ROWS}")
}

/// Runs `change` with a running number over and over on a thread, while queries run.
async fn race(
    folder: &Path,
    cache_mb: &str,
    rounds: u32,
    change: impl Fn(u32) + Send + 'static,
) -> BTreeMap<String, u32> {
    let host = Host::start_with(folder, &json!({}), &[("GF_PLUGIN_CACHE_MB", cache_mb)]).await;
    let (changer, done) = meanwhile(move || (0..rounds).for_each(change));
    let whole = whole();
    let asking = || watch(&host, ONE_VERSION, &whole, 100, &done);
    let (one, two) = tokio::join!(asking(), asking());
    changer.join().unwrap();
    let mut seen = one;
    for (what, count) in two {
        *seen.entry(what).or_insert(0) += count;
    }
    assert_eq!(host.ask(ONE_VERSION, "table").await.error, None, "the last version is whole");
    host.stop().await;
    seen
}

#[tokio::test(flavor = "multi_thread")]
async fn replaced_by_rename() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.parquet");
    write(&path, 0);
    let versions: Vec<_> = (0..4).map(|n| folder.path().join(format!("version{n}"))).collect();
    for (n, version) in versions.iter().enumerate() {
        write(version, u32::try_from(n).unwrap());
    }
    for cache_mb in ["0", "64"] {
        let (target, versions) = (path.clone(), versions.clone());
        let seen = race(folder.path(), cache_mb, 150, move |round| {
            let aside = target.with_extension("tmp");
            std::fs::copy(&versions[round as usize % 4], &aside).unwrap();
            std::fs::rename(&aside, &target).unwrap();
            std::thread::sleep(Duration::from_millis(15));
        })
        .await;
        println!("replaced by rename, cache of {cache_mb} MB: {seen:?}");
        assert!(
            seen.keys().all(|what| what == "one version" || what.contains("files changed while")),
            "{seen:?}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn truncated_and_half_written() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.parquet");
    write(&path, 1);
    let whole = std::fs::read(&path).unwrap();
    let seen = race(folder.path(), "0", 300, move |round| {
        let file = std::fs::OpenOptions::new().write(true).open(&path).unwrap();
        let part = whole.len() as u64 * u64::from(round % 10) / 10;
        file.set_len(part).unwrap();
        std::thread::sleep(Duration::from_millis(2));
        // The same bytes again, in two halves.
        file.write_all_at(&whole[..whole.len() / 2], 0).unwrap();
        std::thread::sleep(Duration::from_millis(1));
        file.write_all_at(&whole, 0).unwrap();
        std::thread::sleep(Duration::from_millis(5));
    })
    .await;
    println!("truncated and half-written: {seen:?}");
    assert!(seen.len() > 1, "the race was never met: {seen:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn removed_between_listing_and_opening() {
    let folder = tempfile::tempdir().unwrap();
    let whole = folder.path().join("whole");
    write(&whole, 1);
    let names: Vec<_> = (0..20).map(|n| folder.path().join(format!("r{n:02}.parquet"))).collect();
    for name in &names {
        std::fs::copy(&whole, name).unwrap();
    }
    let host = Host::start(folder.path(), &json!({})).await;
    let (changer, done) = meanwhile(move || {
        for round in 0..150 {
            let name = &names[round % names.len()];
            std::fs::remove_file(name).unwrap();
            // Now and then there is no gap in which a query could end.
            std::thread::sleep(Duration::from_millis(if round % 4 == 0 { 2 } else { 60 }));
            std::fs::copy(&whole, name.with_extension("tmp")).unwrap();
            std::fs::rename(name.with_extension("tmp"), name).unwrap();
            std::thread::sleep(Duration::from_millis(if round % 4 == 0 { 2 } else { 60 }));
        }
    });
    let mut seen = BTreeMap::new();
    while !done.load(Ordering::SeqCst) {
        let answer = host.ask("SELECT count(*) FROM 'r*.parquet'", "table").await;
        let what = match answer.error {
            None => {
                let count: usize = crate::support::rows(&answer)[0].parse().unwrap();
                assert!([19 * ROWS, 20 * ROWS].contains(&count), "{count} rows");
                (count / ROWS).to_string()
            }
            Some(error) => {
                assert!(error.contains("files changed while"), "{error}");
                "changed all the time".to_owned()
            }
        };
        *seen.entry(what).or_insert(0) += 1;
    }
    changer.join().unwrap();
    println!("removed between listing and opening: {seen:?}");
    assert!(seen.contains_key("20") && seen.contains_key("19"), "{seen:?}");
    assert_eq!(host.rows("SELECT count(*) FROM 'r*.parquet'").await, [(20 * ROWS).to_string()]);
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_folder_renamed_and_made_again_is_read_anew() {
    let parent = tempfile::tempdir().unwrap();
    let folder = parent.path().join("reports");
    for (round, rows) in [(0, 1), (1, 2), (2, 3)] {
        if round > 0 {
            std::fs::rename(&folder, parent.path().join(format!("old{round}"))).unwrap();
        }
        std::fs::create_dir(&folder).unwrap();
        let file = folder.join("a.parquet");
        duckdb(&format!("COPY (FROM range({rows})) TO '{}' (FORMAT parquet)", file.display()));
    }
    let host = Host::start(&folder, &json!({})).await;
    assert_eq!(host.rows("SELECT count(*) FROM 'a.parquet'").await, ["3"]);
    let first = workers(host.plugin.pid().unwrap());
    std::fs::rename(&folder, parent.path().join("away")).unwrap();
    let error = host.error("SELECT count(*) FROM 'a.parquet'").await;
    assert!(error.contains("is not there any more"), "{error}");
    std::fs::rename(parent.path().join("old1"), &folder).unwrap();
    assert_eq!(host.rows("SELECT count(*) FROM 'a.parquet'").await, ["1"]);
    assert_ne!(workers(host.plugin.pid().unwrap()), first, "the old worker is jailed to the old folder");
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_replaced_by_rename() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("perf.duckdb");
    let versions: Vec<_> = (0..3).map(|n| folder.path().join(format!("version{n}"))).collect();
    for (n, version) in versions.iter().enumerate() {
        duckdb(&format!(
            "ATTACH '{}' AS f; CREATE TABLE f.a AS SELECT {n} AS v, range AS r FROM range({ROWS})",
            version.display()
        ));
    }
    std::fs::copy(&versions[0], &file).unwrap();
    let host = Host::start(&file, &json!({})).await;
    let (changer, done) = meanwhile(move || {
        for round in 0..20 {
            std::fs::copy(&versions[round % 3], file.with_extension("tmp")).unwrap();
            std::fs::rename(file.with_extension("tmp"), &file).unwrap();
            std::thread::sleep(Duration::from_millis(250));
        }
    });
    let sql = "SELECT count(DISTINCT v), count(*) FROM a";
    let whole = whole();
    let asking = || watch(&host, sql, &whole, 50, &done);
    let (one, two) = tokio::join!(asking(), asking());
    changer.join().unwrap();
    println!("a database replaced by rename: {one:?} {two:?}");
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_leftover_write_ahead_log_is_read_and_left() {
    let folder = tempfile::tempdir().unwrap();
    let (live, file) = (folder.path().join("live.duckdb"), folder.path().join("perf.duckdb"));
    let writer = duckdb::Connection::open(&live).unwrap();
    writer
        .execute_batch("SET wal_autocheckpoint = '1TB'; CREATE TABLE t AS SELECT 1 AS a; CHECKPOINT; INSERT INTO t VALUES (2)")
        .unwrap();
    // What a killed writer leaves behind: the file as of its last checkpoint, and the log.
    std::fs::copy(&live, &file).unwrap();
    std::fs::copy(folder.path().join("live.duckdb.wal"), folder.path().join("perf.duckdb.wal")).unwrap();
    let bytes =
        || (std::fs::read(&file).unwrap(), std::fs::read(folder.path().join("perf.duckdb.wal")).unwrap());
    let before = bytes();
    let host = Host::start(&file, &json!({})).await;
    for _ in 0..3 {
        assert_eq!(host.rows("SELECT sum(a)::INT FROM t").await, ["3"]);
    }
    assert!(bytes() == before, "the plugin wrote into the database");
    // The log goes, as when its writer comes back; then another one appears.
    std::fs::remove_file(folder.path().join("perf.duckdb.wal")).unwrap();
    assert_eq!(host.rows("SELECT sum(a)::INT FROM t").await, ["1"]);
    std::fs::copy(folder.path().join("live.duckdb.wal"), folder.path().join("perf.duckdb.wal")).unwrap();
    assert_eq!(host.rows("SELECT sum(a)::INT FROM t").await, ["3"]);
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_writer_gets_its_turn_among_queries_without_a_gap() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("perf.duckdb");
    duckdb(&format!("ATTACH '{}' AS f; CREATE TABLE f.t AS SELECT 0 AS a", file.display()));
    let host = Host::start(&file, &json!({})).await;
    let (writer, done) = meanwhile(move || {
        let mut waits = Vec::new();
        for value in 1..=5 {
            let started = Instant::now();
            // As a patient job does: it tries until it gets the file.
            let connection = loop {
                match duckdb::Connection::open(&file) {
                    Ok(connection) => break connection,
                    // A gap of a tenth of a second comes every two seconds; a busy machine may miss many.
                    Err(_) if started.elapsed() < Duration::from_mins(2) => {
                        std::thread::sleep(Duration::from_millis(20));
                    }
                    Err(error) => panic!("the writer never got the file: {error}"),
                }
            };
            connection.execute_batch(&format!("UPDATE t SET a = {value}")).unwrap();
            waits.push(started.elapsed());
            drop(connection);
        }
        waits
    });
    // Four clients whose queries overlap all the time.
    let client = async |least: i64| {
        let mut last = least;
        while !done.load(Ordering::SeqCst) {
            let answer = host
                .ask("SELECT max(a) + count(*) * 0 FROM t, range(3000000) WHERE hash(range) > 0", "table")
                .await;
            match answer.error {
                None => {
                    let value: i64 = crate::support::rows(&answer)[0].parse().unwrap();
                    assert!(value >= last, "{value} after {last}");
                    last = value;
                }
                Some(error) => assert!(error.contains("lock"), "{error}"),
            }
        }
    };
    tokio::join!(client(0), client(0), client(0), client(0));
    println!("a writer among queries without a gap waited {:?}", writer.join().unwrap());
    assert_eq!(host.rows("SELECT a FROM t").await, ["5"]);
    host.stop().await;
}
