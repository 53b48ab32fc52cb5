//! Frames as this plugin makes them: [`grafana_frames`] with the names of its own settings, and with what is said where weekly
//! reports meet a short time range ([`ShortRange`]).

mod weekly;

use std::io::Write;

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
pub use grafana_frames::{
    CsvOptions, CsvWriter, Decoded, Flow, Notice, SQL_TYPE, Severity, Summary, document, empty_frame, rows,
    shown,
};

use crate::error::{Error, Kind, Result};
use crate::query::{Fill, Format, TimeRange};
pub use weekly::ShortRange;

/// What the frame of one query shall be.
#[derive(Debug, Clone, serde::Serialize, serde::Deserialize)]
pub struct Options {
    /// The query's letter.
    pub ref_id: String,
    /// Rows as they are, or time series in wide form.
    pub format: Format,
    /// Rows to read at most; `None` is unlimited.
    pub max_rows: Option<u64>,
    /// Bytes of the encoded frame at most, as `maxResultMb` says.
    pub max_bytes: u64,
    /// What fills empty buckets of a time series.
    pub fill: Option<Fill>,
    /// Where `fill` starts and ends.
    pub range: TimeRange,
    /// The range where it may be too short for weekly reports, so that a notice says it.
    pub short_range: Option<ShortRange>,
    /// The SQL as it was run, shown by Grafana's query inspector. It crosses no process: a job has the text already.
    #[serde(skip)]
    pub executed_query: String,
    /// The setting that a notice about `max_rows` names: `maxRows` or Grafana's `row_limit`.
    pub row_limit_setting: String,
}

/// [`grafana_frames::FrameWriter`] with this plugin's options and errors.
#[derive(Debug)]
pub struct FrameWriter<W: Write> {
    frame: grafana_frames::FrameWriter<W>,
    short_range: Option<ShortRange>,
}

impl<W: Write> FrameWriter<W> {
    /// Starts the frame of a result with this schema.
    ///
    /// # Errors
    /// Those of [`grafana_frames::FrameWriter::new`].
    pub fn new(schema: SchemaRef, options: Options, sink: W) -> Result<Self> {
        let short_range = options.short_range;
        let options = grafana_frames::Options {
            ref_id: options.ref_id,
            format: options.format,
            max_rows: options.max_rows,
            max_bytes: options.max_bytes,
            fill: options.fill,
            range: options.range,
            executed_query: options.executed_query,
            row_limit_setting: options.row_limit_setting,
            byte_limit_setting: "maxResultMb".to_owned(),
        };
        Ok(Self { frame: grafana_frames::FrameWriter::new(schema, options, sink)?, short_range })
    }

    /// Adds rows.
    ///
    /// # Errors
    /// Those of [`grafana_frames::FrameWriter::push`].
    pub fn push(&mut self, batch: &RecordBatch) -> Result<Flow> {
        Ok(self.frame.push(batch)?)
    }

    /// Adds a notice for the person who looks at the panel.
    pub fn notice(&mut self, notice: Notice) {
        self.frame.notice(notice);
    }

    /// Writes what is left and the footer.
    ///
    /// # Errors
    /// Those of [`grafana_frames::FrameWriter::finish_with`].
    pub fn finish(self) -> Result<Summary> {
        let short_range = self.short_range;
        Ok(self.frame.finish_with(|drawn| short_range.and_then(|short| short.notice(drawn)))?)
    }
}

/// Reads a frame that this plugin has written.
///
/// # Errors
/// [`Kind::Internal`] when the bytes are none.
pub fn decode(bytes: &[u8]) -> Result<Decoded> {
    Ok(grafana_frames::decode(bytes)?)
}

/// Whether `file`, which came from a worker, is a frame of at most `most_bytes`. How many rows it has.
///
/// # Errors
/// [`Kind::Internal`] with what is wrong.
pub fn check(file: &[u8], most_bytes: u64) -> Result<u64> {
    grafana_frames::check(file, most_bytes)
        .map_err(|error| Error::internal(format!("a worker sent {}", error.message)))
}

/// An error of a CSV text, which names the setting that bounds its rows.
pub(crate) fn csv_error(error: grafana_frames::Error) -> Error {
    if error.kind == grafana_frames::Kind::TooManyRows {
        let message = format!("{}, which is all that `max_rows` allows", error.message);
        return Error::new(Kind::Exhausted, message).hint(
            "Select less, or ask the operator to raise `max_rows` in the ini section [plugin.duckdb-perf-datasource]",
        );
    }
    error.into()
}
