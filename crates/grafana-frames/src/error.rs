//! Why there is no frame, for the person who wrote the query.

/// Shorthand used throughout the crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why there is no frame.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Error {
    /// What sort of failure it is.
    pub kind: Kind,
    /// What happened: one sentence without a final period, literals in backticks.
    pub message: String,
    /// What to do next, in the same style.
    pub hint: Option<String>,
}

/// The kinds of failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// The result cannot be such a frame: it has no time, no number, or nests too deep. The query's fault.
    Unfit,
    /// The frame would be larger than is allowed, or than the format can hold.
    TooLarge,
    /// A CSV text would have more rows than are allowed.
    TooManyRows,
    /// Whoever reads what is written went away.
    ReaderGone,
    /// What is written could not be taken.
    Sink,
    /// A frame that came from elsewhere is not one.
    Unsound,
    /// A mistake of this crate or of its caller.
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
