//! Folders of reports, a plugin process, and short ways to ask it.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant, SystemTime};

use arrow::array::{ArrayRef, AsArray};
use arrow::datatypes::TimestampNanosecondType;
use bytes::Bytes;
use duckdb_perf::app::{DataQuery, InstanceSettings};
use duckdb_perf::engine::write_reports;
use duckdb_perf::frame;
use duckdb_perf::plugin::client::{Answer, Plugin};
use duckdb_perf::query::TimeRange;
use duckdb_perf::reports::{DemoOptions, generate};
use serde_json::{Value, json};
use tempfile::TempDir;

/// The executable under test.
pub(crate) fn executable() -> &'static Path {
    Path::new(env!("CARGO_BIN_EXE_duckdb-perf"))
}

/// A folder `reports` with 60 weeks of 20 patterns up to 2026-W53: read only, and the same for all tests of a
/// build, whichever processes they run in.
pub(crate) fn fixtures() -> &'static Path {
    static FIXTURES: OnceLock<PathBuf> = OnceLock::new();
    FIXTURES.get_or_init(|| {
        let built = std::env::current_exe().and_then(std::fs::metadata).unwrap().modified().unwrap();
        let built = built.duration_since(SystemTime::UNIX_EPOCH).unwrap().as_nanos();
        let root = Path::new(env!("CARGO_TARGET_TMPDIR")).join("fixtures");
        let folder = root.join(built.to_string());
        if !folder.exists() {
            forget_old(&root);
            let made = tempfile::tempdir_in(&root).unwrap();
            std::fs::create_dir(made.path().join("reports")).unwrap();
            demo(&made.path().join("reports"), 60, 20);
            // It fails where another process was first.
            if std::fs::rename(made.path(), &folder).is_ok() {
                let _ = made.keep();
            }
        }
        folder
    })
}

/// Removes the fixtures of builds that are a day old.
fn forget_old(root: &Path) {
    std::fs::create_dir_all(root).unwrap();
    for folder in std::fs::read_dir(root).unwrap().map(Result::unwrap) {
        let age = folder.metadata().and_then(|found| found.modified()).map(|made| made.elapsed());
        if age.is_ok_and(|age| age.is_ok_and(|age| age > Duration::from_hours(24))) {
            let _ = std::fs::remove_dir_all(folder.path());
        }
    }
}

/// Writes demo reports up to 2026-W53.
pub(crate) fn demo(folder: &Path, weeks: u32, patterns: u32) {
    let until = "202653".parse().unwrap();
    let options = DemoOptions { weeks, patterns, seed: 1, until };
    write_reports(generate(&options).unwrap().reports(), folder, || {}).unwrap();
}

/// The reports of [`fixtures`].
pub(crate) fn reports() -> PathBuf {
    fixtures().join("reports")
}

/// The usual name of the report of week YYYYWW.
pub(crate) fn report_name(week: u32) -> String {
    format!("query_perf_weekly_{week}.parquet")
}

/// Runs statements in a plain DuckDB: for making files.
pub(crate) fn duckdb(statements: &str) {
    duckdb::Connection::open_in_memory().unwrap().execute_batch(statements).unwrap();
}

/// Settings with `path` and whatever else `more` holds.
pub(crate) fn settings(path: &Path, more: &Value) -> InstanceSettings {
    let mut json_data = json!({ "path": path });
    for (key, value) in more.as_object().into_iter().flatten() {
        json_data[key] = value.clone();
    }
    InstanceSettings {
        uid: format!("uid-{json_data}"),
        org_id: 1,
        json_data: json_data.to_string().into(),
        ..InstanceSettings::default()
    }
}

/// A query over the year 2026.
pub(crate) fn query(ref_id: &str, sql: &str, format: &str) -> DataQuery<Bytes> {
    let now = jiff::Timestamp::now();
    DataQuery {
        ref_id: ref_id.to_owned(),
        model: Bytes::from(json!({ "refId": ref_id, "rawSql": sql, "format": format }).to_string()),
        range: TimeRange::parse("2026-01-01T00:00:00Z", "2027-01-03T23:59:59Z", now).unwrap(),
        interval: Duration::from_hours(1),
        max_data_points: 1000,
        is_of_alert: false,
    }
}

/// A plugin process and the settings it is asked with.
pub(crate) struct Host {
    pub plugin: Plugin,
    pub settings: InstanceSettings,
    /// Where the plugin keeps its temp folders.
    _temp: TempDir,
}

impl Host {
    /// Starts a plugin over `path`.
    pub(crate) async fn start(path: &Path, more: &Value) -> Self {
        Self::start_with(path, more, &[]).await
    }

    /// … with environment variables.
    pub(crate) async fn start_with(path: &Path, more: &Value, env: &[(&str, &str)]) -> Self {
        let temp = tempfile::tempdir().unwrap();
        let temp_dir = temp.path().to_str().unwrap();
        let env = [("TMPDIR", temp_dir)].into_iter().chain(env.iter().copied());
        let plugin = Plugin::spawn(executable(), env).await.unwrap();
        Self { plugin, settings: settings(path, more), _temp: temp }
    }

    /// Asks one query.
    pub(crate) async fn ask(&self, sql: &str, format: &str) -> Answer {
        self.ask_all(&[query("A", sql, format)]).await.remove(0)
    }

    /// Asks several in one request; answers in their order.
    pub(crate) async fn ask_all(&self, queries: &[DataQuery<Bytes>]) -> Vec<Answer> {
        let mut answers = self.plugin.query(&self.settings, queries).await.unwrap();
        queries.iter().map(|query| answers.remove(&query.ref_id).unwrap()).collect()
    }

    /// The rows of a table query as text, columns separated by ` | `; panics with the error if there is one.
    pub(crate) async fn rows(&self, sql: &str) -> Vec<String> {
        let answer = self.ask(sql, "table").await;
        assert_eq!(answer.error, None, "{sql}");
        rows(&answer)
    }

    /// The error of a query that must fail.
    pub(crate) async fn error(&self, sql: &str) -> String {
        let answer = self.ask(sql, "table").await;
        answer.error.unwrap_or_else(|| panic!("`{sql}` did not fail"))
    }

    /// Ends the plugin politely.
    pub(crate) async fn stop(self) {
        self.plugin.shutdown().await.unwrap();
    }
}

/// The rows of an answer's frame as text.
pub(crate) fn rows(answer: &Answer) -> Vec<String> {
    let decoded = frame::decode(&answer.frames[0]).unwrap();
    let options = arrow::util::display::FormatOptions::default().with_null("NULL");
    let mut rows = Vec::new();
    for batch in &decoded.batches {
        // Times are UTC; arrow's own text of a named zone would need its database.
        let columns: Vec<ArrayRef> = batch
            .columns()
            .iter()
            .map(|column| match column.as_primitive_opt::<TimestampNanosecondType>() {
                Some(times) => Arc::new(times.clone().with_timezone_opt(None::<&str>)) as ArrayRef,
                None => Arc::clone(column),
            })
            .collect();
        let columns: Vec<_> = columns
            .iter()
            .map(|column| arrow::util::display::ArrayFormatter::try_new(column.as_ref(), &options).unwrap())
            .collect();
        rows.extend((0..batch.num_rows()).map(|row| {
            columns.iter().map(|column| column.value(row).to_string()).collect::<Vec<_>>().join(" | ")
        }));
    }
    rows
}

/// The value of one series in Prometheus' text: `name{label="…"}` as it is written there; 0 when it is not.
pub(crate) fn sample(text: &str, series: &str) -> f64 {
    let line = text.lines().find(|line| line.rsplit_once(' ').is_some_and(|(name, _)| name == series));
    line.map_or(0.0, |line| line.rsplit(' ').next().unwrap().parse().unwrap())
}

/// The frame's meta object.
pub(crate) fn meta(answer: &Answer) -> Value {
    frame::decode(&answer.frames[0]).unwrap().meta
}

/// `text` as a value in the query of an address.
pub(crate) fn encode(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte);
    let one = |byte: u8| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") };
    text.bytes().map(one).collect()
}

/// How many lines end in `bytes`.
pub(crate) fn lines(bytes: &[u8]) -> usize {
    bytes.split(|byte| *byte == b'\n').count() - 1
}

/// Ids of the running workers of the plugin process `parent`.
pub(crate) fn workers(parent: u32) -> Vec<u32> {
    let children = format!("/proc/{parent}/task");
    std::fs::read_dir(children)
        .into_iter()
        .flatten()
        .filter_map(|thread| std::fs::read_to_string(thread.ok()?.path().join("children")).ok())
        .flat_map(|list| list.split_whitespace().filter_map(|id| id.parse().ok()).collect::<Vec<u32>>())
        .collect()
}

/// Whether a process runs (and is no zombie).
pub(crate) fn runs(pid: u32) -> bool {
    std::fs::read_to_string(format!("/proc/{pid}/stat"))
        .is_ok_and(|stat| !stat.rsplit(')').next().unwrap_or_default().trim_start().starts_with('Z'))
}

/// Waits until `condition` holds; panics with `what` after a minute, which is for machines that are busy with
/// other things.
pub(crate) async fn eventually(what: &str, mut condition: impl FnMut() -> bool) {
    let since = Instant::now();
    while !condition() {
        assert!(since.elapsed() < Duration::from_mins(1), "{what} did not happen within a minute");
        tokio::time::sleep(Duration::from_millis(25)).await;
    }
}

/// Sends a signal to one process.
pub(crate) fn signal(pid: u32, signal: rustix::process::Signal) {
    let pid = rustix::process::Pid::from_raw(pid.try_into().unwrap()).unwrap();
    rustix::process::kill_process(pid, signal).unwrap();
}

/// Whether file systems can be mounted here, which takes a privileged user: without one, a test says that it
/// is skipped and ends. Where `CI` is set it must run.
pub(crate) fn can_mount(test: &str) -> bool {
    let folder = tempfile::tempdir().unwrap();
    let quietly = |program: &str, arguments: &[&str]| {
        let mut command = Command::new(program);
        command.args(arguments).arg(folder.path()).stderr(std::process::Stdio::null());
        command.status().is_ok_and(|status| status.success())
    };
    let can = quietly("mount", &["-t", "tmpfs", "-o", "size=64k", "none"]) && quietly("umount", &[]);
    assert!(
        can || std::env::var_os("CI").is_none(),
        "{test} mounts file systems, which must be possible in CI"
    );
    if !can {
        println!("{test} is skipped: it mounts file systems, which this user may not");
    }
    can
}
