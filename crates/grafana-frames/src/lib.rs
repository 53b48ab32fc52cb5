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

/// The key in a field's metadata for the database's own type name, where Arrow's type does not tell it: text
/// of type `JSON` becomes JSON; `UHUGEINT` and `BIGNUM` become numbers; `UUID`, `BIT` and
/// `TIME WITH TIME ZONE` are texts that no user wrote.
pub const SQL_TYPE: &str = "sql_type";

/// Options of one query's frame.
#[derive(Debug, Clone)]
pub struct Options {
    /// The query's `refId`.
    pub ref_id: String,
    /// The shape: rows as they are, or time series in wide form.
    pub format: Format,
    /// The most rows to read; `None` is unlimited.
    pub max_rows: Option<u64>,
    /// The most bytes of the encoded frame; each value counts at least [`LEAST_VALUE`].
    pub max_bytes: u64,
    /// How empty buckets of a time series are filled.
    pub fill: Option<Fill>,
    /// The time range in which empty buckets are filled.
    pub range: TimeRange,
    /// The executed query string, shown in Grafana's query inspector.
    pub executed_query: String,
    /// The name of the setting for notices about `max_rows`.
    pub row_limit_setting: String,
    /// The name of the setting for notices and errors about `max_bytes`.
    pub byte_limit_setting: String,
}

/// Whether the writer accepts more rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Flow {
    /// Continue.
    More,
    /// A limit is reached: stop reading, further rows are discarded.
    Full,
}

/// What a frame will show, described just before it is finished.
#[derive(Debug, Clone, Copy)]
pub struct Drawn<'a> {
    /// Whether the result has no rows.
    pub is_empty: bool,
    /// The times of a time series' rows, in their order, in nanoseconds since 1970; empty for a table.
    pub times: &'a [i64],
    /// Whether the times come from a column of ISO weeks.
    pub are_weeks: bool,
}

/// The size of a finished frame or CSV text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Summary {
    /// Number of rows.
    pub rows: u64,
    /// Bytes written to the sink.
    pub bytes: u64,
    /// Whether rows were left out of a CSV text; a frame has a notice instead.
    pub cut: bool,
}

/// Converts record batches to one frame and writes it to `sink` as an Arrow IPC file, batch by batch.
///
/// The sink gets many small writes; use a buffer if each write is a system call.
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
    /// [`Kind::Unfit`] when the format is `time_series` and the schema has no time or no value column, or
    /// when a column nests too deep.
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

    /// Adds rows; the batch must have the schema given to [`FrameWriter::new`].
    ///
    /// # Errors
    /// [`Kind::ReaderGone`] or [`Kind::Sink`] when the sink fails, [`Kind::TooLarge`] when a time series has
    /// too many series or too large labels.
    pub fn push(&mut self, batch: &RecordBatch) -> Result<Flow> {
        match &mut self.body {
            Body::Table(table) => table.push(batch),
            Body::Series(series) => series.push(batch),
        }
    }

    /// Adds a notice, which the panel shows.
    pub fn notice(&mut self, notice: Notice) {
        self.notices.push(notice);
    }

    /// Writes the remaining rows and the footer. A result without rows becomes a frame without fields, which
    /// Grafana and its alert rules treat as "no data".
    ///
    /// # Errors
    /// As [`FrameWriter::push`]; [`Kind::Unfit`] when filling empty buckets makes too many rows,
    /// [`Kind::TooLarge`] when the wide form is larger than `max_bytes`.
    pub fn finish(self) -> Result<Summary> {
        self.finish_with(|_| None)
    }

    /// Finishes like [`FrameWriter::finish`], with a last notice that may depend on what will be drawn.
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

/// Returns a frame without fields. It accompanies an error, so that the query inspector still shows the SQL.
#[must_use]
pub fn empty_frame(ref_id: &str, executed_query: &str, notices: &[Notice]) -> Vec<u8> {
    let mut bytes = Vec::new();
    let meta = Meta { notices: notices.to_vec(), ..Meta::new(ref_id, executed_query) };
    // Writing into a Vec cannot fail, and a schema without fields can always be encoded.
    match ipc::write_empty(&meta, &mut bytes) {
        Ok(_) => bytes,
        Err(_) => Vec::new(),
    }
}

/// Converts an error of the Arrow library. It is an internal error, because Arrow's input comes from the
/// engine.
fn arrow_error(error: &arrow::error::ArrowError) -> Error {
    Error::internal(format!("the frame could not be made: {error}"))
}

/// The least number of bytes that a value counts against [`Options::max_bytes`]. Grafana's reader keeps a
/// pointer and a copy of each value, so that a column of booleans (one bit each in the file) would take a
/// hundred times the file's size.
const LEAST_VALUE: usize = 4;

/// Returns the notice for a result that was cut at `rows` rows.
fn row_cap_notice(rows: u64, setting: &str) -> Notice {
    Notice::warning(format!(
        "Results have been limited to {} because of the row limit `{setting}`. Raise it, or return fewer rows \
         with WHERE, GROUP BY or LIMIT.",
        counted(rows, "row")
    ))
}

/// Returns the notice for a result that was cut at `rows` rows because it reached `bytes` bytes.
fn byte_cap_notice(rows: u64, bytes: u64, setting: &str) -> Notice {
    Notice::warning(format!(
        "Results have been limited to {} because they reached {} of the size limit `{setting}`. \
         Raise it, or select fewer rows or columns.",
        counted(rows, "row"),
        megabytes(bytes)
    ))
}

/// Formats a size for people.
fn megabytes(bytes: u64) -> String {
    const MB: u64 = 1 << 20;
    if bytes >= MB { format!("{} MB", bytes.div_ceil(MB)) } else { format!("{bytes} bytes") }
}

/// Returns a count with its noun: `1 row`, `2 rows`.
fn counted(count: u64, noun: &str) -> String {
    if count == 1 { format!("1 {noun}") } else { format!("{count} {noun}s") }
}
