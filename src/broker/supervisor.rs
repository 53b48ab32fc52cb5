//! Keeps one worker for one datasource: started on first use, replaced when it ends, stopped when idle.

use std::future::ready;
use std::os::unix::fs::{DirBuilderExt as _, PermissionsExt as _};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use tempfile::TempDir;
use tokio::sync::Mutex;

use super::Deaths;
use super::cause::Cause;
use super::client::Worker;
use super::disk::Disk;
use super::export::Export;
use super::held::{Frame, Held};
use super::memory::{self, Family};
use super::opening::{Owner, StartFailure};
use super::queue::{Place, Queue, Ticket};
use super::runs::{Begun, Company, Making, Whole};
use super::settle::closed;
use crate::engine::Inspection;
use crate::error::{Error, Kind, Result};
use crate::metrics::Series;
use crate::protocol::{Done, ExportJob, Job, Open, QueryJob};
use crate::protocol::{Jail, Walls};
use crate::rundir;
use crate::source::{Datasource, Roots, Validity};

/// A worker nobody asked anything for this long is stopped, unless the operator says otherwise.
pub const IDLE: Duration = Duration::from_mins(10);
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

/// What a look at the files found.
pub struct Inspected {
    /// The findings.
    pub found: Inspection,
    /// The datasource's memory has them as long as they are there.
    _counted: Frame,
}

/// The broker's handle on a datasource's worker.
pub struct Supervisor {
    pub(super) datasource: Datasource,
    temp_root: PathBuf,
    terms: Terms,
    seat: Mutex<Seat>,
    pub(super) queue: Queue,
    /// Set for good when the plugin ends: no worker is started any more.
    closed: AtomicBool,
    owner: Owner,
}

/// Where the worker in use is.
#[derive(Default)]
struct Seat {
    slot: Option<Slot>,
    /// When the last one could not open the datasource, and why.
    failed: Option<(Instant, Error)>,
}

/// The worker in use, and what it was opened for as it was then.
struct Slot {
    worker: Arc<Worker>,
    roots: Arc<Roots>,
}

impl Supervisor {
    /// For `datasource`; workers get temp folders below `temp_root`, share memory with those of the same `family`, and
    /// what happens is counted in `series`.
    #[must_use]
    pub fn new(
        datasource: Datasource,
        temp_root: PathBuf,
        terms: Terms,
        family: Family,
        series: Arc<Series>,
    ) -> Self {
        let held = Arc::new(Held::new(&datasource.limits));
        Self {
            queue: Queue::new(datasource.limits.timeout, Arc::clone(&series)),
            datasource,
            temp_root,
            terms,
            seat: Mutex::default(),
            closed: AtomicBool::new(false),
            owner: Owner { family, held, deaths: Arc::default(), series },
        }
    }

    /// Whose workers share the datasource's memory with this one's.
    #[must_use]
    pub fn family(&self) -> Family {
        self.owner.family.clone()
    }

    /// What the workers have open.
    #[must_use]
    pub fn datasource(&self) -> &Datasource {
        &self.datasource
    }

    /// A place among the queries that wait, for as long as it lives.
    ///
    /// # Errors
    /// [`Kind::Busy`] when too many wait already.
    pub fn wait(&self, ticket: Ticket<'_>) -> Result<Place> {
        self.queue.enter(ticket)
    }

    /// What is counted of the datasource.
    #[must_use]
    pub fn series(&self) -> &Arc<Series> {
        &self.owner.series
    }

    /// The workers that ended before their time.
    #[must_use]
    pub fn deaths(&self) -> &Deaths {
        &self.owner.deaths
    }

    /// Runs the query that `make` gives: when it is its turn, and again each time it is run, so that no long text waits.
    /// Dropping the future cancels it. Positions of errors are those in its text.
    ///
    /// # Errors
    /// Those of `make`, and what the query failed with; [`Kind::Timeout`] past the deadline; [`Kind::Unavailable`] when
    /// workers die of it; [`Kind::Busy`] when too many wait already; [`Kind::Exhausted`] when it takes too much memory.
    pub async fn query<'a>(
        &self,
        ticket: Ticket<'_>,
        make: impl Fn() -> Making<'a, Arc<QueryJob>> + Send + Sync,
    ) -> Result<Reply> {
        let make = || of_kind(make(), Job::Query);
        let reply = self.run::<Whole>(ticket, make).await?;
        let Done { rows, validity, .. } = reply.done;
        Ok(Reply { frame: reply.frame, rows, validity })
    }

    /// Begins an export: waits for its first piece, so that most of what can go wrong is an error here. Dropping the
    /// future or the stream cancels it. A `patient` one is not given up when its reader takes nothing.
    ///
    /// # Errors
    /// As [`Supervisor::query`].
    pub async fn export<'a>(
        &self,
        ticket: Ticket<'_>,
        make: impl Fn() -> Making<'a, ExportJob> + Send + Sync,
        patient: bool,
    ) -> Result<Export> {
        let place = self.queue.download(ticket).await?;
        // From the first piece on it has its own place only: queries need not wait for a slow download.
        let make = || of_kind(make(), |job| Job::Export(Box::new(job)));
        let started = self.run::<Begun>(ticket, make).await?;
        Ok(started.give(place, patient))
    }

    /// Looks at the files.
    ///
    /// # Errors
    /// As [`Supervisor::query`].
    pub async fn inspect(&self) -> Result<Inspected> {
        let reply = self.run::<Whole>(Ticket::default(), || Box::pin(ready(Ok(Job::Inspect)))).await?;
        let found = serde_json::from_slice(reply.frame.as_ref());
        let found = found.map_err(|error| Error::internal(error.to_string()))?;
        Ok(Inspected { found, _counted: reply.frame })
    }

    /// Lists tables, views and columns: a [`crate::engine::Catalog`] as JSON.
    ///
    /// # Errors
    /// As [`Supervisor::query`].
    pub async fn catalog(&self) -> Result<Frame> {
        let reply = self.run::<Whole>(Ticket::default(), || Box::pin(ready(Ok(Job::Catalog)))).await?;
        Ok(reply.frame)
    }

    /// DuckDB's version and how much of the jail there is, starting a worker if there is none.
    ///
    /// # Errors
    /// When no worker can be started.
    pub async fn engine(&self) -> Result<(String, Jail)> {
        let (worker, _) = self.worker(Company::Any).await?;
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
        if let Some(slot) = self.seat.lock().await.slot.take() {
            slot.worker.kill(Cause::Closed);
            slot.worker.gone().await;
        }
    }

    /// The worker, started if there is none, the last one has ended, what it was opened for was replaced, or it has jobs
    /// and a query is to be alone; and what it was opened for.
    pub(super) async fn worker(&self, company: Company) -> Result<(Arc<Worker>, Arc<Roots>)> {
        let mut seat = self.seat.lock().await;
        if self.closed.load(Ordering::SeqCst) {
            return Err(closed());
        }
        let roots = self.roots().await;
        if let Some(gone) = roots.missing(&self.datasource) {
            return Err(Error::new(Kind::NotFound, format!("`{}` is not there any more", gone.display()))
                .hint("Check `path` in the datasource's settings, or whether its file system is mounted"));
        }
        if let Some(Slot { worker, roots: then }) = seat.slot.as_ref().filter(|slot| !slot.worker.is_dead()) {
            let jobs = worker.jobs();
            if !roots.are_among(then) {
                worker.retire(Cause::Outdated);
            } else if company == Company::None && jobs > 0 {
                worker.retire(Cause::Aside);
            } else if jobs == 0 && memory::is_swollen(worker) {
                worker.kill(Cause::Swollen);
            } else {
                return Ok((Arc::clone(worker), Arc::clone(then)));
            }
        }
        // One that is set aside is nobody's place any more, whether or not there will be another.
        seat.slot = None;
        let pause = self.owner.deaths.pause();
        match &seat.failed {
            // Nothing is known of what has changed since; a dashboard's panels need not wait for each other to hear it.
            Some((at, error)) if at.elapsed() < pause => return Err(error.clone()),
            Some(_) => {}
            None => tokio::time::sleep(pause).await,
        }
        seat.failed = None;
        let worker = match self.start().await {
            // Whatever ended it may have meant another process, or this one by chance.
            Err(StartFailure::Died(_)) => self.start().await,
            started => started,
        };
        let worker = worker.map_err(|failure| match failure {
            StartFailure::Died(error) => error,
            StartFailure::Failed(error) => {
                seat.failed = Some((Instant::now(), error.clone()));
                error
            }
        })?;
        let roots = Arc::new(roots);
        seat.slot = Some(Slot { worker: Arc::clone(&worker), roots: Arc::clone(&roots) });
        drop(seat);
        tokio::spawn(stop_when_idle(Arc::downgrade(&worker), self.terms.idle));
        Ok((worker, roots))
    }

    /// What is there now.
    pub(super) async fn roots(&self) -> Roots {
        let datasource = self.datasource.clone();
        tokio::task::spawn_blocking(move || Roots::of(&datasource)).await.unwrap_or_default()
    }

    async fn start(&self) -> Result<Arc<Worker>, StartFailure> {
        let temp_dir = self.temp_dir().map_err(|error| {
            tracing::error!(%error, folder = %self.temp_root.display(), "no temp folder can be made");
            Error::new(Kind::Unavailable, format!("no temp folder can be made: {}", error.kind()))
                .hint("Give the plugin's user a writable temp folder, or set `temp_dir` in the ini section [plugin.duckdb-perf-datasource]")
        });
        let (temp_dir, disk) = temp_dir.map_err(StartFailure::Failed)?;
        let open = Open {
            datasource: self.datasource.clone(),
            temp_dir: disk.spill(),
            walls: self.terms.walls,
            require_jail: self.terms.require_jail,
        };
        Worker::start(&open, (temp_dir, disk), self.owner.clone()).await
    }

    /// A folder for one worker. Cleaners of temp folders may have removed what it lies in.
    fn temp_dir(&self) -> std::io::Result<(TempDir, Disk)> {
        if !self.temp_root.is_dir() {
            std::fs::DirBuilder::new().recursive(true).mode(0o700).create(&self.temp_root)?;
        }
        // Without this it would be open to whom the process's umask leaves it open.
        let only_ours = std::fs::Permissions::from_mode(0o700);
        let folder =
            tempfile::Builder::new().prefix("worker-").permissions(only_ours).tempdir_in(&self.temp_root)?;
        let disk = Disk::furnish(folder.path())?;
        Ok((folder, disk))
    }
}

impl Drop for Supervisor {
    fn drop(&mut self) {
        if let Some(slot) = self.seat.get_mut().slot.take() {
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

fn of_kind<'a, J: 'a>(making: Making<'a, J>, kind: impl FnOnce(J) -> Job + Send + 'a) -> Making<'a, Job> {
    Box::pin(async { making.await.map(kind) })
}
