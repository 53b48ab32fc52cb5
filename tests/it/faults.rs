//! Queries that do not end, callers that go away, workers that die: each with the real processes.

use std::sync::atomic::{AtomicBool, Ordering};
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

/// Whatever takes longer was not stopped: even alone on a machine, these queries take a minute and more.
const SOON: Duration = Duration::from_secs(30);

/// The plugin's one worker, started if there is none.
pub(crate) async fn only_worker(host: &Host) -> u32 {
    let plugin = host.plugin.pid().unwrap();
    let since = Instant::now();
    loop {
        assert_eq!(host.rows("SELECT 1").await, ["1"]);
        // One that was killed is listed for a moment more, and an idle one may be stopped before we look.
        if let [worker] = workers(plugin)[..]
            && runs(worker)
        {
            return worker;
        }
        assert!(since.elapsed() < Duration::from_mins(1), "not one worker: {:?}", workers(plugin));
        tokio::time::sleep(Duration::from_millis(25)).await;
    }
}

/// Has a query interrupted until that leaves its worker alive. On a machine that is busy with other things it
/// may take longer than the half second after which the worker is killed; a flaw would cost the worker each
/// time.
async fn keeps_its_worker(host: &Host, interrupt: impl AsyncFn(u32)) {
    for _ in 0..5 {
        let before = only_worker(host).await;
        interrupt(before).await;
        // If it is killed, then by now.
        tokio::time::sleep(Duration::from_secs(1)).await;
        if only_worker(host).await == before {
            return;
        }
    }
    panic!("each of five interrupted queries cost its worker");
}

#[tokio::test(flavor = "multi_thread")]
async fn deadlines_hold_and_innocent_queries_answer() {
    let host = Host::start(&reports(), &json!({ "timeoutSeconds": 4 })).await;
    keeps_its_worker(&host, async |_| {
        let started = Instant::now();
        let error = host.error(LONG).await;
        assert!(error.contains("stopped after 4 s") && error.contains("timeoutSeconds"), "{error}");
        assert!(started.elapsed() < SOON, "{:?}", started.elapsed());
    })
    .await;

    // One innocent query after the other is in the worker, also in the half second between the other's
    // deadline and the kill, and at the kill, after which it is run again.
    let worker = only_worker(&host).await;
    let (deaf, ended) = (deaf(), AtomicBool::new(false));
    let innocent = "SELECT count(*) FROM range(2000000) a WHERE hash(range) % 7 = 0";
    let started = Instant::now();
    let (hostile, ()) = tokio::join!(
        async {
            let answer = host.ask(&deaf, "table").await;
            ended.store(true, Ordering::SeqCst);
            answer
        },
        async {
            tokio::time::sleep(Duration::from_millis(3800)).await;
            loop {
                let answer = host.ask(innocent, "table").await;
                assert_eq!(answer.error, None);
                assert_eq!(rows(&answer).len(), 1);
                if ended.load(Ordering::SeqCst) {
                    break;
                }
            }
        }
    );
    assert!(hostile.error.as_ref().unwrap().contains("stopped after 4 s"), "{hostile:?}");
    assert!(started.elapsed() < SOON, "{:?}", started.elapsed());
    eventually("the deaf worker's end", || !runs(worker)).await;
    assert_eq!(host.rows("SELECT 1").await, ["1"]);
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_caller_that_goes_away_cancels_its_query() {
    let host = Host::start(&reports(), &json!({ "timeoutSeconds": 300 })).await;
    keeps_its_worker(&host, async |worker| {
        ask_and_go_away(&host, worker, LONG).await;
        // Its threads stop burning: the next query has the machine for itself.
        eventually("the cancelled query's end", || threads_rest(worker)).await;
    })
    .await;

    let worker = only_worker(&host).await;
    ask_and_go_away(&host, worker, &deaf()).await;
    eventually("the deaf worker's end", || !runs(worker)).await;
    assert_eq!(host.rows("SELECT 1").await, ["1"]);
    host.stop().await;
}

/// Asks, and goes away when the worker has spent three seconds of processor time on it: then it runs, on
/// whatever machine.
async fn ask_and_go_away(host: &Host, worker: u32, sql: &str) {
    let before = processor_time(worker);
    tokio::select! {
        answer = host.ask(sql, "table") => panic!("it ended: {answer:?}"),
        () = eventually("work on the query", || processor_time(worker) > before + 300) => {}
    }
}

/// Processor time that a process has used, in hundredths of a second; none when it has ended.
pub(crate) fn processor_time(pid: u32) -> u64 {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
    fields.get(11..13).into_iter().flatten().filter_map(|ticks| ticks.parse::<u64>().ok()).sum()
}

/// Whether a process used less than 20 ms of processor time in 100 ms, or has ended.
fn threads_rest(pid: u32) -> bool {
    let before = processor_time(pid);
    std::thread::sleep(Duration::from_millis(100));
    processor_time(pid).saturating_sub(before) < 2
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
    let plugin = host.plugin.pid().unwrap();
    let old = workers(plugin)[0];
    let uid = host.settings.uid.clone();
    host.settings = crate::support::settings(&reports(), &json!({ "threads": 1 }));
    host.settings.uid = uid;
    assert_eq!(host.rows("SELECT current_setting('threads')").await, ["1"]);
    eventually("the old worker's end", || !runs(old)).await;
    // It is listed until the plugin has asked how it ended.
    eventually("a single worker", || workers(plugin).len() == 1).await;
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_idle_worker_is_stopped_and_the_next_query_starts_one() {
    let host = Host::start_with(&reports(), &json!({}), &[("GF_PLUGIN_IDLE_SECONDS", "3")]).await;
    let first = only_worker(&host).await;
    eventually("the idle worker's end", || !runs(first)).await;
    assert_eq!(host.rows("SELECT 1").await, ["1"]);
    assert_ne!(workers(host.plugin.pid().unwrap()), [first]);
    host.stop().await;
}
