//! Keeps one worker for one datasource: started on first use, replaced when it ends, stopped when idle.
//! Says what a job's failure means and runs innocent queries again.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Mutex, Semaphore};

use super::client::{JobFailure, JobReply, Worker};
use super::messages::{Job, Open, QueryJob};
use crate::engine::{Catalog, Inspection};
use crate::error::{Error, Kind, Result};
use crate::source::Datasource;

/// A worker nobody asked anything for this long is stopped, unless the operator says otherwise.
pub const IDLE: Duration = Duration::from_mins(10);
/// Queries of one datasource that run at the same time; the rest wait their turn.
const CONCURRENT: usize = 8;

/// A query's result.
pub struct Reply {
    /// The frame: an Arrow IPC file.
    pub frame: Vec<u8>,
    /// Its rows.
    pub rows: u64,
}

/// The broker's handle on a datasource's worker.
pub struct Supervisor {
    datasource: Datasource,
    temp_root: PathBuf,
    idle: Duration,
    worker: Mutex<Option<Arc<Worker>>>,
    permits: Semaphore,
}

impl Supervisor {
    /// For `datasource`; workers get temp folders below `temp_root`, which must exist, and are stopped when nobody
    /// asked anything for `idle`.
    #[must_use]
    pub fn new(datasource: Datasource, temp_root: PathBuf, idle: Duration) -> Self {
        Self { datasource, temp_root, idle, worker: Mutex::new(None), permits: Semaphore::new(CONCURRENT) }
    }

    /// What the workers have open.
    #[must_use]
    pub fn datasource(&self) -> &Datasource {
        &self.datasource
    }

    /// Runs a query. Dropping the future cancels it.
    ///
    /// # Errors
    /// What the query failed with; [`Kind::Timeout`] past the deadline; [`Kind::Unavailable`] when workers die of it.
    pub async fn query(&self, job: QueryJob) -> Result<Reply> {
        let reply = self.run(&Job::Query(Box::new(job))).await?;
        Ok(Reply { frame: reply.frame, rows: reply.done.rows })
    }

    /// Looks at the files.
    ///
    /// # Errors
    /// As [`Supervisor::query`].
    pub async fn inspect(&self) -> Result<Inspection> {
        from_value(self.run(&Job::Inspect).await?)
    }

    /// Lists tables, views and columns.
    ///
    /// # Errors
    /// As [`Supervisor::query`].
    pub async fn catalog(&self) -> Result<Catalog> {
        from_value(self.run(&Job::Catalog).await?)
    }

    /// DuckDB's version, starting a worker if there is none.
    ///
    /// # Errors
    /// When no worker can be started.
    pub async fn engine_version(&self) -> Result<String> {
        Ok(self.worker().await?.engine_version.clone())
    }

    /// Ends the worker; jobs in it fail.
    pub async fn stop(&self) {
        if let Some(worker) = self.worker.lock().await.take() {
            worker.kill("the plugin ends");
        }
    }

    async fn run(&self, job: &Job) -> Result<JobReply> {
        let bytes = serde_json::to_vec(job).map_err(|error| Error::internal(error.to_string()))?;
        let timeout = self.datasource.limits.timeout;
        let waiting = tokio::time::timeout(timeout, self.permits.acquire()).await;
        let Ok(Ok(_permit)) = waiting else {
            return Err(Error::new(
                Kind::Exhausted,
                format!("the query waited {} s for others to end", timeout.as_secs()),
            )
            .hint("Refresh less often, or make the dashboard's queries cheaper"));
        };
        let worker = self.worker().await?;
        let death = match worker.run(&bytes, timeout).await {
            Err(JobFailure::Died(death)) => death,
            result => {
                // After an internal error DuckDB may refuse every further query.
                if matches!(&result, Err(JobFailure::Failed(error)) if error.kind == Kind::Internal) {
                    worker.kill("an internal error");
                }
                return self.settle(result);
            }
        };
        // Queries only read, so they can be repeated. If the worker was killed because of another query, in the
        // next one; if it died by itself and several were in it, alone, so that the guilty one harms nobody twice.
        if death.killed || death.jobs != 1 {
            let again = if death.killed { self.worker().await? } else { self.start().await? };
            let result = again.run(&bytes, timeout).await;
            if !death.killed {
                again.kill("it was for one query only");
            }
            return self.settle(result);
        }
        self.settle(Err(JobFailure::Died(death)))
    }

    /// A job's end in words for its sender.
    fn settle(&self, result: Result<JobReply, JobFailure>) -> Result<JobReply> {
        match result {
            Ok(reply) => Ok(reply),
            Err(JobFailure::Failed(error)) => Err(error),
            Err(JobFailure::Deadline) => {
                let seconds = self.datasource.limits.timeout.as_secs();
                Err(Error::new(Kind::Timeout, format!("the query was stopped after {seconds} s"))
                    .hint("Select less, or raise `timeoutSeconds` in the datasource's settings"))
            }
            Err(JobFailure::Died(death)) => Err(Error::new(
                Kind::Unavailable,
                format!("the worker process died while it ran this query ({})", death.how),
            )
            .hint("A new worker serves the next query; make this one simpler or smaller")),
        }
    }

    /// The worker, started if there is none or the last one has ended.
    async fn worker(&self) -> Result<Arc<Worker>> {
        let mut slot = self.worker.lock().await;
        if let Some(worker) = slot.as_ref().filter(|worker| !worker.is_dead()) {
            return Ok(Arc::clone(worker));
        }
        let worker = self.start().await?;
        *slot = Some(Arc::clone(&worker));
        let (weak, idle) = (Arc::downgrade(&worker), self.idle);
        tokio::spawn(async move {
            loop {
                let Some(worker) = weak.upgrade().filter(|worker| !worker.is_dead()) else { return };
                let wait = match worker.idle() {
                    Some(quiet) if quiet >= idle => return worker.kill("idle"),
                    Some(quiet) => idle.saturating_sub(quiet),
                    None => idle,
                };
                drop(worker);
                tokio::time::sleep(wait.max(Duration::from_millis(10))).await;
            }
        });
        Ok(worker)
    }

    async fn start(&self) -> Result<Arc<Worker>> {
        let temp_dir = tempfile::Builder::new().prefix("worker-").tempdir_in(&self.temp_root).map_err(|error| {
            Error::new(Kind::Unavailable, format!("no temp folder can be made: {error}"))
                .hint("Give the plugin's user a writable temp folder, or set `temp_dir` in the ini section [plugin.duckdb-perf-datasource]")
        })?;
        let open = Open { datasource: self.datasource.clone(), temp_dir: temp_dir.path().to_owned() };
        Worker::start(&open, temp_dir).await
    }
}

impl Drop for Supervisor {
    fn drop(&mut self) {
        if let Some(worker) = self.worker.get_mut().take() {
            worker.kill("the datasource was changed, removed or closed");
        }
    }
}

fn from_value<T: serde::de::DeserializeOwned>(reply: JobReply) -> Result<T> {
    serde_json::from_value(reply.done.value).map_err(|error| Error::internal(error.to_string()))
}
