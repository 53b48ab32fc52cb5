//! The operations that the three edges call: query, export, health check and catalog. Keeps one instance per
//! datasource.

mod backend;
mod instances;
mod plan;
mod request;
mod scrape;

use std::path::Path;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{self, Poll, ready};

use bytes::Bytes;
use tokio_stream::Stream;

#[cfg(test)]
pub(crate) use self::backend::fixed;
use self::instances::{Instance, Instances};
use self::plan::{Failure, Origin, QueryPlan};
pub use self::request::{DataQuery, ExportOptions, InstanceSettings, QueryOutcome};
use crate::cache::{Answer, Cache, Key};
use crate::contract::{Export, Exported, Health, Ticket};
use crate::error::{Error, Kind, Result};
use crate::frame::{self, CsvOptions};
use crate::limits::MB;
use crate::metrics::{Asked, Metrics};
use crate::protocol::Walls;
use crate::source::Policy;

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
    instances: Instances,
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
        self.instances.policy().ok()?.temp_dir.as_deref()
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
            instances: Instances::new(policy),
            metrics: Metrics::default(),
        }
    }

    /// Replaces the walls around the queries: for tests of a single wall, and to measure what the walls cost.
    #[must_use]
    pub fn with_walls(mut self, walls: Walls) -> Self {
        self.instances.walls = walls;
        self
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

    /// Returns the instance of a datasource.
    fn instance(&self, settings: &InstanceSettings) -> Result<Arc<Instance>> {
        self.instances.of(settings, self.metrics.of(&settings.uid), &self.cache)
    }

    /// Ends all workers, and with them the queries that still run.
    pub async fn shutdown(&self) {
        let instances = self.instances.take();
        let mut ending = tokio::task::JoinSet::new();
        for instance in instances {
            self.cache.end(&instance.scope);
            ending.spawn(async move { instance.backend.stop().await });
        }
        ending.join_all().await;
        self.instances.remove_run_dir();
    }
}

/// Size of the result cache in megabytes, unless the operator sets another one.
const CACHE_MB: u64 = 64;
