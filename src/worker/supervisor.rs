//! Keeps one worker for one datasource: started on first use, replaced when it ends, stopped when idle.
//! Says what a job's failure means and runs innocent queries again.

use std::os::unix::fs::DirBuilderExt as _;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use tempfile::TempDir;
use tokio::sync::Mutex;

use super::cause::{Cause, Death};
use super::client::{JobFailure, JobReply, Worker};
use super::export::{self, Export, Started};
use super::memory::{self, Frame, Held};
use super::messages::{Done, ExportJob, Job, Open, QueryJob};
use super::queue::{Place, Queue};
use super::settle::{closed, settle};
use super::{CONCURRENT, Deaths, Jail, Walls};
use crate::engine::{Catalog, Inspection};
use crate::error::{Error, Kind, Result};
use crate::metrics::Series;
use crate::rundir;
use crate::source::{Datasource, Roots, Validity};

/// A worker nobody asked anything for this long is stopped, unless the operator says otherwise.
pub const IDLE: Duration = Duration::from_mins(10);
/// A query that is run again has at least this long.
const LEAST_RERUN: Duration = Duration::from_secs(2);
/// A way to ask a worker, and what it gives.
trait Ask {
    type Answer: Send;
    fn ask(
        worker: &Arc<Worker>,
        job: &[u8],
        deadline: Duration,
    ) -> impl Future<Output = Result<Self::Answer, JobFailure>> + Send;
}

/// Everything, at the end.
struct Whole;

impl Ask for Whole {
    type Answer = JobReply;
    async fn ask(worker: &Arc<Worker>, job: &[u8], deadline: Duration) -> Result<JobReply, JobFailure> {
        worker.run(job, deadline).await
    }
}

/// The first piece of an export.
struct Begun;

impl Ask for Begun {
    type Answer = Started;
    async fn ask(worker: &Arc<Worker>, job: &[u8], deadline: Duration) -> Result<Started, JobFailure> {
        export::start(worker, job, deadline).await
    }
}

/// What workers are started under.
#[derive(Debug, Clone, Copy)]
pub struct Terms {
    /// A worker nobody asked anything for this long is stopped.
    pub idle: Duration,
    /// What stands between its queries and the machine.
    pub walls: Walls,
    /// Whether it must not run where the kernel has no Landlock.
    pub require_jail: bool,
}

/// A query's result.
pub struct Reply {
    /// The frame: an Arrow IPC file.
    pub frame: Frame,
    /// Its rows.
    pub rows: u64,
    /// How long it is worth keeping.
    pub validity: Validity,
}

/// The broker's handle on a datasource's worker.
pub struct Supervisor {
    datasource: Datasource,
    temp_root: PathBuf,
    terms: Terms,
    slot: Mutex<Option<Slot>>,
    queue: Queue,
    /// Set for good when the plugin ends: no worker is started any more.
    closed: AtomicBool,
    held: Arc<Held>,
    deaths: Arc<Deaths>,
    series: Arc<Series>,
}

/// The worker in use, and what it was opened for as it was then.
struct Slot {
    worker: Arc<Worker>,
    roots: Roots,
}

impl Supervisor {
    /// For `datasource`; workers get temp folders below `temp_root`, what happens is counted in `series`.
    #[must_use]
    pub fn new(datasource: Datasource, temp_root: PathBuf, terms: Terms, series: Arc<Series>) -> Self {
        Self {
            held: Arc::new(Held::new(&datasource.limits)),
            queue: Queue::new(datasource.limits.timeout, Arc::clone(&series)),
            datasource,
            temp_root,
            terms,
            slot: Mutex::new(None),
            closed: AtomicBool::new(false),
            deaths: Arc::default(),
            series,
        }
    }

    /// What the workers have open.
    #[must_use]
    pub fn datasource(&self) -> &Datasource {
        &self.datasource
    }

    /// A place among the queries that wait, for as long as it lives.
    ///
    /// # Errors
    /// [`Kind::Exhausted`] when too many wait already.
    pub fn wait(&self) -> Result<Place<'_>> {
        self.queue.enter()
    }

    /// What is counted of the datasource.
    #[must_use]
    pub fn series(&self) -> &Arc<Series> {
        &self.series
    }

    /// The workers that ended before their time.
    #[must_use]
    pub fn deaths(&self) -> &Deaths {
        &self.deaths
    }

    /// Runs a query. Dropping the future cancels it.
    ///
    /// # Errors
    /// What the query failed with; [`Kind::Timeout`] past the deadline; [`Kind::Unavailable`] when workers die of it;
    /// [`Kind::Exhausted`] when too many wait already or it takes too much memory.
    pub async fn query(&self, job: Arc<QueryJob>) -> Result<Reply> {
        let reply = self.run::<Whole>(&Job::Query(job)).await?;
        let Done { rows, validity, .. } = reply.done;
        Ok(Reply { frame: reply.frame, rows, validity })
    }

    /// Begins an export: waits for its first piece, so that most of what can go wrong is an error here. Dropping the
    /// future or the stream cancels it. A `patient` one is not given up when its reader takes nothing.
    ///
    /// # Errors
    /// As [`Supervisor::query`].
    pub async fn export(&self, job: ExportJob, patient: bool) -> Result<Export> {
        let place = self.queue.download().await?;
        // From the first piece on it has its own place only: queries need not wait for a slow download.
        let started = self.run::<Begun>(&Job::Export(Box::new(job))).await?;
        Ok(started.give(place, patient))
    }

    /// Looks at the files.
    ///
    /// # Errors
    /// As [`Supervisor::query`].
    pub async fn inspect(&self) -> Result<Inspection> {
        from_value(self.run::<Whole>(&Job::Inspect).await?)
    }

    /// Lists tables, views and columns.
    ///
    /// # Errors
    /// As [`Supervisor::query`].
    pub async fn catalog(&self) -> Result<Catalog> {
        from_value(self.run::<Whole>(&Job::Catalog).await?)
    }

    /// DuckDB's version and how much of the jail there is, starting a worker if there is none.
    ///
    /// # Errors
    /// When no worker can be started.
    pub async fn engine(&self) -> Result<(String, Jail)> {
        let worker = self.worker().await?;
        Ok((worker.engine_version.clone(), worker.jail))
    }

    /// Whether what its queries spill takes memory and no disk.
    #[must_use]
    pub fn spills_to_memory(&self) -> bool {
        rundir::is_in_memory(&self.temp_root)
    }

    /// Ends the worker and waits until its temp folder is removed; jobs in it fail.
    pub async fn stop(&self) {
        self.closed.store(true, Ordering::SeqCst);
        if let Some(slot) = self.slot.lock().await.take() {
            slot.worker.kill(Cause::Closed);
            slot.worker.gone().await;
        }
    }

    async fn run<A: Ask>(&self, job: &Job) -> Result<A::Answer> {
        let bytes = serde_json::to_vec(job).map_err(|error| Error::internal(error.to_string()))?;
        let permit = self.queue.turn(1).await?;
        let _running = self.series.runs();
        let timeout = self.datasource.limits.timeout;
        let started = Instant::now();
        let (mut first, mut crowded) = self.attempt::<A>(&bytes).await?;
        // What it was jailed to may have been replaced between the look and the reading.
        for _ in 0..2 {
            if !matches!(&first, Err(JobFailure::Failed(_))) || self.is_up_to_date().await {
                break;
            }
            (first, crowded) = self.attempt::<A>(&bytes).await?;
        }
        // Queries only read, so they can be repeated: in the next worker if this one ended because of another query.
        // If nobody knows which of several it was, alone, so that the guilty one harms nobody twice.
        let _turn = match &first {
            Err(JobFailure::Died(Death { cause: Cause::Itself(_) | Cause::Memory | Cause::Disk, jobs }))
                if *jobs == 1 =>
            {
                return settle(first, timeout);
            }
            Err(JobFailure::Died(Death {
                cause: Cause::Itself(_) | Cause::Memory | Cause::Disk, ..
            })) => {
                drop(permit);
                self.queue.turn(CONCURRENT).await?
            }
            Err(JobFailure::Died(_)) => permit,
            // Another query has, or had, what this one lacks.
            Err(JobFailure::Failed(error)) if crowded && error.kind == Kind::Exhausted => {
                drop(permit);
                self.queue.turn(CONCURRENT).await?
            }
            _ => return settle(first, timeout),
        };
        // What is left of its time: others wait for a query that runs alone.
        let left = timeout.saturating_sub(started.elapsed()).max(LEAST_RERUN);
        let (second, _) = self.attempt_within::<A>(&bytes, left).await?;
        settle(second, timeout)
    }

    /// Runs the job once. Also whether it had less memory than it may have: because of others in the worker, or of what the
    /// worker keeps of earlier ones.
    async fn attempt<A: Ask>(&self, job: &[u8]) -> Result<(Result<A::Answer, JobFailure>, bool)> {
        self.attempt_within::<A>(job, self.datasource.limits.timeout).await
    }

    async fn attempt_within<A: Ask>(
        &self,
        job: &[u8],
        deadline: Duration,
    ) -> Result<(Result<A::Answer, JobFailure>, bool)> {
        let worker = self.worker().await?;
        let (before, was_shared) = (worker.admitted(), worker.jobs() > 0);
        let result = A::ask(&worker, job, deadline).await;
        // Others that came later count too, even those that ended earlier.
        let shared = was_shared || worker.admitted() > before + 1;
        let failed = match &result {
            Err(JobFailure::Failed(error)) => Some(error.kind),
            _ => None,
        };
        if failed == Some(Kind::Internal) {
            worker.kill(Cause::Internal);
        }
        let crowded = shared || failed == Some(Kind::Exhausted) && memory::is_swollen(&worker);
        Ok((result, crowded))
    }

    /// The worker, started if there is none, the last one has ended, or what it was opened for was replaced.
    async fn worker(&self) -> Result<Arc<Worker>> {
        let mut slot = self.slot.lock().await;
        if self.closed.load(Ordering::SeqCst) {
            return Err(closed());
        }
        let roots = self.roots().await;
        if let Some(gone) = roots.missing(&self.datasource) {
            return Err(Error::new(Kind::NotFound, format!("`{}` is not there any more", gone.display()))
                .hint("Check `path` in the datasource's settings, or whether its file system is mounted"));
        }
        if let Some(Slot { worker, roots: then }) = slot.as_ref().filter(|slot| !slot.worker.is_dead()) {
            match (roots.are_among(then), worker.jobs() == 0 && memory::is_swollen(worker)) {
                (true, false) => return Ok(Arc::clone(worker)),
                (true, true) => worker.kill(Cause::Swollen),
                (false, _) => worker.retire(Cause::Outdated),
            }
        }
        tokio::time::sleep(self.deaths.pause()).await;
        let worker = self.start().await?;
        *slot = Some(Slot { worker: Arc::clone(&worker), roots });
        tokio::spawn(stop_when_idle(Arc::downgrade(&worker), self.terms.idle));
        Ok(worker)
    }

    async fn roots(&self) -> Roots {
        let datasource = self.datasource.clone();
        tokio::task::spawn_blocking(move || Roots::of(&datasource)).await.unwrap_or_default()
    }

    async fn is_up_to_date(&self) -> bool {
        let roots = self.roots().await;
        self.slot.lock().await.as_ref().is_none_or(|slot| roots.are_among(&slot.roots))
    }

    async fn start(&self) -> Result<Arc<Worker>> {
        let temp_dir = self.temp_dir().map_err(|error| {
            tracing::error!(%error, folder = %self.temp_root.display(), "no temp folder can be made");
            Error::new(Kind::Unavailable, format!("no temp folder can be made: {}", error.kind()))
                .hint("Give the plugin's user a writable temp folder, or set `temp_dir` in the ini section [plugin.duckdb-perf-datasource]")
        })?;
        let open = Open {
            datasource: self.datasource.clone(),
            temp_dir: temp_dir.path().to_owned(),
            walls: self.terms.walls,
            require_jail: self.terms.require_jail,
        };
        let (held, deaths, series) =
            (Arc::clone(&self.held), Arc::clone(&self.deaths), Arc::clone(&self.series));
        Worker::start(&open, temp_dir, held, deaths, series).await
    }

    /// A folder for one worker. Cleaners of temp folders may have removed what it lies in.
    fn temp_dir(&self) -> std::io::Result<TempDir> {
        if !self.temp_root.is_dir() {
            std::fs::DirBuilder::new().recursive(true).mode(0o700).create(&self.temp_root)?;
        }
        tempfile::Builder::new().prefix("worker-").tempdir_in(&self.temp_root)
    }
}

impl Drop for Supervisor {
    fn drop(&mut self) {
        if let Some(slot) = self.slot.get_mut().take() {
            slot.worker.kill(Cause::Closed);
        }
    }
}

async fn stop_when_idle(worker: std::sync::Weak<Worker>, idle: Duration) {
    loop {
        let Some(worker) = worker.upgrade().filter(|worker| !worker.is_dead()) else { return };
        let wait = match worker.idle() {
            Some(quiet) if quiet >= idle => return worker.kill(Cause::Idle),
            Some(quiet) => idle.saturating_sub(quiet),
            None => idle,
        };
        drop(worker);
        tokio::time::sleep(wait.max(Duration::from_millis(10))).await;
    }
}

fn from_value<T: serde::de::DeserializeOwned>(reply: JobReply) -> Result<T> {
    serde_json::from_value(reply.done.value).map_err(|error| Error::internal(error.to_string()))
}
