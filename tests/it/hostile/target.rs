//! What is attacked: the real plugin process, or the same app with a wall taken down.

use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, OnceLock};

use bytes::Bytes;
use duckdb_perf::app::{App, DataQuery, InstanceSettings};
use duckdb_perf::broker::use_executable;
use duckdb_perf::frame;
use duckdb_perf::plugin::client::{Answer as PluginAnswer, Plugin};
use duckdb_perf::protocol::Walls;
use duckdb_perf::source::Policy;
use serde_json::{Value, json};

use super::attacks::Attack;
use super::sandbox::Sandbox;
use crate::support::{encode, executable, lines, query, rows, settings};

/// Something that answers queries.
pub(super) struct Target {
    kind: Kind,
    settings: InstanceSettings,
    /// How often workers were ended.
    restarts: AtomicI64,
}

enum Kind {
    Plugin(Plugin),
    /// The same process, asked for CSV downloads; ordinary queries stay queries.
    Export(Plugin),
    App(App),
}

/// What came back.
pub(super) struct Answer {
    pub(super) frames: Vec<Bytes>,
    pub(super) error: Option<String>,
    /// An HTTP status.
    pub(super) status: i32,
    pub(super) rows: usize,
}

impl Answer {
    fn new(frames: Vec<Bytes>, error: Option<String>, status: i32) -> Self {
        let rows = frames.iter().map(|bytes| frame::decode(bytes).map_or(0, |frame| frame.rows())).sum();
        Self { frames, error, status, rows }
    }

    fn of_plugin(answer: PluginAnswer) -> Self {
        Self::new(answer.frames, answer.error, answer.status)
    }

    /// Its rows as text.
    pub(super) fn texts(&self) -> Vec<String> {
        rows(&PluginAnswer {
            frames: self.frames.clone(),
            error: None,
            status: self.status,
            error_source: String::new(),
        })
    }

    pub(super) fn holds(&self, text: &str) -> bool {
        let text = text.as_bytes();
        self.error.as_ref().is_some_and(|error| contains(error.as_bytes(), text))
            || self.frames.iter().any(|frame| contains(frame, text))
    }
}

fn contains(bytes: &[u8], text: &[u8]) -> bool {
    bytes.windows(text.len()).any(|window| window == text)
}

impl Target {
    /// The real process behind its gRPC edge, with a secret in its environment.
    pub(super) async fn plugin(sandbox: &Sandbox) -> Self {
        log();
        let env = [
            ("TMPDIR", sandbox.temp().display().to_string()),
            ("HOME", sandbox.home().display().to_string()),
            ("CANARY", sandbox.canary.clone()),
            ("GF_PLUGIN_LOG_LEVEL", "debug".to_owned()),
            // Every query must meet the walls and a worker that lives; a kept answer would hide both.
            ("GF_PLUGIN_CACHE_MB", "0".to_owned()),
        ];
        let plugin = Plugin::spawn(executable(), env).await.unwrap();
        Self::new(Kind::Plugin(plugin), sandbox)
    }

    /// … asked for downloads.
    pub(super) async fn export(sandbox: &Sandbox) -> Self {
        let Kind::Plugin(plugin) = Self::plugin(sandbox).await.kind else { unreachable!() };
        Self::new(Kind::Export(plugin), sandbox)
    }

    /// The same app in this process, with other walls.
    pub(super) fn app(sandbox: &Sandbox, walls: Walls) -> Self {
        use_executable(executable());
        let policy = Policy { temp_dir: Some(sandbox.temp()), cache_mb: Some(0), ..Policy::default() };
        Self::new(Kind::App(App::new(Ok(policy)).with_walls(walls)), sandbox)
    }

    fn new(kind: Kind, sandbox: &Sandbox) -> Self {
        Self { kind, settings: settings_of(sandbox), restarts: AtomicI64::new(0) }
    }

    /// The datasource as it is now.
    fn settings(&self) -> InstanceSettings {
        let mut settings = self.settings.clone();
        settings.secrets.insert("restarts".to_owned(), self.restarts.load(Ordering::Relaxed).to_string());
        settings
    }

    /// Whether attacks are asked as downloads.
    pub(super) fn is_export(&self) -> bool {
        matches!(self.kind, Kind::Export(_))
    }

    pub(super) async fn ask(&self, attack: &Attack) -> Answer {
        match (&self.kind, address(attack)) {
            (Kind::Export(plugin), Some(address)) => self.download(plugin, &address).await,
            _ => self.send(query_of("A", attack)).await,
        }
    }

    /// Asks many, where that is possible in one request; answers in their order.
    pub(super) async fn ask_all(&self, attacks: &[Attack]) -> Vec<Answer> {
        if let Kind::Plugin(plugin) = &self.kind {
            let queries: Vec<_> =
                (0..).zip(attacks).map(|(n, attack)| query_of(&format!("Q{n}"), attack)).collect();
            let mut answers = plugin.query(&self.settings(), &queries).await.unwrap();
            return queries
                .iter()
                .map(|query| Answer::of_plugin(answers.remove(&query.ref_id).unwrap()))
                .collect();
        }
        let mut answers = Vec::new();
        for attack in attacks {
            answers.push(self.ask(attack).await);
        }
        answers
    }

    /// The names of everything that is in DuckDB's catalogs and is not its own, as the running query is.
    pub(super) async fn holdings(&self) -> String {
        let sql = "SELECT string_agg(n, ' ' ORDER BY n) FROM (
            SELECT 'database ' || database_name AS n FROM duckdb_databases()
            UNION ALL SELECT 'schema ' || database_name || '.' || schema_name FROM duckdb_schemas() WHERE NOT internal
            UNION ALL SELECT 'table ' || database_name || '.' || table_name FROM duckdb_tables() WHERE NOT internal
            UNION ALL SELECT 'view ' || database_name || '.' || view_name || md5(sql) FROM duckdb_views() WHERE NOT internal
            UNION ALL SELECT 'sequence ' || database_name || '.' || sequence_name FROM duckdb_sequences()
            UNION ALL SELECT 'index ' || index_name FROM duckdb_indexes()
            UNION ALL SELECT 'type ' || type_name FROM duckdb_types() WHERE NOT internal
            UNION ALL SELECT 'function ' || function_name FROM duckdb_functions() WHERE NOT internal
            UNION ALL SELECT 'variable ' || name FROM duckdb_variables()
            UNION ALL SELECT 'statement ' || name FROM duckdb_prepared_statements() WHERE name NOT LIKE 'duckdb_prepare_internal_%')";
        let answer = self.send(query("A", sql, "table")).await;
        match answer.error {
            Some(error) => error,
            None => answer.texts().concat(),
        }
    }

    async fn download(&self, plugin: &Plugin, address: &str) -> Answer {
        match plugin.resource(&self.settings(), "GET", address, Bytes::new()).await {
            Ok(answer) if answer.status == 200 => {
                let rows = lines(&answer.body).saturating_sub(1);
                Answer { frames: vec![answer.body], error: None, status: 200, rows }
            }
            Ok(answer) => {
                let problem: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
                let error = match (problem["message"].as_str(), problem["hint"].as_str()) {
                    (Some(message), hint) => format!("{message}. {}", hint.unwrap_or_default()),
                    _ => String::from_utf8_lossy(&answer.body).into_owned(),
                };
                Answer { frames: Vec::new(), error: Some(error), status: answer.status, rows: 0 }
            }
            Err(error) => Answer { frames: Vec::new(), error: Some(error.full_text()), status: 0, rows: 0 },
        }
    }

    /// The query that must work whatever happened before.
    pub(super) async fn ordinary(&self) -> Result<(), String> {
        let sql = "SELECT (SELECT count(*) FROM perf_all_weeks) AS n, (SELECT sum(a) FROM t) AS s, getvariable('x') IS NULL AS v, current_setting('threads') AS c";
        let answer = self.send(query("A", sql, "table")).await;
        match &answer.error {
            Some(error) => return Err(error.clone()),
            None if answer.rows != 1 => return Err(format!("{} rows", answer.rows)),
            None => {}
        }
        let found = answer.texts();
        let threads = std::thread::available_parallelism().unwrap();
        if found == [format!("36 | 3.0 | true | {threads}")] {
            Ok(())
        } else {
            Err(format!("wrong rows: {found:?}"))
        }
    }

    async fn send(&self, query: DataQuery<Bytes>) -> Answer {
        match &self.kind {
            Kind::Plugin(plugin) | Kind::Export(plugin) => {
                let mut answers = plugin.query(&self.settings(), &[query]).await.unwrap();
                Answer::of_plugin(answers.remove("A").unwrap())
            }
            Kind::App(app) => {
                let outcome = app.query_on_the_wire(&self.settings(), query, ()).await;
                let status = outcome.error.as_ref().map_or(200, |error| error.kind.facts().http_status);
                Answer::new(vec![outcome.frame], outcome.error.map(|error| error.full_text()), status.into())
            }
        }
    }

    /// Ends the workers; the next query starts one.
    pub(super) async fn restart(&self) {
        match &self.kind {
            Kind::App(app) => app.shutdown().await,
            // A datasource that was changed gets a new one.
            Kind::Plugin(_) | Kind::Export(_) => {
                self.restarts.fetch_add(1, Ordering::Relaxed);
            }
        }
    }

    pub(super) fn log_holds(&self, text: &str) -> bool {
        !matches!(self.kind, Kind::App(_)) && contains(&log().lock().unwrap(), text.as_bytes())
    }
}

fn query_of(ref_id: &str, attack: &Attack) -> DataQuery<Bytes> {
    let mut query = query(ref_id, &attack.sql, "table");
    let json =
        json!({ "refId": ref_id, "rawSql": attack.sql, "format": "table", "variables": attack.variables });
    query.model = Bytes::from(json.to_string());
    query
}

/// The attack as a download; `None` where an address cannot say it.
fn address(attack: &Attack) -> Option<String> {
    let mut address = format!("export.csv?from=2026-W01&to=2026-W53&sql={}", encode(&attack.sql));
    for (name, value) in attack.variables.as_object().into_iter().flatten() {
        let values = value.as_array().cloned().unwrap_or_else(|| vec![value.clone()]);
        for value in values {
            address = format!("{address}&var-{}={}", encode(name), encode(value.as_str()?));
        }
    }
    // An address of more than 64 KB is refused before anything reads it.
    (address.len() < 60_000).then_some(address)
}

/// Whether an error says only that a second was too short: for the query, or for those before it.
pub(super) fn is_late(error: &str) -> bool {
    ["the query was stopped after 1 s", "the query waited "].iter().any(|words| error.contains(words))
}

fn settings_of(sandbox: &Sandbox) -> InstanceSettings {
    let more: Value = json!({
        "paths": [sandbox.database()],
        "timeoutSeconds": 1,
        "memoryLimitMb": 256,
        "maxResultMb": 16,
    });
    let mut settings = settings(&sandbox.folder(), &more);
    settings.secrets.insert("token".to_owned(), sandbox.canary.clone());
    settings
}

/// Everything that this process logs, the plugin's lines among it.
fn log() -> &'static Arc<Mutex<Vec<u8>>> {
    static LOG: OnceLock<Arc<Mutex<Vec<u8>>>> = OnceLock::new();
    LOG.get_or_init(|| {
        let log = Arc::new(Mutex::new(Vec::new()));
        let sink = Arc::clone(&log);
        let writer = move || Sink(Arc::clone(&sink));
        let subscriber = tracing_subscriber::fmt()
            .with_writer(writer)
            .with_ansi(false)
            .with_max_level(tracing::Level::DEBUG);
        subscriber.try_init().unwrap();
        log
    })
}

struct Sink(Arc<Mutex<Vec<u8>>>);

impl std::io::Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}
