//! A frame as text: rows for a person ([`table`]), JSON objects, CSV. The names of columns are those that Grafana
//! shows; times are ISO 8601 in UTC.

mod series;
mod table;

pub(super) use series::{is_series, series};
pub(super) use table::{Layout, shortened, table};

use std::io::{self, Write};

use arrow::array::{Array, AsArray, RecordBatch};
use arrow::datatypes::{
    DataType, Field, Float32Type, Float64Type, Int8Type, Int16Type, Int32Type, Int64Type, SchemaRef,
    TimestampNanosecondType, UInt8Type, UInt16Type, UInt32Type, UInt64Type,
};
use arrow::util::display::array_value_to_string;
use jiff::Timestamp;
use serde_json::Value;

use crate::frame::Decoded;

/// Columns of the terminal that stdout is; `None` when it is none.
pub(super) fn terminal_width() -> Option<usize> {
    let stdout = console::Term::stdout();
    stdout.is_term().then(|| stdout.size_checked()).flatten().map(|(_, columns)| columns.into())
}

/// One value of a frame.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Cell<'a> {
    /// NULL.
    Null,
    /// A truth value.
    Bool(bool),
    /// An integer as decimal digits.
    Integer(String),
    /// A number, perhaps NaN or infinite.
    Float(f64),
    /// A text.
    Text(&'a str),
    /// A JSON document.
    Json(&'a str),
    /// An instant, ISO 8601.
    Time(String),
}

impl Cell<'_> {
    /// The value as one text, without loss; NULL is empty.
    pub(super) fn plain(&self) -> String {
        match self {
            Self::Null => String::new(),
            Self::Bool(truth) => truth.to_string(),
            Self::Float(number) => float(*number),
            Self::Integer(text) | Self::Time(text) => text.clone(),
            Self::Text(text) | Self::Json(text) => (*text).to_owned(),
        }
    }
}

/// The value in this row.
pub(super) fn cell(column: &dyn Array, row: usize) -> Cell<'_> {
    if column.is_null(row) {
        return Cell::Null;
    }
    macro_rules! integer {
        ($kind:ty) => {
            Cell::Integer(column.as_primitive::<$kind>().value(row).to_string())
        };
    }
    match column.data_type() {
        DataType::Boolean => Cell::Bool(column.as_boolean().value(row)),
        DataType::Int8 => integer!(Int8Type),
        DataType::Int16 => integer!(Int16Type),
        DataType::Int32 => integer!(Int32Type),
        DataType::Int64 => integer!(Int64Type),
        DataType::UInt8 => integer!(UInt8Type),
        DataType::UInt16 => integer!(UInt16Type),
        DataType::UInt32 => integer!(UInt32Type),
        DataType::UInt64 => integer!(UInt64Type),
        DataType::Float64 => Cell::Float(column.as_primitive::<Float64Type>().value(row)),
        // By its text, so that 0.1 stays 0.1.
        DataType::Float32 => {
            let number = column.as_primitive::<Float32Type>().value(row);
            Cell::Float(number.to_string().parse().unwrap_or_else(|_| f64::from(number)))
        }
        DataType::Utf8 => Cell::Text(column.as_string::<i32>().value(row)),
        DataType::Timestamp(..) => {
            Cell::Time(time(column.as_primitive::<TimestampNanosecondType>().value(row)))
        }
        DataType::Binary => match std::str::from_utf8(column.as_binary::<i32>().value(row)) {
            Ok(json) => Cell::Json(json),
            Err(_) => Cell::Null,
        },
        // A frame has no other types.
        _ => array_value_to_string(column, row).map_or(Cell::Null, Cell::Integer),
    }
}

fn time(ns: i64) -> String {
    Timestamp::from_nanosecond(i128::from(ns)).map_or_else(|_| ns.to_string(), |instant| instant.to_string())
}

/// A float that reads back as it is; at most 17 digits.
fn float(number: f64) -> String {
    if number.is_nan() {
        return "NaN".to_owned();
    }
    if number.is_infinite() {
        return if number > 0.0 { "Infinity" } else { "-Infinity" }.to_owned();
    }
    let text = format!("{number:?}");
    text.strip_suffix(".0").map_or(text.clone(), str::to_owned)
}

/// The columns' names as Grafana shows them, made unique with `_1`, `_2`.
pub(super) fn names(schema: &SchemaRef) -> Vec<String> {
    let mut taken = std::collections::HashSet::new();
    let mut names = Vec::with_capacity(schema.fields().len());
    for field in schema.fields() {
        let base = display_name(field);
        let mut name = base.clone();
        let mut count = 0;
        while !taken.insert(name.clone()) {
            count += 1;
            name = format!("{base}_{count}");
        }
        names.push(name);
    }
    names
}

/// The name that the frame gives the field, or its name with its labels: `p95_ms {pattern="a"}`.
fn display_name(field: &Field) -> String {
    let document = |key: &str| -> Option<Value> { serde_json::from_str(field.metadata().get(key)?).ok() };
    let given =
        document("config").and_then(|config| Some(config.get("displayNameFromDS")?.as_str()?.to_owned()));
    if let Some(name) = given.filter(|name| !name.is_empty()) {
        return name;
    }
    match document("labels") {
        Some(Value::Object(labels)) if !labels.is_empty() => {
            let labels: Vec<_> = labels.iter().map(|(name, value)| format!("{name}={value}")).collect();
            format!("{} {{{}}}", field.name(), labels.join(", "))
        }
        _ => field.name().clone(),
    }
}

/// The rows as an array of objects, one per line. NaN and infinities, which JSON lacks, become null; returns how
/// many did.
pub(super) fn json(frame: &Decoded, out: &mut dyn Write) -> io::Result<usize> {
    let keys: Vec<String> =
        names(&frame.schema).into_iter().map(|name| Value::from(name).to_string()).collect();
    let mut lost = 0;
    let mut first = true;
    out.write_all(b"[")?;
    each_row(frame, |batch, row| {
        out.write_all(if first { b"\n{" } else { b",\n{" })?;
        first = false;
        for (at, (key, column)) in keys.iter().zip(batch.columns()).enumerate() {
            write!(out, "{}{key}:", if at == 0 { "" } else { "," })?;
            match cell(column, row) {
                Cell::Null => out.write_all(b"null")?,
                Cell::Float(number) if !number.is_finite() => {
                    lost += 1;
                    out.write_all(b"null")?;
                }
                Cell::Text(text) => serde_json::to_writer(&mut *out, text)?,
                Cell::Time(text) => serde_json::to_writer(&mut *out, &text)?,
                other => out.write_all(other.plain().as_bytes())?,
            }
        }
        out.write_all(b"}")
    })?;
    out.write_all(if first { b"]\n" } else { b"\n]\n" })?;
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

    use arrow::array::{
        ArrayRef, BinaryArray, Float64Array, Int32Array, StringArray, TimestampNanosecondArray,
    };
    use arrow::datatypes::Schema;

    use super::*;

    /// A frame of these columns.
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
    fn json_rows() {
        let mut out = Vec::new();
        assert_eq!(json(&sample(), &mut out).unwrap(), 1);
        let text = String::from_utf8(out).unwrap();
        assert_eq!(
            serde_json::from_str::<Value>(&text).unwrap(),
            serde_json::json!([
                {"week": 202_653, "a \"b\"": "x,\"y\"\n", "ms": 1.25, "at": "1970-01-01T00:00:00Z", "j": {"k": [1]}},
                {"week": null, "a \"b\"": "", "ms": null, "at": "1970-01-01T00:00:01.5Z", "j": null},
            ])
        );
        assert_eq!(text.lines().count(), 4);
    }

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

    #[test]
    fn floats_read_back() {
        for (number, expected) in [
            (1.0, "1"),
            (0.1, "0.1"),
            (-1e300, "-1e300"),
            (1e-7, "1e-7"),
            (f64::NAN, "NaN"),
            (f64::NEG_INFINITY, "-Infinity"),
        ] {
            assert_eq!(float(number), expected);
        }
    }

    #[test]
    fn names_are_those_that_grafana_shows() {
        let field = |name: &str, key: &str, json: &str| {
            Field::new(name, DataType::Float64, true).with_metadata([(key, json)])
        };
        let schema = Arc::new(Schema::new(vec![
            field("p95_ms", "config", r#"{"displayNameFromDS":"SELECT 1"}"#),
            field("p95_ms", "labels", r#"{"pattern":"a"}"#),
            field("x", "labels", "{}"),
            field("x", "none", ""),
        ]));
        assert_eq!(names(&schema), ["SELECT 1", "p95_ms {pattern=\"a\"}", "x", "x_1"]);
    }
}
