//! A worker that was taken over by a query: whatever it says, its datasource's queries fail with a clear
//! error, the broker takes no memory and no processor for it, and other datasources do not notice.

mod attacks;
mod frames;
mod worker;

use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use duckdb_perf::app::{App, ExportOptions, InstanceSettings};
use duckdb_perf::broker::use_executable;
use duckdb_perf::frame;
use duckdb_perf::source::Policy;
use serde_json::json;
use tokio_stream::StreamExt as _;

use self::attacks::{ATTACKS, Asked, Attack, Ends};
use crate::machine::write_script;
use crate::support::{demo, query, sample, settings};

const MB: u64 = 1 << 20;
/// What the attacked datasource's limit leaves for frames is some megabytes.
const MEMORY_MB: u64 = 128;
const TIMEOUT: Duration = Duration::from_secs(2);
/// Processor time for an attack that lasts as long as it may: a core's for its whole time is several times as
/// much.
const MOST_BUSY: Duration = Duration::from_millis(1_500);

/// In a process of its own, whose memory is only this test's, and whose workers are the ones it says.
#[test]
fn a_captured_worker_harms_its_own_queries_only() {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", "captured::broker", "--include-ignored", "--nocapture"]);
    let done = command.output().unwrap();
    let (out, errors) = (String::from_utf8_lossy(&done.stdout), String::from_utf8_lossy(&done.stderr));
    assert!(done.status.success(), "{out}{errors}");
    println!("{out}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "run by a_captured_worker_harms_its_own_queries_only in a process of its own"]
async fn broker() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| {
        let path = folder.path().join(name);
        std::fs::create_dir(&path).unwrap();
        path
    };
    let script = folder.path().join("worker");
    let this = std::env::current_exe().unwrap();
    write_script(
        &script,
        &format!("exec '{}' --exact captured::worker::process --include-ignored", this.display()),
    );
    use_executable(&script);
    let app = App::new(Ok(Policy { temp_dir: Some(at("temp")), ..Policy::default() }));
    let reports = at("reports");
    demo(&reports, 4, 10);
    let other = settings(&reports, &json!({}));
    ask_other(&app, &other).await;
    let only = std::env::var("CAPTURED").ok();
    let mut failed = Vec::new();
    for attack in ATTACKS.iter().filter(|attack| only.as_ref().is_none_or(|only| only == attack.name)) {
        let limits = json!({
            "memoryLimitMb": MEMORY_MB,
            "timeoutSeconds": TIMEOUT.as_secs(),
            "maxRows": 10,
        });
        let mut fake = settings(&at(&format!("fake-{}", attack.name)), &limits);
        fake.uid = attack.name.to_owned();
        let before = Usage::now();
        let asked = async {
            let meanwhile = ask_other(&app, &other);
            tokio::join!(ask(&app, &fake, attack.asked), meanwhile).0
        };
        let (peak, answer) = Box::pin(peak_of(asked)).await;
        // What it does when it has been answered.
        tokio::time::sleep(Duration::from_millis(300)).await;
        let used = Usage::now();
        let grown = peak.saturating_sub(before.resident) / MB;
        let busy = used.busy.saturating_sub(before.busy);
        let took = used.at - before.at;
        let text = answer.as_ref().err().map_or("answered", String::as_str);
        let shown: String = text.chars().take(150).collect();
        println!(
            "{:<32} {:>5} ms, {:>5} ms busy, {grown:>4} MB: {shown}",
            attack.name,
            took.as_millis(),
            busy.as_millis()
        );
        if let Some(wrong) = judge(&app, attack, &answer, grown, busy, took).await {
            failed.push(format!("{}: {wrong}", attack.name));
        }
        ask_other(&app, &other).await;
    }
    app.shutdown().await;
    assert!(failed.is_empty(), "{}", failed.join("\n"));
}

/// What is wrong with how an attack ended.
async fn judge(
    app: &App,
    attack: &Attack,
    answer: &Result<(), String>,
    grown: u64,
    busy: Duration,
    took: Duration,
) -> Option<String> {
    match (attack.said, answer) {
        (None, Ok(())) => {}
        (Some(said), Err(error)) if error.contains(said) && error.len() < 20_000 => {}
        _ => return Some(format!("{answer:?}")),
    }
    if grown > attack.most_mb {
        return Some(format!("the broker grew by {grown} MB"));
    }
    if busy > MOST_BUSY {
        return Some(format!("the broker was busy for {} ms", busy.as_millis()));
    }
    if took > TIMEOUT + Duration::from_secs(20) {
        return Some(format!("it took {} ms", took.as_millis()));
    }
    let reason = match attack.ends {
        Ends::Protocol => "protocol",
        Ends::Opening => "opening",
        Ends::Deadline => "deadline",
        Ends::Other => return None,
        Ends::Not => {
            let metrics = app.metrics().await;
            let ended = format!("duckdb_perf_worker_kills_total{{datasource=\"{}\"", attack.name);
            let ended: Vec<&str> =
                metrics.lines().filter(|line| line.starts_with(&ended) && !line.ends_with(" 0")).collect();
            return (!ended.is_empty()).then(|| ended.join("\n"));
        }
    };
    let series =
        format!("duckdb_perf_worker_kills_total{{datasource=\"{}\",reason=\"{reason}\"}}", attack.name);
    let since = Instant::now();
    while sample(&app.metrics().await, &series) < 1.0 {
        if since.elapsed() > Duration::from_secs(20) {
            return Some(format!("its worker did not end as `{reason}`"));
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    None
}

/// Another datasource, whose worker is a real one.
async fn ask_other(app: &App, settings: &InstanceSettings) {
    let started = Instant::now();
    let outcome = app
        .query_on_the_wire(
            settings,
            query("A", "SELECT count(*) AS n, random() FROM perf_all_weeks", "table"),
            (),
        )
        .await;
    assert_eq!(outcome.error, None);
    assert_eq!(frame::decode(&outcome.frame).unwrap().rows(), 1);
    let took = started.elapsed();
    assert!(took < Duration::from_secs(10), "another datasource waited for {} ms", took.as_millis());
}

/// The attacked datasource.
async fn ask(app: &App, settings: &InstanceSettings, asked: Asked) -> Result<(), String> {
    match asked {
        Asked::Query => {
            match app.query_on_the_wire(settings, query("A", "SELECT 1", "table"), ()).await.error {
                Some(error) => Err(error.full_text()),
                None => Ok(()),
            }
        }
        Asked::Export => {
            let export = app
                .export(settings, query("A", "SELECT 1", "table").read().unwrap(), ExportOptions::default())
                .await;
            let mut export = export.map_err(|error| error.full_text())?;
            // A reader that takes its time.
            tokio::time::sleep(Duration::from_millis(500)).await;
            while let Some(piece) = export.next().await {
                piece.map_err(|error| error.full_text())?;
            }
            Ok(())
        }
        Asked::Catalog => app.catalog(settings).await.map(drop).map_err(|error| error.full_text()),
        Asked::Health => match app.health(settings).await {
            health if health.ok => Ok(()),
            health => Err(health.message),
        },
    }
}

/// What this process has taken.
struct Usage {
    at: Instant,
    resident: u64,
    busy: Duration,
}

impl Usage {
    fn now() -> Self {
        let stat = std::fs::read_to_string("/proc/self/stat").unwrap();
        let fields: Vec<&str> = stat.rsplit(')').next().unwrap().split_whitespace().collect();
        // In hundredths of a second.
        let ticks: u64 = fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap();
        Self { at: Instant::now(), resident: resident(), busy: Duration::from_millis(10 * ticks) }
    }
}

fn resident() -> u64 {
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap();
    statm.split(' ').nth(1).unwrap().parse::<u64>().unwrap() * 4096
}

/// The most memory that this process had while `work` ran.
async fn peak_of<T>(work: impl Future<Output = T>) -> (u64, T) {
    let (peak, done) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicBool::new(false)));
    let (seen, ended) = (Arc::clone(&peak), Arc::clone(&done));
    let watcher = std::thread::spawn(move || {
        while !ended.load(Ordering::SeqCst) {
            seen.fetch_max(resident(), Ordering::SeqCst);
            std::thread::sleep(Duration::from_millis(2));
        }
    });
    let result = work.await;
    done.store(true, Ordering::SeqCst);
    watcher.join().unwrap();
    (peak.load(Ordering::SeqCst), result)
}
