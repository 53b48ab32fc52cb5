//! Rows as CSV (RFC 4180): record batches in, bytes out, whole rows per write. The one writer behind downloads and the
//! command line.
//!
//! Nothing is rounded: integers and decimals keep every digit, a float is the shortest text that reads back as it is
//! (`NaN`, `Infinity`, `-Infinity`). Times are RFC 3339 in UTC, dates `2026-03-02`; nested values and JSON are JSON; every
//! other type is the text of `CAST(x AS VARCHAR)`. NULL is an empty field, an empty text is `""`.
//!
//! A spreadsheet takes a text such as `=1+1` for a formula, and any text may come from a stranger. So a text that could
//! be one gets a `'` in front (CWE-1236), unless the caller wants it raw. Numbers are never changed.

use std::io::Write;

use arrow::array::{Array, ArrayRef, AsArray, RecordBatch, TimestampNanosecondArray};
use arrow::datatypes::{DataType, Field, Float32Type, Float64Type, Schema};

use super::columns::{self, Column, Target};
use super::table::SLICE;
use super::{DUCKDB_TYPE, Flow, Summary, cell, counted, ipc, json, times};
use crate::error::{Error, Kind, Result};

/// Bytes that are gathered before they are given to the sink.
const BUFFER: usize = 128 << 10;

/// How a result is written as CSV.
#[derive(Debug, Clone, Default, serde::Serialize, serde::Deserialize)]
pub struct CsvOptions {
    /// Rows at most; the rest is left out, and [`Summary::cut`] says so.
    pub max_rows: Option<u64>,
    /// Rows that the operator allows, `max_rows`; one more is an error.
    pub most_rows: Option<u64>,
    /// Whether texts that a spreadsheet would take for formulas stay as they are.
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
    /// Never quoted, never a formula: numbers, truth values, times.
    Plain,
    /// Shortest text that reads back.
    Float32,
    Float64,
    Timestamp,
    /// A number that stands for an instant, as in frames.
    Epoch,
    /// Text that may be anything.
    Text,
    /// JSON, made or checked by us.
    Json,
    Null,
}

impl<W: Write> CsvWriter<W> {
    /// Writes the header: the columns' names, made unique as in frames.
    ///
    /// # Errors
    /// `BadQuery` when a column nests too deep, and those of [`CsvWriter::push`].
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

    /// Adds rows; the batch has the schema given to [`CsvWriter::new`].
    ///
    /// # Errors
    /// `Cancelled` or `Unavailable` when the sink fails, `Exhausted` when there are more rows than are allowed.
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

    /// Writes what is left.
    ///
    /// # Errors
    /// Those of the sink.
    pub fn finish(mut self) -> Result<Summary> {
        self.flush()?;
        self.sink.flush().map_err(|error| ipc::sink_error(&error))?;
        Ok(Summary { rows: self.rows, bytes: self.bytes, cut: self.cut })
    }

    /// How many of the next `wanted` rows may be written.
    fn allowed(&self, wanted: usize) -> Result<usize> {
        let left = |most: u64| usize::try_from(most.saturating_sub(self.rows)).unwrap_or(usize::MAX);
        let allowed = self.options.max_rows.map_or(wanted, |most| left(most).min(wanted));
        match self.options.most_rows {
            Some(most) if left(most) < allowed => Err(Error::new(
                Kind::Exhausted,
                format!("the result has more than {}, which is all that `max_rows` allows", counted(most, "row")),
            )
            .hint("Select less, or ask the operator to raise `max_rows` in the ini section [plugin.duckdb-perf-datasource]")),
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
            // Most readers skip an empty line.
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
        // One long row is not a reason to keep its room.
        self.buffer.shrink_to(4 * BUFFER);
        Ok(())
    }
}

/// A column's values in one batch.
struct Cells {
    array: ArrayRef,
    form: Form,
    /// Where the form is [`Form::Epoch`].
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
                // No instant that could be shown: the number itself.
                _ => cell::write_text(&self.array, row, out),
            },
            Form::Text => match self.array.as_string_opt::<i32>() {
                Some(texts) => write_text(texts.value(row).as_bytes(), raw, out),
                None => {
                    let mut text = Vec::new();
                    cell::write_text(&self.array, row, &mut text);
                    write_text(&text, raw, out);
                }
            },
            // It begins with one of `{["tfn-0123456789` or a blank, and with `-` only if it is a number.
            Form::Json => write_text(self.array.as_binary::<i32>().value(row), true, out),
        }
    }
}

fn form(column: &Column, field: &Field) -> Form {
    let tag = field.metadata().get(DUCKDB_TYPE).map_or("", String::as_str);
    match (column.target, &column.plain) {
        (Target::Null, _) => Form::Null,
        (Target::Json | Target::JsonText, _) => Form::Json,
        (Target::Epoch, _) => Form::Epoch,
        (_, DataType::Float32) => Form::Float32,
        (_, DataType::Float64) => Form::Float64,
        (_, DataType::Timestamp(..)) => Form::Timestamp,
        (Target::Float | Target::Time, _) => Form::Plain,
        (_, plain) if plain.is_primitive() || *plain == DataType::Boolean => Form::Plain,
        // DuckDB's own words, which no one chooses.
        _ if matches!(tag, "UUID" | "BIT" | "TIME WITH TIME ZONE") => Form::Plain,
        _ => Form::Text,
    }
}

/// `2026-03-02T10:30:00Z` from DuckDB's text of a timestamp; years that RFC 3339 does not know and the infinities stay as
/// that text.
fn write_time(array: &dyn Array, row: usize, out: &mut Vec<u8>) {
    let start = out.len();
    cell::write_text(array, row, out);
    let Some(text) = out.get_mut(start..) else { return };
    let is_rfc =
        matches!(text, [_, _, _, _, b'-', _, _, b'-', _, _, b' ', digit, ..] if digit.is_ascii_digit());
    if !is_rfc {
        return;
    }
    if let Some(blank) = text.get_mut(10) {
        *blank = b'T';
    }
    if text.ends_with(b"+00") {
        out.truncate(out.len() - 3);
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
        // Writing to a Vec cannot fail.
        let _ = out.write_fmt(digits);
        if out.ends_with(b".0") {
            out.truncate(out.len() - 2);
        }
    }
}

/// A field of text, quoted where it must be.
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

/// Whether a spreadsheet could read `text` as a formula: it begins with one of `=+-@`, with their full-width forms, or
/// with a control character that some programs drop before they look, with or without blanks before it.
fn may_be_formula(text: &[u8]) -> bool {
    const WIDE: [&str; 4] = ["＝", "＋", "－", "＠"];
    let blanks = text.iter().take_while(|byte| **byte == b' ').count();
    let rest = text.get(blanks..).unwrap_or_default();
    matches!(rest.first(), Some(b'=' | b'+' | b'-' | b'@' | b'\t' | b'\r' | b'\n' | 0))
        || WIDE.iter().any(|wide| rest.starts_with(wide.as_bytes()))
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;
    use std::sync::Arc;

    use arrow::array::{
        BinaryArray, BooleanArray, Date32Array, Decimal128Array, DictionaryArray, Float32Array, Float64Array,
        Int32Array, Int64Array, ListArray, StringArray, TimestampMicrosecondArray,
    };
    use arrow::datatypes::{Int32Type, SchemaRef};

    use super::*;

    fn batch(columns: Vec<(&str, ArrayRef)>) -> RecordBatch {
        tagged(columns.into_iter().map(|(name, array)| (name, "", array)).collect())
    }

    fn tagged(columns: Vec<(&str, &str, ArrayRef)>) -> RecordBatch {
        let fields: Vec<Field> = columns
            .iter()
            .map(|(name, tag, array)| {
                let tag = HashMap::from([(DUCKDB_TYPE.to_owned(), (*tag).to_owned())]);
                Field::new(*name, array.data_type().clone(), true).with_metadata(tag)
            })
            .collect();
        let schema: SchemaRef = Arc::new(Schema::new(fields));
        RecordBatch::try_new(schema, columns.into_iter().map(|(_, _, array)| array).collect()).unwrap()
    }

    fn written(batches: &[RecordBatch], options: CsvOptions) -> (String, Result<Summary>) {
        let mut out = Vec::new();
        let mut writer = CsvWriter::new(&batches[0].schema(), options, &mut out).unwrap();
        let mut failed = None;
        for batch in batches {
            match writer.push(batch) {
                Ok(Flow::More) => {}
                Ok(Flow::Full) => break,
                Err(error) => {
                    failed = Some(error);
                    break;
                }
            }
        }
        let summary = writer.finish();
        (String::from_utf8(out).unwrap(), failed.map_or(summary, Err))
    }

    fn csv(batch: &RecordBatch) -> String {
        written(std::slice::from_ref(batch), CsvOptions::default()).0
    }

    /// Header and rows as a reader of RFC 4180 sees them.
    fn read(text: &str) -> Vec<Vec<String>> {
        let mut reader = ::csv::ReaderBuilder::new().has_headers(false).from_reader(text.as_bytes());
        reader.records().map(|record| record.unwrap().iter().map(str::to_owned).collect()).collect()
    }

    fn texts(values: &[Option<&str>]) -> ArrayRef {
        Arc::new(StringArray::from(values.to_vec()))
    }

    #[test]
    fn texts_are_quoted_where_they_must_be() {
        let hard =
            ["a,b", "say \"hi\"", "\"", "two\nlines", "two\r\nlines", "ü日🦆", " blank ", "it's", "a;b\tc"];
        let values: Vec<_> = hard.iter().copied().map(Some).chain([Some(""), None]).collect();
        let batch =
            batch(vec![("a \"b\", c", texts(&values)), ("n", Arc::new(Int32Array::from_iter_values(0..11)))]);
        let text = csv(&batch);
        assert!(
            text.starts_with("\"a \"\"b\"\", c\",n\r\n\"a,b\",0\r\n\"say \"\"hi\"\"\",1\r\n\"\"\"\",2\r\n"),
            "{text}"
        );
        assert!(text.ends_with(" blank ,6\r\nit's,7\r\na;b\tc,8\r\n\"\",9\r\n,10\r\n"), "{text}");
        let rows = read(&text);
        assert_eq!(rows[0], ["a \"b\", c", "n"]);
        let found: Vec<_> = rows[1..].iter().map(|row| row[0].as_str()).collect();
        assert_eq!(found, [hard.as_slice(), &["", ""]].concat());
    }

    #[test]
    fn formulas_are_neutralised_in_texts_and_names_only() {
        let cases = [
            ("=1+1", "'=1+1"),
            ("+x", "'+x"),
            ("-1", "'-1"),
            ("@a", "'@a"),
            ("\t=1", "'\t=1"),
            ("\r=1", "'\r=1"),
            ("\n=1", "'\n=1"),
            ("  =1", "'  =1"),
            ("＝1", "'＝1"),
            ("=\"a\",b", "'=\"a\",b"),
            ("a=1", "a=1"),
            ("'=1", "'=1"),
            ("1-1", "1-1"),
        ];
        let values: Vec<_> = cases.iter().map(|(text, _)| Some(*text)).collect();
        let numbers: ArrayRef = Arc::new(Int64Array::from(vec![-1; cases.len()]));
        let floats: ArrayRef = Arc::new(Float64Array::from(vec![f64::NEG_INFINITY; cases.len()]));
        let batch = batch(vec![("=name", texts(&values)), ("n", numbers), ("f", floats)]);
        let rows = read(&csv(&batch));
        assert_eq!(rows[0], ["'=name", "n", "f"]);
        for (row, (_, expected)) in rows[1..].iter().zip(cases) {
            assert_eq!(row, &[expected, "-1", "-Infinity"]);
        }
        let raw = written(&[batch], CsvOptions { raw: true, ..CsvOptions::default() }).0;
        for (row, (text, _)) in read(&raw)[1..].iter().zip(cases) {
            assert_eq!(row[0], text);
        }
    }

    #[test]
    fn nothing_is_rounded() {
        let micro = |value: i64| TimestampMicrosecondArray::from(vec![value]);
        let decimal = Decimal128Array::from(vec![12_345_678_901_234_567_890_123_456_789_i128]);
        let decimal = decimal.with_precision_and_scale(38, 9).unwrap();
        let enums: DictionaryArray<Int32Type> = ["-x"].into_iter().collect();
        let lists = ListArray::from_iter_primitive::<Int32Type, _, _>([Some(vec![Some(1), None])]);
        let batch = tagged(vec![
            ("i", "BIGINT", Arc::new(Int64Array::from(vec![i64::MIN]))),
            ("d", "DECIMAL", Arc::new(decimal)),
            ("u", "UHUGEINT", texts(&[Some("340282366920938463463374607431768211455")])),
            ("b", "BIGNUM", texts(&[Some("-340282366920938463463374607431768211456")])),
            ("f", "DOUBLE", Arc::new(Float64Array::from(vec![0.1 + 0.2]))),
            ("g", "FLOAT", Arc::new(Float32Array::from(vec![0.1_f32]))),
            ("w", "DOUBLE", Arc::new(Float64Array::from(vec![1e300]))),
            ("nan", "DOUBLE", Arc::new(Float64Array::from(vec![f64::NAN]))),
            ("t", "BOOLEAN", Arc::new(BooleanArray::from(vec![true]))),
            ("day", "DATE", Arc::new(Date32Array::from(vec![20_514]))),
            ("at", "TIMESTAMP", Arc::new(micro(1_772_447_400_000_001))),
            ("tz", "TIMESTAMP WITH TIME ZONE", Arc::new(micro(0).with_timezone("UTC"))),
            ("far", "TIMESTAMP", Arc::new(micro(-100_000_000_000_000_000))),
            ("inf", "TIMESTAMP", Arc::new(micro(i64::MAX))),
            ("time", "BIGINT", Arc::new(Int64Array::from(vec![1_772_447_400]))),
            ("e", "ENUM", Arc::new(enums)),
            ("l", "LIST", Arc::new(lists)),
            ("j", "JSON", texts(&[Some("{\"a\": -1}")])),
            ("k", "JSON", texts(&[Some("-1")])),
            ("blob", "BLOB", Arc::new(BinaryArray::from_vec(vec![b"=\xff"]))),
        ]);
        let rows = read(&csv(&batch));
        let found: Vec<_> =
            rows[0].iter().zip(&rows[1]).map(|(name, value)| (name.as_str(), value.as_str())).collect();
        assert_eq!(
            found,
            [
                ("i", "-9223372036854775808"),
                ("d", "12345678901234567890.123456789"),
                ("u", "340282366920938463463374607431768211455"),
                ("b", "-340282366920938463463374607431768211456"),
                ("f", "0.30000000000000004"),
                ("g", "0.1"),
                ("w", "1e300"),
                ("nan", "NaN"),
                ("t", "true"),
                ("day", "2026-03-02"),
                ("at", "2026-03-02T10:30:00.000001Z"),
                ("tz", "1970-01-01T00:00:00Z"),
                ("far", "1200-02-15 (BC) 14:13:20"),
                ("inf", "infinity"),
                ("time", "2026-03-02T10:30:00Z"),
                ("e", "'-x"),
                ("l", "[1,null]"),
                ("j", "{\"a\": -1}"),
                ("k", "-1"),
                ("blob", "'=\\xFF"),
            ]
        );
    }

    #[test]
    fn null_and_empty_differ_but_where_a_line_would_be_empty() {
        let two = batch(vec![("a", texts(&[None, Some("")])), ("b", texts(&[Some(""), None]))]);
        assert_eq!(csv(&two), "a,b\r\n,\"\"\r\n\"\",\r\n");
        let one = batch(vec![("a", texts(&[None, Some(""), Some("x")]))]);
        assert_eq!(csv(&one), "a\r\n\"\"\r\n\"\"\r\nx\r\n");
        assert_eq!(read(&csv(&one)).len(), 4);
        assert_eq!(csv(&one.slice(0, 0)), "a\r\n", "the header is there without rows");
        let twice = batch(vec![("x", texts(&[None])), ("x", texts(&[None])), ("", texts(&[None]))]);
        assert_eq!(csv(&twice), "x,x_1,column3\r\n,,\r\n");
    }

    #[test]
    fn more_rows_than_wanted_are_cut_and_more_than_allowed_an_error() {
        let rows = batch(vec![("n", Arc::new(Int32Array::from_iter_values(0..40_000)))]);
        let ask = |max_rows, most_rows| {
            let options = CsvOptions { max_rows, most_rows, raw: false };
            let (text, summary) = written(&[rows.clone(), rows.clone()], options);
            (text.lines().count() - 1, summary)
        };
        let cut = |rows, result: &Result<Summary>| {
            let summary = result.as_ref().unwrap();
            (summary.rows, summary.cut) == (rows, true)
        };
        let (lines, summary) = ask(Some(50_000), None);
        assert!(lines == 50_000 && cut(50_000, &summary), "{lines} {summary:?}");
        let (lines, summary) = ask(Some(5), Some(5));
        assert!(lines == 5 && cut(5, &summary), "{lines} {summary:?}");
        for most in [None, Some(80_000)] {
            let (lines, summary) = ask(most, most);
            assert_eq!((lines, summary.unwrap().cut), (80_000, false));
        }
        let (_, error) = ask(None, Some(79_999));
        let error = error.unwrap_err();
        assert_eq!(error.kind, Kind::Exhausted);
        assert!(error.message.contains("more than 79999 rows"), "{error}");
    }

    #[test]
    fn every_write_is_whole_rows() {
        struct Rows(usize);
        impl Write for Rows {
            fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
                assert!(bytes.ends_with(b"\r\n"));
                self.0 += 1;
                Ok(bytes.len())
            }
            fn flush(&mut self) -> std::io::Result<()> {
                Ok(())
            }
        }
        let long = "x".repeat(1000);
        let rows = batch(vec![("a", texts(&vec![Some(long.as_str()); 1000]))]);
        let mut sink = Rows(0);
        let mut writer = CsvWriter::new(&rows.schema(), CsvOptions::default(), &mut sink).unwrap();
        writer.push(&rows).unwrap();
        let summary = writer.finish().unwrap();
        assert_eq!((summary.bytes, sink.0), (3 + 1002 * 1000, 8));
    }
}
