//! What comes back from a backend.

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
    /// Its rows.
    pub rows: u64,
    /// How long it is worth keeping.
    pub validity: Validity<Arc<dyn Basis>>,
}

/// How long a result is worth keeping. `B` is what it came from.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Validity<B> {
    /// The same query may give another result at any time.
    #[default]
    Never,
    /// What it came from has just changed, or did while it was read.
    NotNow,
    /// As long as everything that it came from is unchanged.
    While(B),
}

impl<B: Basis> Validity<B> {
    /// The same after the query: not now, if what it came from has changed since.
    #[must_use]
    pub fn if_unchanged(self) -> Self {
        match self {
            Self::While(basis) if !basis.is_unchanged() => Self::NotNow,
            other => other,
        }
    }
}

/// What a result came from, as it was then.
pub trait Basis: fmt::Debug + Send + Sync {
    /// Whether all of it is still the same. May block.
    fn is_unchanged(&self) -> bool;

    /// Bytes of memory that it takes.
    fn bytes(&self) -> usize;
}

/// What the health check found.
#[derive(Debug, Clone)]
pub struct Health {
    /// Whether dashboards can work.
    pub ok: bool,
    /// One or more sentences for a person.
    pub message: String,
    /// A JSON object for machines; `verboseMessage` is shown by Grafana's settings page.
    pub details: serde_json::Value,
}

impl Health {
    /// The answer when the datasource cannot even be opened.
    #[must_use]
    pub fn failed(error: &Error) -> Self {
        let hint = error.hint.as_deref().map(sentence).unwrap_or_default();
        Self { ok: false, message: sentence(&error.message), details: json!({ "verboseMessage": hint }) }
    }
}

/// A finding as a sentence: with a capital letter and a full stop.
pub(crate) fn sentence(text: &str) -> String {
    let text = text.trim_end_matches(['.', '!']);
    let mut chars = text.chars();
    let first = chars.next().map(|c| c.to_uppercase().collect::<String>()).unwrap_or_default();
    format!("{first}{}.", chars.as_str())
}

/// The error of what was under way when the plugin or the datasource ended.
pub(crate) fn closed() -> Error {
    Error::new(Kind::Cancelled, "the plugin or its datasource was closed while the query ran")
        .hint("Run the query again")
}
