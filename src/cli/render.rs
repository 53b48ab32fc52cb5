//! A frame as text: rows for a person ([`table`]), JSON objects, CSV.

mod series;
mod table;

pub(super) use series::{is_series, series};
pub(super) use table::{Layout, shortened, table};

use std::io::{self, Write};

use arrow::array::RecordBatch;

pub(super) use crate::frame::rows::{Cell, cell, display_name, float, names};

use crate::frame::{self, Decoded};

/// Columns of the terminal that stdout is; `None` when it is none.
pub(super) fn terminal_width() -> Option<usize> {
    let stdout = console::Term::stdout();
    stdout.is_term().then(|| stdout.size_checked()).flatten().map(|(_, columns)| columns.into())
}

/// The rows as an array of objects, one per line. NaN and infinities, which JSON lacks, become null; returns how
/// many did.
pub(super) fn json(frame: &Decoded, out: &mut dyn Write) -> io::Result<usize> {
    let lost = frame::rows::not_in_json(frame);
    for piece in frame::rows::json(frame.clone()) {
        out.write_all(&piece)?;
    }
    Ok(lost)
}

/// The rows as CSV (RFC 4180) under a header; NULL is an empty field.
pub(super) fn csv(frame: &Decoded, out: &mut dyn Write) -> io::Result<()> {
    if frame.schema.fields().is_empty() {
        return Ok(());
    }
    let mut writer = csv::WriterBuilder::new().terminator(csv::Terminator::CRLF).from_writer(out);
    writer.write_record(names(&frame.schema)).map_err(csv_error)?;
    each_row(frame, |batch, row| {
        let record = batch.columns().iter().map(|column| cell(column, row).plain());
        writer.write_record(record).map_err(csv_error)
    })?;
    writer.flush()
}

/// The error of the writer below, so that a broken pipe is still told as one.
fn csv_error(error: csv::Error) -> io::Error {
    match error.into_kind() {
        csv::ErrorKind::Io(error) => error,
        other => io::Error::other(format!("{other:?}")),
    }
}

fn each_row(frame: &Decoded, mut visit: impl FnMut(&RecordBatch, usize) -> io::Result<()>) -> io::Result<()> {
    for batch in &frame.batches {
        for row in 0..batch.num_rows() {
            visit(batch, row)?;
        }
    }
    Ok(())
}

#[cfg(test)]
pub(super) mod tests {
    use std::sync::Arc;

    use arrow::datatypes::Schema;
    use serde_json::Value;

    pub(in crate::cli) use crate::frame::rows::tests::frame;
    use crate::frame::rows::tests::sample;

    use super::*;

    #[test]
    fn csv_rows() {
        let mut out = Vec::new();
        csv(&sample(), &mut out).unwrap();
        assert_eq!(
            String::from_utf8(out).unwrap(),
            "week,\"a \"\"b\"\"\",ms,at,j\r\n\
             202653,\"x,\"\"y\"\"\n\",1.25,1970-01-01T00:00:00Z,\"{\"\"k\"\":[1]}\"\r\n\
             ,,NaN,1970-01-01T00:00:01.5Z,\r\n"
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
        csv(&empty, &mut out).unwrap();
        assert_eq!(out, b"[]\n");
    }
}
