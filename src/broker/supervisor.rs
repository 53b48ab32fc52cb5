//! The operations of a datasource's worker.

use std::path::PathBuf;
use std::sync::Arc;

use super::CrashHistory;
use super::keeper::{Keeper, Sharing, Terms};
use super::memory_group::MemoryGroup;
use super::runs::{Collect, Streaming};
use crate::contract::{Export, ExportJob, Frame, Place, QueryJob, Ticket, Validity};
use crate::engine::Inspection;
use crate::error::{Error, Result};
use crate::metrics::Series;
use crate::protocol::{Done, Jail, Job};
use crate::rundir;
use crate::source::{Datasource, Fingerprints};

/// The result of a query, as the worker reports it.
pub struct Answer {
    /// The frame: an Arrow IPC file.
    pub frame: Frame,
    /// Number of rows.
    pub rows: u64,
    /// How long the result may be cached.
    pub validity: Validity<Fingerprints>,
}

/// The result of an inspection of the files.
pub struct Inspected {
    /// The findings.
    pub found: Inspection,
    /// Counts the findings as the datasource's memory as long as they live.
    _counted: Frame,
}

/// The broker's handle on a datasource's worker.
pub struct Supervisor(Keeper);

impl Supervisor {
    /// Creates the supervisor of `datasource`. Its workers get temp folders below `temp_root`, share memory
    /// with the workers of the same `group`, and are counted in `series`.
    #[must_use]
    pub fn new(
        datasource: Datasource,
        temp_root: PathBuf,
        terms: Terms,
        group: MemoryGroup,
        series: Arc<Series>,
    ) -> Self {
        Self(Keeper::new(datasource, temp_root, terms, group, series))
    }

    /// Returns the group of workers that share the datasource's memory.
    #[must_use]
    pub fn group(&self) -> MemoryGroup {
        self.0.owner.group.clone()
    }

    /// Returns the datasource that the workers open.
    #[must_use]
    pub fn datasource(&self) -> &Datasource {
        &self.0.datasource
    }

    /// Takes a place among the waiting queries, held as long as it lives.
    ///
    /// # Errors
    /// [`Kind::Busy`] if too many queries already wait.
    pub fn wait(&self, ticket: Ticket<'_>) -> Result<Place> {
        self.0.queue.enter(ticket)
    }

    /// Returns the datasource's metrics.
    #[must_use]
    pub fn series(&self) -> &Arc<Series> {
        &self.0.owner.series
    }

    /// Returns the history of workers that ended before their time.
    #[must_use]
    pub fn deaths(&self) -> &CrashHistory {
        &self.0.owner.deaths
    }

    /// Runs a query when it is its turn. Dropping the future cancels the query. Positions of errors are in
    /// the job's text.
    ///
    /// # Errors
    /// The query's own error; [`Kind::Timeout`] past the deadline; [`Kind::Unavailable`] if workers die of
    /// it; [`Kind::Busy`] if too many queries already wait; [`Kind::Exhausted`] if it takes too much memory.
    pub async fn query(&self, ticket: Ticket<'_>, job: Arc<QueryJob>) -> Result<Answer> {
        let reply = self.0.run::<Collect>(ticket, Job::Query(job)).await?;
        let Done { rows, validity, .. } = reply.done;
        Ok(Answer { frame: reply.frame, rows, validity })
    }

    /// Begins an export and waits for its first piece, so that most errors are returned here. Dropping the
    /// future or the stream cancels the export. A `patient` export is not cancelled when its reader takes
    /// nothing.
    ///
    /// # Errors
    /// Same as [`Supervisor::query`].
    pub async fn export(&self, ticket: Ticket<'_>, job: Arc<ExportJob>, patient: bool) -> Result<Export> {
        let place = self.0.queue.download(ticket).await?;
        // From its first piece on, the export has only its place as a download: queries need not wait for a
        // slow one.
        let started = self.0.run::<Streaming>(ticket, Job::Export(job)).await?;
        Ok(started.give(place, patient))
    }

    /// Inspects the files.
    ///
    /// # Errors
    /// Same as [`Supervisor::query`].
    pub async fn inspect(&self) -> Result<Inspected> {
        let reply = self.0.run::<Collect>(Ticket::default(), Job::Inspect).await?;
        let found = serde_json::from_slice(reply.frame.as_ref());
        let found = found.map_err(|error| Error::internal(error.to_string()))?;
        Ok(Inspected { found, _counted: reply.frame })
    }

    /// Lists tables, views and columns: a [`crate::engine::Catalog`] as JSON.
    ///
    /// # Errors
    /// Same as [`Supervisor::query`].
    pub async fn catalog(&self) -> Result<Frame> {
        let reply = self.0.run::<Collect>(Ticket::default(), Job::Catalog).await?;
        Ok(reply.frame)
    }

    /// Returns DuckDB's version and how much of the jail is enforced. Starts a worker if there is none.
    ///
    /// # Errors
    /// The error of a worker that cannot be started.
    pub async fn engine(&self) -> Result<(String, Jail)> {
        let (worker, _) = self.0.worker(Sharing::Shared).await?;
        Ok((worker.engine_version.clone(), worker.jail))
    }

    /// Returns whether what its queries spill takes memory and not disk space.
    #[must_use]
    pub fn spills_to_memory(&self) -> bool {
        rundir::is_in_memory(&self.0.temp_root)
    }

    /// Ends the worker and waits until its temp folder is removed. The worker's jobs fail.
    pub async fn stop(&self) {
        self.0.stop().await;
    }
}
