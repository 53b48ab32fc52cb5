//! Queries that do not end, callers that go away, workers that die: each with the real processes.

use std::time::{Duration, Instant};

use rustix::process::Signal;
use serde_json::json;

use crate::support::{Host, eventually, query, reports, rows, runs, signal, workers};

/// Parsing this takes half a second; planning it takes a minute and listens to no interrupt.
fn deaf() -> String {
    format!("SELECT 1{}", " UNION ALL SELECT 1".repeat(20_000))
}

/// Runs for long, but can be interrupted.
const LONG: &str = "SELECT sum(hash(a.range * b.range)) FROM range(1000000) a, range(1000000) b";

#[tokio::test(flavor = "multi_thread")]
async fn deadlines_hold_and_innocent_queries_answer() {
    let host = Host::start(&reports(), &json!({ "timeoutSeconds": 4 })).await;
    assert_eq!(host.rows("SELECT 1").await, ["1"]);
    let before = workers(host.plugin.pid().unwrap());
    assert_eq!(before.len(), 1);

    let started = Instant::now();
    let error = host.error(LONG).await;
    assert!(error.contains("stopped after 4 s") && error.contains("timeoutSeconds"), "{error}");
    assert!(started.elapsed() < Duration::from_secs(6), "{:?}", started.elapsed());
    assert_eq!(workers(host.plugin.pid().unwrap()), before, "an interrupted query does not cost its worker");

    // The innocent one starts in the half second between the other's deadline and the kill, and is run again.
    let deaf = deaf();
    let innocent = "SELECT count(*) FROM range(200000000) a WHERE hash(range) % 7 = 0";
    let started = Instant::now();
    let (hostile, answer) = tokio::join!(host.ask(&deaf, "table"), async {
        tokio::time::sleep(Duration::from_millis(4200)).await;
        host.ask(innocent, "table").await
    });
    assert!(hostile.error.as_ref().unwrap().contains("stopped after 4 s"), "{hostile:?}");
    assert!(started.elapsed() < Duration::from_secs(20), "{:?}", started.elapsed());
    assert_eq!(answer.error, None);
    assert_eq!(rows(&answer).len(), 1);
    eventually("the deaf worker's end", || !runs(before[0])).await;
    assert_eq!(host.rows("SELECT 1").await, ["1"]);
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_caller_that_goes_away_cancels_its_query() {
    let host = Host::start(&reports(), &json!({})).await;
    host.rows("SELECT 1").await;
    let worker = workers(host.plugin.pid().unwrap())[0];
    for (sql, survives) in [(LONG.to_owned(), true), (deaf(), false)] {
        let gone = tokio::time::timeout(Duration::from_secs(4), host.ask(&sql, "table")).await;
        assert!(gone.is_err());
        if survives {
            // Its threads stop burning: the next query has the machine for itself.
            eventually("the cancelled query's end", || threads_rest(worker)).await;
            assert!(runs(worker));
        } else {
            eventually("the deaf worker's end", || !runs(worker)).await;
        }
        assert_eq!(host.rows("SELECT 1").await, ["1"]);
    }
    host.stop().await;
}

/// Whether a process used less than 20 ms of processor time in 100 ms.
fn threads_rest(pid: u32) -> bool {
    let used = || -> u64 {
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        let fields: Vec<&str> = stat.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
        fields.get(11..13).into_iter().flatten().filter_map(|ticks| ticks.parse::<u64>().ok()).sum()
    };
    let before = used();
    std::thread::sleep(Duration::from_millis(100));
    used() - before < 2
}

#[tokio::test(flavor = "multi_thread")]
async fn a_crash_of_the_engine_is_a_clear_error_for_its_sender_only() {
    let host = Host::start(&reports(), &json!({})).await;
    host.rows("SELECT 1").await;
    // Overflows the stack inside DuckDB.
    let crash = "SELECT (repeat('[', 2000000) || '1' || repeat(']', 2000000))::JSON::VARIANT::VARCHAR";
    let innocent = "SELECT count(*) FROM range(30000000) a WHERE hash(range) % 7 = 0";
    let answers = host.ask_all(&[query("A", crash, "table"), query("B", innocent, "table")]).await;
    let error = answers[0].error.clone().unwrap();
    let says = "the worker process died while it ran this query (signal ";
    assert!(error.starts_with(says), "{error}");
    assert!(
        error.ends_with("). A new worker serves the next query; make this one simpler or smaller"),
        "{error}"
    );
    assert_eq!(answers[1].error, None);
    assert_eq!(host.rows("SELECT 1").await, ["1"]);
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_killed_from_outside_is_replaced() {
    let host = Host::start(&reports(), &json!({})).await;
    host.rows("SELECT 1").await;
    for _ in 0..10 {
        let worker = workers(host.plugin.pid().unwrap())[0];
        signal(worker, Signal::KILL);
        // Between its death and our noticing, a query may still be given to it.
        let answer = host.ask("SELECT 1", "table").await;
        if let Some(error) = answer.error {
            assert!(error.contains("the worker process died while it ran this query (signal 9)"), "{error}");
        }
        eventually("a new worker", || !runs(worker)).await;
        assert_eq!(host.rows("SELECT 1").await, ["1"]);
    }
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn thirty_panels_at_once() {
    let host = Host::start(&reports(), &json!({})).await;
    let queries: Vec<_> = (0..30)
        .map(|n| query(&format!("Q{n}"), &format!("SELECT {n} + count(*) * 0 FROM perf_all_weeks"), "table"))
        .collect();
    for (n, answer) in host.ask_all(&queries).await.iter().enumerate() {
        assert_eq!(answer.error, None);
        assert_eq!(rows(answer), [n.to_string()]);
    }
    assert_eq!(workers(host.plugin.pid().unwrap()).len(), 1, "one worker serves them all");
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn changed_settings_get_a_new_worker_and_the_old_one_ends() {
    let mut host = Host::start(&reports(), &json!({})).await;
    host.rows("SELECT 1").await;
    let old = workers(host.plugin.pid().unwrap())[0];
    let uid = host.settings.uid.clone();
    host.settings = crate::support::settings(&reports(), &json!({ "threads": 1 }));
    host.settings.uid = uid;
    assert_eq!(host.rows("SELECT current_setting('threads')").await, ["1"]);
    eventually("the old worker's end", || !runs(old)).await;
    assert_eq!(workers(host.plugin.pid().unwrap()).len(), 1);
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_idle_worker_is_stopped_and_the_next_query_starts_one() {
    let host = Host::start_with(&reports(), &json!({}), &[("GF_PLUGIN_IDLE_SECONDS", "1")]).await;
    host.rows("SELECT 1").await;
    let first = workers(host.plugin.pid().unwrap())[0];
    eventually("the idle worker's end", || !runs(first)).await;
    assert_eq!(host.rows("SELECT 1").await, ["1"]);
    assert_ne!(workers(host.plugin.pid().unwrap()), [first]);
    host.stop().await;
}
