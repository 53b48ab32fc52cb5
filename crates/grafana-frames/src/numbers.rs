//! Numbers that a browser cannot hold exactly: it stores every number as a double, so integers beyond ±2^53
//! and decimals of more than 15 digits are rounded. They are sent anyway and counted, so that a notice can
//! say so.

use arrow::array::{Array, ArrayRef, AsArray, Float64Array, PrimitiveArray, StringArray};
use arrow::buffer::NullBuffer;
use arrow::compute::cast;
use arrow::datatypes::{
    ArrowPrimitiveType, DataType, Decimal32Type, Decimal64Type, Decimal128Type, Float64Type, Int64Type,
    UInt64Type,
};

use super::arrow_error;
use crate::Result;

/// The largest integer up to which a double holds every integer exactly.
pub(super) const SAFE: i64 = 1 << 53;

/// Counts the integers in the column that are beyond ±2^53.
pub(super) fn count_unsafe(array: &ArrayRef) -> u64 {
    match array.data_type() {
        DataType::Int64 => {
            count(array.as_primitive::<Int64Type>(), |value| value.unsigned_abs() > SAFE as u64)
        }
        DataType::UInt64 => count(array.as_primitive::<UInt64Type>(), |value| value > SAFE as u64),
        _ => 0,
    }
}

/// A first pass without branches checks whether there are any; only then they are counted.
fn count<T: ArrowPrimitiveType>(array: &PrimitiveArray<T>, beyond: impl Fn(T::Native) -> bool) -> u64 {
    if !array.values().iter().fold(false, |seen, &value| seen | beyond(value)) {
        return 0;
    }
    // The values under nulls are arbitrary.
    array.iter().flatten().filter(|&value| beyond(value)).count() as u64
}

/// Converts a column of numbers to doubles, and counts the values that lost digits.
pub(super) fn to_f64(array: &ArrayRef) -> Result<(Float64Array, u64)> {
    match array.data_type() {
        DataType::Decimal32(_, scale) => {
            let array = array.as_primitive::<Decimal32Type>();
            Ok(decimals(array.values().iter().map(|&v| i128::from(v)), array.nulls(), *scale))
        }
        DataType::Decimal64(_, scale) => {
            let array = array.as_primitive::<Decimal64Type>();
            Ok(decimals(array.values().iter().map(|&v| i128::from(v)), array.nulls(), *scale))
        }
        DataType::Decimal128(_, scale) => {
            let array = array.as_primitive::<Decimal128Type>();
            Ok(decimals(array.values().iter().copied(), array.nulls(), *scale))
        }
        DataType::Float64 => Ok((array.as_primitive::<Float64Type>().clone(), 0)),
        DataType::Utf8 => Ok(digits(array.as_string::<i32>())),
        _ => {
            let lost = count_unsafe(array);
            let array = cast(array, &DataType::Float64).map_err(|e| arrow_error(&e))?;
            Ok((array.as_primitive::<Float64Type>().clone(), lost))
        }
    }
}

/// Converts integers of any size, given as decimal digits.
fn digits(array: &StringArray) -> (Float64Array, u64) {
    let mut lost = 0;
    let floats = array
        .iter()
        .map(|text| {
            let number: f64 = text?.parse().ok()?;
            lost += u64::from(text != Some(format!("{number:.0}").as_str()));
            Some(number)
        })
        .collect();
    (floats, lost)
}

#[allow(clippy::cast_precision_loss, clippy::cast_possible_truncation)] // what it loses is counted
fn decimals(
    values: impl ExactSizeIterator<Item = i128> + Clone,
    nulls: Option<&NullBuffer>,
    scale: i8,
) -> (Float64Array, u64) {
    // A quotient of an integer up to 2^53 and a power of ten up to 10^22 is the nearest double, because a
    // double holds both exactly.
    let divisor = 10f64.powi(i32::from(scale));
    let limit = i128::from(SAFE);
    let mut large = false;
    let quick: Vec<f64> = values
        .clone()
        .map(|value| {
            large |= !(-limit..=limit).contains(&value);
            value as f64 / divisor
        })
        .collect();
    if !large && (0..=22).contains(&scale) {
        return (Float64Array::new(quick.into(), nulls.cloned()), 0);
    }
    let mut lost = 0;
    let exact: Vec<f64> = values
        .enumerate()
        .map(|(row, value)| {
            let (value, scale) = trimmed(value, scale);
            if value.unsigned_abs() > SAFE as u128 && nulls.is_none_or(|nulls| nulls.is_valid(row)) {
                // Some large integers, such as powers of two, are exact doubles and do not count. The cast
                // back saturates at the largest i128, which no double holds exactly.
                lost += u64::from(scale > 0 || value == i128::MAX || value as f64 as i128 != value);
            }
            value as f64 / 10f64.powi(i32::from(scale))
        })
        .collect();
    (Float64Array::new(exact.into(), nulls.cloned()), lost)
}

/// Removes trailing zeros of the fraction.
fn trimmed(mut value: i128, mut scale: i8) -> (i128, i8) {
    while scale > 0 && value % 10 == 0 {
        value /= 10;
        scale -= 1;
    }
    (value, scale)
}
