#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

mod cell;
mod check;
mod columns;
mod csv;
mod decode;
mod document;
mod error;
mod fill;
mod format;
mod ipc;
mod json;
mod meta;
mod nulls;
mod numbers;
mod pivot;
pub mod rows;
mod series;
pub mod shape;
mod table;
mod times;

#[cfg(test)]
mod tests;

use std::io::Write;

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use grafana_time::{Fill, TimeRange};

pub use check::check;
pub use csv::{CsvOptions, CsvWriter};
pub use decode::{Decoded, decode};
pub use document::document;
pub use error::{Error, Kind, Result};
pub use format::Format;
pub use grafana_time;
pub use meta::{Notice, Severity, shown};

use meta::Meta;
use series::Series;
use table::Table;

/// Key of an Arrow field's metadata under which the database's own name of the type stands, where Arrow's does not tell it: `JSON` in a
/// column of text becomes JSON, `UHUGEINT` and `BIGNUM` numbers; `UUID`, `BIT` and `TIME WITH TIME ZONE` are nobody's own words.
pub const SQL_TYPE: &str = "sql_type";

/// What the frame of one query shall be.
#[derive(Debug, Clone)]
pub struct Options {
    /// The query's letter, Grafana's `refId`.
    pub ref_id: String,
    /// Rows as they are, or time series in wide form.
    pub format: Format,
    /// Rows to read at most; `None` is unlimited.
    pub max_rows: Option<u64>,
    /// Bytes of the encoded frame at most, each value counted as [`LEAST_VALUE`] at least.
    pub max_bytes: u64,
    /// What fills empty buckets of a time series.
    pub fill: Option<Fill>,
    /// Where `fill` starts and ends.
    pub range: TimeRange,
    /// The SQL as it was run, shown by Grafana's query inspector.
    pub executed_query: String,
    /// The setting that a notice about `max_rows` names.
    pub row_limit_setting: String,
    /// The setting that notices and errors about `max_bytes` name.
    pub byte_limit_setting: String,
}

/// Whether more rows are wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Flow {
    /// Go on.
    More,
    /// A cap is reached: what comes after is thrown away, so stop reading.
    Full,
}

/// What a frame will show, just before it is finished.
#[derive(Debug, Clone, Copy)]
pub struct Drawn<'a> {
    /// Whether the result had no rows at all.
    pub is_empty: bool,
    /// Of time series the points' times in the order of the rows, in nanoseconds since 1970; none of a table.
    pub times: &'a [i64],
    /// Whether these come from a column of ISO weeks.
    pub are_weeks: bool,
}

/// What a finished frame or CSV text holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Summary {
    /// Rows in it.
    pub rows: u64,
    /// Bytes given to the sink.
    pub bytes: u64,
    /// Whether rows were left out of a CSV text; a frame says so in a notice.
    pub cut: bool,
}

/// Turns record batches into one frame, written to `sink` as Arrow IPC file while they come.
///
/// The sink gets many small writes; give it a buffer where a write is a system call.
#[derive(Debug)]
pub struct FrameWriter<W: Write> {
    body: Body<W>,
    notices: Vec<Notice>,
}

#[derive(Debug)]
enum Body<W: Write> {
    Table(Box<Table<W>>),
    Series(Box<Series<W>>),
}

impl<W: Write> FrameWriter<W> {
    /// Starts the frame of a result with this schema.
    ///
    /// # Errors
    /// [`Kind::Unfit`] when the format is `time_series` and no column can be its time or its value, and when a
    /// column nests too deep.
    #[expect(
        clippy::needless_pass_by_value,
        reason = "a shared pointer, handed over as Arrow's own writers take it"
    )]
    pub fn new(schema: SchemaRef, options: Options, sink: W) -> Result<Self> {
        let body = match options.format {
            Format::Table => Body::Table(Box::new(Table::new(&schema, options, sink)?)),
            Format::TimeSeries => Body::Series(Box::new(Series::new(&schema, options, sink)?)),
        };
        Ok(Self { body, notices: Vec::new() })
    }

    /// Adds rows; the batch has the schema given to [`FrameWriter::new`].
    ///
    /// # Errors
    /// [`Kind::ReaderGone`] or [`Kind::Sink`] when the sink fails, [`Kind::TooLarge`] when a time series has too many labels.
    pub fn push(&mut self, batch: &RecordBatch) -> Result<Flow> {
        match &mut self.body {
            Body::Table(table) => table.push(batch),
            Body::Series(series) => series.push(batch),
        }
    }

    /// Adds a notice for the person who looks at the panel.
    pub fn notice(&mut self, notice: Notice) {
        self.notices.push(notice);
    }

    /// Writes what is left and the footer. A result without rows becomes a frame without fields, which
    /// Grafana and its alert rules take as "no data".
    ///
    /// # Errors
    /// As [`FrameWriter::push`]; [`Kind::Unfit`] when filling makes too many rows, [`Kind::TooLarge`] when the wide form
    /// is larger than `max_bytes`.
    pub fn finish(self) -> Result<Summary> {
        self.finish_with(|_| None)
    }

    /// The same with a last notice about what will be drawn.
    ///
    /// # Errors
    /// As [`FrameWriter::finish`].
    pub fn finish_with(self, notice: impl FnOnce(Drawn<'_>) -> Option<Notice>) -> Result<Summary> {
        match self.body {
            Body::Table(table) => table.finish(self.notices, notice),
            Body::Series(series) => series.finish(self.notices, notice),
        }
    }
}

/// A frame without fields: what goes with an error, so that the query inspector still shows the SQL.
#[must_use]
pub fn empty_frame(ref_id: &str, executed_query: &str, notices: &[Notice]) -> Vec<u8> {
    let mut bytes = Vec::new();
    let meta = Meta { notices: notices.to_vec(), ..Meta::new(ref_id, executed_query) };
    // A Vec cannot fail as sink, and a schema without fields cannot fail to encode.
    match ipc::write_empty(&meta, &mut bytes) {
        Ok(_) => bytes,
        Err(_) => Vec::new(),
    }
}

/// An error of the Arrow library. It is our own mistake: its input comes from the engine, not from a person.
fn arrow_error(error: &arrow::error::ArrowError) -> Error {
    Error::internal(format!("the frame could not be made: {error}"))
}

/// Bytes that a value counts against [`Options::max_bytes`] at least. Grafana's reader keeps a pointer and a value of its own for
/// each, so that a column of booleans, one bit each in the file, would take it a hundred times the file.
const LEAST_VALUE: usize = 4;

/// The notice of a result cut at `rows`.
fn row_cap_notice(rows: u64, setting: &str) -> Notice {
    Notice::warning(format!(
        "Results have been limited to {} because of the row limit `{setting}`. Raise it, or return fewer rows \
         with WHERE, GROUP BY or LIMIT.",
        counted(rows, "row")
    ))
}

/// The notice of a result cut at `rows` because it grew to `bytes`.
fn byte_cap_notice(rows: u64, bytes: u64, setting: &str) -> Notice {
    Notice::warning(format!(
        "Results have been limited to {} because they reached {} of the size limit `{setting}`. \
         Raise it, or select fewer rows or columns.",
        counted(rows, "row"),
        megabytes(bytes)
    ))
}

/// A size for a person.
fn megabytes(bytes: u64) -> String {
    const MB: u64 = 1 << 20;
    if bytes >= MB { format!("{} MB", bytes.div_ceil(MB)) } else { format!("{bytes} bytes") }
}

/// A count with its noun: `1 row`, `2 rows`.
fn counted(count: u64, noun: &str) -> String {
    if count == 1 { format!("1 {noun}") } else { format!("{count} {noun}s") }
}
