//! Reads a frame back, for the output of the command line and for tests.

use std::fmt;
use std::io::Cursor;

use arrow::array::{Array, AsArray, RecordBatch};
use arrow::datatypes::{DataType, SchemaRef, TimestampNanosecondType};
use arrow::ipc::reader::FileReader;
use arrow::util::display::array_value_to_string;
use jiff::Timestamp;

use super::arrow_error;
use crate::{Error, Result};

/// A frame that was read back.
#[derive(Debug, Clone)]
pub struct Decoded {
    /// The fields with their metadata `labels` and `config`. Times are nanoseconds in UTC, JSON is Binary.
    pub schema: SchemaRef,
    /// The rows; possibly no batches.
    pub batches: Vec<RecordBatch>,
    /// The query's refId.
    pub ref_id: String,
    /// The `meta` document.
    pub meta: serde_json::Value,
}

/// Reads an Arrow IPC file as [`super::FrameWriter`] writes it.
///
/// # Errors
/// [`crate::Kind::Internal`] when the bytes are not such a file.
pub fn decode(bytes: &[u8]) -> Result<Decoded> {
    let reader = FileReader::try_new(Cursor::new(bytes), None).map_err(|e| arrow_error(&e))?;
    let schema = reader.schema();
    let metadata = schema.metadata();
    let meta = match metadata.get("meta") {
        Some(text) => serde_json::from_str(text)
            .map_err(|error| Error::internal(format!("the frame's `meta` is not JSON: {error}")))?,
        None => serde_json::Value::Null,
    };
    let ref_id = metadata.get("refId").cloned().unwrap_or_default();
    let batches = reader.collect::<std::result::Result<Vec<_>, _>>().map_err(|e| arrow_error(&e))?;
    Ok(Decoded { schema, batches, ref_id, meta })
}

impl Decoded {
    /// Returns the number of rows in all batches.
    #[must_use]
    pub fn rows(&self) -> usize {
        self.batches.iter().map(RecordBatch::num_rows).sum()
    }
}

/// Writes the whole frame as text, for comparisons: meta, then a line per field, then a line per row.
impl fmt::Display for Decoded {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(out, "{} {}", self.ref_id, self.meta)?;
        for field in self.schema.fields() {
            let nullable = if field.is_nullable() { "?" } else { "" };
            write!(out, "{}: {}{nullable}", field.name(), type_name(field.data_type()))?;
            for (_, value) in field.metadata() {
                write!(out, " {value}")?;
            }
            writeln!(out)?;
        }
        for batch in &self.batches {
            for row in 0..batch.num_rows() {
                let cells: Vec<_> = batch.columns().iter().map(|column| cell(column, row)).collect();
                writeln!(out, "| {}", cells.join(" | "))?;
            }
        }
        Ok(())
    }
}

/// Returns the type's name in Grafana's `data.FieldType`.
fn type_name(data_type: &DataType) -> String {
    match data_type {
        DataType::Utf8 => "string".to_owned(),
        DataType::Timestamp(..) => "time".to_owned(),
        DataType::Binary => "json".to_owned(),
        other => other.to_string().to_lowercase(),
    }
}

fn cell(column: &dyn Array, row: usize) -> String {
    if column.is_null(row) {
        return "null".to_owned();
    }
    match column.data_type() {
        DataType::Timestamp(..) => {
            let ns = column.as_primitive::<TimestampNanosecondType>().value(row);
            Timestamp::from_nanosecond(i128::from(ns))
                .map_or_else(|_| ns.to_string(), |time| time.to_string())
        }
        DataType::Binary => String::from_utf8_lossy(column.as_binary::<i32>().value(row)).into_owned(),
        _ => array_value_to_string(column, row).unwrap_or_default(),
    }
}
