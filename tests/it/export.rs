//! Exports as CSV through the plugin's resource call and the command line: what they hold, how much memory
//! they take, what a slow, a lost and a broken download does to others.

use std::io::{BufRead as _, BufReader, Read as _};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use bytes::Bytes;
use duckdb_perf::plugin::client::ResourceStream;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::{
    Host, duckdb, encode, eventually, executable, lines, reports, runs, settings, signal, workers,
};

/// A folder with one report of `rows` patterns.
fn many_rows(rows: usize) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    write_report(&folder.path().join("query_perf_weekly_202601.parquet"), rows, "SELECT");
    folder
}

fn write_report(path: &Path, rows: usize, verb: &str) {
    duckdb(&format!(
        "COPY (SELECT 202601 AS week, '{verb} * FROM orders WHERE id = ' || range AS pattern, range AS samples, range / 3 AS p50_ms, range / 2 AS p95_ms, range / 1 AS p99_ms, false AS slow_flag FROM range({rows})) TO '{}' (FORMAT parquet, ROW_GROUP_SIZE 20000)",
        path.display()
    ));
}

async fn open(host: &Host, url: &str) -> ResourceStream {
    host.plugin.open_resource(&host.settings, "GET", url, Bytes::new()).await.unwrap()
}

/// Status and body.
pub(crate) async fn get(host: &Host, url: &str) -> (i32, String) {
    let answer = host.plugin.resource(&host.settings, "GET", url, Bytes::new()).await.unwrap();
    (answer.status, String::from_utf8(answer.body.to_vec()).unwrap())
}

/// Asks for what must fail with this status and message.
async fn refused(host: &Host, url: &str, status: i32, message: &str) {
    let (found, body) = get(host, url).await;
    let body: Value = serde_json::from_str(&body).unwrap_or_else(|_| panic!("{url}: {body}"));
    let text = body["message"].as_str().unwrap();
    assert!(found == status && text.contains(message), "{url}: {found} {body}");
}

/// Reads to the end; how many lines, and the error at the end if there is one.
async fn drain(stream: &mut ResourceStream) -> (usize, Option<String>, Vec<u8>) {
    let (mut count, mut last) = (0, Vec::new());
    loop {
        match stream.next().await {
            Ok(Some(piece)) => {
                count += lines(&piece);
                if !piece.is_empty() {
                    last = piece[piece.len().saturating_sub(300)..].to_vec();
                }
            }
            Ok(None) => return (count, None, last),
            Err(error) => return (count, Some(error.message), last),
        }
    }
}

/// A number of `/proc/<pid>/status` in kB, the peak with `VmHWM:`; 0 when the process has just ended.
fn status_kb(pid: u32, field: &str) -> usize {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix(field)).unwrap_or("0");
    line.trim().trim_end_matches(" kB").parse().unwrap()
}

/// Whether a job runs in a worker: its thread is called so meanwhile.
fn has_jobs(worker: u32) -> bool {
    let threads = std::fs::read_dir(format!("/proc/{worker}/task")).into_iter().flatten().flatten();
    threads
        .filter_map(|thread| std::fs::read_to_string(thread.path().join("comm")).ok())
        .any(|name| name.starts_with("job-"))
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_dashboard_shows_as_a_table() {
    let host = Host::start(&reports(), &json!({})).await;
    let answer = host
        .plugin
        .resource(
            &host.settings,
            "GET",
            "export.csv?from=2026-W01&to=2026-W53&timezone=utc&var-datasource=x",
            Bytes::new(),
        )
        .await
        .unwrap();
    let header = |name: &str| answer.headers[name].join("|");
    assert_eq!(
        (answer.status, header("content-type").as_str()),
        (200, "text/csv; charset=utf-8; header=present")
    );
    assert_eq!(
        header("content-disposition"),
        "attachment; filename=\"perf_weeks_2025-12-29_2027-01-03.csv\""
    );
    assert_eq!(header("x-content-type-options"), "nosniff");
    let mut reader = csv::Reader::from_reader(&answer.body[..]);
    assert_eq!(
        reader.headers().unwrap().iter().take(7).collect::<Vec<_>>(),
        ["week", "pattern", "samples", "p50_ms", "p95_ms", "p99_ms", "slow_flag"]
    );
    let rows: Vec<csv::StringRecord> = reader.records().map(Result::unwrap).collect();
    let count = |sql: &str| format!("SELECT count(*) FROM ({sql})");
    let expected = host.rows(&count("FROM perf_all_weeks WHERE week BETWEEN 202601 AND 202653")).await;
    assert_eq!(expected, [rows.len().to_string()]);
    // The chosen patterns, in every table.
    let pattern = rows[0][1].to_owned();
    for (table, sql) in [
        ("weeks", "FROM perf_all_weeks WHERE pattern = $$P$$"),
        ("slow", "FROM perf_all_weeks WHERE pattern = $$P$$ AND p95_ms > 100"),
        ("patterns", "SELECT 1"),
        ("pattern", "FROM perf_all_weeks WHERE pattern = $$P$$"),
    ] {
        let url = format!("export.csv?table={table}&var-pattern={}", encode(&pattern));
        let (status, body) = get(&host, &url).await;
        let lines = csv::Reader::from_reader(body.as_bytes()).records().map(Result::unwrap).count();
        let expected = host.rows(&count(&sql.replace('P', &pattern))).await;
        assert_eq!((status, expected), (200, vec![lines.to_string()]), "{table}");
    }
    let (status, body) = get(&host, "export.csv?table=regressions&percent=0").await;
    assert!(status == 200 && body.starts_with("week,pattern,previous_week,"), "{body}");
    let sql = encode("SELECT x, '=1' AS f FROM (VALUES ($a)) t(x) WHERE x IN ($b)");
    let (status, body) = get(&host, &format!("export.csv?sql={sql}&var-a=it%27s&var-b=y&var-b=it%27s")).await;
    assert_eq!((status, body.as_str()), (200, "x,f\r\nit's,'=1\r\n"));
    let (_, body) = get(&host, &format!("export.csv?sql={sql}&var-a=y&var-b=y&raw=true")).await;
    assert_eq!(body, "x,f\r\ny,=1\r\n");
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_goes_wrong_before_the_first_row_has_a_status() {
    let mut host = Host::start_with(&reports(), &json!({}), &[("GF_PLUGIN_MAX_ROWS", "1000")]).await;
    for (url, status, message) in [
        ("export.csv?table=nosuch".to_owned(), 400, "there is no table `nosuch`"),
        ("export.csv?pattern=a&colour=red".to_owned(), 400, "`colour` is not a parameter"),
        (format!("export.csv?sql={}", encode("SELECT nosuch FROM perf_all_weeks")), 400, "nosuch"),
        (
            format!("export.csv?sql={}", encode("COPY (SELECT 1) TO 'x.csv'")),
            403,
            "`COPY` statements are not allowed",
        ),
        (format!("export.csv?sql={}", encode("FROM read_text('/etc/passwd')")), 403, ""),
        (format!("export.csv?sql={}", encode("SELECT $a")), 400, "unknown variable `$a`"),
        (
            format!("export.csv?sql={}", encode("FROM range(1001)")),
            429,
            "more than 1000 rows, which is all that `max_rows` allows",
        ),
    ] {
        refused(&host, &url, status, message).await;
    }
    let (status, body) = get(&host, &format!("export.csv?sql={}", encode("FROM range(1000)"))).await;
    assert_eq!((status, body.lines().count()), (200, 1001));
    // For this one alone, because on a busy machine a second is too short for the others.
    host.settings = settings(&reports(), &json!({ "timeoutSeconds": 1 }));
    let sql = "SELECT sum(a.range * b.range) FROM range(1000000) a, range(1000000) b";
    refused(&host, &format!("export.csv?sql={}", encode(sql)), 504, "stopped after 1 s").await;
    host.stop().await;
}

/// Ten times the rows take no more memory, in the plugin and in its worker.
#[tokio::test(flavor = "multi_thread")]
async fn a_million_rows_in_level_memory() {
    let mut peaks = Vec::new();
    for rows in [100_000, 1_000_000] {
        let folder = many_rows(rows);
        let host = Host::start(folder.path(), &json!({})).await;
        let started = Instant::now();
        let mut stream = open(&host, "export.csv").await;
        assert_eq!(stream.status, 200);
        let (lines, error, _) = drain(&mut stream).await;
        assert_eq!((lines, error), (rows + 1, None));
        let plugin = host.plugin.pid().unwrap();
        let worker = workers(plugin)[0];
        let peak = (status_kb(plugin, "VmHWM:") / 1024, status_kb(worker, "VmHWM:") / 1024);
        println!("{rows} rows: plugin {} MB, worker {} MB, {:?}", peak.0, peak.1, started.elapsed());
        peaks.push(peak);
        host.stop().await;
    }
    assert!(peaks[1].0 <= peaks[0].0 + 24, "plugin, in MB: {peaks:?}");
    assert!(peaks[1].1 <= peaks[0].1 + 64, "worker, in MB: {peaks:?}");
}

/// A download that stands still holds up nobody and fills nothing; its time is not the worker's.
#[tokio::test(flavor = "multi_thread")]
async fn a_slow_download_does_not_stand_in_the_way() {
    let rows = 700_000;
    let folder = many_rows(rows);
    let host = Host::start(folder.path(), &json!({ "timeoutSeconds": 8 })).await;
    let plugin = host.plugin.pid().unwrap();
    let (first, mut second) = (open(&host, "export.csv").await, open(&host, "export.csv").await);
    let mut ends = Vec::new();
    let since = Instant::now();
    while since.elapsed() < Duration::from_secs(9) {
        let asked = Instant::now();
        assert_eq!(host.rows("SELECT count(*) FROM perf_all_weeks").await, [rows.to_string()]);
        ends.push(asked.elapsed());
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    println!("queries beside two downloads that stand still: {:?} at most", ends.iter().max().unwrap());
    // One that waits for the downloads would be stopped at its deadline of eight seconds.
    assert!(ends.iter().max().unwrap() < &Duration::from_secs(7), "{ends:?}");
    let resident = status_kb(plugin, "VmRSS:") / 1024;
    assert!(resident < 150, "the plugin holds {resident} MB");
    // There are two places.
    let (status, body) = get(&host, "export.csv").await;
    assert!(status == 429 && body.contains("waited 8 s for others to end"), "{status} {body}");
    // A lost download gives its place back at once, and ends its job.
    drop(first);
    let mut third = open(&host, "export.csv").await;
    assert_eq!(third.status, 200);
    // Both go on where they stood still, for longer than the deadline.
    for stream in [&mut second, &mut third] {
        let (lines, error, _) = drain(stream).await;
        assert_eq!((lines, error), (rows + 1, None));
    }
    // On a busy machine it may not listen within the half second that it has; if it never does, that is a
    // flaw.
    let mut listens = false;
    for _ in 0..5 {
        let lost = open(&host, "export.csv").await;
        let mut worker = None;
        eventually("a job", || {
            worker = workers(plugin).into_iter().find(|worker| has_jobs(*worker));
            worker.is_some()
        })
        .await;
        drop(lost);
        eventually("no job", || worker.is_some_and(|worker| !has_jobs(worker))).await;
        listens = worker.is_some_and(runs);
        if listens {
            break;
        }
    }
    assert!(listens, "a worker that lost its download had to be killed, five times");
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn files_that_change_break_a_large_download_off() {
    let rows = 1_500_000;
    let folder = many_rows(rows);
    let host = Host::start(folder.path(), &json!({})).await;
    let mut stream = open(&host, "export.csv").await;
    assert_eq!(stream.status, 200);
    // What happens beside its files does not matter.
    std::fs::write(folder.path().join("notes.txt"), "x").unwrap();
    let report = folder.path().join("query_perf_weekly_202601.parquet");
    write_report(&report.with_extension("tmp"), 10, "UPDATE");
    std::fs::rename(report.with_extension("tmp"), &report).unwrap();
    let (lines, error, last) = drain(&mut stream).await;
    let last = String::from_utf8(last).unwrap();
    assert!(error.is_some() && lines <= rows + 2, "{lines} {error:?}");
    assert!(
        last.ends_with("\"\r\n")
            && last.starts_with("\"INCOMPLETE: the files changed while they were exported"),
        "{last}"
    );
    // The next one is of the new file, and whole.
    let (status, body) = get(&host, "export.csv").await;
    assert!(status == 200 && body.lines().count() == 11 && body.contains("UPDATE"), "{status} {body}");
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_that_dies_and_a_query_that_gets_stuck_break_it_off() {
    let folder = many_rows(1_500_000);
    let mut host = Host::start(folder.path(), &json!({})).await;
    let mut stream = open(&host, "export.csv").await;
    assert_eq!(stream.status, 200);
    signal(workers(host.plugin.pid().unwrap())[0], rustix::process::Signal::KILL);
    let (_, error, last) = drain(&mut stream).await;
    assert!(
        error.is_some() && String::from_utf8_lossy(&last).contains("INCOMPLETE: the worker process died"),
        "{error:?}"
    );
    // Much at first, then nothing any more.
    host.settings = settings(folder.path(), &json!({ "timeoutSeconds": 2 }));
    let sql = "SELECT range::VARCHAR AS a FROM range(2000000) UNION ALL SELECT sum(a.range * b.range)::VARCHAR FROM range(1000000) a, range(1000000) b";
    let mut stream = open(&host, &format!("export.csv?sql={}", encode(sql))).await;
    let (lines, error, last) = drain(&mut stream).await;
    let last = String::from_utf8_lossy(&last).into_owned();
    assert!(stream.status != 200 || (error.is_some() && last.contains("INCOMPLETE: ")), "{lines} {last}");
    assert!(last.contains("the query was stopped after 2 s"), "{last}");
    assert_eq!(host.rows("SELECT 1").await, ["1"]);
    host.stop().await;
}

/// A database file is not held while a download stands still: its writer can write.
#[tokio::test(flavor = "multi_thread")]
async fn a_slow_download_keeps_no_writer_from_a_database_file() {
    let rows = 1_500_000;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("perf.duckdb");
    let write = |sql: &str| {
        let connection = ::duckdb::Connection::open(&file)?;
        connection.execute_batch(sql)
    };
    write(&format!("CREATE TABLE t AS SELECT range AS i, 'some text that takes its room ' || range AS s FROM range({rows})")).unwrap();
    let host = Host::start(&file, &json!({})).await;
    let url = format!("export.csv?sql={}", encode("FROM t"));
    let mut stream = open(&host, &url).await;
    assert_eq!(stream.status, 200);
    write("INSERT INTO t VALUES (-1, 'new')").unwrap();
    assert_eq!(host.rows("SELECT count(*) FROM t").await, [(rows + 1).to_string()]);
    let (lines, error, _) = drain(&mut stream).await;
    assert_eq!((lines, error), (rows + 1, None), "all of the old rows and none of the new");
    host.stop().await;
}

#[test]
fn the_command_line_streams() {
    let mut child = Command::new(executable())
        .args(["query", "--format", "csv", "--path", reports().to_str().unwrap(), "FROM range(100000000000)"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let started = Instant::now();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    assert_eq!([lines.next().unwrap().unwrap(), lines.next().unwrap().unwrap()], ["range", "0"]);
    drop(lines);
    let mut told = String::new();
    child.stderr.take().unwrap().read_to_string(&mut told).unwrap();
    let status = child.wait().unwrap();
    assert_eq!((status.code(), told.as_str()), (Some(0), ""));
    println!("a hundred billion rows | head -2: {:?}", started.elapsed());
    assert!(started.elapsed() < Duration::from_secs(10), "{:?}", started.elapsed());
}

#[test]
fn the_command_line_needs_no_more_memory_for_more_rows() {
    let peak = |rows: usize| {
        let sql =
            format!("SELECT range AS i, 'pattern ' || range AS pattern, range / 7 AS ms FROM range({rows})");
        let mut child = Command::new(executable())
            .args(["query", "--format", "csv", "--path", reports().to_str().unwrap(), &sql])
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let pid = child.id();
        let mut out = child.stdout.take().unwrap();
        let (mut buffer, mut count, mut peak, mut bytes) = (vec![0; 1 << 20], 0, (0, 0), 0);
        loop {
            let read = out.read(&mut buffer).unwrap();
            if read == 0 {
                break;
            }
            bytes += read;
            count += lines(&buffer[..read]);
            if let [worker] = workers(pid)[..] {
                peak = (peak.0.max(status_kb(pid, "VmHWM:")), peak.1.max(status_kb(worker, "VmHWM:")));
            }
        }
        assert!(child.wait().unwrap().success());
        assert_eq!(count, rows + 1);
        println!("{rows} rows, {bytes} bytes: {} MB, worker {} MB", peak.0 / 1024, peak.1 / 1024);
        peak
    };
    let (few, many) = (peak(300_000), peak(3_000_000));
    assert!(few.0 > 0 && few.1 > 0 && many.0 > 0 && many.1 > 0, "{few:?} {many:?}");
    assert!(many.0 < few.0 + (24 << 10) && many.1 < few.1 + (64 << 10), "{few:?} {many:?}");
}
