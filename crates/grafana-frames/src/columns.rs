//! Decides which kind of field each column of a result becomes, for every Arrow type.
//!
//! Grafana's reader knows integers, floats, booleans, UTF-8 text, nanosecond timestamps and JSON (as Arrow
//! Binary); any other Arrow type fails the whole response. So all columns are planned once per result, from
//! the schema:
//!
//! | in | out |
//! |---|---|
//! | integers, floats, booleans, text | as they are; a notice when integers lie beyond ±2^53 |
//! | HUGEINT, UHUGEINT, BIGNUM, DECIMAL | float64; a notice when digits are lost |
//! | DATE, TIMESTAMP of any unit or zone | time; a notice for infinities and years outside 1677–2262 |
//! | a number named `time` or `timeend` | time; its unit is guessed from the magnitude, as Grafana does |
//! | ENUM (dictionary), UUID, TIME, INTERVAL, BLOB, other bytes | text, as `CAST(x AS VARCHAR)` writes it |
//! | LIST, ARRAY, STRUCT, MAP, UNION, JSON | JSON |
//! | NULL | text that is always NULL |
//!
//! Nested values become JSON and not text, because Grafana's table panel shows a JSON field indented,
//! transformations ("extract fields") split it, and alert rules ignore it. A text column would become a label
//! of every alert.

use std::collections::HashSet;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, Float64Array, StringArray};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Field, Schema};

use super::meta::Notice;
use super::times::Times;
use super::{SQL_TYPE, arrow_error, cell, counted, json, nulls, numbers, times};
use crate::Result;

/// A column: its target, and what was lost in it so far.
#[derive(Debug, Clone)]
pub(super) struct Column {
    /// The field's name; unique and not empty.
    pub(super) name: String,
    /// The kind of field that it becomes.
    pub(super) target: Target,
    /// The type without dictionary or run-length encoding.
    pub(super) plain: DataType,
    encoded: bool,
    rounded: u64,
    lost_times: u64,
}

/// The kind of field that a column becomes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Target {
    /// The same type: integers, float32/64, booleans, text.
    Same,
    /// float64, from decimals and half floats.
    Float,
    /// Time, from dates and timestamps.
    Time,
    /// Time, from a number whose unit is guessed from its magnitude.
    Epoch,
    /// Time, from an integer YYYYWW: the Monday of the week. Only for the format `time_series`.
    Week,
    /// Text.
    Text,
    /// JSON, from nested values.
    Json,
    /// JSON, from text of `DuckDB`'s type JSON.
    JsonText,
    /// Text that is always NULL.
    Null,
}

/// Plans the columns of a result with this schema.
///
/// # Errors
/// [`Kind::Unfit`] for a type that nests too deep to be written as JSON.
pub(super) fn plan(schema: &Schema) -> Result<Vec<Column>> {
    let mut taken = HashSet::new();
    schema
        .fields()
        .iter()
        .enumerate()
        .map(|(position, field)| {
            json::check_depth(field)?;
            let name = unique_name(field.name(), position, &mut taken);
            let plain = unwrapped(field.data_type());
            let tag = field.metadata().get(SQL_TYPE).map_or("", String::as_str);
            Ok(Column {
                target: target(&name, &plain, tag),
                name,
                encoded: plain != *field.data_type(),
                plain,
                rounded: 0,
                lost_times: 0,
            })
        })
        .collect()
}

/// Returns a unique name: a second `x` becomes `x_1` (the rule of `DuckDB`'s own subqueries), and an empty
/// name becomes `column3` by its position. Grafana's panels find fields by name, and labels must differ.
fn unique_name(name: &str, position: usize, taken: &mut HashSet<String>) -> String {
    let base = if name.trim().is_empty() { format!("column{}", position + 1) } else { name.to_owned() };
    let mut unique = base.clone();
    let mut count = 0;
    while !taken.insert(unique.clone()) {
        count += 1;
        unique = format!("{base}_{count}");
    }
    unique
}

fn unwrapped(data_type: &DataType) -> DataType {
    match data_type {
        DataType::Dictionary(_, value) => unwrapped(value),
        DataType::RunEndEncoded(_, value) => unwrapped(value.data_type()),
        other => other.clone(),
    }
}

fn target(name: &str, plain: &DataType, tag: &str) -> Target {
    use DataType as T;
    let is_json = tag.eq_ignore_ascii_case("json");
    // Integers wider than any of Arrow's are given as text of their digits.
    let is_digits = tag == "UHUGEINT" || tag == "BIGNUM";
    let epoch = ["time", "timeend"].iter().any(|epoch| name.eq_ignore_ascii_case(epoch));
    match plain {
        T::Null => Target::Null,
        T::Decimal32(..) | T::Decimal64(..) | T::Decimal128(..) | T::Decimal256(..) | T::Float16 if epoch => {
            Target::Epoch
        }
        numeric if numeric.is_numeric() && epoch => Target::Epoch,
        T::Decimal32(..) | T::Decimal64(..) | T::Decimal128(..) | T::Decimal256(..) | T::Float16 => {
            Target::Float
        }
        T::Boolean => Target::Same,
        numeric if numeric.is_numeric() => Target::Same,
        T::Date32 | T::Date64 | T::Timestamp(..) => Target::Time,
        T::Utf8 | T::LargeUtf8 | T::Utf8View if is_json => Target::JsonText,
        T::Utf8 if is_digits => Target::Float,
        T::Utf8 => Target::Same,
        T::List(_)
        | T::LargeList(_)
        | T::FixedSizeList(..)
        | T::ListView(_)
        | T::LargeListView(_)
        | T::Struct(_)
        | T::Map(..)
        | T::Union(..) => Target::Json,
        _ => Target::Text,
    }
}

impl Column {
    /// Returns the frame's field. It is nullable, as every column of a query is.
    pub(super) fn field(&self) -> Field {
        let data_type = match self.target {
            Target::Same => self.plain.clone(),
            Target::Float => DataType::Float64,
            Target::Time | Target::Epoch | Target::Week => times::time_type(),
            Target::Text | Target::Null => DataType::Utf8,
            Target::Json | Target::JsonText => DataType::Binary,
        };
        Field::new(&self.name, data_type, true)
    }

    /// Whether the frame's field is text.
    pub(super) fn is_text(&self) -> bool {
        matches!(self.target, Target::Text | Target::Null)
            || self.target == Target::Same && self.plain == DataType::Utf8
    }

    /// Whether the frame's field is a number.
    pub(super) fn is_number(&self) -> bool {
        self.target == Target::Float || self.target == Target::Same && self.plain.is_numeric()
    }

    /// Converts values to the type of the frame's field.
    pub(super) fn convert(&mut self, array: &ArrayRef) -> Result<ArrayRef> {
        let array = self.decoded(array)?;
        let converted: ArrayRef = match self.target {
            Target::Same => {
                self.rounded += numbers::count_unsafe(&array);
                array
            }
            Target::Float => {
                let (floats, rounded) = numbers::to_f64(&array)?;
                self.rounded += rounded;
                Arc::new(floats)
            }
            Target::Time | Target::Epoch | Target::Week => Arc::new(self.times(&array)?),
            Target::Text => Arc::new(cell::to_text(&array, &self.name)?),
            Target::Json => Arc::new(json::from_nested(&array, &self.name)?),
            Target::JsonText => Arc::new(json::from_text(&array, &self.name)?),
            Target::Null => Arc::new(StringArray::new_null(array.len())),
        };
        Ok(nulls::zeroed(converted))
    }

    /// Converts values to doubles, for a time series; nulls if the column is not a number.
    pub(super) fn floats(&mut self, array: &ArrayRef) -> Result<Float64Array> {
        let array = self.decoded(array)?;
        if !self.is_number() {
            return Ok(Float64Array::new_null(array.len()));
        }
        let (floats, rounded) = numbers::to_f64(&array)?;
        self.rounded += rounded;
        Ok(floats)
    }

    /// Converts values to times.
    pub(super) fn times(&mut self, array: &ArrayRef) -> Result<arrow::array::TimestampNanosecondArray> {
        let array = self.decoded(array)?;
        let (times, lost): Times = match self.target {
            Target::Epoch => times::from_epoch(&array)?,
            Target::Week => times::from_weeks(&array)?,
            _ => times::from_temporal(&array),
        };
        self.lost_times += lost;
        Ok(times)
    }

    /// Converts values to texts, for labels; booleans become `true` and `false`.
    pub(super) fn labels(&mut self, array: &ArrayRef) -> Result<StringArray> {
        let array = if self.plain == DataType::Boolean {
            cast(&self.decoded(array)?, &DataType::Utf8).map_err(|e| arrow_error(&e))?
        } else {
            self.convert(array)?
        };
        Ok(array.as_string::<i32>().clone())
    }

    /// Returns the values without dictionary or run-length encoding.
    pub(super) fn decoded(&self, array: &ArrayRef) -> Result<ArrayRef> {
        if self.encoded && array.data_type() != &self.plain {
            cast(array, &self.plain).map_err(|e| arrow_error(&e))
        } else {
            Ok(Arc::clone(array))
        }
    }

    /// Returns notices about what was lost in this column.
    pub(super) fn notices(&self) -> impl Iterator<Item = Notice> {
        let name = &self.name;
        let sql = quoted(name);
        let rounded = (self.rounded > 0).then(|| {
            let what = match self.target {
                Target::Same => format!("{} beyond ±2^53", counted(self.rounded, "integer")),
                _ => format!("{} with more than 15 digits", counted(self.rounded, "value")),
            };
            Notice::warning(format!(
                "Column `{name}`: {what}, shown rounded. `CAST({sql} AS VARCHAR)` keeps every digit."
            ))
        });
        let lost = (self.lost_times > 0).then(|| {
            Notice::warning(format!(
                "Column `{name}`: {} infinite or outside the years 1677 to 2262, shown as empty. `CAST({sql} AS \
                 VARCHAR)` shows {}.",
                counted(self.lost_times, "time"),
                if self.lost_times == 1 { "it" } else { "them" }
            ))
        });
        [rounded, lost].into_iter().flatten()
    }
}

/// Returns the name quoted for SQL.
fn quoted(name: &str) -> String {
    let plain = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    if plain { name.to_owned() } else { format!("\"{}\"", name.replace('"', "\"\"")) }
}
