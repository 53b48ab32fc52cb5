//! A `.duckdb` file: read, never held between queries, and its own views come first.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use serde_json::json;

use crate::machine::Small;
use crate::support::{Host, can_mount, duckdb, encode, eventually, lines, report_name, workers};

/// Opens the file as its writer does, until it can. A download that stands still is given up after a minute;
/// it must not wait for that.
fn write_when_possible(file: &Path, sql: &str) {
    let since = Instant::now();
    while let Err(error) = ::duckdb::Connection::open(file).and_then(|writer| writer.execute_batch(sql)) {
        assert!(since.elapsed() < Duration::from_secs(20), "nobody lets it write: {error}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// Whether a process has a file of this name open.
fn has_open(pid: u32, name: &str) -> bool {
    let descriptors = std::fs::read_dir(format!("/proc/{pid}/fd")).into_iter().flatten().flatten();
    descriptors
        .filter_map(|descriptor| std::fs::read_link(descriptor.path()).ok())
        .any(|file| file.ends_with(name))
}

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
    let asked = host.ask("SELECT a FROM t", "table");
    let answer = tokio::time::timeout(Duration::from_secs(10), asked).await.unwrap();
    let error = answer.error.unwrap();
    assert!(error.contains("lock") && error.contains("works when it closes the file"), "{error}");
    assert_eq!((answer.status, answer.error_source.as_str()), (503, "downstream"), "the plugin is well");
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

/// The ways to read a database file of a folder that is not attached.
const BY_PATH: [&str; 4] =
    ["FROM 'perf.duckdb'", "FROM read_duckdb('perf.duckdb')", "FROM perf.duckdb", "FROM 'PERF.DB'"];

/// A folder with a database file, by two names, and its writer's path.
fn folder_with_a_database(rows: u32) -> (tempfile::TempDir, std::path::PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("perf.duckdb");
    duckdb(&format!(
        "ATTACH '{}' AS f; CREATE TABLE f.t AS SELECT range AS i, 'some text that takes its room ' || range AS s FROM range({rows})",
        file.display()
    ));
    std::os::unix::fs::symlink(&file, folder.path().join("PERF.DB")).unwrap();
    crate::support::demo(folder.path(), 1, 5);
    assert!(folder.path().join(report_name(202_653)).is_file());
    (folder, file)
}

/// A download that stands still does not keep a file's writer out, also where the file is read by its path.
#[tokio::test(flavor = "multi_thread")]
async fn a_slow_download_by_path_keeps_no_writer_out() {
    let rows = 1_500_000;
    let (folder, file) = folder_with_a_database(rows);
    let host = Host::start(folder.path(), &json!({})).await;
    for (more, sql) in (0..).zip(BY_PATH) {
        let url = format!("export.csv?sql={}", encode(sql));
        let mut stream = host.plugin.open_resource(&host.settings, "GET", &url, Bytes::new()).await.unwrap();
        assert_eq!(stream.status, 200, "{sql}");
        write_when_possible(&file, "INSERT INTO t VALUES (-1, 'new')");
        let mut count = 0;
        while let Some(piece) = stream.next().await.unwrap() {
            count += lines(&piece);
        }
        assert_eq!(
            count,
            usize::try_from(rows).unwrap() + 1 + more,
            "{sql}: the old rows and none of the new"
        );
    }
    host.stop().await;
}

/// Runs until its deadline, and can be interrupted. `{}` is the table.
const LONG: &str = "SELECT sum(hash(i, a.range * b.range)) FROM {}, range(1000000) a, range(1000000) b";

/// Opens the file as its writer does, again and again, and says how long it had to wait each time.
fn write_again_and_again(file: &Path, done: &AtomicBool) -> Vec<Duration> {
    let (mut waits, mut since) = (Vec::new(), Instant::now());
    while !done.load(Ordering::SeqCst) {
        let written = ::duckdb::Connection::open(file)
            .and_then(|writer| writer.execute_batch("INSERT INTO t VALUES (-1, 'new')"));
        if written.is_ok() {
            waits.push(since.elapsed());
            // As a job does that runs now and then.
            std::thread::sleep(Duration::from_secs(1));
            since = Instant::now();
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    waits.push(since.elapsed());
    waits
}

/// Whoever always has a long query at work, or two that relieve each other, keeps neither the others nor the
/// writer out. The same for an attached file and for one that is read by its path.
#[tokio::test(flavor = "multi_thread")]
async fn long_queries_keep_nobody_out() {
    let timeout = 8;
    let (folder, file) = folder_with_a_database(1000);
    for (path, table) in [(file.as_path(), "t"), (folder.path(), "'perf.duckdb'")] {
        let limits = json!({ "timeoutSeconds": timeout });
        let host = Host::start_with(path, &limits, &[("GF_PLUGIN_CACHE_MB", "0")]).await;
        host.rows("SELECT 1").await;
        let done = Arc::new(AtomicBool::new(false));
        let writer = std::thread::spawn({
            let (file, done) = (file.clone(), Arc::clone(&done));
            move || write_again_and_again(&file, &done)
        });
        let long = LONG.replace("{}", table);
        let hostile = async |after: u64| {
            tokio::time::sleep(Duration::from_secs(after)).await;
            while !done.load(Ordering::SeqCst) {
                let answer = host.ask(&long, "table").await;
                assert!(answer.error.is_some(), "it is to run until it is stopped");
            }
        };
        let innocent = async {
            let (since, mut waits) = (Instant::now(), Vec::new());
            while since.elapsed() < Duration::from_secs(5 * timeout) {
                let asked = Instant::now();
                let answer = host.ask(&format!("SELECT count(*) > 0 FROM {table}"), "table").await;
                match answer.error {
                    None => waits.push(asked.elapsed()),
                    // A writer may need more than the half second that a query waits for it.
                    Some(error) => assert!(error.contains("Could not set lock"), "{error}"),
                }
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
            done.store(true, Ordering::SeqCst);
            waits
        };
        // The second one begins in the middle of the first one, so that one of them is always at work.
        let (mut waits, (), ()) = tokio::join!(innocent, hostile(0), hostile(timeout / 2));
        let delays = writer.join().unwrap();
        waits.sort_unstable();
        let (median, longest) = (waits[waits.len() / 2], waits[waits.len() - 1]);
        println!(
            "{table}: {} answers, median {median:?}, at most {longest:?}; the writer waited {delays:?}",
            waits.len()
        );
        // A turn for those that came late, the gap, and what a busy machine takes.
        assert!(median < Duration::from_secs(1) && longest < Duration::from_secs(timeout - 1), "{waits:?}");
        let longest = delays.iter().max().unwrap();
        assert!(delays.len() > 2 && *longest < Duration::from_secs(2 * timeout + 4), "{delays:?}");
        host.stop().await;
    }
}

/// A job that renames a new file over the old one: who is at work goes on with the old one and keeps nobody
/// waiting.
#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_is_renamed_over_is_seen_at_once() {
    let (folder, file) = folder_with_a_database(1000);
    let host = Arc::new(Host::start_with(&file, &json!({}), &[("GF_PLUGIN_CACHE_MB", "0")]).await);
    assert_eq!(host.rows("SELECT count(*) FROM t").await, ["1000"]);
    let worker = workers(host.plugin.pid().unwrap())[0];
    let long = tokio::spawn({
        let host = Arc::clone(&host);
        async move { host.ask(&LONG.replace("{}", "t"), "table").await.error }
    });
    eventually("a turn", || has_open(worker, "perf.duckdb")).await;
    let new = folder.path().join("new.duckdb");
    duckdb(&format!(
        "ATTACH '{}' AS f; CREATE TABLE f.t AS SELECT range AS i, 'x' AS s FROM range(2000)",
        new.display()
    ));
    std::fs::rename(&new, &file).unwrap();
    assert_eq!(host.rows("SELECT count(*) FROM t").await, ["2000"]);
    assert!(!long.is_finished(), "the long one had to end first");
    long.abort();
    assert!(long.await.unwrap_err().is_cancelled());
    let Ok(host) = Arc::try_unwrap(host) else { unreachable!() };
    host.stop().await;
}

/// Queries by path share the file. Where one that came late is at work when its turn is over, it begins anew
/// and answers.
#[tokio::test(flavor = "multi_thread")]
async fn queries_by_path_take_turns_with_the_writer() {
    let (folder, _) = folder_with_a_database(1000);
    let host = Host::start_with(folder.path(), &json!({}), &[("GF_PLUGIN_CACHE_MB", "0")]).await;
    host.rows("SELECT 1").await;
    let worker = workers(host.plugin.pid().unwrap())[0];
    let host = Arc::new(host);
    let ask = |sql: String| {
        let host = Arc::clone(&host);
        tokio::spawn(async move { host.ask(&sql, "table").await.error })
    };
    let endless = ask(LONG.replace("{}", "'perf.duckdb'"));
    eventually("a turn", || has_open(worker, "perf.duckdb")).await;
    tokio::time::sleep(Duration::from_millis(2200)).await;
    let short = "SELECT count(*) FROM 'perf.duckdb'".to_owned();
    assert_eq!(ask(short.clone()).await.unwrap(), None);
    assert!(!endless.is_finished(), "nobody need wait for the first one");
    let late = ask(LONG.replace("{}", "'perf.duckdb'"));
    // Long enough to be there.
    tokio::time::sleep(Duration::from_millis(500)).await;
    // Ends the query with its call.
    endless.abort();
    assert!(endless.await.unwrap_err().is_cancelled());
    assert_eq!(ask(short).await.unwrap(), None);
    assert!(!late.is_finished(), "it was put off, and runs again");
    late.abort();
    assert!(late.await.unwrap_err().is_cancelled());
    let Ok(host) = Arc::try_unwrap(host) else { unreachable!() };
    host.stop().await;
}

/// What queries spill and what waits for slow readers take four times the memory together, however they meet.
#[tokio::test(flavor = "multi_thread")]
async fn spills_and_downloads_that_wait_are_bounded_together() {
    if !can_mount("a bounded temp folder") {
        return;
    }
    let (folder, temp) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let _small = Small::mount(temp.path(), "1g");
    let file = folder.path().join("perf.duckdb");
    duckdb(&format!("ATTACH '{}' AS f; CREATE TABLE f.t AS SELECT 1 AS a", file.display()));
    let limits = json!({ "memoryLimitMb": 64, "timeoutSeconds": 60 });
    let env = [("TMPDIR", temp.path().to_str().unwrap())];
    let host = Host::start_with(&file, &limits, &env).await;
    let taken = || {
        let found = rustix::fs::statvfs(temp.path()).unwrap();
        (found.f_blocks - found.f_bfree) * found.f_frsize / 1024
    };
    // 56 MB, which two times are more than may wait.
    let open = async |n: u32| {
        let sql = format!("SELECT range + {n} AS a, repeat('y', 100) AS b FROM range(530000), t");
        let url = format!("export.csv?sql={}", encode(&sql));
        host.plugin.open_resource(&host.settings, "GET", &url, Bytes::new()).await.unwrap()
    };
    let first = open(1).await;
    assert_eq!(first.status, 200);
    let mut second = open(2).await;
    let said = match second.status {
        200 => String::new(),
        _ => String::from_utf8(second.next().await.unwrap().unwrap().to_vec()).unwrap(),
    };
    println!("downloads that wait: {} MB; {} {said}", taken() >> 10, second.status);
    // Wants some 700 MB.
    let more = "SELECT count(*) FROM (SELECT x FROM (SELECT md5(range::VARCHAR) || md5('a' || range) || md5('b' || range) AS x FROM range(8000000)) ORDER BY x DESC OFFSET 1)";
    let done = AtomicBool::new(false);
    // A worker whose files are too large is killed and they go, as soon as the machine comes to it: they may
    // grow a little beyond the bound till then. What is there at each of sixty looks, so for 300 ms at least,
    // is not bounded.
    let most = (4 * 64 + 1) << 10;
    let watching = async {
        let (mut peak, mut above, mut longest) = (0, 0, 0);
        while !done.load(Ordering::SeqCst) {
            let now = taken();
            peak = peak.max(now);
            above = if now > most { above + 1 } else { 0 };
            longest = longest.max(above);
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        (peak, longest)
    };
    // Each is run again in a new worker, while the last one keeps its download.
    let asking = async {
        let error = host.error(more).await;
        let _third = open(3).await;
        let errors = [error, host.error(more).await];
        done.store(true, Ordering::SeqCst);
        errors
    };
    let (said_of_queries, (peak, longest)) = tokio::join!(asking, watching);
    println!("spills and downloads that wait: {} MB at once; {said_of_queries:?}", peak >> 10);
    assert!(longest < 60, "at {longest} looks in a row there were more than {most} kB, {peak} kB at most");
    assert!(peak >= (3 * 64) << 10, "what is to be bounded did not happen: {peak} kB");
    assert_eq!(second.status, 429, "{said}");
    assert!(said.contains("too little of the 64 MB that may wait in the temp folder"), "{said}");
    drop((first, second));
    assert_eq!(open(4).await.status, 200, "the room is given back with the download");
    host.stop().await;
}
