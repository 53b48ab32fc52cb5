//! The results that a backend returns.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::json;

use super::budget::Frame;
use crate::error::{Error, Kind};

/// A query's result.
pub struct Reply {
    /// The frame: an Arrow IPC file.
    pub frame: Frame,
    /// Number of rows.
    pub rows: u64,
    /// How long the result may be cached.
    pub validity: Validity<Arc<dyn Basis>>,
}

/// How long a result may be cached. `B` describes the sources that it was read from.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Validity<B> {
    /// Not at all: the same query may give another result at any time.
    #[default]
    Never,
    /// Not this time: the sources have just changed, or changed while they were read.
    NotNow,
    /// As long as the sources are unchanged.
    While(B),
}

impl<B: Basis> Validity<B> {
    /// Returns [`Validity::NotNow`] instead if the sources have changed since.
    #[must_use]
    pub fn if_unchanged(self) -> Self {
        match self {
            Self::While(basis) if !basis.is_unchanged() => Self::NotNow,
            other => other,
        }
    }
}

/// The sources that a result was read from, as they were at that time.
pub trait Basis: fmt::Debug + Send + Sync {
    /// Returns whether all of them are unchanged. May block.
    fn is_unchanged(&self) -> bool;

    /// Returns the bytes of memory that this description takes.
    fn bytes(&self) -> usize;
}

/// The result of a health check.
#[derive(Debug, Clone)]
pub struct Health {
    /// Whether dashboards can work.
    pub ok: bool,
    /// One or more sentences for a person.
    pub message: String,
    /// A JSON object for programs; Grafana's settings page shows its `verboseMessage`.
    pub details: serde_json::Value,
}

impl Health {
    /// Makes the result for a datasource that cannot be opened.
    #[must_use]
    pub fn failed(error: &Error) -> Self {
        let hint = error.hint.as_deref().map(sentence).unwrap_or_default();
        Self { ok: false, message: sentence(&error.message), details: json!({ "verboseMessage": hint }) }
    }
}

/// Turns a finding into a sentence, with a capital letter and a full stop.
pub(crate) fn sentence(text: &str) -> String {
    let text = text.trim_end_matches(['.', '!']);
    let mut chars = text.chars();
    let first = chars.next().map(|c| c.to_uppercase().collect::<String>()).unwrap_or_default();
    format!("{first}{}.", chars.as_str())
}

/// Returns the error of a query that ran when the plugin or its datasource was closed.
pub(crate) fn closed() -> Error {
    Error::new(Kind::Cancelled, "the plugin or its datasource was closed while the query ran")
        .hint("Run the query again")
}
