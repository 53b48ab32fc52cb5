//! The metrics as Grafana collects them from the real plugin process: each count moves with what it counts.

#![expect(clippy::float_cmp, clippy::cast_precision_loss, reason = "counts are small whole numbers")]

use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use duckdb_perf::app::InstanceSettings;
use duckdb_perf::metrics::TABLE;
use rustix::process::Signal;
use serde_json::json;

use crate::faults::processor_time;
use crate::support::{Host, eventually, query, report_name, reports, sample, settings, signal, workers};

impl Host {
    /// One series of our datasource, `labels` beside it: `,outcome="ok"`. Its uid must be plain.
    pub(crate) async fn metric(&self, name: &str, labels: &str) -> f64 {
        let text = self.plugin.metrics().await.unwrap();
        sample(&text, &format!("duckdb_perf_{name}{{datasource=\"{}\"{labels}}}", self.settings.uid))
    }

    /// Waits until the series is `expected`; panics after a minute.
    pub(crate) async fn eventually(&self, name: &str, labels: &str, expected: f64) {
        let since = Instant::now();
        loop {
            let found = self.metric(name, labels).await;
            if found == expected {
                return;
            }
            assert!(
                since.elapsed() < Duration::from_mins(1),
                "{name}{{{labels}}} is {found} and not {expected}"
            );
            tokio::time::sleep(Duration::from_millis(25)).await;
        }
    }
}

async fn start(path: &Path, more: &serde_json::Value) -> Host {
    let mut host = Host::start(path, more).await;
    "d1".clone_into(&mut host.settings.uid);
    host
}

/// Has Prometheus' own tool read the text, where it is installed.
fn please_prometheus(text: &str) {
    let tool = Command::new("promtool")
        .args(["check", "metrics"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn();
    let Ok(mut tool) = tool else {
        println!("`promtool` is not here to read the metrics");
        return;
    };
    tool.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
    let said = tool.wait_with_output().unwrap();
    let complaints = [said.stdout, said.stderr].concat();
    assert!(said.status.success(), "{}", String::from_utf8_lossy(&complaints));
}

const OK: &str = ",outcome=\"ok\",error_source=\"none\"";
const DOWNSTREAM: &str = ",outcome=\"error\",error_source=\"downstream\"";
const PLUGIN: &str = ",outcome=\"error\",error_source=\"plugin\"";
const CANCELLED: &str = ",outcome=\"cancelled\",error_source=\"none\"";
/// Runs for long, but can be interrupted.
const LONG: &str = "SELECT sum(hash(a.range * b.range)) FROM range(1000000) a, range(1000000) b";

#[tokio::test(flavor = "multi_thread")]
async fn queries_are_counted_by_their_end() {
    let host = start(&reports(), &json!({ "timeoutSeconds": 60 })).await;
    let before = host.plugin.metrics().await.unwrap();
    assert_eq!(sample(&before, "duckdb_perf_instances"), 0.0);
    assert!(!before.contains("datasource="), "nobody has asked yet");
    let info =
        format!("duckdb_perf_build_info{{version=\"{}\",engine=\"v2.0.0\"}}", env!("CARGO_PKG_VERSION"));
    assert_eq!(sample(&before, &info), 1.0, "{before}");

    assert_eq!(host.rows("SELECT range FROM range(7)").await.len(), 7);
    assert!(host.error("SELECT nothing").await.contains("nothing"));
    let worker = workers(host.plugin.pid().unwrap())[0];
    let used = processor_time(worker);
    let (killed, ()) = tokio::join!(host.error(LONG), async {
        // Before that, the kill could be noted before the worker has the query.
        eventually("work on the query", || processor_time(worker) > used + 20).await;
        // So that its duration is known to be longer.
        tokio::time::sleep(Duration::from_secs(1)).await;
        signal(worker, Signal::KILL);
    });
    assert!(killed.contains("worker process died"), "{killed}");
    // Its caller goes away when it runs.
    tokio::select! {
        answer = host.ask(LONG, "table") => panic!("it ended: {answer:?}"),
        () = host.eventually("queries_running", "", 1.0) => {}
    }
    host.eventually("queries_total", CANCELLED, 1.0).await;
    for (labels, expected) in [(OK, 1.0), (DOWNSTREAM, 1.0), (PLUGIN, 1.0)] {
        assert_eq!(host.metric("queries_total", labels).await, expected, "{labels}");
    }
    // Counted right after the query itself.
    host.eventually("query_duration_seconds_count", "", 4.0).await;
    assert!(host.metric("query_duration_seconds_sum", "").await > 1.0);
    assert_eq!(host.metric("result_rows_total", "").await, 7.0);
    assert!(host.metric("result_bytes_total", "").await > 56.0);
    assert_eq!(host.metric("queue_wait_seconds_count", "").await, 4.0);
    host.eventually("queries_running", "", 0.0).await;
    let text = host.plugin.metrics().await.unwrap();
    assert_eq!(sample(&text, "duckdb_perf_instances"), 1.0);
    for metric in TABLE {
        assert!(
            text.contains(&format!("\n# TYPE {} ", metric.name)) || text.starts_with("# "),
            "{}",
            metric.name
        );
    }
    assert!(!text.contains(reports().to_str().unwrap()), "no path");
    please_prometheus(&text);
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn workers_are_counted_by_their_end() {
    let mut host = start(&reports(), &json!({ "timeoutSeconds": 4, "memoryLimitMb": 256 })).await;
    let ended = |reason: &str| format!(",reason=\"{reason}\"");
    host.rows("SELECT 1").await;
    assert_eq!(host.metric("workers", "").await, 1.0);
    assert!(host.metric("worker_memory_bytes", "").await > 10e6);
    assert_eq!(host.metric("worker_starts_total", "").await, 1.0);

    // Planning this takes a minute and listens to no interrupt; what comes before does, and may take all the
    // time where the machine is busy with other things.
    let deaf = format!("SELECT 1{}", " UNION ALL SELECT 1".repeat(20_000));
    for _ in 0..5 {
        host.error(&deaf).await;
        // Counted when the process is gone.
        tokio::time::sleep(Duration::from_secs(1)).await;
        if host.metric("worker_kills_total", &ended("deadline")).await > 0.0 {
            break;
        }
    }
    host.eventually("worker_kills_total", &ended("deadline"), 1.0).await;
    let worker = {
        host.rows("SELECT 1").await;
        workers(host.plugin.pid().unwrap())[0]
    };
    signal(worker, Signal::KILL);
    host.eventually("worker_kills_total", &ended("crash"), 1.0).await;
    host.eventually("workers", "", 0.0).await;
    host.rows("SELECT 1").await;
    assert_eq!(host.metric("worker_starts_total", "").await, 3.0);

    // New settings make a new instance: its worker is another one, the counts go on.
    let answered = host.metric("queries_total", OK).await;
    let uid = host.settings.uid.clone();
    host.settings = settings(&reports(), &json!({ "threads": 1 }));
    host.settings.uid = uid;
    host.rows("SELECT 1").await;
    assert_eq!(host.metric("queries_total", OK).await, answered + 1.0);
    host.eventually("worker_kills_total", &ended("closed"), 1.0).await;
    assert_eq!(host.metric("workers", "").await, 1.0);
    host.stop().await;
}

/// One worker's own limits keep it below the datasource's total; two that are busy after a change of the
/// settings are not.
#[tokio::test(flavor = "multi_thread")]
async fn a_worker_that_took_too_much_memory_is_counted() {
    let host = start(&reports(), &json!({ "timeoutSeconds": 10, "memoryLimitMb": 128 })).await;
    // The product keeps one side in memory, some 100 MB, and would take hours.
    let heavy = "SELECT count(*) FROM range(60000000) AS x(a), (SELECT range AS b FROM range(13000000)) WHERE a + b < 0";
    let more = json!({ "timeoutSeconds": 10, "memoryLimitMb": 128, "threads": 1 });
    let others = InstanceSettings { uid: host.settings.uid.clone(), ..settings(&reports(), &more) };
    let second = async {
        host.eventually("queries_running", "", 1.0).await;
        host.plugin.query(&others, &[query("A", heavy, "table")]).await.unwrap().remove("A").unwrap()
    };
    let (first, second) = tokio::join!(host.ask(heavy, "table"), second);
    let errors = [first, second].map(|answer| answer.error.unwrap());
    assert!(errors.iter().any(|error| error.contains("it and others took more memory")), "{errors:?}");
    let text = host.plugin.metrics().await.unwrap();
    let kills: Vec<&str> = text.lines().filter(|line| line.contains("worker_kills_total{")).collect();
    assert!(host.metric("worker_kills_total", ",reason=\"memory\"").await > 0.0, "{kills:?}");
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_queue_is_counted() {
    // None may wait too long, which is another error.
    let host = start(&reports(), &json!({ "timeoutSeconds": 300 })).await;
    host.rows("SELECT 1").await;
    let slow = "SELECT count(*) FROM range(2000000) WHERE hash(range) % 7 = 0";
    let queries: Vec<_> = (0..300).map(|n| query(&format!("Q{n}"), slow, "table")).collect();
    let answers = host.ask_all(&queries).await;
    let refused = answers.iter().filter(|answer| answer.error.is_some()).count();
    assert!(refused >= 50);
    assert_eq!(host.metric("queue_refused_total", "").await, refused as f64);
    assert_eq!(host.metric("queue_waiting", "").await, 0.0);
    assert!(host.metric("queue_wait_seconds_sum", "").await > 0.1);
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn reports_are_seen_without_a_worker() {
    let folder = tempfile::tempdir().unwrap();
    let host = start(folder.path(), &json!({})).await;
    host.rows("SELECT 1").await;
    assert_eq!(host.metric("reports", "").await, 0.0);
    let text = host.plugin.metrics().await.unwrap();
    assert!(text.contains("duckdb_perf_reports{datasource=\"d1\"} 0\n"), "{text}");
    assert!(!text.contains("newest_report_week{") && !text.contains("newest_report_age_seconds{"), "{text}");
    for name in [report_name(202_652), report_name(202_501), "tmp_query_perf_weekly_202653.parquet".into()] {
        std::fs::write(folder.path().join(name), "").unwrap();
    }
    assert_eq!(host.metric("reports", "").await, 2.0);
    assert_eq!(host.metric("newest_report_week", "").await, 202_652.0);
    std::fs::write(folder.path().join(report_name(202_001)), "").unwrap();
    std::fs::remove_file(folder.path().join(report_name(202_652))).unwrap();
    assert_eq!(host.metric("newest_report_week", "").await, 202_501.0);
    let week: duckdb_perf::reports::IsoWeek = "202502".parse().unwrap();
    let age = jiff::Timestamp::now().as_second() - week.start_ns() / 1_000_000_000;
    let told = host.metric("newest_report_age_seconds", "").await;
    assert!((told - age as f64).abs() < 60.0, "{told} and not {age}");
    host.stop().await;
}
