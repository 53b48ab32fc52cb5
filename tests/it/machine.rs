//! A machine that fails the plugin: full disks, missing folders, no descriptors, clocks that jump, a log that
//! cannot be written. Each with the real process.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use duckdb_perf::plugin::client::Plugin;
use rustix::process::Signal;
use serde_json::json;

use crate::faults::only_worker;
use crate::support::{
    Host, can_mount, duckdb, eventually, executable, query, reports, rows, runs, settings, signal, workers,
};

/// Sorts 400 MB: spills with 128 MB of memory.
pub(crate) const SPILLS: &str = "SELECT count(*) FROM (SELECT x FROM (SELECT repeat('x', 100) || range AS x FROM range(4000000)) ORDER BY x DESC OFFSET 1)";

/// Files below `folder`.
fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().filter_map(Result::ok);
    entries
        .flat_map(|entry| if entry.path().is_dir() { files(&entry.path()) } else { vec![entry.path()] })
        .collect()
}

/// Writes a shell script that anybody may run. A process of its own does: from us, one that another test
/// starts meanwhile could inherit what is open for writing, and the kernel refuses to run such a file.
pub(crate) fn write_script(at: &Path, lines: &str) {
    let write = r#"printf '#!/bin/sh\n%s\n' "$2" >"$1" && chmod 755 "$1""#;
    let written = Command::new("sh").args(["-c", write, "sh"]).arg(at).arg(lines).status().unwrap();
    assert!(written.success(), "{}", at.display());
}

/// Whether DuckDB has spilled something that is still there; its marker of ownership is empty.
pub(crate) fn spills(folder: &Path) -> bool {
    files(folder).iter().any(|file| {
        file.to_string_lossy().contains("duckdb_temp")
            && file.metadata().is_ok_and(|found| found.len() > 4096)
    })
}

/// A file system of `size` mounted at a folder; gone when dropped.
pub(crate) struct Small(PathBuf);

impl Small {
    pub(crate) fn mount(at: &Path, size: &str) -> Self {
        let options = format!("size={size}");
        assert!(
            Command::new("mount")
                .args(["-t", "tmpfs", "-o", &options, "none"])
                .arg(at)
                .status()
                .unwrap()
                .success()
        );
        Self(at.to_owned())
    }
}

impl Drop for Small {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(&self.0).status();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_temp_folder_is_a_clear_error_and_spilling_works_without() {
    let temp = tempfile::tempdir().unwrap();
    let temp_dir = temp.path().to_str().unwrap().to_owned();
    let limits = json!({ "memoryLimitMb": 128, "timeoutSeconds": 60 });
    let env = [("TMPDIR", temp_dir.as_str())];
    let host = Host::start_with(&reports(), &limits, &env).await;
    assert_eq!(host.rows(SPILLS).await, ["3999999"], "a query spills");
    eventually("the end of the spill files", || !spills(temp.path())).await;
    host.stop().await;

    if !can_mount("a full temp folder") {
        return;
    }
    let _small = Small::mount(temp.path(), "16m");
    let host = Host::start_with(&reports(), &limits, &env).await;
    let health = host.plugin.health(&host.settings).await.unwrap();
    let says = "The temp folder is in memory (tmpfs): what queries spill";
    assert!(health.ok && health.message.contains(says), "{health:?}");
    let error = host.error(SPILLS).await;
    assert!(
        error.contains("No space left") || error.contains("not enough") || error.contains("Out of Memory"),
        "{error}"
    );
    assert!(!error.contains(&temp_dir), "{error}");
    assert_eq!(host.rows("SELECT count(*) FROM perf_all_weeks").await, ["1099"]);
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn spill_files_are_bounded_and_gone_after_a_kill() {
    let temp = tempfile::tempdir().unwrap();
    let env = [("TMPDIR", temp.path().to_str().unwrap())];
    let limits = json!({ "memoryLimitMb": 64, "timeoutSeconds": 60 });
    let host = Host::start_with(&reports(), &limits, &env).await;
    // Wants some 700 MB, may have 4 x 64.
    let more = "SELECT count(*) FROM (SELECT x FROM (SELECT md5(range::VARCHAR) || md5('a' || range) || md5('b' || range) AS x FROM range(8000000)) ORDER BY x DESC OFFSET 1)";
    let error = host.error(more).await;
    println!("a bounded spill: {error}");
    assert!(error.contains("memory") || error.contains("Memory"), "{error}");
    assert_eq!(host.rows("SELECT 1").await, ["1"]);
    eventually("the end of the spill files", || !spills(temp.path())).await;
    host.stop().await;

    // With more memory this spills, too, but runs to its end if nobody kills it.
    let limits = json!({ "memoryLimitMb": 128, "timeoutSeconds": 60 });
    let host = Host::start_with(&reports(), &limits, &env).await;
    let (answer, ()) = tokio::join!(host.ask(SPILLS, "table"), async {
        eventually("spilling", || spills(temp.path())).await;
        for worker in workers(host.plugin.pid().unwrap()) {
            signal(worker, Signal::KILL);
        }
    });
    assert!(answer.error.unwrap().contains("worker process died"));
    eventually("the end of the spill files", || !spills(temp.path())).await;
    assert_eq!(host.rows("SELECT 1").await, ["1"]);
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_temp_folder_the_error_says_so() {
    let parent = tempfile::tempdir().unwrap();
    let missing = parent.path().join("not/there");
    let file = parent.path().join("file");
    std::fs::write(&file, "").unwrap();
    for temp in [missing.clone(), file] {
        let env = [("GF_PLUGIN_TEMP_DIR", temp.to_str().unwrap())];
        let host = Host::start_with(&reports(), &json!({}), &env).await;
        let error = host.error("SELECT 1").await;
        assert!(error.contains("no temp folder can be made") && error.contains("temp_dir"), "{error}");
        assert!(!error.contains(temp.to_str().unwrap()), "{error}");
        let health = host.plugin.health(&host.settings).await.unwrap();
        assert!(!health.ok && health.message.contains("temp folder"), "{health:?}");
        host.stop().await;
    }
    // Cleaners of temp folders come while the plugin runs.
    let temp = parent.path().join("temp");
    std::fs::create_dir(&temp).unwrap();
    let env = [("GF_PLUGIN_TEMP_DIR", temp.to_str().unwrap())];
    let host =
        Host::start_with(&reports(), &json!({ "memoryLimitMb": 128, "timeoutSeconds": 60 }), &env).await;
    assert_eq!(host.rows("SELECT 1").await, ["1"]);
    for entry in std::fs::read_dir(&temp).unwrap() {
        std::fs::remove_dir_all(entry.unwrap().path()).unwrap();
    }
    assert_eq!(host.rows("SELECT 2").await, ["2"]);
    signal(workers(host.plugin.pid().unwrap())[0], Signal::KILL);
    let _ = host.ask("SELECT 3", "table").await;
    assert_eq!(host.rows(SPILLS).await, ["3999999"], "a new worker has a new folder");
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_descriptors_the_error_says_so_and_it_recovers() {
    let folder = tempfile::tempdir().unwrap();
    // The plugin itself lives; a new worker does not find the descriptors for its socket. Where that begins
    // depends on the machine: below, the plugin does not even start or take a call; above, the worker lacks
    // them; then there are enough.
    let lacks = ["the worker process cannot be started", "too few file descriptors", "Too many open files"];
    let mut refused = [0; 3];
    'limits: for limit in (11..=18).chain([20, 22, 24, 28, 32, 40]) {
        let script = folder.path().join(format!("limited{limit}"));
        write_script(&script, &format!("ulimit -n {limit}\nexec '{}'", executable().display()));
        // Answers that are kept need no descriptors.
        let env = [("TMPDIR", folder.path()), ("GF_PLUGIN_CACHE_MB", Path::new("0"))];
        let Ok(plugin) = Plugin::spawn(&script, env).await else { continue };
        let settings = settings(&reports(), &json!({}));
        let queries: Vec<_> =
            (0..8).map(|n| query(&format!("Q{n}"), "SELECT count(*) FROM perf_all_weeks", "table")).collect();
        for _ in 0..3 {
            let answers = match plugin.query(&settings, &queries).await {
                Err(_) if limit < 24 => continue 'limits,
                answers => answers.unwrap(),
            };
            for answer in answers.into_values() {
                match &answer.error {
                    None => assert_eq!(rows(&answer), ["1099"]),
                    Some(error) => {
                        assert!(error.len() > 20 && !error.contains("INTERNAL"), "{limit}: {error}");
                        // Never the path's fault.
                        assert!(!error.contains("Check `path` in"), "{limit}: {error}");
                        if let Some(lack) = lacks.iter().position(|lack| error.contains(lack)) {
                            refused[lack] += 1;
                        }
                    }
                }
            }
        }
        if limit >= 40 {
            // Those that were answered last may still close their files.
            let by = Instant::now() + Duration::from_secs(30);
            loop {
                let answer = plugin.query(&settings, &queries[..1]).await.unwrap().remove("Q0").unwrap();
                match answer.error {
                    None => break assert_eq!(rows(&answer), ["1099"]),
                    Some(error) => assert!(Instant::now() < by, "{limit} descriptors are enough: {error}"),
                }
            }
        }
        plugin.shutdown().await.unwrap();
    }
    println!("refused for want of descriptors: {refused:?}");
    // The other two depend on how many files tell of this machine's control groups.
    assert!(refused[0] > 0, "{refused:?}");
}

/// DuckDB takes a folder that it cannot open for an empty one.
#[tokio::test(flavor = "multi_thread")]
async fn a_folder_that_cannot_be_listed_is_not_empty() {
    let host = Host::start_with(&reports(), &json!({}), &[("GF_PLUGIN_CACHE_MB", "0")]).await;
    assert_eq!(host.rows("SELECT 1").await, ["1"]);
    let worker = workers(host.plugin.pid().unwrap())[0];
    let queries = [
        ("SELECT count(*) FROM perf_all_weeks", "1099"),
        ("SELECT count(*) > 0 FROM glob('**/*.parquet')", "true"),
        ("SELECT count(*) FROM perf_all_weeks", "1099"),
    ];
    // First before the views are made, then with them.
    for _ in 0..2 {
        let before = bound_descriptors(worker, (4, MOST_FILES));
        for (query, _) in queries {
            let answer = host.ask(query, "table").await;
            let error = answer.error.unwrap_or_else(|| panic!("{query}: {:?}", answer.frames));
            assert!(error.contains("a folder could not be listed: Too many open files"), "{query}: {error}");
            assert!(error.contains("raise the limit of open files"), "{query}: {error}");
        }
        let health = host.plugin.health(&host.settings).await.unwrap();
        assert!(!health.ok && health.message.contains("Too many open files"), "{health:?}");
        bound_descriptors(worker, (before, MOST_FILES));
        for (query, expected) in queries {
            assert_eq!(host.rows(query).await, [expected], "{query}");
        }
    }
    assert_eq!(workers(host.plugin.pid().unwrap()), [worker]);
    host.stop().await;
}

/// What a worker allows itself, `MOST_FILES` of `worker/jail/process.rs`.
const MOST_FILES: u64 = 4096;

/// Bounds the descriptors that `process` can open from now on, `(soft, hard)`; gives the soft bound of
/// before.
fn bound_descriptors(process: u32, (soft, hard): (u64, u64)) -> u64 {
    use rustix::process::{Pid, Resource, Rlimit, prlimit};
    let process = Pid::from_raw(process.cast_signed());
    let asked = Rlimit { current: Some(soft), maximum: Some(hard) };
    prlimit(process, Resource::Nofile, asked).unwrap().current.unwrap()
}

/// The plugin lists the reports itself for its metrics.
#[tokio::test(flavor = "multi_thread")]
async fn reports_that_cannot_be_listed_are_not_counted_as_none() {
    let mut host = Host::start(&reports(), &json!({})).await;
    "d1".clone_into(&mut host.settings.uid);
    host.rows("SELECT 1").await;
    let count = async || {
        let text = host.plugin.metrics().await.unwrap();
        text.lines()
            .find_map(|line| line.strip_prefix("duckdb_perf_reports{datasource=\"d1\"} "))
            .map(str::to_owned)
    };
    assert_eq!(count().await.as_deref(), Some("60"));
    let plugin = host.plugin.pid().unwrap();
    let hard = rustix::process::getrlimit(rustix::process::Resource::Nofile).maximum.unwrap();
    let before = bound_descriptors(plugin, (3, hard));
    assert_eq!(count().await, None);
    bound_descriptors(plugin, (before, hard));
    assert_eq!(count().await.as_deref(), Some("60"));
    host.stop().await;
}

/// Of the broker's clock: the deadline, idle workers, kept results. A worker has no environment, so it keeps
/// the right one; what it makes of times in the future is tested where it compares them (`source/looks.rs`).
#[tokio::test(flavor = "multi_thread")]
async fn a_clock_that_is_set_back_changes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let source = folder.path().join("clock.c");
    std::fs::write(
        &source,
        r#"
        #define _GNU_SOURCE
        #include <dlfcn.h>
        #include <stdlib.h>
        #include <time.h>
        #include <unistd.h>
        int clock_gettime(clockid_t id, struct timespec *at) {
            static int (*real)(clockid_t, struct timespec *);
            if (!real) real = (int (*)(clockid_t, struct timespec *)) dlsym(RTLD_NEXT, "clock_gettime");
            int result = real(id, at);
            const char *flag = getenv("CLOCK_BACK");
            if (id == CLOCK_REALTIME && flag && access(flag, F_OK) == 0) at->tv_sec -= 3600;
            return result;
        }"#,
    )
    .unwrap();
    let (library, flag) = (folder.path().join("clock.so"), folder.path().join("back"));
    let built =
        Command::new("cc").args(["-shared", "-fPIC", "-o"]).args([&library, &source]).arg("-ldl").status();
    assert!(built.unwrap().success());
    let env = [
        ("LD_PRELOAD", library.to_str().unwrap()),
        ("CLOCK_BACK", flag.to_str().unwrap()),
        ("GF_PLUGIN_IDLE_SECONDS", "3"),
    ];
    let host = Host::start_with(&reports(), &json!({ "timeoutSeconds": 2 }), &env).await;
    let worker = only_worker(&host).await;
    std::fs::write(&flag, "").unwrap();
    assert_eq!(host.rows("SELECT 2").await, ["2"]);
    assert!(host.plugin.health(&host.settings).await.unwrap().ok);
    let started = Instant::now();
    let error = host
        .error("SELECT count(*) FROM range(1000000) a, range(1000000) b WHERE hash(a.range, b.range) = 1")
        .await;
    // Left alone it would take hours.
    assert!(error.contains("stopped after 2 s") && started.elapsed() < Duration::from_secs(30), "{error}");
    eventually("the idle worker's end", || !runs(worker)).await;
    std::fs::remove_file(&flag).unwrap();
    assert_eq!(host.rows("SELECT 3").await, ["3"]);
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_that_cannot_be_written_stops_no_query() {
    let temp = tempfile::tempdir().unwrap();
    for redirect in ["2>&-", "2>/dev/full"] {
        let script = temp.path().join("plugin.sh");
        write_script(&script, &format!("exec '{}' {redirect}", executable().display()));
        // Without kept answers: each query goes to a worker, whose log cannot be written either.
        let temp_dir = temp.path().to_str().unwrap();
        let env = [("TMPDIR", temp_dir), ("GF_PLUGIN_LOG_LEVEL", "info"), ("GF_PLUGIN_CACHE_MB", "0")];
        let plugin = Plugin::spawn(&script, env).await.unwrap();
        let settings = settings(&reports(), &json!({}));
        for _ in 0..5 {
            let asked = [query("A", "SELECT count(*) FROM perf_all_weeks", "table")];
            let answers =
                tokio::time::timeout(Duration::from_secs(20), plugin.query(&settings, &asked)).await;
            let answer =
                answers.unwrap_or_else(|_| panic!("no answer with {redirect}")).unwrap().remove("A").unwrap();
            assert_eq!(rows(&answer), ["1099"], "{redirect}");
        }
        plugin.shutdown().await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn years_of_reports_need_no_more_descriptors_than_there_are() {
    let folder = tempfile::tempdir().unwrap();
    let one = folder.path().join("query_perf_weekly_200001.parquet");
    duckdb(&format!(
        "COPY (SELECT 200001 AS week, 'a' AS pattern, 1.0 AS p95_ms) TO '{}' (FORMAT parquet)",
        one.display()
    ));
    for n in 2..=3000 {
        std::fs::copy(&one, folder.path().join(format!("query_perf_weekly_{}.parquet", 200_000 + n)))
            .unwrap();
    }
    let host = Host::start(folder.path(), &json!({})).await;
    assert_eq!(host.rows("SELECT count(*) FROM perf_all_weeks").await, ["3000"]);
    host.stop().await;
}
