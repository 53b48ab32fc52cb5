//! The operations that the three edges call: query, export, health check and catalog. Keeps one instance per
//! datasource.

mod backend;
mod instances;
mod plan;
mod scrape;

use std::collections::HashMap;
use std::path::Path;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{self, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use parking_lot::Mutex;
use tokio_stream::Stream;

#[cfg(test)]
pub(crate) use self::backend::fixed;
use self::instances::{Instance, InstanceKey};
use self::plan::{Failure, Origin, QueryPlan};
use crate::cache::{Answer, Cache, Key};
use crate::contract::{Export, Exported, Health, Ticket};
use crate::error::{Error, Kind, Result};
use crate::frame::{self, CsvOptions};
use crate::limits::MB;
use crate::metrics::{Asked, Metrics};
use crate::protocol::Walls;
use crate::query::{QueryModel, TimeRange};
use crate::rundir::RunDir;
use crate::source::Policy;

/// The instance settings of a datasource as an edge passes them on. They are parsed later, because invalid
/// settings must fail only the queries of this datasource and not the whole request.
#[derive(Clone, Default)]
pub struct InstanceSettings {
    /// Grafana's uid of the datasource; with `org_id` the key of its instance.
    pub uid: String,
    /// The organisation that owns the datasource.
    pub org_id: i64,
    /// Time of the last change, in milliseconds since 1970.
    pub updated_ms: i64,
    /// Grafana's `url` field, read as `file://…` when `path` is missing.
    pub url: String,
    /// The settings document (jsonData) as JSON text.
    pub json_data: Bytes,
    /// Decrypted secure settings.
    pub secrets: HashMap<String, String>,
    /// Grafana's own row limit (`GF_SQL_ROW_LIMIT` of grafanaConfig); a negative number means unlimited.
    pub row_limit: Option<i64>,
    /// The login of the user who asks; empty if unknown. When many queries wait, turns alternate between the
    /// callers.
    pub caller: String,
}

/// Leaves out the values of the secrets.
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
            .field("caller", &self.caller)
            .finish()
    }
}

/// One query of a request. Its model arrives as JSON text, which [`DataQuery::read`] parses.
#[derive(Debug, Clone)]
pub struct DataQuery<Model = QueryModel> {
    /// The query's refId.
    pub ref_id: String,
    /// The query model.
    pub model: Model,
    /// The dashboard's or alert rule's time range.
    pub range: TimeRange,
    /// The interval Grafana suggests; zero when unknown.
    pub interval: Duration,
    /// How many points the panel can show; zero when unknown.
    pub max_data_points: i64,
    /// Whether an alert rule runs the query, so that no user can choose another time range.
    pub is_of_alert: bool,
}

impl DataQuery<Bytes> {
    /// Parses the query model from JSON text.
    ///
    /// # Errors
    /// The errors of [`QueryModel::from_json`].
    pub fn read(self) -> Result<DataQuery> {
        let Self { ref_id, model, range, interval, max_data_points, is_of_alert } = self;
        let model = QueryModel::from_json(&model)?;
        Ok(DataQuery { ref_id, model, range, interval, max_data_points, is_of_alert })
    }
}

/// The result of a query. After a failure the frame is empty and carries only `executedQueryString`.
#[derive(Debug, Clone)]
pub struct QueryOutcome {
    /// An Arrow IPC file as `grafana-plugin-sdk-go` reads it.
    pub frame: Bytes,
    /// The error, if the query failed.
    pub error: Option<Error>,
    /// Line and column of the error in the query text as the user wrote it, both counted from 1.
    pub place: Option<(usize, usize)>,
}

/// Options of an export; the default is a download.
#[derive(Debug, Clone, Copy, Default)]
pub struct ExportOptions {
    /// Maximum number of rows. Further rows are left out, and [`CsvExport::summary`] says so. `None` means no
    /// maximum.
    pub max_rows: Option<u64>,
    /// Whether texts that a spreadsheet would evaluate as formulas are written unchanged.
    pub raw: bool,
    /// Whether to wait without limit for a reader that takes nothing, such as a pager. Otherwise the export
    /// is cancelled after one minute without a read, and after one hour in any case.
    pub patient: bool,
}

/// The rows of a query as CSV, made while they are read. Each piece holds whole rows, unless a row is longer
/// than a piece. Dropping the stream cancels the query.
///
/// The stream ends with `None` only after all rows. An error may follow any piece and is the last item.
pub struct CsvExport {
    pieces: Export,
    origin: Origin,
    /// Bytes given out so far.
    bytes: usize,
    /// Counts the download when it ends; `None` after that.
    asked: Option<Asked>,
    /// Dropped after the export, which runs in this instance's worker.
    _instance: Arc<Instance>,
}

impl CsvExport {
    /// Returns what was written; `None` until the stream has ended without an error.
    #[must_use]
    pub fn summary(&self) -> Option<Exported> {
        self.pieces.summary()
    }
}

impl Stream for CsvExport {
    type Item = Result<Bytes>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut task::Context<'_>) -> Poll<Option<Self::Item>> {
        let item = ready!(Pin::new(&mut self.pieces).poll_next(context));
        let item = item.map(|item| item.map_err(|error| self.origin.placed(error).shortened()));
        match &item {
            Some(Ok(piece)) => self.bytes += piece.len(),
            Some(Err(error)) => {
                if let Some(asked) = self.asked.take() {
                    asked.ended(Err(error));
                }
            }
            None => {
                let rows = self.summary().map_or(0, |exported| exported.rows);
                let bytes = self.bytes;
                if let Some(asked) = self.asked.take() {
                    asked.ended(Ok((rows, bytes)));
                }
            }
        }
        Poll::Ready(item)
    }
}

/// The plugin's state: the operator's policy and the instances of the datasources in use.
pub struct App {
    policy: Result<Policy>,
    walls: Walls,
    instances: Mutex<HashMap<InstanceKey, Arc<Instance>>>,
    /// Holds the workers' temp folders; created with the first instance.
    run_dir: Mutex<Option<Arc<RunDir>>>,
    metrics: Metrics,
    cache: Cache,
}

impl App {
    /// Creates an app with the policy from the environment. If the policy cannot be read, every query fails
    /// with that error, so that Grafana shows it to the user.
    #[must_use]
    pub fn from_env() -> Self {
        Self::new(Policy::from_env(|name| std::env::var(name).ok()))
    }

    /// Returns the temp folder that the operator has set, if any.
    #[must_use]
    pub fn temp_dir(&self) -> Option<&Path> {
        self.policy.as_ref().ok()?.temp_dir.as_deref()
    }

    /// Creates an app under `policy`.
    #[must_use]
    pub fn new(policy: Result<Policy>) -> Self {
        if let Err(error) = &policy {
            tracing::error!(
                error = error.full_text(),
                "the operator's policy cannot be read; no datasource will open"
            );
        }
        let cache_mb = policy.as_ref().ok().and_then(|policy| policy.cache_mb).unwrap_or(CACHE_MB);
        Self {
            cache: Cache::new(cache_mb.saturating_mul(MB)),
            policy,
            walls: Walls::default(),
            instances: Mutex::default(),
            run_dir: Mutex::default(),
            metrics: Metrics::default(),
        }
    }

    /// Replaces the walls around the queries: for tests of a single wall, and to measure what the walls cost.
    #[must_use]
    pub fn with_walls(self, walls: Walls) -> Self {
        Self { walls, ..self }
    }

    /// Runs one query. An error is part of the outcome. Dropping the future cancels the query.
    pub async fn query(&self, settings: &InstanceSettings, query: DataQuery) -> QueryOutcome {
        let (ref_id, bytes) = (query.ref_id.clone(), query.model.len());
        self.query_from(settings, (ref_id, bytes), || Ok(query), ()).await
    }

    /// Runs one query whose model is still JSON text. `hold` is the caller's reservation for the bytes of
    /// that text; it is dropped once the queue counts them.
    pub async fn query_on_the_wire(
        &self,
        settings: &InstanceSettings,
        query: DataQuery<Bytes>,
        hold: impl Send,
    ) -> QueryOutcome {
        let (ref_id, bytes) = (query.ref_id.clone(), query.model.len());
        self.query_from(settings, (ref_id, bytes), || query.read(), hold).await
    }

    async fn query_from(
        &self,
        settings: &InstanceSettings,
        (ref_id, bytes): (String, usize),
        read: impl FnOnce() -> Result<DataQuery> + Send,
        hold: impl Send,
    ) -> QueryOutcome {
        let asked = self.metrics.of(&settings.uid).asked();
        match self.run(settings, bytes, read, hold).await {
            Ok(Answer { frame, rows }) => {
                asked.ended(Ok((rows, frame.len())));
                QueryOutcome { frame, error: None, place: None }
            }
            Err(Failure { error, shown, place }) => {
                asked.ended(Err(&error));
                let error = error.shortened();
                if error.kind == Kind::Internal {
                    tracing::error!(ref_id, error = error.full_text(), "a query failed by our own mistake");
                } else {
                    tracing::debug!(ref_id, error = error.full_text(), "a query failed");
                }
                let frame = frame::empty_frame(&ref_id, &shown, &[]).into();
                QueryOutcome { frame, error: Some(error), place }
            }
        }
    }

    /// Returns the instance and the plan of the query. A model of more than 64 KB is read only while the
    /// instance reads no other one; `bytes` is its size.
    async fn plan(
        &self,
        settings: &InstanceSettings,
        bytes: usize,
        read: impl FnOnce() -> Result<DataQuery> + Send,
    ) -> Result<(Arc<Instance>, QueryPlan), Failure> {
        let instance = self.instance(settings);
        let longs = instance.as_ref().map_or(&plan::OF_NONE, |instance| &instance.longs);
        let one = longs.turn(bytes).await;
        let query = read().map_err(Failure::before_text)?;
        let plan = match &instance {
            Ok(instance) => QueryPlan::of(query, instance.backend.dialect(), instance.backend.common()),
            Err(error) => Err(Failure::in_text(error.clone(), &query.model.raw_sql)),
        };
        drop(one);
        Ok((instance.map_err(Failure::before_text)?, plan?))
    }

    async fn run(
        &self,
        settings: &InstanceSettings,
        bytes: usize,
        read: impl FnOnce() -> Result<DataQuery> + Send,
        hold: impl Send,
    ) -> Result<Answer, Failure> {
        let (instance, plan) = self.plan(settings, bytes, read).await?;
        let Instance { backend, scope, .. } = &*instance;
        let ticket = Ticket { caller: &settings.caller, bytes: plan.bytes() };
        let (job, origin) = plan.query(&backend.common().limits, settings.row_limit, self.cache.is_on());
        let key = Key::new(scope, &job);
        let sql = Arc::clone(&job);
        let failure = |error: Error| {
            let error = origin.placed(error);
            let place = origin.place_of(&error);
            Failure { error, shown: frame::shown(&sql.sql), place }
        };
        let key = key.map_err(failure)?;
        let wait = || Ok(backend.wait(ticket)?.lost());
        drop(hold);
        let (answer, how) = self.cache.answer(scope, key, wait, backend.query(ticket, job)).await;
        instance.series.served(how);
        answer.map_err(failure)
    }

    /// Runs one query and streams its rows as CSV. The model's `format` is ignored: the rows are always a
    /// table. Grafana's row limit does not apply; more rows than the operator's `max_rows` are an error.
    ///
    /// # Errors
    /// Errors before the first piece: the gate's refusal, DuckDB's error with its position in the text as the
    /// user wrote it, or [`Kind::Busy`] if the queue is full. Results of less than 4 MB are complete when the
    /// first piece arrives.
    pub async fn export(
        &self,
        settings: &InstanceSettings,
        query: DataQuery,
        options: ExportOptions,
    ) -> Result<CsvExport> {
        let mut asked = self.metrics.of(&settings.uid).asked();
        match self.begin_export(settings, query, options).await {
            Ok((pieces, origin, instance)) => {
                asked.begins();
                Ok(CsvExport { pieces, origin, bytes: 0, asked: Some(asked), _instance: instance })
            }
            Err(error) => {
                asked.ended(Err(&error));
                Err(error)
            }
        }
    }

    async fn begin_export(
        &self,
        settings: &InstanceSettings,
        query: DataQuery,
        options: ExportOptions,
    ) -> Result<(Export, Origin, Arc<Instance>)> {
        let plan = self.plan(settings, query.model.len(), || Ok(query)).await;
        let (instance, plan) = plan.map_err(|failure| failure.error)?;
        let csv = CsvOptions {
            max_rows: options.max_rows,
            most_rows: instance.backend.common().limits.most_rows,
            raw: options.raw,
        };
        let ticket = Ticket { caller: &settings.caller, bytes: plan.bytes() };
        let (job, origin) = plan.export(csv);
        match instance.backend.export(ticket, job, options.patient).await {
            Ok(pieces) => Ok((pieces, origin, instance)),
            Err(error) => Err(origin.placed(error).shortened()),
        }
    }

    /// Runs the health check of a datasource.
    pub async fn health(&self, settings: &InstanceSettings) -> Health {
        match self.instance(settings) {
            Ok(instance) => instance.backend.health().await,
            Err(error) => Health::failed(&error),
        }
    }

    /// Returns the tables, views and columns of a datasource as JSON, counted as its memory as long as the
    /// bytes live.
    ///
    /// # Errors
    /// Errors of the settings and of the engine, and an error if the catalog is too long for one answer.
    pub async fn catalog(&self, settings: &InstanceSettings) -> Result<Bytes> {
        self.instance(settings)?.backend.catalog().await
    }

    /// Ends all workers, and with them the queries that still run.
    pub async fn shutdown(&self) {
        let instances: Vec<_> = std::mem::take(&mut *self.instances.lock()).into_values().collect();
        let mut ending = tokio::task::JoinSet::new();
        for instance in instances {
            self.cache.end(&instance.scope);
            ending.spawn(async move { instance.backend.stop().await });
        }
        ending.join_all().await;
        // A request that never ends may still hold the folder.
        if let Some(run_dir) = self.run_dir.lock().take()
            && let Err(error) = run_dir.remove()
        {
            tracing::debug!(%error, "the temp folder stays");
        }
    }
}

/// Size of the result cache in megabytes, unless the operator sets another one.
const CACHE_MB: u64 = 64;
