//! Nothing is left behind: no process, no socket, no temp folder.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use duckdb_perf::app::DataQuery;
use duckdb_perf::plugin::client::Plugin;
use rustix::process::Signal;
use serde_json::json;

use crate::faults::only_worker;
use crate::machine::{SPILLS, spills, write_script};
use crate::support::{Host, eventually, executable, query, reports, runs, sample, settings, signal, workers};

fn is_empty(folder: &Path) -> bool {
    std::fs::read_dir(folder).unwrap().next().is_none()
}

/// A process id, which another process may get later, with the time since the machine's start at which this
/// one had it.
fn identity(pid: u32) -> Option<(u32, u64)> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let started = stat.rsplit(')').next()?.split_whitespace().nth(19)?;
    Some((pid, started.parse().ok()?))
}

#[tokio::test(flavor = "multi_thread")]
async fn two_hundred_starts_and_stops() {
    let temp = tempfile::tempdir().unwrap();
    let temp_dir = temp.path().to_str().unwrap().to_owned();
    let mut seen = Vec::new();
    for round in 0..200 {
        let host = Host::start_with(&reports(), &json!({}), &[("TMPDIR", &temp_dir)]).await;
        let plugin = host.plugin.pid().unwrap();
        seen.extend(identity(plugin));
        if round % 4 != 0 {
            host.rows("SELECT 1").await;
            seen.extend(workers(plugin).into_iter().filter_map(identity));
        }
        match round % 3 {
            // As Grafana ends it, as a service manager does, and as neither does.
            0 => host.stop().await,
            1 => {
                signal(plugin, Signal::TERM);
                eventually("the end after SIGTERM", || !runs(plugin)).await;
            }
            _ => {
                for worker in workers(plugin) {
                    signal(worker, Signal::KILL);
                }
                host.stop().await;
            }
        }
    }
    assert!(seen.len() > 300, "{} processes were seen", seen.len());
    for (pid, started) in seen {
        let is_there = || identity(pid) == Some((pid, started)) && runs(pid);
        eventually("the end of every process", || !is_there()).await;
    }
    assert!(is_empty(temp.path()), "{:?}", std::fs::read_dir(temp.path()).unwrap().collect::<Vec<_>>());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_plugin_takes_its_workers_along_and_the_next_one_sweeps() {
    let temp = tempfile::tempdir().unwrap();
    let temp_dir = temp.path().to_str().unwrap();
    let host = Host::start_with(&reports(), &json!({}), &[("TMPDIR", temp_dir)]).await;
    host.rows("SELECT 1").await;
    let plugin = host.plugin.pid().unwrap();
    let worker = workers(plugin)[0];
    signal(plugin, Signal::KILL);
    eventually("the worker's end", || !runs(worker)).await;
    drop(host);
    // Until somebody has asked for its end, its id is still taken, and its folders are nobody's to sweep.
    eventually("the plugin's end", || !Path::new(&format!("/proc/{plugin}")).exists()).await;
    assert!(!is_empty(temp.path()), "a killed process cannot clean up");

    work_and_stop(temp.path()).await;
    eventually("the sweep", || is_empty(temp.path())).await;
}

/// A plugin that works, which sweeps `temp_dir`, and ends.
async fn work_and_stop(temp_dir: &Path) {
    let next = Host::start_with(&reports(), &json!({}), &[("TMPDIR", temp_dir.to_str().unwrap())]).await;
    next.rows("SELECT 1").await;
    next.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_plugin_ends_when_its_host_dies() {
    // A shell stands for Grafana: it starts the plugin, tells its id and waits.
    let temp = tempfile::tempdir().unwrap();
    let script = format!(
        "env grafana_plugin_type=datasource PLUGIN_PROTOCOL_VERSIONS=2 TMPDIR='{}' '{}' >'{}' 2>/dev/null & echo $!; wait",
        temp.path().display(),
        executable().display(),
        temp.path().join("line").display()
    );
    let mut host = Command::new("sh").args(["-c", &script]).stdout(Stdio::piped()).spawn().unwrap();
    let mut line = String::new();
    std::io::BufRead::read_line(&mut std::io::BufReader::new(host.stdout.take().unwrap()), &mut line)
        .unwrap();
    let plugin: u32 = line.trim().parse().unwrap();
    eventually("the handshake", || {
        std::fs::read_to_string(temp.path().join("line")).is_ok_and(|text| text.starts_with("1|2|unix|"))
    })
    .await;
    host.kill().unwrap();
    host.wait().unwrap();
    eventually("the plugin's end", || !runs(plugin)).await;
    std::fs::remove_file(temp.path().join("line")).unwrap();
    assert!(is_empty(temp.path()));
}

#[tokio::test(flavor = "multi_thread")]
async fn ended_in_mid_query_it_leaves_nothing() {
    for ending in [Signal::TERM, Signal::INT, Signal::KILL] {
        let temp = tempfile::tempdir().unwrap();
        let env = [("TMPDIR", temp.path().to_str().unwrap())];
        let host = Host::start_with(&reports(), &json!({ "memoryLimitMb": 128 }), &env).await;
        host.rows("SELECT 1").await;
        let plugin = host.plugin.pid().unwrap();
        let worker = workers(plugin)[0];
        let asked = [query("A", SPILLS, "table")];
        let (answer, ()) = tokio::join!(host.plugin.query(&host.settings, &asked), async {
            tokio::time::sleep(Duration::from_millis(400)).await;
            signal(plugin, ending);
        });
        if let Ok(answers) = answer {
            assert!(answers["A"].error.is_some(), "{ending:?}");
        }
        eventually("the plugin's end", || !runs(plugin)).await;
        eventually("the worker's end", || !runs(worker)).await;
        drop(host);
        if ending == Signal::KILL {
            work_and_stop(temp.path()).await;
        }
        eventually("an empty temp folder", || is_empty(temp.path())).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_host_that_is_killed_in_mid_query_leaves_nothing() {
    let temp = tempfile::tempdir().unwrap();
    // A shell stands for Grafana.
    let script = temp.path().join("host");
    write_script(&script, &format!("'{}' &\nwait", executable().display()));
    let host = Plugin::spawn(&script, [("TMPDIR", temp.path())]).await.unwrap();
    let shell = host.pid().unwrap();
    let plugin = workers(shell)[0];
    let settings = settings(&reports(), &json!({ "memoryLimitMb": 128, "timeoutSeconds": 60 }));
    let asked = [query("A", SPILLS, "table")];
    let (answer, worker) = tokio::join!(host.query(&settings, &asked), async {
        eventually("spilling", || spills(temp.path())).await;
        let worker = workers(plugin)[0];
        signal(shell, Signal::KILL);
        worker
    });
    assert!(answer.map_or(true, |answers| answers["A"].error.is_some()), "nobody was left to ask");
    eventually("the plugin's end", || !runs(plugin)).await;
    eventually("the worker's end", || !runs(worker)).await;
    std::fs::remove_file(&script).unwrap();
    eventually("an empty temp folder", || is_empty(temp.path())).await;
}

/// Children of a process that have ended and that nobody has asked how.
fn zombies(parent: u32) -> Vec<u32> {
    workers(parent).into_iter().filter(|&child| !runs(child)).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_first_query_that_is_cancelled_leaves_no_process() {
    let mut host = Host::start(&reports(), &json!({})).await;
    let plugin = host.plugin.pid().unwrap();
    let mut begun = 0;
    for round in 0..40 {
        // A datasource of its own each time, so that a worker is always started.
        host.settings.uid = format!("uid-{round}");
        let patience = Duration::from_millis(round);
        begun += usize::from(tokio::time::timeout(patience, host.ask("SELECT 1", "table")).await.is_err());
    }
    assert!(begun > 3, "{begun} were cancelled");
    eventually("the end of all that has ended", || zombies(plugin).is_empty()).await;
    // What is counted as running is what runs, as soon as all have begun or ended.
    let mut seen = (0.0, 0);
    for _ in 0..600 {
        let text = host.plugin.metrics().await.unwrap();
        let of = |n| sample(&text, &format!("duckdb_perf_workers{{datasource=\"uid-{n}\"}}"));
        seen = ((0..40).map(of).sum(), workers(plugin).len());
        if seen.0.to_string() == seen.1.to_string() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    assert_eq!(seen.0.to_string(), seen.1.to_string());
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_query_that_is_cancelled_while_it_is_sent_leaves_its_worker_alone() {
    let mut host = Host::start(&reports(), &json!({})).await;
    host.settings.uid = "sent".into();
    // Longer than the socket holds, and short enough to be read and parsed in a moment.
    let long = format!("SELECT length('{}')", "$v".repeat(200));
    let json = json!({ "rawSql": long, "variables": { "v": "x".repeat(1_500) } }).to_string();
    let queries: Vec<_> = (0..8)
        .map(|n| DataQuery { model: json.clone().into(), ..query(&format!("Q{n}"), "", "table") })
        .collect();
    let kills = "duckdb_perf_worker_kills_total{datasource=\"sent\",";
    for _ in 0..5 {
        let before = only_worker(&host).await;
        for round in 0..60 {
            let _ = tokio::time::timeout(Duration::from_millis(round), host.ask_all(&queries)).await;
        }
        assert_eq!(host.rows("SELECT 2").await, ["2"]);
        let after = only_worker(&host).await;
        // After half a message it crashes. On a busy machine it is only killed, because it takes long over a
        // cancel; the next one also while it opens, when nobody waits for that any more.
        let text = host.plugin.metrics().await.unwrap();
        let ends: Vec<_> =
            text.lines().filter(|line| line.starts_with(kills) && !line.ends_with(" 0")).collect();
        let by_design = ["reason=\"cancelled\"", "reason=\"opening\""];
        assert!(ends.iter().all(|end| by_design.iter().any(|reason| end.contains(reason))), "{ends:?}");
        if after == before {
            return host.stop().await;
        }
    }
    panic!("five times a worker was killed over cancelled queries");
}
