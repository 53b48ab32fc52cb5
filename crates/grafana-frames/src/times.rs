//! Converts columns to time fields: nanoseconds since 1970 in UTC. Grafana reads the integer of any Arrow
//! timestamp as nanoseconds, whatever its type says.
//!
//! Values outside this range (the infinities, years outside 1677–2262) become null and are counted.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, Float64Array, Int64Array, TimestampNanosecondArray};
use arrow::buffer::{NullBuffer, ScalarBuffer};
use arrow::compute::cast;
use arrow::datatypes::{
    DataType, Date32Type, Date64Type, Int64Type, TimeUnit, TimestampMicrosecondType,
    TimestampMillisecondType, TimestampNanosecondType, TimestampSecondType,
};

use super::{arrow_error, numbers};
use crate::Result;
use grafana_time::IsoWeek;

/// Times, and the number of values that were lost.
pub(super) type Times = (TimestampNanosecondArray, u64);

const SECOND: i64 = 1_000_000_000;
const DAY: i64 = 86_400 * SECOND;

/// The Arrow type of every time field.
pub(super) fn time_type() -> DataType {
    DataType::Timestamp(TimeUnit::Nanosecond, Some(Arc::from("UTC")))
}

/// Converts DATE and TIMESTAMP of any unit. Other types would give nulls; the caller has checked the type.
pub(super) fn from_temporal(array: &ArrayRef) -> Times {
    let nulls = array.nulls();
    match array.data_type() {
        DataType::Timestamp(TimeUnit::Second, _) => {
            scale(array.as_primitive::<TimestampSecondType>().values(), nulls, SECOND)
        }
        DataType::Timestamp(TimeUnit::Millisecond, _) => {
            scale(array.as_primitive::<TimestampMillisecondType>().values(), nulls, 1_000_000)
        }
        DataType::Timestamp(TimeUnit::Microsecond, _) => {
            scale(array.as_primitive::<TimestampMicrosecondType>().values(), nulls, 1_000)
        }
        DataType::Timestamp(TimeUnit::Nanosecond, _) => {
            scale(array.as_primitive::<TimestampNanosecondType>().values(), nulls, 1)
        }
        DataType::Date64 => scale(array.as_primitive::<Date64Type>().values(), nulls, 1_000_000),
        DataType::Date32 => {
            let days = array.as_primitive::<Date32Type>().values();
            let days: ScalarBuffer<i64> = days.iter().map(|&day| i64::from(day)).collect();
            scale(&days, nulls, DAY)
        }
        _ => (as_times(ScalarBuffer::from(vec![0; array.len()]), Some(NullBuffer::new_null(array.len()))), 0),
    }
}

/// Multiplies all values at once; values are checked one by one only if the batch has a value out of range.
fn scale(values: &ScalarBuffer<i64>, nulls: Option<&NullBuffer>, factor: i64) -> Times {
    // ±i64::MAX are the infinities. Divided by the factor, the limit also excludes years out of range.
    let limit = if factor == 1 { i64::MAX - 1 } else { i64::MAX / factor };
    let fits = |value: i64| (-limit..=limit).contains(&value);
    let outside = values.iter().fold(false, |seen, &value| seen | !fits(value));
    let scaled = if factor == 1 {
        values.clone()
    } else {
        values.iter().map(|value| value.wrapping_mul(factor)).collect::<Vec<_>>().into()
    };
    if !outside {
        return (as_times(scaled, nulls.cloned()), 0);
    }
    // The values under nulls are arbitrary, so only valid values count as lost.
    keep_valid(scaled, nulls, |row| values.get(row).is_some_and(|&value| fits(value)))
}

/// Converts integers and floats to times. The unit is guessed from the magnitude as Grafana does
/// (`epochPrecisionToMS` in `sqleng`): ten digits are seconds, nineteen are nanoseconds, others are
/// milliseconds. In addition, numbers that would be beyond the calendar as milliseconds are read as micro- or
/// nanoseconds.
pub(super) fn from_epoch(array: &ArrayRef) -> Result<Times> {
    if array.data_type().is_integer() {
        let array = cast(array, &DataType::Int64).map_err(|e| arrow_error(&e))?;
        return Ok(from_integers(array.as_primitive::<Int64Type>(), epoch_ns));
    }
    let numbers = numbers::to_f64(array)?.0;
    Ok(from_floats(&numbers))
}

/// Converts integers YYYYWW to the Mondays of their weeks; other integers are lost.
pub(super) fn from_weeks(array: &ArrayRef) -> Result<Times> {
    let array = cast(array, &DataType::Int64).map_err(|e| arrow_error(&e))?;
    Ok(from_integers(array.as_primitive::<Int64Type>(), |number| {
        IsoWeek::from_yyyyww(number).map(IsoWeek::start_ns)
    }))
}

fn from_integers(array: &Int64Array, to_ns: impl Fn(i64) -> Option<i64>) -> Times {
    // Weeks and seconds repeat, so the last result is reused for an equal value.
    let mut last = None;
    let times: Vec<Option<i64>> = array
        .values()
        .iter()
        .map(|&value| match last {
            Some((seen, time)) if seen == value => time,
            _ => {
                let time = to_ns(value);
                last = Some((value, time));
                time
            }
        })
        .collect();
    let values = times.iter().map(|time| time.unwrap_or_default()).collect::<Vec<_>>();
    keep_valid(values.into(), array.nulls(), |row| times.get(row).is_some_and(Option::is_some))
}

#[allow(clippy::cast_possible_truncation)] // only what `contains` has seen to fit
fn from_floats(array: &Float64Array) -> Times {
    let limit = 9.2e18;
    let ns: Vec<f64> = array
        .values()
        .iter()
        .map(|&value| match value.abs() {
            size if (1e9..1e10).contains(&size) => (value * 1e6).round() * 1e3,
            size if size >= 1e17 => value,
            size if size >= 1e13 => value * 1e3,
            _ => value * 1e6,
        })
        .collect();
    let values = ns.iter().map(|&value| value as i64).collect::<Vec<_>>();
    let fits = |row: usize| ns.get(row).is_some_and(|value| (-limit..=limit).contains(value));
    let values: Vec<_> =
        values.iter().enumerate().map(|(row, &value)| if fits(row) { value } else { 0 }).collect();
    keep_valid(values.into(), array.nulls(), fits)
}

fn epoch_ns(value: i64) -> Option<i64> {
    const MILLI: i64 = 1_000_000;
    let factor = match value.unsigned_abs() {
        1_000_000_000..=9_999_999_999 => SECOND,
        0..10_000_000_000_000 => MILLI,
        10_000_000_000_000..100_000_000_000_000_000 => 1_000,
        _ => 1,
    };
    value.checked_mul(factor).filter(|&ns| ns != i64::MAX && ns > -i64::MAX)
}

/// Turns the rows that are not `good` into nulls, and counts those that had a value.
fn keep_valid(values: ScalarBuffer<i64>, nulls: Option<&NullBuffer>, good: impl Fn(usize) -> bool) -> Times {
    let good = NullBuffer::from((0..values.len()).map(good).collect::<Vec<_>>());
    let kept = NullBuffer::union(nulls, Some(&good));
    let before = nulls.map_or(0, NullBuffer::null_count);
    let after = kept.as_ref().map_or(0, NullBuffer::null_count);
    let kept = kept.filter(|nulls| nulls.null_count() > 0);
    (as_times(values, kept), (after - before) as u64)
}

fn as_times(values: ScalarBuffer<i64>, nulls: Option<NullBuffer>) -> TimestampNanosecondArray {
    TimestampNanosecondArray::new(values, nulls).with_timezone("UTC")
}
