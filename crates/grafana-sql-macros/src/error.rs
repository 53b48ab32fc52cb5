//! Errors in a query, for the person who wrote it.

/// The result type of this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// An error in a query, a macro's argument or a template variable. It is always the query's fault.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Error {
    /// What is wrong: one sentence without a final period, literals in backticks.
    pub message: String,
    /// What to write instead, in the same style.
    pub hint: Option<String>,
    /// Byte offset in the original query.
    pub position: Option<usize>,
}

impl Error {
    pub(crate) fn new(message: impl Into<String>) -> Self {
        Self { message: message.into(), hint: None, position: None }
    }

    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    pub(crate) fn at(mut self, position: usize) -> Self {
        self.position = Some(position);
        self
    }

    /// Returns message and hint as one text, for places that show a single string.
    #[must_use]
    pub fn full_text(&self) -> String {
        match &self.hint {
            Some(hint) => format!("{}. {hint}", self.message),
            None => self.message.clone(),
        }
    }
}

/// Converts the error of a time or interval in the query; its position is unknown.
impl From<grafana_time::Error> for Error {
    fn from(error: grafana_time::Error) -> Self {
        Self { message: error.message, hint: error.hint, position: None }
    }
}
