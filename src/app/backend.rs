//! The engines that answer queries. A new engine is a variant here and in [`Engine`], with its settings and a
//! module of its own; no other code asks which engine it is.

use std::sync::Arc;

use bytes::Bytes;

#[cfg(test)]
pub(crate) mod fixed;

use super::request::InstanceSettings;
use crate::contract::{Export, ExportJob, Health, Place, QueryJob, Reply, Ticket};
use crate::error::Result;
use crate::local::{self, Local, Surroundings};
use crate::metrics::DatasourceNow;
use crate::query::Dialect;
use crate::source::{Common, Document, Engine, LocalSettings};

/// An engine that answers a datasource's queries.
pub(super) enum Backend {
    Local(Box<Local>),
    #[cfg(test)]
    Fixed(fixed::Fixed),
}

/// Evaluates an expression with whichever engine the backend has.
macro_rules! ask {
    ($backend:expr, $engine:ident => $call:expr) => {
        match $backend {
            Backend::Local($engine) => $call,
            #[cfg(test)]
            Backend::Fixed($engine) => $call,
        }
    };
}

impl Backend {
    /// Opens the backend for a datasource's settings. `previous` is the backend of its old settings.
    ///
    /// # Errors
    /// Errors of the settings, and of the temp folder.
    pub(super) fn open(
        settings: &InstanceSettings,
        around: Surroundings<'_>,
        previous: Option<&Self>,
    ) -> Result<Self> {
        let document = Document::parse(&settings.json_data)?;
        match document.engine()? {
            Engine::Local => {
                let previous = match previous {
                    Some(Self::Local(local)) => Some(&**local),
                    _ => None,
                };
                let settings = LocalSettings::of(&document, &settings.url)?;
                Ok(Self::Local(Box::new(Local::open(&settings, around, previous)?)))
            }
            #[cfg(test)]
            Engine::Fixed => fixed::Fixed::open(&document, around).map(Self::Fixed),
        }
    }

    /// Returns the settings that every engine has.
    pub(super) fn common(&self) -> &Common {
        ask!(self, engine => engine.common())
    }

    /// Returns the SQL dialect in which macros are written.
    pub(super) fn dialect(&self) -> Dialect {
        ask!(self, engine => engine.dialect())
    }

    /// Takes a place among the waiting queries, for a query that waits for something other than its turn.
    ///
    /// # Errors
    /// [`crate::error::Kind::Busy`] if too many queries already wait.
    pub(super) fn wait(&self, ticket: Ticket<'_>) -> Result<Place> {
        ask!(self, engine => engine.wait(ticket))
    }

    /// Runs a query when it is its turn. Dropping the future cancels the query.
    ///
    /// # Errors
    /// The query's error; its position is in the SQL text of the job.
    pub(super) async fn query(&self, ticket: Ticket<'_>, job: Arc<QueryJob>) -> Result<Reply> {
        ask!(self, engine => engine.query(ticket, job).await)
    }

    /// Begins an export and waits for its first piece, so that most errors are returned here. Dropping the
    /// future or the stream cancels the export. A `patient` export is not cancelled when its reader takes
    /// nothing.
    ///
    /// # Errors
    /// Same as [`Backend::query`].
    pub(super) async fn export(
        &self,
        ticket: Ticket<'_>,
        job: Arc<ExportJob>,
        patient: bool,
    ) -> Result<Export> {
        ask!(self, engine => engine.export(ticket, job, patient).await)
    }

    /// Runs the health check of the datasource.
    pub(super) async fn health(&self) -> Health {
        ask!(self, engine => engine.health().await)
    }

    /// Returns the tables, views and columns that a query can name, as JSON.
    ///
    /// # Errors
    /// The engine's error, and an error if the catalog is too long for one answer.
    pub(super) async fn catalog(&self) -> Result<Bytes> {
        ask!(self, engine => engine.catalog().await)
    }

    /// Returns the current figures for the metrics.
    pub(super) async fn now(&self) -> DatasourceNow {
        ask!(self, engine => engine.now().await)
    }

    /// Ends all jobs and waits until nothing of the engine is left.
    pub(super) async fn stop(&self) {
        ask!(self, engine => engine.stop().await);
    }
}

/// Returns the version of the built-in engine, such as `v2.0.0`.
pub(super) fn version() -> &'static str {
    local::version()
}
