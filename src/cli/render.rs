//! Prints a frame: as a table for people ([`table`]), as JSON objects, or as CSV.

mod series;
mod table;

pub(super) use series::{is_series, series};
pub(super) use table::{Layout, shortened, table};

use std::io::{self, Write};
use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::compute::cast;
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};

use crate::frame::rows::names;

use crate::frame::{self, CsvOptions, CsvWriter, Decoded, SQL_TYPE};

/// Returns the width of the terminal in columns; `None` if stdout is not a terminal.
pub(super) fn terminal_width() -> Option<usize> {
    let stdout = console::Term::stdout();
    stdout.is_term().then(|| stdout.size_checked()).flatten().map(|(_, columns)| columns.into())
}

/// Writes the rows as an array of objects, one per line. NaN and infinities become null, because JSON cannot
/// hold them; returns how many did.
pub(super) fn json(frame: &Decoded, out: &mut dyn Write) -> io::Result<usize> {
    let lost = frame::rows::not_in_json(frame);
    for piece in frame::rows::json(frame.clone()) {
        out.write_all(&piece)?;
    }
    Ok(lost)
}

/// Writes the rows as CSV, like an export. A frame without fields writes nothing.
pub(super) fn csv(frame: &Decoded, raw: bool, out: &mut dyn Write) -> io::Result<()> {
    if frame.schema.fields().is_empty() {
        return Ok(());
    }
    let fields = frame.schema.fields().iter().zip(names(&frame.schema));
    let fields = fields.map(|(field, name)| {
        // Binary columns of a frame hold JSON.
        let is_json = *field.data_type() == DataType::Binary;
        let kind = if is_json { DataType::Utf8 } else { field.data_type().clone() };
        let tag = if is_json { "JSON" } else { "" };
        Field::new(name, kind, true).with_metadata([(SQL_TYPE, tag)])
    });
    let schema: SchemaRef = Arc::new(Schema::new(fields.collect::<Vec<_>>()));
    let mut writer =
        CsvWriter::new(&schema, CsvOptions { raw, ..CsvOptions::default() }, out).map_err(told)?;
    for batch in &frame.batches {
        let columns = batch.columns().iter().zip(schema.fields());
        let columns =
            columns.map(|(column, field)| cast(column, field.data_type())).collect::<Result<_, _>>();
        let batch = columns.and_then(|columns| RecordBatch::try_new(Arc::clone(&schema), columns));
        writer.push(&batch.map_err(io::Error::other)?).map_err(told)?;
    }
    writer.finish().map_err(told)?;
    Ok(())
}

/// Converts the CSV writer's error back to that of the sink, so that a broken pipe is recognized.
fn told(error: grafana_frames::Error) -> io::Error {
    match error.kind {
        grafana_frames::Kind::ReaderGone => io::ErrorKind::BrokenPipe.into(),
        _ => io::Error::other(error.message),
    }
}

#[cfg(test)]
pub(super) mod tests {
    use serde_json::Value;

    use arrow::array::{
        ArrayRef, BinaryArray, Float64Array, Int32Array, StringArray, TimestampNanosecondArray,
    };

    use super::*;

    /// Returns a frame with these columns.
    pub(in crate::cli) fn frame(columns: Vec<(&str, ArrayRef)>) -> Decoded {
        let fields: Vec<Field> = columns
            .iter()
            .map(|(name, column)| Field::new(*name, column.data_type().clone(), true))
            .collect();
        let schema: SchemaRef = Arc::new(Schema::new(fields));
        let columns = columns.into_iter().map(|(_, column)| column).collect();
        let batch = RecordBatch::try_new(Arc::clone(&schema), columns).unwrap();
        Decoded { schema, batches: vec![batch], ref_id: "A".to_owned(), meta: Value::Null }
    }

    /// Returns a frame with a column of each type.
    fn sample() -> Decoded {
        frame(vec![
            ("week", Arc::new(Int32Array::from(vec![Some(202_653), None]))),
            ("a \"b\"", Arc::new(StringArray::from(vec![Some("x,\"y\"\n"), Some("")]))),
            ("ms", Arc::new(Float64Array::from(vec![Some(1.25), Some(f64::NAN)]))),
            (
                "at",
                Arc::new(
                    TimestampNanosecondArray::from(vec![Some(0), Some(1_500_000_000)]).with_timezone("UTC"),
                ),
            ),
            ("j", Arc::new(BinaryArray::from_opt_vec(vec![Some(br#"{"k":[1]}"#.as_slice()), None]))),
        ])
    }

    #[test]
    fn csv_rows() {
        let mut out = Vec::new();
        csv(&sample(), false, &mut out).unwrap();
        assert_eq!(
            String::from_utf8(out).unwrap(),
            "week,\"a \"\"b\"\"\",ms,at,j\r\n\
             202653,\"x,\"\"y\"\"\n\",1.25,1970-01-01T00:00:00Z,\"{\"\"k\"\":[1]}\"\r\n\
             ,\"\",NaN,1970-01-01T00:00:01.5Z,\r\n"
        );
    }

    #[test]
    fn an_empty_frame() {
        let empty = Decoded {
            schema: Arc::new(Schema::empty()),
            batches: vec![],
            ref_id: String::new(),
            meta: Value::Null,
        };
        let mut out = Vec::new();
        json(&empty, &mut out).unwrap();
        csv(&empty, false, &mut out).unwrap();
        assert_eq!(out, b"[]\n");
    }
}
