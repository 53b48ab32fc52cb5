//! Returns a frame's rows value by value, for the command line and the JSON API. Columns have the names that
//! Grafana shows; times are ISO 8601 in UTC.

use arrow::array::{Array, AsArray, RecordBatch};
use arrow::datatypes::{
    DataType, Field, Float32Type, Float64Type, Int8Type, Int16Type, Int32Type, Int64Type, SchemaRef,
    TimestampNanosecondType, UInt8Type, UInt16Type, UInt32Type, UInt64Type,
};
use arrow::util::display::array_value_to_string;
use jiff::Timestamp;
use serde_json::Value;

use super::Decoded;

/// Rows in each piece of output.
const PIECE_ROWS: usize = 4_096;

/// One value of a frame.
#[derive(Debug, Clone, PartialEq)]
pub enum Cell<'a> {
    /// NULL.
    Null,
    /// A boolean.
    Bool(bool),
    /// An integer as decimal digits.
    Integer(String),
    /// A float, possibly NaN or infinite.
    Float(f64),
    /// A text.
    Text(&'a str),
    /// A JSON document.
    Json(&'a str),
    /// An instant, ISO 8601.
    Time(String),
}

impl Cell<'_> {
    /// Returns the value as text without loss; NULL becomes empty.
    #[must_use]
    pub fn plain(&self) -> String {
        match self {
            Self::Null => String::new(),
            Self::Bool(truth) => truth.to_string(),
            Self::Float(number) => float(*number),
            Self::Integer(text) | Self::Time(text) => text.clone(),
            Self::Text(text) | Self::Json(text) => (*text).to_owned(),
        }
    }
}

/// Returns the value in this row.
#[must_use]
pub fn cell(column: &dyn Array, row: usize) -> Cell<'_> {
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
        // Converted through its text, so that 0.1 stays 0.1.
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
        // Frames have no other types.
        _ => array_value_to_string(column, row).map_or(Cell::Null, Cell::Integer),
    }
}

fn time(ns: i64) -> String {
    Timestamp::from_nanosecond(i128::from(ns)).map_or_else(|_| ns.to_string(), |instant| instant.to_string())
}

/// Formats a float so that it reads back exactly; at most 17 digits.
#[must_use]
pub fn float(number: f64) -> String {
    if number.is_nan() {
        return "NaN".to_owned();
    }
    if number.is_infinite() {
        return if number > 0.0 { "Infinity" } else { "-Infinity" }.to_owned();
    }
    let text = format!("{number:?}");
    text.strip_suffix(".0").map_or(text.clone(), str::to_owned)
}

/// Returns the columns' names as Grafana shows them, made unique with `_1`, `_2`.
#[must_use]
pub fn names(schema: &SchemaRef) -> Vec<String> {
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

/// Returns the field's display name, or its name with its labels: `p95_ms {pattern="a"}`.
#[must_use]
pub fn display_name(field: &Field) -> String {
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

/// Returns the rows as a JSON array of objects, one per line, in pieces of a few thousand rows. NaN and
/// infinities become null, because JSON cannot hold them; [`not_in_json`] counts them.
pub fn json(frame: Decoded) -> impl Iterator<Item = Vec<u8>> + Send {
    let keys: Vec<String> =
        names(&frame.schema).into_iter().map(|name| Value::from(name).to_string()).collect();
    let end: &[u8] = if frame.rows() == 0 { b"]\n" } else { b"\n]\n" };
    let mut first = true;
    let rows = frame.batches.into_iter().flat_map(slices).map(move |batch| {
        let mut out = Vec::new();
        for row in 0..batch.num_rows() {
            out.extend_from_slice(if first { b"\n{" } else { b",\n{" });
            first = false;
            for (at, (key, column)) in keys.iter().zip(batch.columns()).enumerate() {
                if at > 0 {
                    out.push(b',');
                }
                out.extend_from_slice(key.as_bytes());
                out.push(b':');
                write_json(&cell(column, row), &mut out);
            }
            out.push(b'}');
        }
        out
    });
    std::iter::once(b"[".to_vec()).chain(rows).chain(std::iter::once(end.to_vec()))
}

/// Counts the numbers of the frame that JSON cannot hold.
#[must_use]
pub fn not_in_json(frame: &Decoded) -> usize {
    let columns = frame.batches.iter().flat_map(RecordBatch::columns);
    let lost = columns.map(|column| match column.data_type() {
        DataType::Float64 => {
            let numbers = column.as_primitive::<Float64Type>();
            numbers.iter().flatten().filter(|number| !number.is_finite()).count()
        }
        DataType::Float32 => {
            let numbers = column.as_primitive::<Float32Type>();
            numbers.iter().flatten().filter(|number| !number.is_finite()).count()
        }
        _ => 0,
    });
    lost.sum()
}

/// Splits the batch into pieces.
pub(super) fn slices(batch: RecordBatch) -> impl Iterator<Item = RecordBatch> + Send {
    let rows = batch.num_rows();
    (0..rows).step_by(PIECE_ROWS).map(move |start| batch.slice(start, PIECE_ROWS.min(rows - start)))
}

fn write_json(cell: &Cell<'_>, out: &mut Vec<u8>) {
    let text = |text: &str, out: &mut Vec<u8>| {
        // Serializing a string into a Vec cannot fail.
        let _ = serde_json::to_writer(out, text);
    };
    match cell {
        Cell::Null => out.extend_from_slice(b"null"),
        Cell::Float(number) if !number.is_finite() => out.extend_from_slice(b"null"),
        Cell::Text(value) => text(value, out),
        Cell::Time(value) => text(value, out),
        other => out.extend_from_slice(other.plain().as_bytes()),
    }
}

#[cfg(test)]
pub(crate) mod tests;
