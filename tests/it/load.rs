//! What many queries at once, and workers that keep ending, do to others: long texts, turns, queries that do
//! not listen, pauses between starts. Each with the real processes.

#![expect(clippy::float_cmp, reason = "counts are whole numbers")]

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use duckdb_perf::app::{DataQuery, InstanceSettings};
use rustix::process::Signal;
use serde_json::json;

use crate::confined::peak_of;
use crate::support::{Host, eventually, meta, query, reports, rows, sample, signal, workers};

const MB: u64 = 1 << 20;
/// `timeoutSeconds` where the last of many queries waits for all others, however slow the machine is.
const PATIENT: u64 = 900;
/// Planning this takes a minute and listens to no interrupt.
const DEAF: usize = 20_000;
/// Counts for two seconds or so, alone on two cores.
const INNOCENT: &str = "SELECT count(*) FROM range(150000000) WHERE hash(range) % 7 = 0";

/// A query of 4 KB that expands to 2 MB.
fn inflated(number: usize) -> DataQuery<Bytes> {
    let text = format!("SELECT {number}, length('{}') AS bytes", "$v".repeat(990));
    let model = json!({ "rawSql": text, "variables": { "v": "x".repeat(2_048) } });
    DataQuery { model: Bytes::from(model.to_string()), ..query(&format!("Q{number}"), "", "table") }
}

/// The most that a plugin and its workers take together while `work` lasts, in MB.
async fn peak<T>(host: &Host, work: impl Future<Output = T>) -> (T, u64) {
    let (most, result) = peak_of(host.plugin.pid().unwrap(), work).await;
    (result, most / MB)
}

/// A request as long as the protocol allows, whose queries expand to five hundred times that.
#[tokio::test(flavor = "multi_thread")]
async fn texts_that_expand_do_not_fill_the_broker() {
    let limit = 64;
    let host = Host::start(&reports(), &json!({ "memoryLimitMb": limit, "timeoutSeconds": PATIENT })).await;
    host.rows("SELECT 1").await;
    let queries: Vec<_> = (0..1_900).map(inflated).collect();
    let (answers, peak) = Box::pin(peak(&host, host.ask_all(&queries))).await;
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
    let host = Host::start(&reports(), &json!({ "memoryLimitMb": limit, "timeoutSeconds": PATIENT })).await;
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
    let host = Arc::new(
        Host::start(&reports(), &json!({ "memoryLimitMb": limit, "timeoutSeconds": PATIENT })).await,
    );
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
    let mut host = Host::start(&reports(), &json!({ "timeoutSeconds": PATIENT })).await;
    host.settings.uid = "turns".into();
    let host = Arc::new(host);
    host.rows("SELECT 1").await;
    let of = |caller: &str| InstanceSettings { caller: caller.to_owned(), ..host.settings.clone() };
    let slow = query("A", "SELECT count(*) FROM range(20000000) WHERE hash(range) % 7 = 0", "table");
    let answered = Arc::new(AtomicUsize::new(0));
    let mut greedy = tokio::task::JoinSet::new();
    for _ in 0..100 {
        let (host, settings, slow) = (Arc::clone(&host), of("greedy"), slow.clone());
        let answered = Arc::clone(&answered);
        greedy.spawn(async move {
            let answer = host.plugin.query(&settings, &[slow]).await.unwrap().remove("A").unwrap();
            assert_eq!(answer.error, None);
            answered.fetch_add(1, Ordering::SeqCst);
        });
    }
    while host.metric("queue_waiting", "").await < 60.0 {
        assert!(answered.load(Ordering::SeqCst) < 40, "too few wait");
        tokio::time::sleep(Duration::from_millis(25)).await;
    }
    let before = answered.load(Ordering::SeqCst);
    let answers = host.plugin.query(&of("modest"), std::slice::from_ref(&slow)).await.unwrap();
    let between = answered.load(Ordering::SeqCst) - before;
    assert_eq!(answers["A"].error, None);
    println!("{between} of the greedy were answered before the modest one");
    // Some sixty would be, if those who came first were first: now those that run, and hardly more than run
    // beside it.
    assert!(between <= 30, "{between}");
    greedy.join_all().await;
    let Ok(host) = Arc::try_unwrap(host) else { unreachable!() };
    host.stop().await;
}

/// Clients that send queries which listen to no interrupt and cancel them at once, so that their workers are
/// killed all the time: every query beside them answers, for as long as it takes until three workers were
/// killed.
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
    let mut host = Host::start(&reports(), &json!({})).await;
    host.settings.uid = "dying".into();
    host.rows("SELECT 1").await;
    let started = Instant::now();
    let pauses = [0, 0, 0, 50, 100, 200, 400, 800, 1000, 1000].map(Duration::from_millis);
    for (death, pause) in (1_u8..).zip(pauses) {
        let worker = workers(host.plugin.pid().unwrap())[0];
        signal(worker, Signal::KILL);
        // Until its end is noted, it can still be given a query.
        host.eventually("worker_kills_total", ",reason=\"crash\"", f64::from(death)).await;
        let asked = Instant::now();
        assert_eq!(host.rows("SELECT 1").await, ["1"]);
        let took = asked.elapsed();
        println!("after {death} deaths: {took:?}");
        // The first deaths cost nothing any more after a minute.
        let all_count = started.elapsed() < Duration::from_mins(1);
        assert!(took >= pause || !all_count, "death {death}: {took:?}");
        assert!(took < pause + Duration::from_secs(30), "death {death}: {took:?}");
    }
    let health = host.plugin.health(&host.settings).await.unwrap();
    assert!(health.ok && health.message.contains("10 workers ended before their time"), "{health:?}");
    assert!(health.message.contains("signal"), "{health:?}");
    host.stop().await;
}

/// Kills the next `count` workers as soon as they are there, until `done`.
fn kill_newborns(plugin: u32, count: usize, done: &Arc<AtomicBool>) -> std::thread::JoinHandle<()> {
    let (mut known, done) = (workers(plugin), Arc::clone(done));
    let all = known.len() + count;
    std::thread::spawn(move || {
        while known.len() < all && !done.load(Ordering::SeqCst) {
            for worker in workers(plugin) {
                if !known.contains(&worker) {
                    signal(worker, Signal::KILL);
                    known.push(worker);
                }
            }
        }
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_that_is_killed_while_it_opens_is_started_once_more() {
    let mut host = Host::start(&reports(), &json!({})).await;
    let plugin = host.plugin.pid().unwrap();
    for count in [1_u8, 2] {
        let mut attempt = 0;
        let answer = loop {
            attempt += 1;
            assert!(attempt <= 20, "{count} were not killed before they were open");
            // A datasource of its own each time, so that a worker is always started.
            host.settings.uid = format!("newborn-{count}-{attempt}");
            let done = Arc::new(AtomicBool::new(false));
            let killer = kill_newborns(plugin, count.into(), &done);
            let answer = host.ask("SELECT 1", "table").await;
            done.store(true, Ordering::SeqCst);
            killer.join().unwrap();
            // On a busy machine the killer may come too late, when the worker is open.
            let opening = host.metric("worker_kills_total", ",reason=\"opening\"").await;
            if opening == f64::from(count) {
                break answer;
            }
        };
        if count == 1 {
            assert_eq!(answer.error, None);
            assert_eq!(rows(&answer), ["1"]);
        } else {
            let error = answer.error.unwrap();
            assert!(error.contains("the worker process cannot be started"), "{error}");
        }
        assert_eq!(host.rows("SELECT 1").await, ["1"]);
    }
    host.stop().await;
}
