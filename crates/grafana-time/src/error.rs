//! Errors of times, intervals and weeks.

use serde::{Deserialize, Serialize};

/// The result type of this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// A text that is not a valid time, interval or week, described for the person who wrote it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Error {
    /// What is wrong: one sentence without a final period, literals in backticks.
    pub message: String,
    /// What to write instead, in the same style.
    pub hint: Option<String>,
    /// The end of the range that the error is about, if any.
    pub end: Option<End>,
}

/// An end of a time range; it determines the direction of rounding.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum End {
    /// `from`
    From,
    /// `to`
    To,
}

impl Error {
    pub(crate) fn new(message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { message: message.into(), hint: Some(hint.into()), end: None }
    }
}
