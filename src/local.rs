//! The backend for folders of reports and database files: DuckDB in a worker process.

mod health;
mod reports;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use jiff::Timestamp;

use crate::broker::{self, Supervisor, Terms};
use crate::contract::{Basis, Export, ExportJob, Health, Place, QueryJob, Reply, Ticket, Validity};
use crate::engine;
use crate::error::{Error, Result};
use crate::metrics::{DatasourceNow, Series};
use crate::protocol::Walls;
use crate::query::Dialect;
use crate::rundir::RunDir;
use crate::source::{self, Common, Datasource, Fingerprints, LocalSettings, Policy};

/// A datasource with its worker.
pub struct Local {
    supervisor: Supervisor,
    /// Locked while the reports are listed for the metrics.
    listing: Arc<tokio::sync::Mutex<()>>,
    /// Dropped after the worker, because it holds the worker's temp folder.
    _run_dir: Arc<RunDir>,
}

/// What the process gives to a datasource.
pub struct Surroundings<'a> {
    /// The operator's policy.
    pub policy: &'a Policy,
    /// Which walls stand between queries and the machine.
    pub walls: Walls,
    /// Returns the folder for the workers' temp folders, which is created on first use.
    pub run_dir: &'a (dyn Fn() -> Result<Arc<RunDir>> + Sync),
    /// Where the datasource's events are counted.
    pub series: Arc<Series>,
}

impl Local {
    /// Opens a datasource. `previous` is the same datasource with its old settings; its last queries share
    /// the memory.
    ///
    /// # Errors
    /// The errors of [`source::resolve`], and of the temp folder.
    pub fn open(settings: &LocalSettings, around: Surroundings<'_>, previous: Option<&Self>) -> Result<Self> {
        let Surroundings { policy, walls, run_dir, series } = around;
        let datasource = source::resolve(settings, policy)?;
        let run_dir = run_dir()?;
        let terms = Terms {
            idle: policy.idle_seconds.map_or(broker::IDLE, Duration::from_secs),
            walls,
            require_jail: policy.require_jail,
        };
        let group = previous.map(|old| old.supervisor.group()).unwrap_or_default();
        let supervisor = Supervisor::new(datasource, run_dir.path().to_owned(), terms, group, series);
        Ok(Self { supervisor, listing: Arc::default(), _run_dir: run_dir })
    }

    fn datasource(&self) -> &Datasource {
        self.supervisor.datasource()
    }

    /// Returns the settings that every engine has.
    #[must_use]
    pub fn common(&self) -> &Common {
        &self.datasource().common
    }

    /// Returns the SQL dialect in which macros are written.
    #[must_use]
    pub fn dialect(&self) -> Dialect {
        Dialect::DuckDb
    }

    fn explained(&self, error: Error) -> Error {
        source::explain_missing(error, self.datasource())
    }

    /// Takes a place among the waiting queries, see [`Supervisor::wait`].
    ///
    /// # Errors
    /// Same as [`Supervisor::wait`].
    pub fn wait(&self, ticket: Ticket<'_>) -> Result<Place> {
        self.supervisor.wait(ticket)
    }

    /// Runs a query, see [`Supervisor::query`].
    ///
    /// # Errors
    /// Same as [`Supervisor::query`]. Errors about missing files name the setting to check.
    pub async fn query(&self, ticket: Ticket<'_>, job: Arc<QueryJob>) -> Result<Reply> {
        let answer = self.supervisor.query(ticket, job).await.map_err(|error| self.explained(error))?;
        let validity = believed(answer.validity, &self.datasource().folders);
        Ok(Reply { frame: answer.frame, rows: answer.rows, validity })
    }

    /// Begins an export, see [`Supervisor::export`].
    ///
    /// # Errors
    /// Same as [`Supervisor::export`]. Errors about missing files name the setting to check.
    pub async fn export(&self, ticket: Ticket<'_>, job: Arc<ExportJob>, patient: bool) -> Result<Export> {
        self.supervisor.export(ticket, job, patient).await.map_err(|error| self.explained(error))
    }

    /// Runs the health check: a worker looks at the files.
    pub async fn health(&self) -> Health {
        health::check(&self.supervisor, Timestamp::now()).await
    }

    /// Returns tables, views and columns: a [`crate::engine::Catalog`] as JSON, counted as the datasource's
    /// memory as long as the bytes live.
    ///
    /// # Errors
    /// Same as [`Supervisor::catalog`].
    pub async fn catalog(&self) -> Result<Bytes> {
        self.supervisor.catalog().await.map(Bytes::from)
    }

    /// Returns the current figures for the metrics. Reports are left out if their folders cannot be listed,
    /// or are still being listed.
    pub async fn now(&self) -> DatasourceNow {
        let (workers, worker_memory) = broker::workers_of(self.supervisor.series());
        let reports = reports::now(self.datasource(), &self.listing, self.supervisor.series().uid()).await;
        DatasourceNow { workers, worker_memory, reports }
    }

    /// Stops the worker, see [`Supervisor::stop`].
    pub async fn stop(&self) {
        self.supervisor.stop().await;
    }
}

/// Converts the validity that a worker reports. A worker that was taken over may name any file, so a result
/// that names files outside `folders` is not cached.
fn believed(validity: Validity<Fingerprints>, folders: &[PathBuf]) -> Validity<Arc<dyn Basis>> {
    match validity {
        Validity::While(looks) if looks.are_within(folders) => Validity::While(Arc::new(looks)),
        Validity::While(_) | Validity::Never => Validity::Never,
        Validity::NotNow => Validity::NotNow,
    }
}

/// Returns DuckDB's version, such as `v2.0.0`.
#[must_use]
pub fn version() -> &'static str {
    engine::version()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_worker_that_names_files_elsewhere_is_not_believed() {
        let folder = tempfile::tempdir().unwrap();
        let looks = Validity::While(Fingerprints::of_old(&[folder.path().to_owned()]));
        assert!(matches!(believed(looks.clone(), &[folder.path().to_owned()]), Validity::While(_)));
        assert!(matches!(believed(looks, &[folder.path().join("a")]), Validity::Never));
        assert!(matches!(believed(Validity::Never, &[]), Validity::Never));
        assert!(matches!(believed(Validity::NotNow, &[]), Validity::NotNow));
    }
}
