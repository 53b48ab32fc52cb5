//! The cases of `tests/cases` through gRPC, the JSON API and the command line: the same bytes. What the frames hold is
//! checked by `tests/host`, which reads them with Grafana's own SDK.

use std::collections::HashMap;
use std::path::Path;

use assert_cmd::Command;
use duckdb_perf::query::TimeRange;
use serde_json::{Value, json};

use crate::served::Served;
use crate::support::{Host, executable, fixtures, query};

struct Case {
    name: String,
    sql: String,
    format: String,
    from: String,
    to: String,
    variables: Vec<(String, Vec<String>)>,
    settings: Vec<(String, String)>,
    path: String,
    error: Option<String>,
}

fn cases() -> Vec<Case> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases");
    let mut paths: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "sql"));
    paths.sort();
    assert!(paths.len() >= 20, "only {} cases", paths.len());
    paths.iter().map(|path| parse(path)).collect()
}

fn parse(path: &Path) -> Case {
    let text = std::fs::read_to_string(path).unwrap();
    let header = |key: &str| -> Vec<String> {
        let lines = text.lines().take_while(|line| line.starts_with("--"));
        lines.filter_map(|line| line.strip_prefix(&format!("-- {key}: ")).map(str::to_owned)).collect()
    };
    let one = |key: &str, default: &str| header(key).pop().unwrap_or_else(|| default.to_owned());
    let variables = header("var")
        .iter()
        .map(|line| line.split_once('=').unwrap())
        .map(|(name, values)| (name.to_owned(), values.split('|').map(str::to_owned).collect()))
        .collect();
    let sql: Vec<&str> = text.lines().skip_while(|line| line.starts_with("--")).collect();
    Case {
        name: path.file_stem().unwrap().to_string_lossy().into_owned(),
        sql: sql.join("\n"),
        format: one("format", "table"),
        from: one("from", "2026-01-01T00:00:00Z"),
        to: one("to", "2027-01-03T23:59:59Z"),
        variables,
        settings: header("setting")
            .iter()
            .map(|line| line.split_once('=').unwrap())
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect(),
        path: one("path", "reports"),
        error: header("error").pop(),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_case_gives_the_same_frames_at_every_edge() {
    let mut servers: HashMap<(String, Vec<(String, String)>), Served> = HashMap::new();
    for case in cases() {
        let folder = fixtures().join(&case.path);
        let settings: Value =
            case.settings.iter().map(|(name, value)| (name.clone(), json!(value))).collect();
        let host = Host::start(&folder, &settings).await;
        let mut asked = query("A", &case.sql, &case.format);
        asked.range = TimeRange::parse(&case.from, &case.to, jiff::Timestamp::now()).unwrap();
        let variables: serde_json::Map<String, Value> = case
            .variables
            .iter()
            .map(|(name, values)| {
                (name.clone(), if let [value] = values.as_slice() { json!(value) } else { json!(values) })
            })
            .collect();
        let mut model: Value = serde_json::from_slice(&asked.model).unwrap();
        model["variables"] = variables.into();
        asked.model = model.to_string().into();
        let interval = asked.interval;
        let answer = host.ask_all(&[asked]).await.remove(0);
        host.stop().await;

        let server = servers.entry((case.path.clone(), case.settings.clone())).or_insert_with(|| {
            let settings = case.settings.iter().map(|(name, value)| format!("--setting={name}={value}"));
            let settings: Vec<String> = settings.collect();
            Served::start(&folder, &settings.iter().map(String::as_str).collect::<Vec<_>>())
        });
        let mut body = model;
        for (name, value) in [("from", json!(case.from)), ("to", json!(case.to)), ("as", json!("arrow"))] {
            body[name] = value;
        }
        body["intervalMs"] = json!(u64::try_from(interval.as_millis()).unwrap());
        let reply = server.query(&body);

        let mut command = Command::new(executable());
        command.args([
            "query",
            &case.sql,
            "--format",
            "arrow",
            "--query-format",
            &case.format,
            "--from",
            &case.from,
            "--to",
            &case.to,
        ]);
        command.arg("--path").arg(&folder).arg("--interval").arg(format!("{}ms", interval.as_millis()));
        for (name, value) in &case.settings {
            command.arg("--setting").arg(format!("{name}={value}"));
        }
        for (name, values) in &case.variables {
            for value in values {
                command.arg("--var").arg(format!("{name}={value}"));
            }
        }
        let output = command.output().unwrap();
        let stderr = String::from_utf8_lossy(&output.stderr);
        match (&case.error, &answer.error) {
            (None, None) => {
                assert!(output.status.success(), "{}: {stderr}", case.name);
                assert!(output.stdout == answer.frames[0], "{}: the command line's frame differs", case.name);
                assert_eq!(reply.status, 200, "{}: {}", case.name, String::from_utf8_lossy(&reply.body));
                assert!(reply.body == answer.frames[0], "{}: the API's frame differs", case.name);
            }
            (Some(expected), Some(error)) => {
                assert!(error.contains(expected), "{}: {error}", case.name);
                assert!(!output.status.success() && stderr.contains(expected), "{}: {stderr}", case.name);
                let told = reply.json();
                let told = format!(
                    "{}. {}",
                    told["message"].as_str().unwrap(),
                    told["hint"].as_str().unwrap_or_default()
                );
                assert!(reply.status >= 400 && told.contains(expected), "{}: {told}", case.name);
            }
            (expected, error) => panic!("{}: expected error {expected:?}, got {error:?}", case.name),
        }
    }
}
