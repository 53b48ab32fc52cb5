//! Converts nested values and `DuckDB`'s type JSON to JSON fields (Arrow Binary). Every cell must be valid
//! JSON, or Grafana's answer to the browser is broken.

use arrow::array::{Array, ArrayRef, AsArray, BinaryArray};
use arrow::compute::cast;
use arrow::datatypes::{
    DataType, Decimal32Type, Decimal64Type, Decimal128Type, Field, Float32Type, Float64Type, Int64Type,
    UInt8Type, UInt16Type, UInt32Type, UInt64Type, UnionMode,
};
use serde::de::IgnoredAny;

use super::cell::{self, Cells};
use super::{arrow_error, numbers};
use crate::{Error, Result};

/// The deepest nesting of types that is written; deeper values are not readable and cost stack.
const MAX_DEPTH: usize = 64;

/// Refuses types that nest deeper than [`MAX_DEPTH`].
pub(super) fn check_depth(field: &Field) -> Result<()> {
    if fits(field.data_type(), MAX_DEPTH) {
        return Ok(());
    }
    Err(Error::unfit(format!("column `{}` nests more than {MAX_DEPTH} levels deep", field.name()))
        .hint("Select a part of it, or cast it with `CAST(… AS VARCHAR)`"))
}

fn fits(data_type: &DataType, depth: usize) -> bool {
    let Some(depth) = depth.checked_sub(1) else { return false };
    match data_type {
        DataType::List(field)
        | DataType::LargeList(field)
        | DataType::FixedSizeList(field, _)
        | DataType::ListView(field)
        | DataType::LargeListView(field)
        | DataType::Map(field, _) => fits(field.data_type(), depth),
        DataType::Struct(fields) => fields.iter().all(|field| fits(field.data_type(), depth)),
        DataType::Union(fields, _) => fields.iter().all(|(_, field)| fits(field.data_type(), depth)),
        DataType::Dictionary(_, value) => fits(value, depth),
        DataType::RunEndEncoded(_, value) => fits(value.data_type(), depth),
        _ => true,
    }
}

/// Converts LIST, ARRAY, STRUCT, MAP and UNION to JSON as `to_json` writes it, except that numbers which a
/// browser would round become texts.
pub(super) fn from_nested(array: &ArrayRef, column: &str) -> Result<BinaryArray> {
    Cells::write_json(array, column, |row, out| write_json(array, row, out))
}

/// Converts text of the type JSON. `DuckDB` accepts more than the standard (`NaN`, comments); such a cell
/// becomes a JSON string of its text.
pub(super) fn from_text(array: &ArrayRef, column: &str) -> Result<BinaryArray> {
    let array = cast(array, &DataType::Utf8).map_err(|e| arrow_error(&e))?;
    let texts = array.as_string::<i32>();
    let valid = |text: &str| serde_json::from_str::<IgnoredAny>(text).is_ok();
    if texts.iter().flatten().all(valid) {
        return BinaryArray::try_new(texts.offsets().clone(), texts.values().clone(), texts.nulls().cloned())
            .map_err(|e| arrow_error(&e));
    }
    Cells::write_json(&array, column, |row, out| {
        let text = texts.value(row);
        if valid(text) { out.extend_from_slice(text.as_bytes()) } else { write_string(text, out) }
    })
}

fn write_json(array: &dyn Array, row: usize, out: &mut Vec<u8>) {
    if array.is_null(row) {
        return out.extend_from_slice(b"null");
    }
    match array.data_type() {
        DataType::Null => out.extend_from_slice(b"null"),
        DataType::List(_) => write_list(&array.as_list::<i32>().value(row), out),
        DataType::LargeList(_) => write_list(&array.as_list::<i64>().value(row), out),
        DataType::ListView(_) => write_list(&array.as_list_view::<i32>().value(row), out),
        DataType::LargeListView(_) => write_list(&array.as_list_view::<i64>().value(row), out),
        DataType::FixedSizeList(..) => write_list(&array.as_fixed_size_list().value(row), out),
        DataType::Struct(fields) => {
            let columns = array.as_struct().columns();
            let members = fields.iter().zip(columns).map(|(field, column)| (field.name().as_str(), column));
            write_object(members, row, out);
        }
        DataType::Map(..) => write_map(&array.as_map().value(row), out),
        DataType::Union(fields, mode) => {
            let union = array.as_union();
            let id = union.type_id(row);
            let name = fields.iter().find(|(other, _)| *other == id).map_or("", |(_, field)| field.name());
            let row = if *mode == UnionMode::Dense { union.value_offset(row) } else { row };
            write_object(std::iter::once((name, union.child(id))), row, out);
        }
        DataType::Dictionary(..) => {
            let dictionary = array.as_any_dictionary();
            match key(dictionary.keys(), row) {
                Some(key) => write_json(dictionary.values(), key, out),
                None => write_leaf(array, row, out),
            }
        }
        _ => write_leaf(array, row, out),
    }
}

/// Returns the index into the dictionary; `DuckDB` writes unsigned keys.
fn key(keys: &dyn Array, row: usize) -> Option<usize> {
    match keys.data_type() {
        DataType::UInt8 => Some(usize::from(keys.as_primitive::<UInt8Type>().value(row))),
        DataType::UInt16 => Some(usize::from(keys.as_primitive::<UInt16Type>().value(row))),
        DataType::UInt32 => usize::try_from(keys.as_primitive::<UInt32Type>().value(row)).ok(),
        _ => None,
    }
}

fn write_leaf(array: &dyn Array, row: usize, out: &mut Vec<u8>) {
    let safe = numbers::SAFE.unsigned_abs();
    let exact = match array.data_type() {
        DataType::Boolean => true,
        DataType::Int64 => array.as_primitive::<Int64Type>().value(row).unsigned_abs() <= safe,
        DataType::UInt64 => array.as_primitive::<UInt64Type>().value(row) <= safe,
        DataType::Float32 => array.as_primitive::<Float32Type>().value(row).is_finite(),
        DataType::Float64 => array.as_primitive::<Float64Type>().value(row).is_finite(),
        DataType::Decimal32(..) => {
            u64::from(array.as_primitive::<Decimal32Type>().value(row).unsigned_abs()) <= safe
        }
        DataType::Decimal64(..) => array.as_primitive::<Decimal64Type>().value(row).unsigned_abs() <= safe,
        DataType::Decimal128(..) => {
            array.as_primitive::<Decimal128Type>().value(row).unsigned_abs() <= u128::from(safe)
        }
        other => other.is_integer(),
    };
    let start = out.len();
    cell::write_text(array, row, out);
    if !exact {
        let text = out.split_off(start);
        write_string(&String::from_utf8_lossy(&text), out);
    }
}

fn write_list(items: &ArrayRef, out: &mut Vec<u8>) {
    out.push(b'[');
    for row in 0..items.len() {
        if row > 0 {
            out.push(b',');
        }
        write_json(items, row, out);
    }
    out.push(b']');
}

fn write_object<'a>(members: impl Iterator<Item = (&'a str, &'a ArrayRef)>, row: usize, out: &mut Vec<u8>) {
    out.push(b'{');
    for (position, (name, column)) in members.enumerate() {
        if position > 0 {
            out.push(b',');
        }
        write_string(name, out);
        out.push(b':');
        write_json(column, row, out);
    }
    out.push(b'}');
}

fn write_map(entries: &arrow::array::StructArray, out: &mut Vec<u8>) {
    let [keys, values] = entries.columns() else { return out.extend_from_slice(b"{}") };
    out.push(b'{');
    for row in 0..entries.len() {
        if row > 0 {
            out.push(b',');
        }
        let mut key = Vec::new();
        if keys.data_type().is_nested() {
            write_json(keys, row, &mut key);
        } else {
            cell::write_text(keys, row, &mut key);
        }
        write_string(&String::from_utf8_lossy(&key), out);
        out.push(b':');
        write_json(values, row, out);
    }
    out.push(b'}');
}

fn write_string(text: &str, out: &mut Vec<u8>) {
    // Serializing a string into a Vec cannot fail.
    let _ = serde_json::to_writer(out, text);
}
