//! What many queries at once, and workers that keep ending, do to others: long texts, turns, queries that do not listen,
//! pauses between starts. Each with the real processes.

#![expect(clippy::float_cmp, reason = "counts are whole numbers")]

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use duckdb_perf::app::{DataQuery, InstanceSettings};
use rustix::process::Signal;
use serde_json::json;

use crate::support::{Host, eventually, meta, query, reports, rows, runs, sample, signal, workers};

const MB: u64 = 1 << 20;
/// Planning this takes a minute and listens to no interrupt.
const DEAF: usize = 20_000;
/// Counts for two seconds or so, alone on two cores.
const INNOCENT: &str = "SELECT count(*) FROM range(150000000) WHERE hash(range) % 7 = 0";

/// Resident memory of one process.
fn resident(pid: u32) -> u64 {
    let text = std::fs::read_to_string(format!("/proc/{pid}/statm")).unwrap_or_default();
    text.split(' ').nth(1).and_then(|pages| pages.parse::<u64>().ok()).unwrap_or(0) * 4096
}

/// A query of 4 KB that expands to 2 MB.
fn inflated(number: usize) -> DataQuery {
    let text = format!("SELECT {number}, length('{}') AS bytes", "$v".repeat(990));
    let model = json!({ "rawSql": text, "variables": { "v": "x".repeat(2_048) } });
    DataQuery { json: Bytes::from(model.to_string()), ..query(&format!("Q{number}"), "", "table") }
}

/// The most that a plugin and its workers take together while `work` lasts, in MB.
async fn peak<T>(host: &Host, work: impl Future<Output = T>) -> (T, u64) {
    let plugin = host.plugin.pid().unwrap();
    let (most, done) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicBool::new(false)));
    let (seen, ended) = (Arc::clone(&most), Arc::clone(&done));
    let watcher = std::thread::spawn(move || {
        while !ended.load(Ordering::SeqCst) {
            let all = resident(plugin) + workers(plugin).into_iter().map(resident).sum::<u64>();
            seen.fetch_max(all, Ordering::SeqCst);
            std::thread::sleep(Duration::from_millis(5));
        }
    });
    let result = work.await;
    done.store(true, Ordering::SeqCst);
    watcher.join().unwrap();
    (result, most.load(Ordering::SeqCst) / MB)
}

/// A request as long as the protocol allows, whose queries expand to five hundred times that.
#[tokio::test(flavor = "multi_thread")]
async fn texts_that_expand_do_not_fill_the_broker() {
    let limit = 64;
    let host = Host::start(&reports(), &json!({ "memoryLimitMb": limit, "timeoutSeconds": 120 })).await;
    host.rows("SELECT 1").await;
    let queries: Vec<_> = (0..1_900).map(inflated).collect();
    let (answers, peak) = peak(&host, host.ask_all(&queries)).await;
    println!("broker and worker take at most {peak} MB");
    assert!(peak < limit + 256, "{peak} MB");

    let of = |text: &str| {
        answers
            .iter()
            .filter(|answer| answer.error.as_ref().is_some_and(|error| error.contains(text)))
            .count()
    };
    assert_eq!(of("the request has 1900 queries, and only the first 400 are run"), 1_500);
    let answered: Vec<_> = answers.iter().filter(|answer| answer.error.is_none()).collect();
    // How many find the queue full is a matter of speed.
    let refused = of("are already waiting for this datasource");
    println!("{} were answered, {refused} found the queue full", answered.len());
    // Those whose memory did not suffice beside others have run again alone.
    assert_eq!(
        answered.len() + refused,
        400,
        "{:?}",
        answers.iter().find_map(|answer| answer.error.as_deref())
    );
    assert!(answered.len() >= 8);
    // Of a long text the beginning is shown, and how much is not.
    let shown = meta(answered[0])["executedQueryString"].as_str().unwrap().to_owned();
    assert!(shown.starts_with("SELECT 0, length('xxx") && shown.len() < 20_000, "{}", shown.len());
    assert!(shown.ends_with("bytes more, which are left out here"), "{}", &shown[shown.len() - 100..]);
    assert_eq!(host.rows("SELECT 1").await, ["1"]);
    host.stop().await;
}

/// Forty requests at the same time, each as long as the protocol allows.
#[tokio::test(flavor = "multi_thread")]
async fn many_long_requests_do_not_fill_the_broker() {
    let limit = 64;
    let host = Host::start(&reports(), &json!({ "memoryLimitMb": limit, "timeoutSeconds": 120 })).await;
    host.rows("SELECT 1").await;
    let filler = "x".repeat(500 << 10);
    let queries: Vec<_> =
        (0..16).map(|n| query(&format!("Q{n}"), &format!("SELECT length('{filler}')"), "table")).collect();
    let mut asking = tokio::task::JoinSet::new();
    let host = Arc::new(host);
    for _ in 0..40 {
        let (host, queries) = (Arc::clone(&host), queries.clone());
        asking.spawn(async move { host.plugin.query(&host.settings, &queries).await });
    }
    let (results, peak) = peak(&host, asking.join_all()).await;
    let answers = || results.iter().flatten().flat_map(std::collections::BTreeMap::values);
    let of = |text: &str| {
        answers().filter_map(|answer| answer.error.as_ref()).filter(|error| error.contains(text)).count()
    };
    let (refused, full) =
        (results.iter().filter(|result| result.is_err()).count(), of("are already waiting"));
    let answered = answers().filter(|answer| answer.error.is_none()).count();
    println!(
        "{peak} MB at most; {refused} requests were refused, {full} queries found the queue full, {answered} were answered"
    );
    for error in results.iter().filter_map(|result| result.as_ref().err()) {
        assert!(error.message.contains("long requests that are being answered"), "{error:?}");
    }
    assert_eq!(answered + full, (40 - refused) * queries.len());
    assert!(answered > 0 && peak < limit + 256, "{peak} MB");
    assert_eq!(host.rows("SELECT 1").await, ["1"], "nothing of it remains");
    let Ok(host) = Arc::try_unwrap(host) else { unreachable!() };
    host.stop().await;
}

/// Results of many people at the same time, larger together than the memory that there is for them.
#[tokio::test(flavor = "multi_thread")]
async fn results_on_their_way_do_not_fill_the_broker() {
    let limit = 128;
    let host =
        Arc::new(Host::start(&reports(), &json!({ "memoryLimitMb": limit, "timeoutSeconds": 120 })).await);
    host.rows("SELECT 1").await;
    let mut asking = tokio::task::JoinSet::new();
    for caller in 0..8 {
        let host = Arc::clone(&host);
        asking.spawn(async move {
            let settings = InstanceSettings { caller: format!("caller {caller}"), ..host.settings.clone() };
            let large = |n: usize| {
                let sql =
                    format!("SELECT range + {n} AS a, range AS b, range AS c, range AS d FROM range(700000)");
                query(&format!("Q{n}"), &sql, "table")
            };
            host.plugin.query(&settings, &[large(2 * caller), large(2 * caller + 1)]).await.unwrap()
        });
    }
    let (results, peak) = peak(&host, asking.join_all()).await;
    let mut answered = 0;
    for answer in results.iter().flat_map(std::collections::BTreeMap::values) {
        match &answer.error {
            None => answered += 1,
            Some(error) => assert!(error.contains("memory"), "{error}"),
        }
    }
    println!("{peak} MB at most, {answered} of 16 were answered");
    assert!(answered > 0 && peak < limit + 256, "{peak} MB");
    let Ok(host) = Arc::try_unwrap(host) else { unreachable!() };
    host.stop().await;
}

/// Long requests to one datasource are no reason to refuse those to another one.
#[tokio::test(flavor = "multi_thread")]
async fn long_texts_that_run_do_not_keep_others_out() {
    let host = Arc::new(Host::start(&reports(), &json!({ "timeoutSeconds": 60 })).await);
    host.rows("SELECT 1").await;
    let filler = "x".repeat(480 << 10);
    let mut slow = tokio::task::JoinSet::new();
    for _ in 0..3 {
        let (host, filler) = (Arc::clone(&host), filler.clone());
        slow.spawn(async move {
            let mut queries: Vec<_> =
                (0..14).map(|n| query(&format!("Q{n}"), &format!("SELEC '{filler}'"), "table")).collect();
            queries.push(query(
                "slow",
                "SELECT count(*) FROM range(30000000000) WHERE hash(range) % 7 = 0",
                "table",
            ));
            host.plugin.query(&host.settings, &queries).await
        });
    }
    eventually("slow queries run", || slow.len() == 3).await;
    tokio::time::sleep(Duration::from_secs(3)).await;
    let other = InstanceSettings { uid: "other".into(), ..host.settings.clone() };
    let long = query("A", &format!("SELECT length('{filler}') AS n"), "table");
    let answer = host.plugin.query(&other, std::slice::from_ref(&long)).await.unwrap().remove("A").unwrap();
    assert_eq!((answer.error.as_deref(), rows(&answer)), (None, vec![(480 << 10).to_string()]));
    slow.abort_all();
    while slow.join_next().await.is_some() {}
    let Ok(host) = Arc::try_unwrap(host) else { unreachable!() };
    host.stop().await;
}

/// An error can quote a value as long as DuckDB's memory.
#[tokio::test(flavor = "multi_thread")]
async fn long_messages_are_cut_and_say_so() {
    let host = Host::start(&reports(), &json!({})).await;
    let error = host.error("SELECT repeat('x', 10000000)::INTEGER").await;
    assert!(error.starts_with("Conversion Error: Could not convert string 'xxx"), "{}", &error[..200]);
    assert!(error.contains("bytes are left out") && error.len() < 10_000, "{}", error.len());
    host.stop().await;
}

/// One caller's hundred queries are not all before another's first one.
#[tokio::test(flavor = "multi_thread")]
async fn turns_go_round_among_the_callers() {
    let host = Host::start(&reports(), &json!({ "timeoutSeconds": 120 })).await;
    host.rows("SELECT 1").await;
    let of = |caller: &str| InstanceSettings { caller: caller.to_owned(), ..host.settings.clone() };
    let (greedy, modest) = (of("greedy"), of("modest"));
    let slow = |n| {
        query(&format!("Q{n}"), "SELECT count(*) FROM range(20000000) WHERE hash(range) % 7 = 0", "table")
    };
    let many: Vec<_> = (0..100).map(slow).collect();
    let started = Instant::now();
    let (all, one) = tokio::join!(
        async {
            let answers = host.plugin.query(&greedy, &many).await.unwrap();
            assert!(answers.values().all(|answer| answer.error.is_none()));
            started.elapsed()
        },
        async {
            tokio::time::sleep(Duration::from_millis(300)).await;
            let answer = host.plugin.query(&modest, &[slow(0)]).await.unwrap().remove("Q0").unwrap();
            assert_eq!(answer.error, None);
            started.elapsed()
        }
    );
    println!("one of the modest after {one:?}, all of the greedy after {all:?}");
    assert!(one < all / 2, "{one:?} of {all:?}");
    host.stop().await;
}

/// Clients that send queries which listen to no interrupt and cancel them at once, so that their workers are killed all the
/// time: every query beside them answers, for as long as it takes until three workers were killed.
#[tokio::test(flavor = "multi_thread")]
async fn innocent_queries_answer_beside_those_that_do_not_listen() {
    let mut host = Host::start(&reports(), &json!({ "timeoutSeconds": 60 })).await;
    host.settings.uid = "deaf".into();
    host.rows("SELECT 1").await;
    let done = AtomicBool::new(false);
    let hostile = async |client: usize| {
        let mut n = client;
        while !done.load(Ordering::SeqCst) {
            // Never the same text, so that nothing is remembered of it.
            let sql = format!("SELECT {n}{}", " UNION ALL SELECT 1".repeat(DEAF));
            let _ = tokio::time::timeout(Duration::from_millis(100), host.ask(&sql, "table")).await;
            n += 4;
        }
    };
    let kills = async || {
        sample(
            &host.plugin.metrics().await.unwrap(),
            "duckdb_perf_worker_kills_total{datasource=\"deaf\",reason=\"cancelled\"}",
        )
    };
    let innocent = async |client: usize| {
        let mut round = 0;
        while round < 3 || kills().await < 3.0 {
            round += 1;
            assert!(round < 60, "no three workers were killed");
            let asked = Instant::now();
            let answer = host.ask(&format!("{INNOCENT} + {client}"), "table").await;
            println!("innocent {client}, round {round}: {:.1} s", asked.elapsed().as_secs_f64());
            assert_eq!((answer.error.as_deref(), rows(&answer).len()), (None, 1));
        }
    };
    tokio::join!(hostile(0), hostile(1), hostile(2), hostile(3), async {
        tokio::join!(innocent(0), innocent(1));
        done.store(true, Ordering::SeqCst);
    });
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_that_keeps_dying_is_restarted_after_growing_pauses() {
    let host = Host::start(&reports(), &json!({})).await;
    host.rows("SELECT 1").await;
    for (death, pause) in [0, 0, 0, 50, 100, 200, 400, 800, 1000, 1000].into_iter().enumerate() {
        let worker = workers(host.plugin.pid().unwrap())[0];
        signal(worker, Signal::KILL);
        eventually("the worker's end", || !runs(worker)).await;
        // Its end is noted a moment later.
        tokio::time::sleep(Duration::from_millis(100)).await;
        let asked = Instant::now();
        assert_eq!(host.rows("SELECT 1").await, ["1"]);
        let took = asked.elapsed();
        println!("after {} deaths: {took:?}", death + 1);
        let pause = Duration::from_millis(pause);
        assert!(took >= pause && took < pause + Duration::from_secs(5), "death {}: {took:?}", death + 1);
    }
    let health = host.plugin.health(&host.settings).await.unwrap();
    assert!(health.ok && health.message.contains("10 workers ended before their time"), "{health:?}");
    assert!(health.message.contains("signal"), "{health:?}");
    host.stop().await;
}

/// Kills the next `count` workers as soon as they are there.
fn kill_newborns(plugin: u32, count: usize) -> std::thread::JoinHandle<()> {
    std::thread::spawn(move || {
        let mut killed = Vec::new();
        let started = Instant::now();
        while killed.len() < count && started.elapsed() < Duration::from_secs(20) {
            for worker in workers(plugin) {
                if !killed.contains(&worker) {
                    signal(worker, Signal::KILL);
                    killed.push(worker);
                }
            }
        }
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_that_is_killed_while_it_opens_is_started_once_more() {
    let mut host = Host::start(&reports(), &json!({})).await;
    host.settings.uid = "newborn".into();
    let opening = async || {
        let text = host.plugin.metrics().await.unwrap();
        sample(&text, "duckdb_perf_worker_kills_total{datasource=\"newborn\",reason=\"opening\"}")
    };
    let plugin = host.plugin.pid().unwrap();
    let killer = kill_newborns(plugin, 1);
    assert_eq!(host.rows("SELECT 1").await, ["1"]);
    killer.join().unwrap();
    assert_eq!(opening().await, 1.0, "it was killed before it was open");

    let worker = workers(plugin)[0];
    signal(worker, Signal::KILL);
    eventually("the worker's end", || !runs(worker)).await;
    tokio::time::sleep(Duration::from_millis(100)).await;
    let killer = kill_newborns(plugin, 2);
    let error = host.error("SELECT 1").await;
    killer.join().unwrap();
    assert!(error.contains("the worker process cannot be started"), "{error}");
    assert_eq!(opening().await, 3.0);
    assert_eq!(host.rows("SELECT 1").await, ["1"]);
    host.stop().await;
}
