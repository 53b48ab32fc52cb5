//! The crate's error type, and the table that says what each kind of error means at every edge.
//!
//! An [`Error`] is written for the person who sent the query or set up the datasource: `message` says what
//! happened, `hint` what to do next. Text for the log (causes, paths that a Viewer must not see) is logged
//! where the error occurs and is never part of an [`Error`].

use grafana_time::End;
use serde::{Deserialize, Serialize};

/// Shorthand used throughout the crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// An error, in words for a person. It is sent over the worker's socket, so it holds only data.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("{message}")]
pub struct Error {
    /// The kind of failure; it decides status codes and whose fault it is.
    pub kind: Kind,
    /// One sentence without a final period, literals in backticks.
    pub message: String,
    /// What to do next, in the same style.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
    /// Byte offset in the query text as the person wrote it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub position: Option<usize>,
    /// What the program needs to know of the error; it is not shown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<Detail>,
}

/// Facts about an error for the program, in addition to the sentences that people read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Detail {
    /// No file is at this path, or matches this pattern.
    NoFiles {
        /// The path or pattern, as DuckDB received it.
        pattern: String,
    },
    /// No table or view has this name.
    NoTable {
        /// The name, as DuckDB reports it.
        name: String,
    },
    /// DuckDB itself refused this path.
    Refused {
        /// The path, as DuckDB received it.
        path: String,
    },
    /// A view has other columns than when it was created.
    ViewAltered,
    /// One end of a time range cannot be parsed.
    RangeEnd(End),
}

/// The kinds of failure. [`Kind::facts`] says what each means at the edges.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// The query text, a macro, a variable or the query model is wrong.
    BadQuery,
    /// The statement is understood but refused (a write, a second statement, a forbidden path).
    Forbidden,
    /// A datasource setting or a command line option is wrong.
    BadSettings,
    /// A file, folder, report or route is missing.
    NotFound,
    /// The deadline passed.
    Timeout,
    /// The caller went away.
    Cancelled,
    /// Memory, disk, descriptors or rows are used up.
    Exhausted,
    /// Too many queries wait already, or this one waited too long.
    Busy,
    /// The file is being written, or changes faster than it is read.
    InUse,
    /// The worker died or cannot be started.
    Unavailable,
    /// A defect of this plugin.
    Internal,
}

/// Whose fault an error is, in the words of Grafana's backend protocol (`DataResponse.errorSource`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ErrorSource {
    /// A defect or failure of this plugin.
    Plugin,
    /// The query, the settings, the files or DuckDB.
    Downstream,
}

impl ErrorSource {
    /// Returns the word that the protocol uses.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Plugin => "plugin",
            Self::Downstream => "downstream",
        }
    }
}

/// What a [`Kind`] means at the edges.
#[derive(Debug, Clone, Copy)]
pub struct Facts {
    /// Status of an HTTP or `DataResponse` answer.
    pub http_status: u16,
    /// Whose fault the error is.
    pub source: ErrorSource,
    /// Exit code of the command line.
    pub exit_code: u8,
}

impl Kind {
    /// Returns the HTTP status, error source and exit code of this kind.
    #[must_use]
    pub fn facts(self) -> Facts {
        use ErrorSource::{Downstream, Plugin};
        let (http_status, source, exit_code) = match self {
            Self::BadQuery => (400, Downstream, 1),
            Self::Forbidden => (403, Downstream, 1),
            Self::BadSettings => (400, Downstream, 2),
            Self::NotFound => (404, Downstream, 1),
            Self::Timeout => (504, Downstream, 1),
            Self::Cancelled => (499, Downstream, 1),
            Self::Exhausted | Self::Busy => (429, Downstream, 1),
            Self::InUse => (503, Downstream, 1),
            Self::Unavailable => (503, Plugin, 1),
            Self::Internal => (500, Plugin, 1),
        };
        Facts { http_status, source, exit_code }
    }
}

impl Error {
    /// Creates an error of `kind` with its message.
    pub fn new(kind: Kind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into(), hint: None, position: None, detail: None }
    }

    /// Creates an error of [`Kind::BadQuery`].
    pub fn bad_query(message: impl Into<String>) -> Self {
        Self::new(Kind::BadQuery, message)
    }

    /// Creates an error of [`Kind::BadSettings`]; the message names the field.
    pub fn bad_settings(message: impl Into<String>) -> Self {
        Self::new(Kind::BadSettings, message)
    }

    /// Creates an error of [`Kind::Internal`], a defect of this plugin.
    pub fn internal(message: impl Into<String>) -> Self {
        Self::new(Kind::Internal, message)
    }

    /// Adds a hint: what to do next.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// Adds the byte offset in the query text as the person wrote it.
    #[must_use]
    pub fn at(mut self, position: usize) -> Self {
        self.position = Some(position);
        self
    }

    /// Adds a fact for the program.
    #[must_use]
    pub fn detail(mut self, detail: Detail) -> Self {
        self.detail = Some(detail);
        self
    }

    /// Shortens message and hint to less than 8 KB each: DuckDB quotes values in full, and they can be as
    /// long as its memory.
    #[must_use]
    pub fn shortened(mut self) -> Self {
        self.message = shortened(self.message);
        self.hint = self.hint.map(shortened);
        self
    }

    /// Returns message and hint in one text, for places that show a single string (Grafana's panels).
    #[must_use]
    pub fn full_text(&self) -> String {
        self.text_at(None)
    }

    /// Returns [`Error::full_text`] with line and column in the query, if known, both counted from 1.
    #[must_use]
    pub fn text_at(&self, place: Option<(usize, usize)>) -> String {
        let place =
            place.map_or_else(String::new, |(line, column)| format!(" (line {line}, column {column})"));
        // DuckDB's suggestions are on lines of their own, after the sentence to which the place belongs.
        let message = match self.message.split_once('\n') {
            Some((sentence, rest)) => format!("{sentence}{place}\n{}", rest.trim_end_matches('.')),
            None => format!("{}{place}", self.message.trim_end_matches('.')),
        };
        match &self.hint {
            Some(hint) => format!("{message}. {hint}"),
            None => message,
        }
    }
}

impl From<grafana_time::Error> for Error {
    fn from(error: grafana_time::Error) -> Self {
        let detail = error.end.map(Detail::RangeEnd);
        Self { hint: error.hint, detail, ..Self::bad_query(error.message) }
    }
}

impl From<grafana_sql_macros::Error> for Error {
    fn from(error: grafana_sql_macros::Error) -> Self {
        Self { hint: error.hint, position: error.position, ..Self::bad_query(error.message) }
    }
}

impl From<grafana_frames::Error> for Error {
    fn from(error: grafana_frames::Error) -> Self {
        use grafana_frames::Kind as Theirs;
        let kind = match error.kind {
            Theirs::Unfit => Kind::BadQuery,
            Theirs::TooLarge | Theirs::TooManyRows => Kind::Exhausted,
            Theirs::ReaderGone => Kind::Cancelled,
            Theirs::Sink => Kind::Unavailable,
            Theirs::Unsound | Theirs::Internal => Kind::Internal,
        };
        Self { hint: error.hint, ..Self::new(kind, error.message) }
    }
}

/// Returns the beginning and the end of a long text, with the number of bytes left out between them.
fn shortened(text: String) -> String {
    const BEGIN: usize = 6 << 10;
    const END: usize = 1 << 10;
    if text.len() <= BEGIN + END {
        return text;
    }
    let begin = text.get(..text.floor_char_boundary(BEGIN)).unwrap_or_default();
    let end = text.get(text.ceil_char_boundary(text.len() - END)..).unwrap_or_default();
    format!("{begin} … ({} bytes are left out) … {end}", text.len() - begin.len() - end.len())
}

/// Returns line and column of the byte at `position` in `text`, both counted from 1; columns count
/// characters.
#[must_use]
pub fn line_and_column(text: &str, position: usize) -> (usize, usize) {
    let position = (0..=position.min(text.len())).rev().find(|&at| text.is_char_boundary(at)).unwrap_or(0);
    let before = text.get(..position).unwrap_or_default();
    let line = before.rsplit('\n').next().unwrap_or_default();
    (before.matches('\n').count() + 1, line.chars().count() + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn full_text_joins_message_and_hint() {
        let error = Error::bad_query("unknown macro `$__foo`").hint("Did you mean `$__from`?").at(7);
        assert_eq!(error.full_text(), "unknown macro `$__foo`. Did you mean `$__from`?");
        assert_eq!(error.kind.facts().source, ErrorSource::Downstream);
        assert_eq!(
            error.text_at(Some((1, 8))),
            "unknown macro `$__foo` (line 1, column 8). Did you mean `$__from`?"
        );
    }

    #[test]
    fn what_the_program_decides_on_crosses_the_socket() {
        for detail in [
            None,
            Some(Detail::NoFiles { pattern: "*.parquet".to_owned() }),
            Some(Detail::Refused { path: "/x".to_owned() }),
            Some(Detail::NoTable { name: "t".to_owned() }),
            Some(Detail::ViewAltered),
            Some(Detail::RangeEnd(End::To)),
        ] {
            let error = Error { detail, ..Error::bad_query("no") };
            let text = serde_json::to_string(&error).unwrap();
            assert_eq!(serde_json::from_str::<Error>(&text).unwrap(), error, "{text}");
        }
    }

    #[test]
    fn long_messages_keep_their_ends() {
        let short = Error::bad_query("no").hint("do");
        assert_eq!(short.clone().shortened(), short);
        let text = format!("Conversion Error: 'ü{}' is no number, LINE 1", "x".repeat(1 << 20));
        let long = Error::bad_query(text.clone()).hint(text).shortened();
        for part in [&long.message, long.hint.as_ref().unwrap()] {
            assert!(part.starts_with("Conversion Error: 'üxxx") && part.ends_with("LINE 1"), "{part}");
            assert!(part.contains("bytes are left out") && part.len() < 8 << 10, "{part}");
        }
    }

    #[test]
    fn lines_and_columns_count_characters() {
        assert_eq!(line_and_column("a\nüb", 4), (2, 2));
        assert_eq!(line_and_column("a\nüb", 3), (2, 1));
        assert_eq!(line_and_column("", 7), (1, 1));
    }
}
