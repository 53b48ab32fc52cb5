//! What a datasource's worker may be asked.

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

/// A query's result, as the worker says.
pub struct Answer {
    /// The frame: an Arrow IPC file.
    pub frame: Frame,
    /// Its rows.
    pub rows: u64,
    /// How long it is worth keeping.
    pub validity: Validity<Fingerprints>,
}

/// What a look at the files found.
pub struct Inspected {
    /// The findings.
    pub found: Inspection,
    /// The datasource's memory has them as long as they are there.
    _counted: Frame,
}

/// The broker's handle on a datasource's worker.
pub struct Supervisor(Keeper);

impl Supervisor {
    /// For `datasource`; workers get temp folders below `temp_root`, share memory with those of the same `group`, and
    /// what happens is counted in `series`.
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

    /// Whose workers share the datasource's memory with this one's.
    #[must_use]
    pub fn group(&self) -> MemoryGroup {
        self.0.owner.group.clone()
    }

    /// What the workers have open.
    #[must_use]
    pub fn datasource(&self) -> &Datasource {
        &self.0.datasource
    }

    /// A place among the queries that wait, for as long as it lives.
    ///
    /// # Errors
    /// [`Kind::Busy`] when too many wait already.
    pub fn wait(&self, ticket: Ticket<'_>) -> Result<Place> {
        self.0.queue.enter(ticket)
    }

    /// What is counted of the datasource.
    #[must_use]
    pub fn series(&self) -> &Arc<Series> {
        &self.0.owner.series
    }

    /// The workers that ended before their time.
    #[must_use]
    pub fn deaths(&self) -> &CrashHistory {
        &self.0.owner.deaths
    }

    /// Runs a query when it is its turn. Dropping the future cancels it. Positions of errors are those in its text.
    ///
    /// # Errors
    /// What the query failed with; [`Kind::Timeout`] past the deadline; [`Kind::Unavailable`] when
    /// workers die of it; [`Kind::Busy`] when too many wait already; [`Kind::Exhausted`] when it takes too much memory.
    pub async fn query(&self, ticket: Ticket<'_>, job: Arc<QueryJob>) -> Result<Answer> {
        let reply = self.0.run::<Collect>(ticket, Job::Query(job)).await?;
        let Done { rows, validity, .. } = reply.done;
        Ok(Answer { frame: reply.frame, rows, validity })
    }

    /// Begins an export: waits for its first piece, so that most of what can go wrong is an error here. Dropping the
    /// future or the stream cancels it. A `patient` one is not given up when its reader takes nothing.
    ///
    /// # Errors
    /// As [`Supervisor::query`].
    pub async fn export(&self, ticket: Ticket<'_>, job: Arc<ExportJob>, patient: bool) -> Result<Export> {
        let place = self.0.queue.download(ticket).await?;
        // From the first piece on it has its own place only: queries need not wait for a slow download.
        let started = self.0.run::<Streaming>(ticket, Job::Export(job)).await?;
        Ok(started.give(place, patient))
    }

    /// Looks at the files.
    ///
    /// # Errors
    /// As [`Supervisor::query`].
    pub async fn inspect(&self) -> Result<Inspected> {
        let reply = self.0.run::<Collect>(Ticket::default(), Job::Inspect).await?;
        let found = serde_json::from_slice(reply.frame.as_ref());
        let found = found.map_err(|error| Error::internal(error.to_string()))?;
        Ok(Inspected { found, _counted: reply.frame })
    }

    /// Lists tables, views and columns: a [`crate::engine::Catalog`] as JSON.
    ///
    /// # Errors
    /// As [`Supervisor::query`].
    pub async fn catalog(&self) -> Result<Frame> {
        let reply = self.0.run::<Collect>(Ticket::default(), Job::Catalog).await?;
        Ok(reply.frame)
    }

    /// DuckDB's version and how much of the jail there is, starting a worker if there is none.
    ///
    /// # Errors
    /// When no worker can be started.
    pub async fn engine(&self) -> Result<(String, Jail)> {
        let (worker, _) = self.0.worker(Sharing::Shared).await?;
        Ok((worker.engine_version.clone(), worker.jail))
    }

    /// Whether what its queries spill takes memory and no disk.
    #[must_use]
    pub fn spills_to_memory(&self) -> bool {
        rundir::is_in_memory(&self.0.temp_root)
    }

    /// Ends the worker and waits until its temp folder is removed; jobs in it fail.
    pub async fn stop(&self) {
        self.0.stop().await;
    }
}
