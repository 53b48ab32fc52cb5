//! The documents say what is so: every query, command, setting, message and link in `README.md` and `docs/`
//! is tried. A block's info string says what it is for; GitHub shows only its first word:
//!
//! | block | what happens |
//! |---|---|
//! | `sql` | runs through the plugin over demo reports up to 2026-W47 and must give rows |
//! | … `format=time_series from=2026-W30 to=2026-W47 var:name="a b" set:slowMs=50` | … so asked; `var:` may be repeated |
//! | … `empty`, `fails` | … must give no row, must fail |
//! | `sql duckdb` | runs in a plain DuckDB, before the queries: makes files |
//! | `sql fragment` | is part of a query and does not run |
//! | `text result [rows=N]`, `text error` after `sql` | is exactly what `duckdb-perf query` prints; the panel's error |
//! | `sh` | runs in a folder with `reports` and `provisioning`, one after the other; `fails` must fail |
//! | `sh background` | is a server at port 3001, running until the document's end |
//! | `sh no-run REASON` | does not run here |
//! | `text output` after `sh` | is exactly what came out |
//! | `json request` | is posted to `/api/query` of the document's server and must give rows; `${__from}` and `${__to}` are the demo's weeks |
//! | `yaml` | parses; each `rawSql` in it runs and must give rows |
//! | `json settings [policy:key=value]`, then `text health` or `text error` | the health check's answer, a query's error |
//!
//! `UPDATE_DOCS=1 cargo test --release --test it docs` writes what came out into the documents.

mod configurations;
mod known;
mod markdown;
mod world;

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::time::Duration;

use assert_cmd::Command;
use duckdb_perf::query::{TimeRange, macro_table};
use serde_json::{Map, Value, json};

use self::markdown::{Block, Document, anchor, documents, rewrite};
use self::world::{Shell, World};
use crate::support::{Host, duckdb, executable, query, rows};

const RANGE: (&str, &str) = ("2026-W22", "2026-W47");
const INTERVAL: Duration = Duration::from_hours(24);

/// The documents whose block kinds are checked, and what came out against what they show.
#[derive(Default)]
struct Findings {
    wrong: Vec<String>,
    new: Vec<(usize, String)>,
}

impl Findings {
    /// Compares what came out with the block that shows it, or notes it for rewriting.
    fn compare(&mut self, block: &Block, came: &str) {
        if came.trim_end() == block.text.trim_end() {
            return;
        }
        if std::env::var_os("UPDATE_DOCS").is_some() {
            self.new.push((block.number, came.to_owned()));
        } else {
            self.wrong.push(format!("{} shows\n{}but it is\n{came}", block.place, block.text));
        }
    }

    fn wrong(&mut self, block: &Block, what: impl std::fmt::Display) {
        self.wrong.push(format!("{}: {what}\n{}", block.place, block.text));
    }

    fn finish(self, document: &Document) -> Vec<String> {
        if !self.new.is_empty() {
            rewrite(&document.path, &self.new);
        }
        self.wrong
    }
}

fn assert_none(wrong: &[String]) {
    assert!(wrong.is_empty(), "{} findings:\n\n{}", wrong.len(), wrong.join("\n\n"));
}

/// Each block with the one behind it.
fn pairs(document: &Document) -> impl Iterator<Item = (&Block, Option<&Block>)> {
    document.blocks.iter().enumerate().map(|(at, block)| (block, document.blocks.get(at + 1)))
}

/// The block behind, if it shows this.
fn shows<'a>(next: Option<&'a Block>, role: &str) -> Option<&'a Block> {
    next.filter(|block| block.language == "text" && block.role() == role)
}

#[tokio::test(flavor = "multi_thread")]
async fn every_query_gives_what_it_shows() {
    let world = World::new();
    let protected = world.real("/var/lib/grafana");
    let (mut wrong, mut ran, mut fragments) = (Vec::new(), 0, 0);
    for document in documents() {
        let mut findings = Findings::default();
        for block in document.blocks.iter().filter(|block| block.language == "sql" && block.has("duckdb")) {
            duckdb(&world.real(&block.text));
        }
        for (block, next) in pairs(&document) {
            let policy: Vec<_> = block.pairs("policy");
            let policy: Vec<_> = policy
                .iter()
                .map(|(key, value)| (format!("GF_PLUGIN_{}", key.to_uppercase()), world.real(value)))
                .collect();
            let mut env: Vec<_> = policy.iter().map(|(key, value)| (key.as_str(), value.as_str())).collect();
            env.push(("GF_PATHS_DATA", protected.as_str()));
            match (block.language.as_str(), block.role()) {
                ("sql", "fragment") => fragments += 1,
                ("sql", role) if role != "duckdb" => {
                    ran += 1;
                    let settings: Map<String, Value> =
                        block.pairs("set").into_iter().map(|(name, value)| (name, value.into())).collect();
                    let host = Host::start_with(&world.reports(), &Value::Object(settings), &env).await;
                    ask(&world, &host, block, next, &mut findings).await;
                    host.stop().await;
                }
                ("yaml", _) => {
                    for sql in block.queries() {
                        ran += 1;
                        let host = Host::start_with(&world.reports(), &json!({}), &env).await;
                        ask(&world, &host, &Block { text: sql, ..block.clone() }, None, &mut findings).await;
                        host.stop().await;
                    }
                }
                ("json", "settings") => {
                    ran += 1;
                    let settings: Value = match serde_json::from_str(&world.real(&block.text)) {
                        Ok(settings) => settings,
                        Err(error) => {
                            findings.wrong(block, error);
                            continue;
                        }
                    };
                    let host = Host::start_with(&world.reports(), &settings, &env).await;
                    if let Some(shown) = shows(next, "health") {
                        let health = host.plugin.health(&host.settings).await.unwrap();
                        let more = health.details["verboseMessage"].as_str().unwrap_or_default();
                        findings.compare(shown, &world.shown(&format!("{}\n{more}", health.message)));
                    }
                    if let Some(shown) = shows(next, "error") {
                        findings.compare(shown, &world.shown(&host.error("SELECT 1").await));
                    }
                    host.stop().await;
                }
                _ => {}
            }
        }
        wrong.extend(findings.finish(&document));
    }
    assert_none(&wrong);
    println!("{ran} queries and settings ran, {fragments} fragments did not");
    assert!(ran >= 30 && fragments <= ran / 4, "{ran} ran, {fragments} did not");
}

async fn ask(world: &World, host: &Host, block: &Block, next: Option<&Block>, findings: &mut Findings) {
    let sql = world.real(&block.text);
    let format = block.value("format").unwrap_or("table");
    let (from, to) = (block.value("from").unwrap_or(RANGE.0), block.value("to").unwrap_or(RANGE.1));
    let mut asked = query("A", &sql, format);
    asked.range = TimeRange::parse(from, to, jiff::Timestamp::now()).unwrap();
    asked.interval = INTERVAL;
    let mut model: Value = serde_json::from_slice(&asked.model).unwrap();
    let mut variables = Map::new();
    for (name, value) in block.pairs("var") {
        match variables.get_mut(&name) {
            Some(Value::Array(values)) => values.push(value.into()),
            Some(first) => *first = json!([first, value]),
            None => _ = variables.insert(name, value.into()),
        }
    }
    model["variables"] = variables.into();
    asked.model = model.to_string().into();
    let answer = host.ask_all(&[asked]).await.remove(0);
    match &answer.error {
        Some(error) if block.has("fails") => {
            if let Some(shown) = shows(next, "error") {
                findings.compare(shown, &world.shown(error));
            }
            return;
        }
        Some(error) => return findings.wrong(block, error),
        None if block.has("fails") => return findings.wrong(block, "did not fail"),
        None if rows(&answer).is_empty() != block.has("empty") => {
            return findings.wrong(block, format!("{} rows", rows(&answer).len()));
        }
        None => {}
    }
    let Some(shown) = shows(next, "result") else { return };
    let mut command = Command::new(executable());
    command.args(["query", &sql, "--query-format", format, "--from", from, "--to", to]);
    command.arg("--path").arg(world.reports()).args(["--interval", &format!("{}s", INTERVAL.as_secs())]);
    for (option, prefix) in [("--var", "var"), ("--setting", "set")] {
        for (name, value) in block.pairs(prefix) {
            command.arg(option).arg(format!("{name}={value}"));
        }
    }
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}: {}", block.place, String::from_utf8_lossy(&output.stderr));
    let printed = String::from_utf8(output.stdout).unwrap();
    let limit = shown.value("rows").map_or(usize::MAX, |rows| rows.parse().unwrap());
    let mut lines: Vec<&str> = printed.lines().collect();
    let more = lines.len().saturating_sub(limit.saturating_add(2));
    lines.truncate(limit.saturating_add(2));
    let more = if more > 0 { format!("… and {more} more\n") } else { String::new() };
    findings.compare(shown, &world.shown(&format!("{}\n{more}", lines.join("\n"))));
}

#[test]
fn every_command_runs() {
    let world = World::new();
    let (mut wrong, mut ran, mut left) = (Vec::new(), 0, Vec::new());
    for document in documents() {
        let mut findings = Findings::default();
        let mut shell = Shell::new(&world.reports());
        for (block, next) in pairs(&document) {
            match block.role() {
                _ if block.language == "json" && block.role() == "request" => {
                    let answer = shell.post("/api/query", &block.text);
                    if answer.as_array().is_none_or(Vec::is_empty) {
                        findings.wrong(block, answer);
                    }
                }
                _ if block.language != "sh" => continue,
                "no-run" if block.words.len() > 1 => {
                    left.push(format!("{} ({})", block.place, block.words[1..].join(" ")));
                    continue;
                }
                "no-run" => findings.wrong(block, "does not say why it does not run"),
                "background" => shell.start(&block.text),
                _ => {
                    let ended = shell.run(&block.text);
                    if (ended.code == Some(0)) == block.has("fails") {
                        findings.wrong(block, format!("ended with {:?}: {}", ended.code, ended.stderr));
                    }
                    if let Some(shown) = shows(next, "output") {
                        let came = if block.has("fails") { ended.stderr } else { ended.stdout };
                        findings.compare(shown, &world.shown(&came));
                    }
                }
            }
            ran += 1;
        }
        drop(shell);
        wrong.extend(findings.finish(&document));
    }
    assert_none(&wrong);
    println!("{ran} commands ran, {} are not for this machine: {}", left.len(), left.join(", "));
    assert!(ran >= 5, "only {ran} commands ran");
}

#[test]
fn links_and_pictures_exist() {
    let mut wrong = Vec::new();
    for document in documents() {
        for (target, line) in &document.links {
            if target.contains("://") || target.starts_with("mailto:") {
                continue;
            }
            let (file, heading) = target.split_once('#').unwrap_or((target, ""));
            let path =
                if file.is_empty() { document.path.clone() } else { document.path.with_file_name(file) };
            let place = format!("{}:{}", document.name, line + 1);
            if !path.exists() {
                wrong.push(format!("{place}: there is no `{target}`"));
            } else if !heading.is_empty() {
                let there = path.canonicalize().unwrap();
                let found = documents().into_iter().find(|other| other.path == there);
                let anchors = found.iter().flat_map(|other| &other.headings);
                if !anchors.map(|(_, text, _)| anchor(text)).any(|known| known == heading) {
                    wrong.push(format!("{place}: `{target}` has no such heading"));
                }
            }
        }
    }
    assert_none(&wrong);
}

#[test]
fn every_setting_is_documented() {
    let documents = documents();
    let page = documents.iter().find(|document| document.name == "docs/configuration.md").unwrap();
    let text = std::fs::read_to_string(&page.path).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    for (heading, known) in [("Settings of a datasource", known::settings()), ("Policy", known::policy())] {
        let at = page.headings.iter().position(|(_, text, _)| text == heading).unwrap();
        let (level, _, start) = page.headings[at];
        let end =
            page.headings[at + 1..].iter().find(|next| next.0 <= level).map_or(lines.len(), |next| next.2);
        let first_cells =
            lines[start..end].iter().filter_map(|line| line.strip_prefix("| `")?.split('`').next());
        let told: BTreeSet<String> = first_cells.map(str::to_owned).collect();
        assert_eq!(told, known, "the tables under `{heading}` in docs/configuration.md");
    }
}

#[test]
fn the_macros_page_is_the_table() {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/macros.md");
    let text = std::fs::read_to_string(&path).unwrap();
    let (start, end) = (
        "<!-- The table is crates/grafana-sql-macros/src/macros/table.rs. -->\n",
        "<!-- end of the table -->",
    );
    let (before, rest) = text.split_once(start).unwrap();
    let (table, after) = rest.split_once(end).unwrap();
    let mut made = "\n| macro | what it gives |\n|---|---|\n".to_owned();
    for doc in macro_table() {
        let cell = |text: &str| text.replace('|', "\\|");
        let (signature, text) = (cell(doc.signature), cell(doc.doc));
        let (example, expansion) = (cell(doc.example), cell(doc.expansion));
        let _ = writeln!(made, "| `{signature}` | {text}<br>`{example}` becomes<br>`{expansion}` |");
    }
    made.push('\n');
    if table != made && std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(&path, format!("{before}{start}{made}{end}{after}")).unwrap();
    } else {
        assert_eq!(table, made, "docs/macros.md; write it anew with UPDATE_DOCS=1");
    }
}

/// Headings of the troubleshooting page that are a message: one that the section provokes, or one in the
/// sources.
#[test]
fn messages_in_the_documents_exist() {
    let mut wrong = Vec::new();
    let mut count = 0;
    for document in documents().iter().filter(|document| document.name == "docs/troubleshooting.md") {
        for (at, (_, heading, line)) in document.headings.iter().enumerate() {
            let Some(message) = heading.strip_prefix('`').and_then(|rest| rest.strip_suffix('`')) else {
                continue;
            };
            count += 1;
            let end = document.headings.get(at + 1).map_or(usize::MAX, |next| next.2);
            let mut provoked =
                document.blocks.iter().filter(|block| (*line..end).contains(&block.line)).filter(|block| {
                    block.language == "text"
                        && ["error", "health", "result", "output"].contains(&block.role())
                });
            if !provoked.any(|block| known::has_parts(&block.text, message)) && !known::says(message) {
                wrong.push(format!("docs/troubleshooting.md:{}: nothing says `{message}`", line + 1));
            }
        }
    }
    assert_none(&wrong);
    assert!(count >= 20, "only {count} messages");
}
