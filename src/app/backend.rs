//! The seam between the app and what answers queries. A new engine is a variant here and in [`Engine`], with its settings and a
//! room of its own; nothing else asks which one it is.

use std::sync::Arc;

use bytes::Bytes;

#[cfg(test)]
pub(crate) mod fixed;

use super::InstanceSettings;
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

/// Calls the method of the same name.
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
    /// What answers a datasource with these settings; `previous` did with its old ones.
    ///
    /// # Errors
    /// What is wrong with the settings.
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

    /// What is known of a datasource of any engine.
    pub(super) fn common(&self) -> &Common {
        ask!(self, engine => engine.common())
    }

    /// How macros are written for it.
    pub(super) fn dialect(&self) -> Dialect {
        ask!(self, engine => engine.dialect())
    }

    /// A place among the queries that wait, for one that waits for something else than its turn.
    ///
    /// # Errors
    /// [`crate::error::Kind::Busy`] when too many wait already.
    pub(super) fn wait(&self, ticket: Ticket<'_>) -> Result<Place> {
        ask!(self, engine => engine.wait(ticket))
    }

    /// Runs a query when it is its turn. Dropping the future cancels it.
    ///
    /// # Errors
    /// What the query failed with; positions are those in its text.
    pub(super) async fn query(&self, ticket: Ticket<'_>, job: Arc<QueryJob>) -> Result<Reply> {
        ask!(self, engine => engine.query(ticket, job).await)
    }

    /// Begins an export: waits for its first piece, so that most of what can go wrong is an error here. Dropping the future
    /// or the stream cancels it. A `patient` one is not given up when its reader takes nothing.
    ///
    /// # Errors
    /// As [`Backend::query`].
    pub(super) async fn export(
        &self,
        ticket: Ticket<'_>,
        job: Arc<ExportJob>,
        patient: bool,
    ) -> Result<Export> {
        ask!(self, engine => engine.export(ticket, job, patient).await)
    }

    /// Diagnoses the datasource.
    pub(super) async fn health(&self) -> Health {
        ask!(self, engine => engine.health().await)
    }

    /// Tables, views and columns that a query can name, as JSON.
    ///
    /// # Errors
    /// What the engine says, and more columns than an answer holds.
    pub(super) async fn catalog(&self) -> Result<Bytes> {
        ask!(self, engine => engine.catalog().await)
    }

    /// What the metrics tell of the moment.
    pub(super) async fn now(&self) -> DatasourceNow {
        ask!(self, engine => engine.now().await)
    }

    /// Ends what runs, and waits until nothing of it is left.
    pub(super) async fn stop(&self) {
        ask!(self, engine => engine.stop().await);
    }
}

/// The version of the engine that is built in, `v2.0.0`.
pub(super) fn version() -> &'static str {
    local::version()
}
