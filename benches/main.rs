//! What the plugin costs beside DuckDB itself, measured in one run: the figures are ratios, because machines
//! are noisy. `just bench [ROUNDS]`.
//!
//! *ours* is `App::query`: macros, gate, worker process, socket, Grafana frame. *DuckDB* is the same SQL in
//! this process, streamed to Arrow batches that are thrown away; *+ encoding* writes them as one Arrow IPC
//! file. The result cache is off but where its own line says so.

mod fixture;

use std::path::Path;
use std::time::{Duration, Instant};

use bytes::Bytes;
use duckdb_perf::app::{App, DataQuery, InstanceSettings};
use duckdb_perf::frame;
use duckdb_perf::plugin::client::Plugin;
use duckdb_perf::protocol::{self, Walls};
use duckdb_perf::source::Policy;
use duckdb_perf::worker;

/// Two million rows, five columns: bigint, double, varchar, timestamp, double.
const LARGE: &str = "SELECT range AS id, range * 0.5 AS a, 'pattern ' || (range % 1000) AS pattern, \
                     TIMESTAMP '2026-01-01' + to_seconds(range) AS t, sqrt(range) AS b FROM range(2000000)";

/// Workers of each kind whose walls are measured.
const PROCESSES: usize = 12;

fn main() {
    if std::env::args().nth(1).as_deref() == Some(protocol::WORKER_ARGUMENT) {
        worker::serve().unwrap();
        return;
    }
    let rounds: usize = std::env::args().skip(1).find_map(|argument| argument.parse().ok()).unwrap_or(15);
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(measure(rounds));
}

async fn measure(rounds: usize) {
    println!(
        "{:<42} {:>9} {:>9} {:>9} {:>7} {:>9}",
        "median of rounds, ms", "ours", "DuckDB", "+encoding", "ratio", "ratio+enc"
    );
    let one_row = [fixture::query("SELECT 1 AS a", "table")];
    let small = fixture::reports(60, 200);
    let settings = fixture::settings(small.path());
    let app = App::new(Ok(uncached()));
    compare(&app, &settings, "one row", &one_row, small.path(), rounds * 20).await;
    compare(
        &app,
        &settings,
        "five panels, 60 weeks x 200 patterns",
        &fixture::panels(),
        small.path(),
        rounds,
    )
    .await;
    over_grpc(&settings, &one_row[0], rounds * 20).await;
    let large = fixture::reports(260, 10_000);
    let settings = fixture::settings(large.path());
    compare(
        &app,
        &settings,
        "five panels, 260 weeks x 10,000 patterns",
        &fixture::panels(),
        large.path(),
        rounds.div_ceil(3),
    )
    .await;
    app.shutdown().await;
    kept(&settings, rounds).await;

    walls(&settings_of(small.path()), rounds).await;
    judged(&settings_of(small.path()), rounds).await;

    // A worker of its own, so that its peak is this query's.
    let unlimited = settings_of(small.path());
    let idle = {
        start(&app, &unlimited).await;
        worker_memory()
    };
    compare(
        &app,
        &unlimited,
        "2 million rows x 5 columns",
        &[fixture::query(LARGE, "table")],
        small.path(),
        rounds,
    )
    .await;
    let peak = worker_memory();
    println!(
        "\nresident memory of the worker: {} MB idle, {} MB at the peak of 2 million rows",
        idle.0, peak.1
    );
    println!(
        "the broker holds the frame beside it: peak of the whole bench process {} MB (with DuckDB alone in it)",
        own_peak()
    );
    app.shutdown().await;
}

/// Asks all `queries` one after the other, as often on both sides, and prints one line.
async fn compare(
    app: &App,
    settings: &InstanceSettings,
    name: &str,
    queries: &[DataQuery<Bytes>],
    folder: &Path,
    rounds: usize,
) {
    let alone = fixture::Alone::open(folder);
    let (mut ours, mut plain, mut encoded) = (Vec::new(), Vec::new(), Vec::new());
    let mut bytes = 0;
    // The first round warms files and workers.
    for round in 0..=rounds {
        let started = Instant::now();
        bytes = 0;
        for query in queries {
            bytes += ask(app, settings, query).await;
        }
        let times = [started.elapsed(), timed(&alone, queries, false), timed(&alone, queries, true)];
        if round > 0 {
            for (list, time) in [&mut ours, &mut plain, &mut encoded].into_iter().zip(times) {
                list.push(time);
            }
        }
    }
    let (ours, plain, encoded) = (median(ours), median(plain), median(encoded));
    println!(
        "{name:<42} {ours:>9.2} {plain:>9.2} {encoded:>9.2} {:>7.2} {:>9.2}   {:.2} MB",
        ours / plain,
        ours / encoded,
        megabytes(bytes)
    );
}

/// No result is kept.
fn uncached() -> Policy {
    Policy { cache_mb: Some(0), ..Policy::default() }
}

/// The five panels again, as a dashboard's refresh asks for them.
async fn kept(settings: &InstanceSettings, rounds: usize) {
    let app = App::new(Ok(Policy::default()));
    let (mut first, mut again) = (Vec::new(), Vec::new());
    for round in 0..=rounds {
        let started = Instant::now();
        for query in fixture::panels() {
            ask(&app, settings, &query).await;
        }
        if round == 0 { &mut first } else { &mut again }.push(started.elapsed());
    }
    println!(
        "{:<42} {:>9.2}   after {:.2} with the worker's start",
        "the same five panels, kept",
        median(again),
        median(first)
    );
    app.shutdown().await;
}

/// What the gate and the jail cost: the same queries with both walls, with one, and with none, in turn.
async fn walls(settings: &InstanceSettings, rounds: usize) {
    let none = Walls { gate: false, jail: false, landlock: false };
    let kinds =
        [none, Walls { gate: true, ..none }, Walls { gate: false, ..Walls::default() }, Walls::default()];
    let apps = kinds.map(|walls| App::new(Ok(uncached())).with_walls(walls));
    println!(
        "\n{:<42} {:>9} {:>9} {:>9} {:>9} {:>9} {:>7}",
        "walls, median ms", "none", "gate", "jail", "both", "cost", "ratio"
    );
    for (name, sql, rounds) in
        [("one row", "SELECT 1 AS a", rounds * 40), ("2 million rows x 5 columns", LARGE, rounds)]
    {
        let query = fixture::query(sql, "table");
        let mut times = [const { Vec::new() }; 4];
        for round in 0..rounds {
            // One process is some percent faster than the next, for as long as it lives.
            let is_new = round % (rounds / PROCESSES).max(1) == 0;
            // Whoever goes later finds warmer caches: they take turns.
            for turn in 0..apps.len() {
                let which = (round + turn) % apps.len();
                if is_new {
                    apps[which].shutdown().await;
                    ask(&apps[which], settings, &query).await;
                }
                let started = Instant::now();
                ask(&apps[which], settings, &query).await;
                times[which].push(started.elapsed());
            }
        }
        let [open, gate, jail, both] = times.map(median);
        println!(
            "{name:<42} {open:>9.3} {gate:>9.3} {jail:>9.3} {both:>9.3} {:>9.3} {:>7.3}",
            both - open,
            both / open
        );
    }
    let [without, .., with] = apps;
    let mut starts = [Vec::new(), Vec::new()];
    for _ in 0..rounds.min(20) {
        for (app, times) in [&with, &without].into_iter().zip(&mut starts) {
            app.shutdown().await;
            let started = Instant::now();
            ask(app, settings, &fixture::query("SELECT 1 AS a", "table")).await;
            times.push(started.elapsed());
        }
    }
    let [walled, open] = starts.map(median);
    println!(
        "{:<42} {walled:>9.3} {open:>9.3} {:>9.3} {:>7.3}",
        "start of a worker to its first answer",
        walled - open,
        walled / open
    );
    with.shutdown().await;
    without.shutdown().await;
}

/// What it costs the broker to judge a frame before it passes it on, as a part of the whole query.
async fn judged(settings: &InstanceSettings, rounds: usize) {
    let app = App::new(Ok(uncached()));
    println!("\n{:<42} {:>9} {:>9} {:>9}", "a frame judged, median ms", "judged", "query", "percent");
    for (name, sql, rounds) in
        [("one row", "SELECT 1 AS a", rounds * 40), ("2 million rows x 5 columns", LARGE, rounds)]
    {
        let query = fixture::query(sql, "table");
        let (mut checks, mut queries) = (Vec::new(), Vec::new());
        for _ in 0..=rounds {
            let started = Instant::now();
            let frame = app.query_on_the_wire(settings, query.clone(), ()).await.frame;
            queries.push(started.elapsed());
            let started = Instant::now();
            std::hint::black_box(frame::check(&frame, u64::MAX)).unwrap();
            checks.push(started.elapsed());
        }
        let (check, query) = (median(checks), median(queries));
        println!("{name:<42} {check:>9.4} {query:>9.3} {:>9.2}", 100.0 * check / query);
    }
    app.shutdown().await;
}

/// Settings of a datasource without a row limit.
fn settings_of(folder: &Path) -> InstanceSettings {
    InstanceSettings { row_limit: Some(-1), ..fixture::settings(folder) }
}

/// The same through the plugin process and its gRPC socket, as Grafana asks; and the time to its first
/// answer.
async fn over_grpc(settings: &InstanceSettings, query: &DataQuery<Bytes>, rounds: usize) {
    let executable = Path::new(env!("CARGO_BIN_EXE_duckdb-perf"));
    let none: [(&str, &str); 0] = [];
    let (mut first, mut next) = (Vec::new(), Vec::new());
    for _ in 0..5 {
        let started = Instant::now();
        let plugin = Plugin::spawn(executable, none).await.unwrap();
        for round in 0..=rounds / 5 {
            let asked = if round == 0 { started } else { Instant::now() };
            let answers = plugin.query(settings, std::slice::from_ref(query)).await.unwrap();
            assert_eq!(answers[&query.ref_id].error, None);
            if round == 0 { &mut first } else { &mut next }.push(asked.elapsed());
        }
        plugin.shutdown().await.unwrap();
    }
    println!("{:<42} {:>9.2}", "one row, through the plugin's gRPC socket", median(next));
    println!("{:<42} {:>9.2}", "start of the plugin to its first answer", median(first));
}

/// Time from no worker at all to the first answer.
async fn start(app: &App, settings: &InstanceSettings) {
    let mut times = Vec::new();
    for _ in 0..10 {
        app.shutdown().await;
        let started = Instant::now();
        ask(app, settings, &fixture::query("SELECT 1 AS a", "table")).await;
        times.push(started.elapsed());
    }
    println!("{:<42} {:>9.2}", "start of a worker to its first answer", median(times));
}

async fn ask(app: &App, settings: &InstanceSettings, query: &DataQuery<Bytes>) -> usize {
    let outcome = app.query_on_the_wire(settings, query.clone(), ()).await;
    assert_eq!(outcome.error, None);
    outcome.frame.len()
}

/// Bytes as megabytes.
fn megabytes(bytes: usize) -> f64 {
    f64::from(u32::try_from(bytes).unwrap_or(u32::MAX)) / 1e6
}

fn timed(alone: &fixture::Alone, queries: &[DataQuery<Bytes>], encode: bool) -> Duration {
    let started = Instant::now();
    for query in queries {
        std::hint::black_box(alone.run(query, encode));
    }
    started.elapsed()
}

/// The median in milliseconds.
fn median(mut times: Vec<Duration>) -> f64 {
    times.sort();
    times[times.len() / 2].as_secs_f64() * 1e3
}

/// Resident memory of the newest worker, now and at its peak, in MB.
fn worker_memory() -> (u64, u64) {
    let tasks = std::fs::read_dir("/proc/self/task").unwrap();
    let children = tasks.filter_map(|task| std::fs::read_to_string(task.ok()?.path().join("children")).ok());
    let workers: Vec<u32> = children
        .flat_map(|list| list.split_whitespace().map(|id| id.parse().unwrap()).collect::<Vec<_>>())
        .collect();
    let worker = workers.into_iter().max().expect("a worker runs");
    let status = std::fs::read_to_string(format!("/proc/{worker}/status")).unwrap();
    (field(&status, "VmRSS:"), field(&status, "VmHWM:"))
}

fn own_peak() -> u64 {
    field(&std::fs::read_to_string("/proc/self/status").unwrap(), "VmHWM:")
}

fn field(status: &str, name: &str) -> u64 {
    let line = status.lines().find_map(|line| line.strip_prefix(name)).unwrap();
    line.split_whitespace().next().unwrap().parse::<u64>().unwrap() / 1024
}
