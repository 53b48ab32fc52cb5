//! Everything at once, for long: clients whose data checks itself, hostile ones among them, workers killed at
//! random, reports replaced and a database written all the while. `just soak` runs it for half an hour, the
//! suite for `SOAK_SECONDS` (20). The result cache is on, as it is shipped: what it keeps of the reports must
//! never be wrong. Three of the five kinds of queries are never kept (they read no file, or the database), so
//! a dead worker is not hidden.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use duckdb_perf::app::InstanceSettings;
use duckdb_perf::plugin::client::Answer;
use rustix::process::Signal;
use serde_json::json;

use crate::support::{Host, demo, duckdb, query, rows, settings, workers};

const CLIENTS: u64 = 8;
const FILES: u64 = 6;
const ROWS: u64 = 2_000;
const MB: u64 = 1 << 20;
/// Of each of the two datasources.
const MEMORY_LIMIT_MB: u64 = 256;

/// What a client asks that means harm; one in twenty queries.
fn hostile(n: u64) -> String {
    match n % 10 {
        0 => "SELECT repeat('x', 4000000000)".to_owned(),
        1 => "SELECT list(list_resize([1], 1000000, 1)) FROM range(1000)".to_owned(),
        2 => format!("SELECT 1{}", " UNION ALL SELECT 1".repeat(8_000)),
        3 => {
            "SELECT (repeat('[', 2000000) || '1' || repeat(']', 2000000))::JSON::VARIANT::VARCHAR".to_owned()
        }
        4 => "COPY (SELECT 1) TO 'evil.csv'".to_owned(),
        5 => "WITH c AS (COPY (SELECT 1) TO 'evil.csv') FROM c".to_owned(),
        6 => "WITH a AS (".repeat(9),
        7 => "SELECT count(*) FROM range(1000000) a, range(1000000) b WHERE hash(a.range, b.range) = 1"
            .to_owned(),
        8 => "SELECT range, repeat('x', 100) FROM range(100000000)".to_owned(),
        _ => "FROM read_text('/etc/passwd')".to_owned(),
    }
}

/// Writes report `id` of a version: every row can be checked.
fn write_report(folder: &Path, id: u64, version: u64) {
    let (aside, file) = (folder.join(format!("r{id}.tmp")), folder.join(format!("r{id}.parquet")));
    duckdb(&format!(
        "COPY (SELECT {id} AS id, {version} AS v, range AS r, {version} * 31 + {id} + range AS proof FROM range({ROWS})) TO '{}' (FORMAT parquet)",
        aside.display()
    ));
    std::fs::rename(aside, file).unwrap();
}

/// An ordinary query with what it must give; `database` says which datasource it is for.
struct Ordinary {
    sql: String,
    expected: Vec<String>,
    database: bool,
}

fn ordinary(n: u64) -> Ordinary {
    let all = |each: &dyn Fn(u64) -> String| (0..FILES).map(each).collect::<Vec<_>>();
    match n % 5 {
        0 => Ordinary {
            sql: "SELECT id, count(DISTINCT v), count(*), bool_and(proof = v * 31 + id + r) FROM 'r*.parquet' GROUP BY id ORDER BY id".to_owned(),
            expected: all(&|id| format!("{id} | 1 | {ROWS} | true")),
            database: false,
        },
        1 => Ordinary {
            sql: "SELECT count(*) FROM perf_all_weeks".to_owned(),
            expected: vec!["36".to_owned()],
            database: false,
        },
        2 => Ordinary {
            sql: format!("SELECT {n} * 2, 'it''s'"),
            expected: vec![format!("{} | it's", n * 2)],
            database: false,
        },
        3 => Ordinary {
            sql: "SELECT sum(range)::BIGINT FROM range(300000)".to_owned(),
            expected: vec!["44999850000".to_owned()],
            database: false,
        },
        _ => Ordinary {
            sql: "SELECT count(DISTINCT v), count(*) FROM t".to_owned(),
            expected: vec![format!("1 | {ROWS}")],
            database: true,
        },
    }
}

/// What the errors of ordinary queries say, each of them clear and nobody's mistake: they are beside hostile
/// ones, in workers that are killed, over files that change, on a machine that is busy.
const CLEAR: &[&str] = &[
    "the worker process died while it ran this query (signal",
    "two workers ended under this query: the last one",
    "the worker process cannot be started",
    "the query was stopped because it took more memory than the datasource may have",
    "the query was stopped because it and others took more memory than the datasource may have",
    "the query was stopped because it needed more room on disk than the datasource may have",
    "the worker has no memory left for another query",
    "the results that are being sent need more than",
    "Out of Memory Error",
    "the files changed while the query read them, again and again",
    "Another process has the database file open for writing",
];

/// What says only that three seconds were too short; how often they are is the machine's matter.
const LATE: [&str; 2] = ["the query was stopped after 3 s", "the query waited "];
/// How many ordinary queries must be answered, and how much longer that may take.
const LEAST: u64 = 50;
const LONGER: Duration = Duration::from_mins(5);

/// What the plugin holds of the machine.
#[derive(Debug, Clone, Copy)]
struct Holding {
    memory_mb: u64,
    workers_mb: u64,
    descriptors: usize,
    threads: usize,
    workers: usize,
    spill_files: usize,
}

fn holding(plugin: u32, temp: &Path) -> Holding {
    let count = |folder: String| std::fs::read_dir(folder).map_or(0, Iterator::count);
    let resident = |pid: u32| {
        let statm = std::fs::read_to_string(format!("/proc/{pid}/statm")).unwrap_or_default();
        statm.split(' ').nth(1).and_then(|pages| pages.parse::<u64>().ok()).unwrap_or(0) * 4096 / MB
    };
    let spilled = walk(temp);
    Holding {
        memory_mb: resident(plugin),
        workers_mb: workers(plugin).into_iter().map(resident).sum(),
        descriptors: count(format!("/proc/{plugin}/fd")),
        threads: count(format!("/proc/{plugin}/task")),
        workers: workers(plugin).len(),
        spill_files: spilled,
    }
}

/// Files with content below `folder`.
fn walk(folder: &Path) -> usize {
    let entries = std::fs::read_dir(folder).into_iter().flatten().filter_map(Result::ok);
    entries
        .map(|entry| {
            let is_file = entry.metadata().is_ok_and(|found| found.is_file() && found.len() > 4096);
            if entry.path().is_dir() { walk(&entry.path()) } else { usize::from(is_file) }
        })
        .sum()
}

#[derive(Default)]
struct Tally {
    asked: u64,
    answered: u64,
    late: u64,
    hostile: u64,
    hostile_answered: u64,
    errors: BTreeMap<String, u64>,
    wrong: Vec<String>,
    unclear: Vec<String>,
    times: Vec<Duration>,
}

impl Tally {
    /// Counts the answer to an ordinary query.
    fn take(&mut self, ordinary: &Ordinary, answer: &Answer, time: Duration) {
        self.asked += 1;
        if let Some(error) = &answer.error {
            if LATE.iter().any(|words| error.contains(words)) {
                self.late += 1;
            } else if !CLEAR.iter().any(|words| error.contains(words)) {
                self.unclear.push(format!("{}: {error}", ordinary.sql));
            }
            *self.errors.entry(kind_of(error)).or_insert(0) += 1;
            return;
        }
        let found = rows(answer);
        if found != ordinary.expected {
            self.wrong.push(format!("{}: {found:?}", ordinary.sql));
        }
        self.answered += 1;
        self.times.push(time);
    }
}

/// An error without what differs from one to the next.
fn kind_of(error: &str) -> String {
    let words =
        error.split_whitespace().take(14).map(|word| if word.contains(['"', '/', '`']) { "…" } else { word });
    words.collect::<Vec<_>>().join(" ").chars().map(|c| if c.is_ascii_digit() { '#' } else { c }).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn soak() {
    let seconds = std::env::var("SOAK_SECONDS").ok().and_then(|text| text.parse().ok()).unwrap_or(20);
    let root = tempfile::tempdir().unwrap();
    let (folder, temp, database) =
        (root.path().join("reports"), root.path().join("temp"), root.path().join("perf.duckdb"));
    for path in [&folder, &temp] {
        std::fs::create_dir(path).unwrap();
    }
    demo(&folder, 4, 10);
    (0..FILES).for_each(|id| write_report(&folder, id, 0));
    duckdb(&format!(
        "ATTACH '{}' AS f; CREATE TABLE f.t AS SELECT 0 AS v, range AS k FROM range({ROWS})",
        database.display()
    ));
    let limits = json!({ "timeoutSeconds": 3, "memoryLimitMb": MEMORY_LIMIT_MB, "maxResultMb": 16 });
    let host = Host::start_with(&folder, &limits, &[("TMPDIR", temp.to_str().unwrap())]).await;
    let other = settings(&database, &limits);
    let plugin = host.plugin.pid().unwrap();

    let done = Arc::new(AtomicBool::new(false));
    let kills = Arc::new(AtomicU64::new(0));
    let writes = Arc::new(AtomicU64::new(0));
    let disturbers = disturbers(&done, plugin, &folder, &database, &kills, &writes);
    let tally = Mutex::new(Tally::default());
    let started = Instant::now();
    let is_over = || {
        let more = if tally.lock().unwrap().answered < LEAST { LONGER } else { Duration::ZERO };
        started.elapsed() >= Duration::from_secs(seconds) + more
    };
    let client = async |client: u64| {
        let mut n = client;
        while !is_over() {
            n += CLIENTS;
            // Spread over the clients and over time.
            if n.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32 & 0xffff < 0xffff / 20 {
                let answer = ask(&host, &host.settings, &hostile(n / 7)).await;
                let mut tally = tally.lock().unwrap();
                tally.hostile += 1;
                tally.hostile_answered += u64::from(answer.error.is_none());
                continue;
            }
            let ordinary = ordinary(n / CLIENTS + client);
            let settings = if ordinary.database { &other } else { &host.settings };
            let asked = Instant::now();
            let answer = ask(&host, settings, &ordinary.sql).await;
            tally.lock().unwrap().take(&ordinary, &answer, asked.elapsed());
        }
    };
    let watch = async {
        let warm = Duration::from_secs(seconds) / 4;
        tokio::time::sleep(warm).await;
        let mut seen = vec![holding(plugin, &temp)];
        let mut most = 0;
        for _ in 0..6 {
            let until = Instant::now() + warm / 2;
            while Instant::now() < until {
                tokio::time::sleep(Duration::from_millis(50)).await;
                let now = holding(plugin, &temp);
                most = most.max(now.memory_mb + now.workers_mb);
            }
            seen.push(holding(plugin, &temp));
        }
        (seen, most)
    };
    let ((seen, most), ..) = tokio::join!(
        watch,
        client(0),
        client(1),
        client(2),
        client(3),
        client(4),
        client(5),
        client(6),
        client(7)
    );
    done.store(true, Ordering::SeqCst);
    for thread in disturbers {
        thread.join().unwrap();
    }
    tokio::time::sleep(Duration::from_secs(2)).await;
    let end = holding(plugin, &temp);
    let tally = tally.into_inner().unwrap();
    report(&tally, &seen, end, kills.load(Ordering::SeqCst), writes.load(Ordering::SeqCst), seconds);

    assert!(tally.wrong.is_empty(), "wrong answers: {:?}", tally.wrong);
    assert!(tally.unclear.is_empty(), "errors that nobody expects: {:?}", tally.unclear);
    println!("  broker and workers together at most {most} MB");
    // Two datasources, each with a limit for itself and the broker.
    assert!(most < 2 * (MEMORY_LIMIT_MB + 256), "{most} MB");
    let (answered, in_time) = (tally.answered, tally.asked - tally.late);
    assert!(answered >= LEAST && answered * 100 >= in_time * 80, "{answered} of {in_time} were answered");
    let warm = seen[0];
    assert!(end.memory_mb <= warm.memory_mb + 128, "memory: {warm:?} {end:?}");
    assert!(end.descriptors <= warm.descriptors + 8, "descriptors: {warm:?} {end:?}");
    assert!(end.threads <= warm.threads + 16, "threads: {warm:?} {end:?}");
    assert!(end.workers <= 2 && end.spill_files == 0, "{end:?}");
    assert!(!folder.join("evil.csv").exists());
    host.stop().await;
    assert_eq!(std::fs::read_dir(&temp).unwrap().count(), 0, "a temp folder stays");
}

/// Kills workers, replaces reports and writes into the database.
fn disturbers(
    done: &Arc<AtomicBool>,
    plugin: u32,
    folder: &Path,
    database: &Path,
    kills: &Arc<AtomicU64>,
    writes: &Arc<AtomicU64>,
) -> [std::thread::JoinHandle<()>; 3] {
    [
        disturb(done, Duration::from_millis(1700), {
            let kills = Arc::clone(kills);
            move |n| {
                let running = workers(plugin);
                if let Some(worker) = running.get(usize::try_from(n).unwrap() % running.len().max(1)) {
                    let pid = rustix::process::Pid::from_raw((*worker).try_into().unwrap()).unwrap();
                    kills.fetch_add(
                        u64::from(rustix::process::kill_process(pid, Signal::KILL).is_ok()),
                        Ordering::SeqCst,
                    );
                }
            }
        }),
        disturb(done, Duration::from_millis(300), {
            let folder = folder.to_owned();
            move |n| write_report(&folder, n % FILES, n)
        }),
        disturb(done, Duration::from_millis(500), {
            let (database, writes) = (database.to_owned(), Arc::clone(writes));
            move |n| {
                // As a patient job does.
                for _ in 0..200 {
                    if let Ok(writer) = duckdb::Connection::open(&database) {
                        writer.execute_batch(&format!("UPDATE t SET v = {n}")).unwrap();
                        writes.fetch_add(1, Ordering::SeqCst);
                        return;
                    }
                    std::thread::sleep(Duration::from_millis(20));
                }
            }
        }),
    ]
}

async fn ask(host: &Host, settings: &InstanceSettings, sql: &str) -> Answer {
    host.plugin.query(settings, &[query("A", sql, "table")]).await.unwrap().remove("A").unwrap()
}

/// Does `what` with a running number every `pause`, until `done`.
fn disturb(
    done: &Arc<AtomicBool>,
    pause: Duration,
    what: impl Fn(u64) + Send + 'static,
) -> std::thread::JoinHandle<()> {
    let done = Arc::clone(done);
    std::thread::spawn(move || {
        for n in 1.. {
            std::thread::sleep(pause);
            if done.load(Ordering::SeqCst) {
                return;
            }
            what(n);
        }
    })
}

fn report(tally: &Tally, seen: &[Holding], end: Holding, kills: u64, writes: u64, seconds: u64) {
    let mut times = tally.times.clone();
    times.sort();
    let at =
        |share: usize| times.get(times.len().saturating_sub(1) * share / 100).copied().unwrap_or_default();
    println!("soak of {seconds} s with {CLIENTS} clients");
    println!(
        "  ordinary queries {}, answered {}, late {}, wrong {}",
        tally.asked,
        tally.answered,
        tally.late,
        tally.wrong.len()
    );
    println!(
        "  hostile queries {}, of which {} were answered without harm",
        tally.hostile, tally.hostile_answered
    );
    println!("  workers killed from outside {kills}, database writes {writes}");
    println!(
        "  latency of ordinary queries: p50 {:?}, p95 {:?}, p99 {:?}, most {:?}",
        at(50),
        at(95),
        at(99),
        at(100)
    );
    for (error, count) in &tally.errors {
        println!("  {count:>6} x {error}");
    }
    for holding in seen.iter().chain([&end]) {
        println!("  {holding:?}");
    }
}
