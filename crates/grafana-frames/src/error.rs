//! Errors, for the person who wrote the query.

/// The result type of this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// An error that prevents a frame or CSV text.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Error {
    /// The kind of failure.
    pub kind: Kind,
    /// What happened: one sentence without a final period, literals in backticks.
    pub message: String,
    /// What to do next, in the same style.
    pub hint: Option<String>,
}

/// The kinds of failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// The result cannot have the requested format: it has no time or no number, or nests too deep. The query
    /// must be changed.
    Unfit,
    /// The frame would be larger than allowed, or than the file format can hold.
    TooLarge,
    /// A CSV text would have more rows than allowed.
    TooManyRows,
    /// The reader of the output has closed it.
    ReaderGone,
    /// The output cannot be written.
    Sink,
    /// A frame from another process is invalid.
    Unsound,
    /// A bug in this crate or in its caller.
    Internal,
}

impl Error {
    pub(crate) fn new(kind: Kind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into(), hint: None }
    }

    pub(crate) fn unfit(message: impl Into<String>) -> Self {
        Self::new(Kind::Unfit, message)
    }

    pub(crate) fn internal(message: impl Into<String>) -> Self {
        Self::new(Kind::Internal, message)
    }

    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}
