//! The backend of folders and database files: DuckDB in a worker of this plugin's.

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

/// A datasource's worker, and what is asked of its folders beside it.
pub struct Local {
    supervisor: Supervisor,
    /// Held while its reports are listed for the metrics.
    listing: Arc<tokio::sync::Mutex<()>>,
    /// Dropped after the worker, whose temp folder is in it.
    _run_dir: Arc<RunDir>,
}

/// What a datasource finds in this process.
pub struct Surroundings<'a> {
    /// The operator's.
    pub policy: &'a Policy,
    /// What stands between queries and the machine.
    pub walls: Walls,
    /// Gives the folder in which workers get theirs; made when it is first wanted.
    pub run_dir: &'a (dyn Fn() -> Result<Arc<RunDir>> + Sync),
    /// Where the datasource's events are counted.
    pub series: Arc<Series>,
}

impl Local {
    /// A datasource with these settings. The last queries of `previous`, the same with its old settings, share its memory.
    ///
    /// # Errors
    /// As [`source::resolve`], and of the temp folder.
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

    /// What is known of a datasource of any engine.
    #[must_use]
    pub fn common(&self) -> &Common {
        &self.datasource().common
    }

    /// How macros are written for DuckDB.
    #[must_use]
    pub fn dialect(&self) -> Dialect {
        Dialect::DuckDb
    }

    fn explained(&self, error: Error) -> Error {
        source::explain_missing(error, self.datasource())
    }

    /// As [`Supervisor::wait`].
    ///
    /// # Errors
    /// As there.
    pub fn wait(&self, ticket: Ticket<'_>) -> Result<Place> {
        self.supervisor.wait(ticket)
    }

    /// As [`Supervisor::query`].
    ///
    /// # Errors
    /// As there; files that are missing in the words of the settings.
    pub async fn query(&self, ticket: Ticket<'_>, job: Arc<QueryJob>) -> Result<Reply> {
        let answer = self.supervisor.query(ticket, job).await.map_err(|error| self.explained(error))?;
        let validity = believed(answer.validity, &self.datasource().folders);
        Ok(Reply { frame: answer.frame, rows: answer.rows, validity })
    }

    /// As [`Supervisor::export`].
    ///
    /// # Errors
    /// As there; files that are missing in the words of the settings.
    pub async fn export(&self, ticket: Ticket<'_>, job: Arc<ExportJob>, patient: bool) -> Result<Export> {
        self.supervisor.export(ticket, job, patient).await.map_err(|error| self.explained(error))
    }

    /// Looks at the files through a worker and says what is there.
    pub async fn health(&self) -> Health {
        health::check(&self.supervisor, Timestamp::now()).await
    }

    /// Tables, views and columns: a [`crate::engine::Catalog`] as JSON, counted as the datasource's memory as long as it lives.
    ///
    /// # Errors
    /// As [`Supervisor::catalog`].
    pub async fn catalog(&self) -> Result<Bytes> {
        self.supervisor.catalog().await.map(Bytes::from)
    }

    /// What the metrics tell of the moment. Folders that cannot be listed are left out, and those that are still being listed.
    pub async fn now(&self) -> DatasourceNow {
        let (workers, worker_memory) = broker::workers_of(self.supervisor.series());
        let reports = reports::now(self.datasource(), &self.listing, self.supervisor.series().uid()).await;
        DatasourceNow { workers, worker_memory, reports }
    }

    /// As [`Supervisor::stop`].
    pub async fn stop(&self) {
        self.supervisor.stop().await;
    }
}

/// What a worker says of its result. One that was taken over may name anything; files elsewhere are not looked at.
fn believed(validity: Validity<Fingerprints>, folders: &[PathBuf]) -> Validity<Arc<dyn Basis>> {
    match validity {
        Validity::While(looks) if looks.are_within(folders) => Validity::While(Arc::new(looks)),
        Validity::While(_) | Validity::Never => Validity::Never,
        Validity::NotNow => Validity::NotNow,
    }
}

/// DuckDB's version, `v2.0.0`.
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
