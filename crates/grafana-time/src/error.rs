//! What is wrong with a time, an interval or a week.

use serde::{Deserialize, Serialize};

/// Shorthand used throughout the crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// A text that is no time, interval or week, for the person who wrote it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Error {
    /// What is wrong: one sentence without a final period, literals in backticks.
    pub message: String,
    /// What to write instead, in the same style.
    pub hint: Option<String>,
    /// The end of a range that it is about, if it is about one.
    pub end: Option<End>,
}

/// An end of a time range: it decides where rounding goes.
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
