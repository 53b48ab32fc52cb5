//! Each file of `tests/cases` is a test: through gRPC, the JSON API and the command line it gives the same
//! bytes. What the frames hold is checked by `tests/host`, which reads them with Grafana's own SDK.

#[allow(dead_code, reason = "the rest is for the tests of `it`")]
#[path = "it/served.rs"]
mod served;
#[allow(dead_code, reason = "the rest is for the tests of `it`")]
#[path = "it/support.rs"]
mod support;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use duckdb_perf::query::TimeRange;
use libtest_mimic::{Arguments, Failed, Trial};
use serde_json::{Map, Value, json};
use tokio::runtime::Runtime;
use tokio::sync::OnceCell;

use served::Served;
use support::{Host, executable, fixtures, query};

/// A file: leading comments, among them `-- key: value`, then the SQL.
struct Case {
    sql: String,
    format: String,
    from: String,
    to: String,
    variables: Vec<(String, Vec<String>)>,
    source: Source,
    error: Option<String>,
}

/// What a datasource is made of: the folder, below the fixtures, and the settings beside it.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Source {
    path: String,
    settings: Vec<(String, String)>,
}

/// The processes that all cases of a datasource share, started for the first of them.
#[derive(Default)]
struct Processes {
    host: OnceCell<Host>,
    served: OnceCell<Served>,
}

fn parse(path: &Path) -> Case {
    let text = std::fs::read_to_string(path).unwrap();
    let header = |key: &str| -> Vec<String> {
        let lines = text.lines().take_while(|line| line.starts_with("--"));
        lines.filter_map(|line| line.strip_prefix(&format!("-- {key}: ")).map(str::to_owned)).collect()
    };
    let pairs = |key: &str| -> Vec<(String, String)> {
        let pair = |line: &String| {
            line.split_once('=').map(|(name, value)| (name.to_owned(), value.to_owned())).unwrap()
        };
        header(key).iter().map(pair).collect()
    };
    let one = |key: &str, default: &str| header(key).pop().unwrap_or_else(|| default.to_owned());
    let values = |text: String| text.split('|').map(str::to_owned).collect();
    let sql: Vec<&str> = text.lines().skip_while(|line| line.starts_with("--")).collect();
    Case {
        sql: sql.join("\n"),
        format: one("format", "table"),
        from: one("from", "2026-01-01T00:00:00Z"),
        to: one("to", "2027-01-03T23:59:59Z"),
        variables: pairs("var").into_iter().map(|(name, text)| (name, values(text))).collect(),
        source: Source { path: one("path", "reports"), settings: pairs("setting") },
        error: header("error").pop(),
    }
}

/// Fails with what `condition` finds wrong.
fn check(condition: bool, wrong: impl FnOnce() -> String) -> Result<(), Failed> {
    if condition { Ok(()) } else { Err(wrong().into()) }
}

impl Case {
    async fn run(&self, processes: &Processes) -> Result<(), Failed> {
        let folder = fixtures().join(&self.source.path);
        let settings = &self.source.settings;
        let host = processes.host.get_or_init(async || {
            let settings: Value = settings.iter().map(|(name, value)| (name.clone(), json!(value))).collect();
            Host::start(&folder, &settings).await
        });
        let host = host.await;
        let mut asked = query("A", &self.sql, &self.format);
        asked.range = TimeRange::parse(&self.from, &self.to, jiff::Timestamp::now()).unwrap();
        let value = |values: &[String]| match values {
            [value] => json!(value),
            values => json!(values),
        };
        let variables: Map<_, _> =
            self.variables.iter().map(|(name, values)| (name.clone(), value(values))).collect();
        let mut model: Value = serde_json::from_slice(&asked.model).unwrap();
        model["variables"] = variables.into();
        asked.model = model.to_string().into();
        let interval = asked.interval.as_millis();
        let answer = host.ask_all(&[asked]).await.remove(0);

        let served = processes.served.get_or_init(async || {
            let settings: Vec<_> =
                settings.iter().map(|(name, value)| format!("--setting={name}={value}")).collect();
            Served::start(&folder, &settings.iter().map(String::as_str).collect::<Vec<_>>())
        });
        let mut body = model;
        body["from"] = json!(self.from);
        body["to"] = json!(self.to);
        body["as"] = json!("arrow");
        body["intervalMs"] = json!(u64::try_from(interval).unwrap());
        let reply = served.await.query(&body);

        let mut command = Command::new(executable());
        command.args(["query", &self.sql, "--format", "arrow", "--query-format", &self.format]);
        command.args(["--from", &self.from, "--to", &self.to, "--interval", &format!("{interval}ms")]);
        command.arg("--path").arg(&folder);
        command.args(settings.iter().map(|(name, value)| format!("--setting={name}={value}")));
        for (name, values) in &self.variables {
            command.args(values.iter().map(|value| format!("--var={name}={value}")));
        }
        let output = command.output().unwrap();
        let stderr = String::from_utf8_lossy(&output.stderr);

        match (&self.error, &answer.error) {
            (None, None) => {
                let frame = &answer.frames[0];
                check(output.status.success(), || format!("the command line: {stderr}"))?;
                check(output.stdout == *frame, || "the command line's frame differs".to_owned())?;
                let text = || String::from_utf8_lossy(&reply.body);
                check(reply.status == 200, || format!("the API: {} {}", reply.status, text()))?;
                check(reply.body == *frame, || "the API's frame differs".to_owned())
            }
            (Some(expected), Some(error)) => {
                check(error.contains(expected), || error.clone())?;
                let told = stderr.contains(expected) && !output.status.success();
                check(told, || format!("the command line: {stderr}"))?;
                let problem = reply.json();
                let part = |key: &str| problem[key].as_str().unwrap_or_default().to_owned();
                let told = format!("{}. {}", part("message"), part("hint"));
                check(reply.status >= 400 && told.contains(expected), || format!("the API: {told}"))
            }
            (expected, error) => Err(format!("expected error {expected:?}, got {error:?}").into()),
        }
    }
}

fn main() {
    let arguments = Arguments::from_args();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases");
    let mut files: Vec<PathBuf> =
        std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.retain(|path| path.extension().is_some_and(|extension| extension == "sql"));
    files.sort();
    assert!(files.len() >= 20, "only {} cases", files.len());

    let runtime = Arc::new(Runtime::new().unwrap());
    let mut sources: BTreeMap<Source, Arc<Processes>> = BTreeMap::new();
    let trial = |file: &PathBuf| {
        let case = parse(file);
        let processes = Arc::clone(sources.entry(case.source.clone()).or_default());
        let runtime = Arc::clone(&runtime);
        let name = file.file_stem().unwrap().to_string_lossy();
        Trial::test(name, move || runtime.block_on(case.run(&processes)))
    };
    let trials = files.iter().map(trial).collect();
    let conclusion = libtest_mimic::run(&arguments, trials);
    for processes in sources.into_values() {
        let processes = Arc::into_inner(processes).expect("the trials are over");
        if let Some(host) = processes.host.into_inner() {
            runtime.block_on(host.stop());
        }
    }
    conclusion.exit();
}
