//! What the three edges may ask: query, export, health, catalog. Keeps one instance per datasource.

use std::collections::HashMap;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{self, Poll};
use std::time::Duration;

use bytes::Bytes;
use jiff::Timestamp;
use tokio_stream::Stream;

use crate::engine::Catalog;
use crate::error::{Error, Kind, Result, line_and_column};
use crate::frame::{self, CsvOptions, Options};
use crate::health;
use crate::query::{self, Context, Prepared, QueryModel, TimeRange};
use crate::rundir::{self, RunDir};
use crate::source::{self, Datasource, Policy, Settings};
use crate::worker::{self, ExportJob, Exported, QueryJob, Supervisor, Terms, Walls};

/// A datasource as an edge hands it over: not yet parsed, because a broken one must answer with an error
/// of its own and not fail a request that it is only part of.
#[derive(Clone, Default)]
pub struct InstanceSettings {
    /// Grafana's uid of the datasource; with `org_id` the key of its instance.
    pub uid: String,
    /// The organisation that owns it.
    pub org_id: i64,
    /// Milliseconds since 1970 of the last change; a newer one replaces the instance.
    pub updated_ms: i64,
    /// Grafana's `url` field, read as `file://…` when `path` is missing.
    pub url: String,
    /// The settings document (jsonData) as JSON text.
    pub json_data: Bytes,
    /// Decrypted secure settings.
    pub secrets: HashMap<String, String>,
    /// Grafana's own row limit (`GF_SQL_ROW_LIMIT` of grafanaConfig); negative is unlimited.
    pub row_limit: Option<i64>,
}

/// Without the secrets' values.
impl std::fmt::Debug for InstanceSettings {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("InstanceSettings")
            .field("uid", &self.uid)
            .field("org_id", &self.org_id)
            .field("updated_ms", &self.updated_ms)
            .field("url", &self.url)
            .field("json_data", &self.json_data)
            .field("secrets", &self.secrets.keys().collect::<Vec<_>>())
            .field("row_limit", &self.row_limit)
            .finish()
    }
}

/// One query of a request.
#[derive(Debug, Clone)]
pub struct DataQuery {
    /// The query's letter.
    pub ref_id: String,
    /// The query model as JSON text.
    pub json: Bytes,
    /// The dashboard's or alert rule's time range.
    pub range: TimeRange,
    /// The interval Grafana suggests; zero when unknown.
    pub interval: Duration,
    /// How many points the panel can show; zero when unknown.
    pub max_data_points: i64,
}

/// What a query came to. The frame is there in both cases: after a failure it is empty and carries only
/// `executedQueryString`.
#[derive(Debug, Clone)]
pub struct QueryOutcome {
    /// An Arrow IPC file as `grafana-plugin-sdk-go` reads it.
    pub frame: Bytes,
    /// Why there is no data.
    pub error: Option<Error>,
    /// Where in the text as the person wrote it the error is: line and column, from 1.
    pub place: Option<(usize, usize)>,
}

/// How an export is made; the default is a download.
#[derive(Debug, Clone, Copy, Default)]
pub struct ExportOptions {
    /// Rows at most; what comes after is left out, and [`CsvExport::summary`] says so. `None`: all of them.
    pub max_rows: Option<u64>,
    /// Whether texts that a spreadsheet would take for formulas stay as they are.
    pub raw: bool,
    /// Whether to wait for ever for a reader that takes nothing, such as a pager. A download is given up after a minute,
    /// and after an hour in any case.
    pub patient: bool,
}

/// A query's rows as CSV: pieces of UTF-8, each of whole rows, made while they are taken. Dropping it ends the query.
///
/// It ends with `None` only when every row was given; an error may come after any piece, and is the last item.
pub struct CsvExport {
    pieces: worker::Export,
    /// Dropped after the export, which runs in its worker.
    _instance: Arc<Instance>,
}

impl CsvExport {
    /// What was written; `None` until the stream has ended well.
    #[must_use]
    pub fn summary(&self) -> Option<Exported> {
        self.pieces.summary()
    }
}

impl Stream for CsvExport {
    type Item = Result<Bytes>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut task::Context<'_>) -> Poll<Option<Self::Item>> {
        Pin::new(&mut self.pieces).poll_next(context)
    }
}

/// What the health check found.
#[derive(Debug, Clone)]
pub struct Health {
    /// Whether dashboards can work.
    pub ok: bool,
    /// One or more sentences for a person.
    pub message: String,
    /// A JSON object for machines; `verboseMessage` is shown by Grafana's settings page.
    pub details: serde_json::Value,
}

/// The plugin's state: the operator's policy and the instances of the datasources in use.
pub struct App {
    policy: Result<Policy>,
    walls: Walls,
    instances: Mutex<HashMap<InstanceKey, Arc<Instance>>>,
    /// Holds the workers' temp folders; made with the first instance.
    run_dir: Mutex<Option<Arc<RunDir>>>,
}

type InstanceKey = (i64, String);

/// One datasource in use. Replaced when its settings change; its worker ends with its last query.
struct Instance {
    /// What it was made from.
    url: String,
    json_data: Bytes,
    secrets: HashMap<String, String>,
    supervisor: Supervisor,
    /// Dropped after the worker, whose temp folder is in it.
    _run_dir: Arc<RunDir>,
}

impl Instance {
    fn is_of(&self, settings: &InstanceSettings) -> bool {
        self.url == settings.url && self.json_data == settings.json_data && self.secrets == settings.secrets
    }
}

impl App {
    /// An app under the policy of this process's environment. A policy that cannot be read is an error of every
    /// query, so that Grafana shows it where people look.
    #[must_use]
    pub fn from_env() -> Self {
        Self::new(Policy::from_env(|name| std::env::var(name).ok()))
    }

    /// An app under `policy`.
    #[must_use]
    pub fn new(policy: Result<Policy>) -> Self {
        if let Err(error) = &policy {
            tracing::error!(
                error = error.full_text(),
                "the operator's policy cannot be read; no datasource will open"
            );
        }
        Self { policy, walls: Walls::default(), instances: Mutex::default(), run_dir: Mutex::default() }
    }

    /// The same with other walls around its queries: for tests that each wall holds alone, and to measure what they
    /// cost.
    #[must_use]
    pub fn with_walls(self, walls: Walls) -> Self {
        Self { walls, ..self }
    }

    /// Runs one query. Never fails as a whole; dropping the future cancels the query.
    pub async fn query(&self, settings: &InstanceSettings, query: DataQuery) -> QueryOutcome {
        let ref_id = query.ref_id.clone();
        let model = match query_model(&query.json) {
            Ok(model) => model,
            Err(error) => {
                let frame = frame::empty_frame(&ref_id, "", &[]).into();
                return QueryOutcome { frame, error: Some(error), place: None };
            }
        };
        let mut executed = model.raw_sql.clone();
        match self.run(settings, query, &model, &mut executed).await {
            Ok(frame) => QueryOutcome { frame, error: None, place: None },
            Err(error) => {
                if error.kind == Kind::Internal {
                    tracing::error!(ref_id, error = error.full_text(), "a query failed by our own mistake");
                } else {
                    tracing::debug!(ref_id, error = error.full_text(), "a query failed");
                }
                let place = error.position.map(|position| line_and_column(&model.raw_sql, position));
                let frame = frame::empty_frame(&ref_id, &executed, &[]).into();
                QueryOutcome { frame, error: Some(error), place }
            }
        }
    }

    async fn run(
        &self,
        settings: &InstanceSettings,
        query: DataQuery,
        model: &QueryModel,
        executed: &mut String,
    ) -> Result<Bytes> {
        let instance = self.instance(settings)?;
        let datasource = instance.supervisor.datasource();
        let prepared = prepare(&query, model, datasource)?;
        executed.clone_from(&prepared.sql);
        let (max_rows, row_limit_setting) = datasource.limits.row_cap(settings.row_limit);
        let options = Options {
            ref_id: query.ref_id,
            format: model.format,
            max_rows,
            max_bytes: datasource.limits.max_result_bytes,
            fill: prepared.fill,
            range: query.range,
            executed_query: prepared.sql.clone(),
            row_limit_setting: row_limit_setting.to_owned(),
        };
        let job = QueryJob { sql: prepared.sql, offsets: prepared.offsets, options };
        match instance.supervisor.query(job).await {
            Ok(reply) => Ok(reply.frame),
            Err(error) => Err(source::explain_missing(error, datasource)),
        }
    }

    /// Runs one query and gives its rows as CSV while they come. Its `format` does not matter: rows are always a table.
    /// The panels' row limit does not hold here, the operator's `max_rows` does: one row more is an error.
    ///
    /// # Errors
    /// Whatever is wrong before the first piece: the query model, the gate's refusal, DuckDB's error with its position
    /// in the text as the person wrote it, a full queue. Results of less than 4 MB are whole when the first piece comes.
    pub async fn export(
        &self,
        settings: &InstanceSettings,
        query: DataQuery,
        options: ExportOptions,
    ) -> Result<CsvExport> {
        let model = query_model(&query.json)?;
        let instance = self.instance(settings)?;
        let datasource = instance.supervisor.datasource();
        let prepared = prepare(&query, &model, datasource)?;
        let csv = CsvOptions {
            max_rows: options.max_rows,
            most_rows: datasource.limits.most_rows,
            raw: options.raw,
        };
        let job = ExportJob { sql: prepared.sql, offsets: prepared.offsets, options: csv };
        match instance.supervisor.export(job, options.patient).await {
            Ok(pieces) => Ok(CsvExport { pieces, _instance: instance }),
            Err(error) => Err(source::explain_missing(error, datasource)),
        }
    }

    /// Diagnoses a datasource.
    pub async fn health(&self, settings: &InstanceSettings) -> Health {
        match self.instance(settings) {
            Ok(instance) => health::check(&instance.supervisor, Timestamp::now()).await,
            Err(error) => health::failed(&error),
        }
    }

    /// Tables, views and columns of a datasource.
    ///
    /// # Errors
    /// Those of its settings, and what DuckDB says of its files.
    pub async fn catalog(&self, settings: &InstanceSettings) -> Result<Catalog> {
        self.instance(settings)?.supervisor.catalog().await
    }

    /// Ends all workers. Queries that still run end with them.
    pub async fn shutdown(&self) {
        let instances: Vec<_> = std::mem::take(&mut *lock(&self.instances)).into_values().collect();
        let mut ending = tokio::task::JoinSet::new();
        for instance in instances {
            ending.spawn(async move { instance.supervisor.stop().await });
        }
        ending.join_all().await;
        lock(&self.run_dir).take();
    }

    /// Metrics in Prometheus' text format.
    #[must_use]
    pub fn metrics(&self) -> String {
        let instances = lock(&self.instances).len();
        format!(
            "# HELP duckdb_perf_instances Datasources in use.\n# TYPE duckdb_perf_instances gauge\nduckdb_perf_instances {instances}\n"
        )
    }

    fn instance(&self, settings: &InstanceSettings) -> Result<Arc<Instance>> {
        let key = (settings.org_id, settings.uid.clone());
        if let Some(instance) = lock(&self.instances).get(&key).filter(|instance| instance.is_of(settings)) {
            return Ok(Arc::clone(instance));
        }
        let policy = self.policy.as_ref().map_err(Clone::clone)?;
        let datasource = source::resolve(&Settings::parse(&settings.json_data, &settings.url)?, policy)?;
        let run_dir = self.run_dir(policy)?;
        let terms = Terms {
            idle: policy.idle_seconds.map_or(worker::IDLE, Duration::from_secs),
            walls: self.walls,
            require_jail: policy.require_jail,
        };
        let instance = Arc::new(Instance {
            url: settings.url.clone(),
            json_data: settings.json_data.clone(),
            secrets: settings.secrets.clone(),
            supervisor: Supervisor::new(datasource, run_dir.path().to_owned(), terms),
            _run_dir: run_dir,
        });
        let mut instances = lock(&self.instances);
        // Another first query may have been faster; ours has no worker yet.
        if let Some(faster) = instances.get(&key).filter(|instance| instance.is_of(settings)) {
            return Ok(Arc::clone(faster));
        }
        instances.insert(key, Arc::clone(&instance));
        Ok(instance)
    }

    fn run_dir(&self, policy: &Policy) -> Result<Arc<RunDir>> {
        let mut slot = lock(&self.run_dir);
        if let Some(run_dir) = &*slot {
            return Ok(Arc::clone(run_dir));
        }
        let parent: PathBuf = policy.temp_dir.clone().unwrap_or_else(std::env::temp_dir);
        let run_dir = RunDir::create(&parent).map_err(|error| {
            tracing::error!(%error, folder = %parent.display(), "no temp folder can be made");
            Error::new(Kind::Unavailable, format!("no temp folder can be made: {}", error.kind()))
                .hint("Set `temp_dir` in the ini section [plugin.duckdb-perf-datasource] to a folder that Grafana's user may write")
        })?;
        for swept in rundir::sweep(&parent) {
            tracing::info!(path = %swept.display(), "removed what a killed process left behind");
        }
        Ok(Arc::clone(slot.insert(Arc::new(run_dir))))
    }
}

/// Bytes of a query model: text and template variables. Texts lie in the broker several times, whoever sends them.
const LONGEST_QUERY: usize = 512 << 10;
/// Bytes of the text that DuckDB gets.
const LONGEST_EXPANSION: usize = 2 << 20;

fn query_model(json: &[u8]) -> Result<QueryModel> {
    if json.len() > LONGEST_QUERY {
        return Err(too_long("the query with its template variables", LONGEST_QUERY));
    }
    QueryModel::from_json(json)
}

/// Fills variables and macros in.
fn prepare(query: &DataQuery, model: &QueryModel, datasource: &Datasource) -> Result<Prepared> {
    let context = Context {
        range: query.range,
        interval: query.interval,
        max_data_points: query.max_data_points,
        variables: &model.variables,
        slow_ms: datasource.slow_ms,
    };
    let prepared = query::prepare(&model.raw_sql, &context)?;
    if prepared.sql.len() > LONGEST_EXPANSION {
        return Err(too_long("the query with its macros and variables filled in", LONGEST_EXPANSION));
    }
    Ok(prepared)
}

fn too_long(what: &str, most: usize) -> Error {
    Error::bad_query(format!("{what} is longer than {} KB", most >> 10))
        .hint("Shorten it: put long lists into a file of the datasource and join it")
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
