//! Keeps one worker for one datasource: started on first use, replaced when it ends, stopped when idle.

use std::os::unix::fs::{DirBuilderExt as _, PermissionsExt as _};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use tempfile::TempDir;
use tokio::sync::Mutex;

use super::cause::Cause;
use super::client::Worker;
use super::disk::Disk;
use super::memory;
use super::memory_group::MemoryGroup;
use super::opening::{Owner, StartFailure};
use crate::contract::{FrameBudget, Queue, closed};
use crate::error::{Error, Kind, Result};
use crate::metrics::Series;
use crate::protocol::{Open, Walls};
use crate::source::{Datasource, Roots};

/// A worker without jobs for this long is stopped, unless the operator sets another time.
pub const IDLE: Duration = Duration::from_mins(10);
/// The conditions under which workers are started.
#[derive(Debug, Clone, Copy)]
pub struct Terms {
    /// A worker without jobs for this long is stopped.
    pub idle: Duration,
    /// Which walls stand between queries and the machine.
    pub walls: Walls,
    /// Whether a worker must not run if the kernel has no Landlock.
    pub require_jail: bool,
}

/// Whether other jobs may be in a job's worker.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sharing {
    Shared,
    Exclusive,
}

/// Keeps one worker for one datasource, and the queue of its jobs.
pub(super) struct Keeper {
    pub(super) datasource: Datasource,
    pub(super) temp_root: PathBuf,
    terms: Terms,
    current: Mutex<Current>,
    pub(super) queue: Queue,
    /// Set for good by [`Keeper::stop`]: no worker is started any more.
    closed: AtomicBool,
    pub(super) owner: Owner,
}

/// The worker in use, or why there is none.
#[derive(Default)]
struct Current {
    open: Option<OpenWorker>,
    /// When the last worker failed to open the datasource, and its error.
    failed: Option<(Instant, Error)>,
}

/// The worker in use, with the folders and files as they were when it opened them.
struct OpenWorker {
    worker: Arc<Worker>,
    roots: Arc<Roots>,
}

impl Keeper {
    /// Creates the keeper of `datasource`. Its workers get temp folders below `temp_root`, share memory with
    /// the workers of the same `group`, and are counted in `series`.
    pub(super) fn new(
        datasource: Datasource,
        temp_root: PathBuf,
        terms: Terms,
        group: MemoryGroup,
        series: Arc<Series>,
    ) -> Self {
        let budget = Arc::new(FrameBudget::new(&datasource.common.limits));
        Self {
            queue: Queue::new(datasource.common.limits.timeout, Arc::clone(&series)),
            datasource,
            temp_root,
            terms,
            current: Mutex::default(),
            closed: AtomicBool::new(false),
            owner: Owner { group, budget, deaths: Arc::default(), series },
        }
    }

    /// Ends the worker and waits until its temp folder is removed. The worker's jobs fail.
    pub(super) async fn stop(&self) {
        self.closed.store(true, Ordering::SeqCst);
        if let Some(open) = self.current.lock().await.open.take() {
            open.worker.kill(Cause::Closed);
            open.worker.gone().await;
        }
    }

    /// Returns the worker and the folders and files that it has opened. Starts a new worker if there is none,
    /// the last one has ended, its folders or files were replaced, it keeps too much memory, or it has jobs
    /// and the query must run alone.
    pub(super) async fn worker(&self, sharing: Sharing) -> Result<(Arc<Worker>, Arc<Roots>)> {
        let mut current = self.current.lock().await;
        if self.closed.load(Ordering::SeqCst) {
            return Err(closed());
        }
        let roots = self.roots().await;
        if let Some(gone) = roots.missing(&self.datasource) {
            return Err(Error::new(Kind::NotFound, format!("`{}` is not there any more", gone.display()))
                .hint("Check `path` in the datasource's settings, or whether its file system is mounted"));
        }
        if let Some(OpenWorker { worker, roots: then }) =
            current.open.as_ref().filter(|open| !open.worker.is_dead())
        {
            let jobs = worker.jobs();
            if !roots.are_among(then) {
                worker.retire(Cause::Outdated);
            } else if sharing == Sharing::Exclusive && jobs > 0 {
                worker.retire(Cause::Superseded);
            } else if jobs == 0 && memory::retains_memory(worker) {
                worker.kill(Cause::MemoryRetained);
            } else {
                return Ok((Arc::clone(worker), Arc::clone(then)));
            }
        }
        // A worker that was set aside gets no more jobs, whether or not another can be started.
        current.open = None;
        let pause = self.owner.deaths.pause();
        match &current.failed {
            // Nothing may have changed since. The panels of a dashboard need not wait for each other to get
            // this error.
            Some((at, error)) if at.elapsed() < pause => return Err(error.clone()),
            Some(_) => {}
            None => tokio::time::sleep(pause).await,
        }
        current.failed = None;
        let worker = match self.start().await {
            // The process may have been ended by accident, so one more is tried.
            Err(StartFailure::Died(_)) => self.start().await,
            started => started,
        };
        let worker = worker.map_err(|failure| match failure {
            StartFailure::Died(error) => error,
            StartFailure::Failed(error) => {
                current.failed = Some((Instant::now(), error.clone()));
                error
            }
        })?;
        let roots = Arc::new(roots);
        current.open = Some(OpenWorker { worker: Arc::clone(&worker), roots: Arc::clone(&roots) });
        drop(current);
        tokio::spawn(stop_when_idle(Arc::downgrade(&worker), self.terms.idle));
        Ok((worker, roots))
    }

    /// Returns the folders and files as they are now.
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

    /// Creates a folder for one worker, and its parent if a cleaner of temp folders has removed that.
    fn temp_dir(&self) -> std::io::Result<(TempDir, Disk)> {
        if !self.temp_root.is_dir() {
            std::fs::DirBuilder::new().recursive(true).mode(0o700).create(&self.temp_root)?;
        }
        // Otherwise the process's umask would decide who may enter.
        let only_ours = std::fs::Permissions::from_mode(0o700);
        let folder =
            tempfile::Builder::new().prefix("worker-").permissions(only_ours).tempdir_in(&self.temp_root)?;
        let disk = Disk::furnish(folder.path())?;
        Ok((folder, disk))
    }
}

impl Drop for Keeper {
    fn drop(&mut self) {
        if let Some(open) = self.current.get_mut().open.take() {
            open.worker.kill(Cause::Closed);
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
