//! Frames as this plugin makes them: [`grafana_frames`] with the names of the plugin's settings, and with
//! notices for weekly reports in a short time range ([`ShortRange`]).

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

/// Options of one query's frame.
#[derive(Debug, Clone, serde::Serialize, serde::Deserialize)]
pub struct Options {
    /// The query's refId.
    pub ref_id: String,
    /// The shape: rows as they are, or time series in wide form.
    pub format: Format,
    /// The most rows to read; `None` is unlimited.
    pub max_rows: Option<u64>,
    /// The most bytes of the encoded frame, from the setting `maxResultMb`.
    pub max_bytes: u64,
    /// How empty buckets of a time series are filled.
    pub fill: Option<Fill>,
    /// The time range in which empty buckets are filled.
    pub range: TimeRange,
    /// The time range, if it may be too short for weekly reports, so that a notice can say so.
    pub short_range: Option<ShortRange>,
    /// The SQL that was run, shown in Grafana's query inspector. It is not sent to the worker with the
    /// options, because the job has the text already.
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
    /// As [`grafana_frames::FrameWriter::new`].
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
    /// As [`grafana_frames::FrameWriter::push`].
    pub fn push(&mut self, batch: &RecordBatch) -> Result<Flow> {
        Ok(self.frame.push(batch)?)
    }

    /// Adds a notice for the person who looks at the panel.
    pub fn notice(&mut self, notice: Notice) {
        self.frame.notice(notice);
    }

    /// Writes the remaining rows and the footer.
    ///
    /// # Errors
    /// As [`grafana_frames::FrameWriter::finish_with`].
    pub fn finish(self) -> Result<Summary> {
        let short_range = self.short_range;
        Ok(self.frame.finish_with(|drawn| short_range.and_then(|short| short.notice(drawn)))?)
    }
}

/// Reads a frame that this plugin has written.
///
/// # Errors
/// [`Kind::Internal`] when the bytes are not such a frame.
pub fn decode(bytes: &[u8]) -> Result<Decoded> {
    Ok(grafana_frames::decode(bytes)?)
}

/// Checks that `file`, which a worker sent, is a frame of at most `most_bytes`, and returns its number of
/// rows.
///
/// # Errors
/// [`Kind::Internal`] that says what is wrong.
pub fn check(file: &[u8], most_bytes: u64) -> Result<u64> {
    grafana_frames::check(file, most_bytes)
        .map_err(|error| Error::internal(format!("a worker sent {}", error.message)))
}

/// Converts an error of the CSV writer; too many rows become an error that names the setting `max_rows`.
pub(crate) fn csv_error(error: grafana_frames::Error) -> Error {
    if error.kind == grafana_frames::Kind::TooManyRows {
        let message = format!("{}, which is all that `max_rows` allows", error.message);
        return Error::new(Kind::Exhausted, message).hint(
            "Select less, or ask the operator to raise `max_rows` in the ini section [plugin.duckdb-perf-datasource]",
        );
    }
    error.into()
}
