//! What is wrong with a query, for the person who wrote it.

/// Shorthand used throughout the crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What is wrong with a query, a macro's argument or a template variable. Whose fault it is, is never in doubt: the query's.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Error {
    /// What is wrong: one sentence without a final period, literals in backticks.
    pub message: String,
    /// What to write instead, in the same style.
    pub hint: Option<String>,
    /// Byte offset in the query as it was written.
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

    /// Message and hint in one text, for places that show a single string.
    #[must_use]
    pub fn full_text(&self) -> String {
        match &self.hint {
            Some(hint) => format!("{}. {hint}", self.message),
            None => self.message.clone(),
        }
    }
}

/// A time or an interval of the query; where it stands is not known.
impl From<grafana_time::Error> for Error {
    fn from(error: grafana_time::Error) -> Self {
        Self { message: error.message, hint: error.hint, position: None }
    }
}
