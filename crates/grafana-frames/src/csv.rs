//! Writes record batches as CSV (RFC 4180); each write to the sink holds whole rows. Downloads and the
//! command line share this writer.
//!
//! Nothing is rounded: integers and decimals keep every digit, and a float is the shortest text that reads
//! back exactly (`NaN`, `Infinity`, `-Infinity`). Times are RFC 3339 in UTC, dates `2026-03-02`; nested
//! values and JSON are JSON; every other type is the text of `CAST(x AS VARCHAR)`. NULL is an empty field, an
//! empty text is `""`.
//!
//! A spreadsheet reads a text such as `=1+1` as a formula, and texts may come from strangers. So a text that
//! could be a formula gets a `'` in front (CWE-1236), unless the caller wants it raw. Numbers are never
//! changed.

use std::io::Write;

use arrow::array::{Array, ArrayRef, AsArray, RecordBatch, TimestampNanosecondArray};
use arrow::datatypes::{DataType, Field, Float32Type, Float64Type, Schema};

use super::columns::{self, Column, Target};
use super::table::SLICE;
use super::{Flow, SQL_TYPE, Summary, cell, counted, ipc, times};
use crate::{Error, Kind, Result};

/// Bytes that are buffered before they are written to the sink.
const BUFFER: usize = 128 << 10;

/// Options of the CSV writer.
#[derive(Debug, Clone, Default, serde::Serialize, serde::Deserialize)]
pub struct CsvOptions {
    /// The most rows to write; further rows are left out, and [`Summary::cut`] is set.
    pub max_rows: Option<u64>,
    /// The most rows that are allowed; more are an error.
    pub most_rows: Option<u64>,
    /// Whether texts that a spreadsheet would read as formulas stay unchanged.
    pub raw: bool,
}

/// Writes batches to `sink` as they come. Each write holds whole rows.
#[derive(Debug)]
pub struct CsvWriter<W: Write> {
    options: CsvOptions,
    columns: Vec<(Column, Form)>,
    sink: W,
    buffer: Vec<u8>,
    rows: u64,
    bytes: u64,
    cut: bool,
}

/// How a column's values are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    /// Numbers, booleans and times: never quoted, never a formula.
    Plain,
    /// The shortest text that reads back exactly.
    Float32,
    Float64,
    Timestamp,
    /// A number that is a time, as in frames.
    Epoch,
    /// Any text.
    Text,
    /// JSON that this crate has written or checked.
    Json,
    Null,
}

impl<W: Write> CsvWriter<W> {
    /// Starts the CSV text with a header: the columns' names, made unique as in frames.
    ///
    /// # Errors
    /// [`Kind::Unfit`] when a column nests too deep; otherwise as [`CsvWriter::push`].
    pub fn new(schema: &Schema, options: CsvOptions, sink: W) -> Result<Self> {
        let planned = columns::plan(schema)?.into_iter().zip(schema.fields());
        let columns: Vec<_> = planned
            .map(|(column, field)| {
                let form = form(&column, field);
                (column, form)
            })
            .collect();
        let mut writer = Self { options, columns, sink, buffer: Vec::new(), rows: 0, bytes: 0, cut: false };
        for (at, (column, _)) in writer.columns.iter().enumerate() {
            if at > 0 {
                writer.buffer.push(b',');
            }
            write_text(column.name.as_bytes(), writer.options.raw, &mut writer.buffer);
        }
        writer.buffer.extend_from_slice(b"\r\n");
        Ok(writer)
    }

    /// Adds rows; the batch must have the schema given to [`CsvWriter::new`].
    ///
    /// # Errors
    /// [`Kind::ReaderGone`] or [`Kind::Sink`] when the sink fails, [`Kind::TooManyRows`] when there are more
    /// than [`CsvOptions::most_rows`].
    pub fn push(&mut self, batch: &RecordBatch) -> Result<Flow> {
        let mut at = 0;
        while at < batch.num_rows() {
            let wanted = (batch.num_rows() - at).min(SLICE);
            let allowed = self.allowed(wanted)?;
            self.write(&batch.slice(at, allowed))?;
            if allowed < wanted {
                self.cut = true;
                return Ok(Flow::Full);
            }
            at += wanted;
        }
        Ok(Flow::More)
    }

    /// Writes the remaining bytes.
    ///
    /// # Errors
    /// [`Kind::ReaderGone`] or [`Kind::Sink`] when the sink fails.
    pub fn finish(mut self) -> Result<Summary> {
        self.flush()?;
        self.sink.flush().map_err(|error| ipc::sink_error(&error))?;
        Ok(Summary { rows: self.rows, bytes: self.bytes, cut: self.cut })
    }

    /// Returns how many of the next `wanted` rows may be written.
    fn allowed(&self, wanted: usize) -> Result<usize> {
        let left = |most: u64| usize::try_from(most.saturating_sub(self.rows)).unwrap_or(usize::MAX);
        let allowed = self.options.max_rows.map_or(wanted, |most| left(most).min(wanted));
        match self.options.most_rows {
            Some(most) if left(most) < allowed => Err(Error::new(
                Kind::TooManyRows,
                format!("the result has more than {}", counted(most, "row")),
            )),
            _ => Ok(allowed),
        }
    }

    fn write(&mut self, batch: &RecordBatch) -> Result<()> {
        let cells: Vec<Cells> = self
            .columns
            .iter_mut()
            .zip(batch.columns())
            .map(|((column, form), array)| Cells::new(column, *form, array))
            .collect::<Result<_>>()?;
        let alone = cells.len() == 1;
        for row in 0..batch.num_rows() {
            let start = self.buffer.len();
            for (at, cells) in cells.iter().enumerate() {
                if at > 0 {
                    self.buffer.push(b',');
                }
                cells.write(row, self.options.raw, &mut self.buffer);
            }
            // Most CSV readers skip an empty line.
            if alone && self.buffer.len() == start {
                self.buffer.extend_from_slice(b"\"\"");
            }
            self.buffer.extend_from_slice(b"\r\n");
            self.rows += 1;
            if self.buffer.len() >= BUFFER {
                self.flush()?;
            }
        }
        Ok(())
    }

    fn flush(&mut self) -> Result<()> {
        self.sink.write_all(&self.buffer).map_err(|error| ipc::sink_error(&error))?;
        self.bytes += self.buffer.len() as u64;
        self.buffer.clear();
        // A single long row must not keep its memory.
        self.buffer.shrink_to(4 * BUFFER);
        Ok(())
    }
}

/// The values of a column in one batch.
struct Cells {
    array: ArrayRef,
    form: Form,
    /// The times of a column of form [`Form::Epoch`].
    times: Option<TimestampNanosecondArray>,
}

impl Cells {
    fn new(column: &mut Column, form: Form, array: &ArrayRef) -> Result<Self> {
        let array = match form {
            Form::Json => column.convert(array)?,
            _ => column.decoded(array)?,
        };
        let times = if form == Form::Epoch { Some(times::from_epoch(&array)?.0) } else { None };
        Ok(Self { array, form, times })
    }

    fn write(&self, row: usize, raw: bool, out: &mut Vec<u8>) {
        if self.array.is_null(row) {
            return;
        }
        match self.form {
            Form::Null => {}
            Form::Plain => cell::write_text(&self.array, row, out),
            Form::Float32 => {
                let number = self.array.as_primitive::<Float32Type>().value(row);
                write_float(
                    number.is_nan(),
                    number.is_infinite(),
                    number > 0.0,
                    format_args!("{number:?}"),
                    out,
                );
            }
            Form::Float64 => {
                let number = self.array.as_primitive::<Float64Type>().value(row);
                write_float(
                    number.is_nan(),
                    number.is_infinite(),
                    number > 0.0,
                    format_args!("{number:?}"),
                    out,
                );
            }
            Form::Timestamp => write_time(&self.array, row, out),
            Form::Epoch => match &self.times {
                Some(times) if times.is_valid(row) => write_time(times, row, out),
                // The number does not fit a time, so it is written as it is.
                _ => cell::write_text(&self.array, row, out),
            },
            Form::Text => {
                if let Some(texts) = self.array.as_string_opt::<i32>() {
                    return write_text(texts.value(row).as_bytes(), raw, out);
                }
                let mut text = Vec::new();
                cell::write_text(&self.array, row, &mut text);
                write_text(&text, raw, out);
            }
            // JSON begins with one of `{["tfn-0123456789` or a space, and with `-` only if it is a number, so
            // it cannot be a formula.
            Form::Json => write_text(self.array.as_binary::<i32>().value(row), true, out),
        }
    }
}

fn form(column: &Column, field: &Field) -> Form {
    let tag = field.metadata().get(SQL_TYPE).map_or("", String::as_str);
    match (column.target, &column.plain) {
        (Target::Null, _) => Form::Null,
        (Target::Json | Target::JsonText, _) => Form::Json,
        (Target::Epoch, _) => Form::Epoch,
        (_, DataType::Float32) => Form::Float32,
        (_, DataType::Float64) => Form::Float64,
        (_, DataType::Timestamp(..)) => Form::Timestamp,
        (Target::Float | Target::Time, _) => Form::Plain,
        (_, plain) if plain.is_primitive() || *plain == DataType::Boolean => Form::Plain,
        // DuckDB formats these types, so they cannot contain a formula.
        _ if matches!(tag, "UUID" | "BIT" | "TIME WITH TIME ZONE") => Form::Plain,
        _ => Form::Text,
    }
}

/// Writes `2026-03-02T10:30:00Z` from DuckDB's text of a timestamp; years that RFC 3339 does not allow and
/// the infinities keep DuckDB's text.
fn write_time(array: &dyn Array, row: usize, out: &mut Vec<u8>) {
    let start = out.len();
    cell::write_text(array, row, out);
    let text = out.get(start..).unwrap_or_default();
    let [_, _, _, _, b'-', _, _, b'-', _, _, b' ', b'0'..=b'9', ..] = text else { return };
    if text.ends_with(b"+00") {
        out.truncate(out.len() - 3);
    }
    if let Some(blank) = out.get_mut(start + 10) {
        *blank = b'T';
    }
    out.push(b'Z');
}

fn write_float(
    nan: bool,
    infinite: bool,
    positive: bool,
    digits: std::fmt::Arguments<'_>,
    out: &mut Vec<u8>,
) {
    if nan {
        out.extend_from_slice(b"NaN");
    } else if infinite {
        out.extend_from_slice(if positive { b"Infinity" } else { b"-Infinity" });
    } else {
        // Writing into a Vec cannot fail.
        let _ = out.write_fmt(digits);
        if out.ends_with(b".0") {
            out.truncate(out.len() - 2);
        }
    }
}

/// Writes a text field, quoted if necessary.
fn write_text(text: &[u8], raw: bool, out: &mut Vec<u8>) {
    let mark = !raw && may_be_formula(text);
    let quoted = text.is_empty() || text.iter().any(|byte| matches!(byte, b',' | b'"' | b'\r' | b'\n'));
    if !quoted {
        if mark {
            out.push(b'\'');
        }
        return out.extend_from_slice(text);
    }
    out.push(b'"');
    if mark {
        out.push(b'\'');
    }
    for part in text.split_inclusive(|byte| *byte == b'"') {
        out.extend_from_slice(part);
        if part.ends_with(b"\"") {
            out.push(b'"');
        }
    }
    out.push(b'"');
}

/// Whether a spreadsheet could read `text` as a formula: after optional spaces it begins with one of `=+-@`,
/// with one of their full-width forms, or with a control character that some programs drop first.
fn may_be_formula(text: &[u8]) -> bool {
    const WIDE: [&str; 4] = ["＝", "＋", "－", "＠"];
    let blanks = text.iter().take_while(|byte| **byte == b' ').count();
    let rest = text.get(blanks..).unwrap_or_default();
    matches!(rest.first(), Some(b'=' | b'+' | b'-' | b'@' | b'\t' | b'\r' | b'\n' | 0))
        || WIDE.iter().any(|wide| rest.starts_with(wide.as_bytes()))
}

#[cfg(test)]
mod tests;
