//! Writes values as text, as `DuckDB`'s `CAST(x AS VARCHAR)` does: for types that Grafana does not have, and
//! for leaves in JSON.

use std::io::Write;

use arrow::array::{Array, ArrayRef, AsArray, BinaryArray, StringArray};
use arrow::buffer::{Buffer, NullBuffer, OffsetBuffer, ScalarBuffer};
use arrow::datatypes::{
    DataType, Date32Type, Date64Type, Decimal32Type, Decimal64Type, Decimal128Type, Decimal256Type, Int8Type,
    Int16Type, Int32Type, Int64Type, IntervalMonthDayNano, IntervalMonthDayNanoType, IntervalUnit,
    Time32MillisecondType, Time32SecondType, Time64MicrosecondType, Time64NanosecondType, TimeUnit,
    TimestampMicrosecondType, TimestampMillisecondType, TimestampNanosecondType, TimestampSecondType,
    UInt8Type, UInt16Type, UInt32Type, UInt64Type,
};
use arrow::util::display::array_value_to_string;

use super::arrow_error;
use crate::{Error, Kind, Result};

const SECOND: i64 = 1_000_000_000;
const DAY_NS: i128 = 86_400_000_000_000;

/// Converts a column to text; nulls stay null.
pub(super) fn to_text(array: &ArrayRef, column: &str) -> Result<StringArray> {
    let (offsets, bytes, nulls) = Cells::write(array, column, |row, out| write_text(array, row, out))?;
    StringArray::try_new(offsets, bytes, nulls).map_err(|e| arrow_error(&e))
}

/// Builds the buffers of a text or bytes column, cell by cell.
pub(super) struct Cells;

impl Cells {
    /// Calls `write` for each row that is not null and returns the buffers.
    ///
    /// # Errors
    /// [`Kind::TooLarge`] when the cells of one batch exceed 2 GiB, the limit of an Arrow column.
    pub(super) fn write(
        array: &ArrayRef,
        column: &str,
        mut write: impl FnMut(usize, &mut Vec<u8>),
    ) -> Result<(OffsetBuffer<i32>, Buffer, Option<NullBuffer>)> {
        let nulls = array.nulls().cloned();
        let mut bytes = Vec::new();
        let mut offsets = Vec::with_capacity(array.len() + 1);
        offsets.push(0);
        for row in 0..array.len() {
            if nulls.as_ref().is_none_or(|nulls| nulls.is_valid(row)) {
                write(row, &mut bytes);
            }
            offsets.push(i32::try_from(bytes.len()).map_err(|_| {
                Error::new(Kind::TooLarge, format!("column `{column}` is larger than 2 GiB as text"))
                    .hint("Select parts of it, or fewer rows")
            })?);
        }
        Ok((OffsetBuffer::new(ScalarBuffer::from(offsets)), Buffer::from_vec(bytes), nulls))
    }

    /// Builds a bytes column, which Grafana reads as JSON; see [`Self::write`].
    pub(super) fn write_json(
        array: &ArrayRef,
        column: &str,
        write: impl FnMut(usize, &mut Vec<u8>),
    ) -> Result<BinaryArray> {
        let (offsets, bytes, nulls) = Self::write(array, column, write)?;
        BinaryArray::try_new(offsets, bytes, nulls).map_err(|e| arrow_error(&e))
    }
}

/// Appends the value in this row, which must exist and not be null. (Writing into a `Vec` cannot fail.)
pub(super) fn write_text(array: &dyn Array, row: usize, out: &mut Vec<u8>) {
    macro_rules! integer {
        ($kind:ty) => {{
            let _ = write!(out, "{}", array.as_primitive::<$kind>().value(row));
        }};
    }
    match array.data_type() {
        DataType::Boolean => push(out, if array.as_boolean().value(row) { "true" } else { "false" }),
        DataType::Int8 => integer!(Int8Type),
        DataType::Int16 => integer!(Int16Type),
        DataType::Int32 => integer!(Int32Type),
        DataType::Int64 => integer!(Int64Type),
        DataType::UInt8 => integer!(UInt8Type),
        DataType::UInt16 => integer!(UInt16Type),
        DataType::UInt32 => integer!(UInt32Type),
        DataType::UInt64 => integer!(UInt64Type),
        DataType::Utf8 => out.extend_from_slice(array.as_string::<i32>().value(row).as_bytes()),
        DataType::LargeUtf8 => out.extend_from_slice(array.as_string::<i64>().value(row).as_bytes()),
        DataType::Utf8View => out.extend_from_slice(array.as_string_view().value(row).as_bytes()),
        DataType::Binary => write_blob(array.as_binary::<i32>().value(row), out),
        DataType::LargeBinary => write_blob(array.as_binary::<i64>().value(row), out),
        DataType::BinaryView => write_blob(array.as_binary_view().value(row), out),
        DataType::FixedSizeBinary(_) => write_blob(array.as_fixed_size_binary().value(row), out),
        DataType::Decimal32(..) => push(out, &array.as_primitive::<Decimal32Type>().value_as_string(row)),
        DataType::Decimal64(..) => push(out, &array.as_primitive::<Decimal64Type>().value_as_string(row)),
        DataType::Decimal128(..) => push(out, &array.as_primitive::<Decimal128Type>().value_as_string(row)),
        DataType::Decimal256(..) => push(out, &array.as_primitive::<Decimal256Type>().value_as_string(row)),
        DataType::Date32 => {
            let days = array.as_primitive::<Date32Type>().value(row);
            match infinity(days == i32::MAX, days == -i32::MAX) {
                Some(word) => push(out, word),
                None => write_date(i64::from(days), out),
            }
        }
        DataType::Date64 => {
            write_date(array.as_primitive::<Date64Type>().value(row).div_euclid(86_400_000), out);
        }
        DataType::Timestamp(unit, zone) => {
            let (value, factor) = match unit {
                TimeUnit::Second => (array.as_primitive::<TimestampSecondType>().value(row), SECOND),
                TimeUnit::Millisecond => {
                    (array.as_primitive::<TimestampMillisecondType>().value(row), 1_000_000)
                }
                TimeUnit::Microsecond => (array.as_primitive::<TimestampMicrosecondType>().value(row), 1_000),
                TimeUnit::Nanosecond => (array.as_primitive::<TimestampNanosecondType>().value(row), 1),
            };
            write_timestamp(value, factor, zone.is_some(), out);
        }
        DataType::Time32(TimeUnit::Second) => {
            write_time(i64::from(array.as_primitive::<Time32SecondType>().value(row)) * SECOND, out);
        }
        DataType::Time32(_) => {
            write_time(i64::from(array.as_primitive::<Time32MillisecondType>().value(row)) * 1_000_000, out);
        }
        DataType::Time64(TimeUnit::Nanosecond) => {
            write_time(array.as_primitive::<Time64NanosecondType>().value(row), out);
        }
        DataType::Time64(_) => {
            write_time(array.as_primitive::<Time64MicrosecondType>().value(row).saturating_mul(1_000), out);
        }
        DataType::Interval(IntervalUnit::MonthDayNano) => {
            write_interval(array.as_primitive::<IntervalMonthDayNanoType>().value(row), out);
        }
        // Floats, and types of later Arrow versions, are written with Arrow's own formatter.
        _ => push(out, &array_value_to_string(array, row).unwrap_or_default()),
    }
}

fn push(out: &mut Vec<u8>, text: &str) {
    out.extend_from_slice(text.as_bytes());
}

/// Writes a BLOB as `DuckDB` does: printable ASCII as it is, everything else as `\xAB`. The text can be cast
/// back.
fn write_blob(bytes: &[u8], out: &mut Vec<u8>) {
    for &byte in bytes {
        if (b' '..=b'~').contains(&byte) && !matches!(byte, b'\\' | b'\'' | b'"') {
            out.push(byte);
        } else {
            let _ = write!(out, "\\x{byte:02X}");
        }
    }
}

fn infinity(positive: bool, negative: bool) -> Option<&'static str> {
    if positive { Some("infinity") } else { negative.then_some("-infinity") }
}

fn write_timestamp(value: i64, factor: i64, zoned: bool, out: &mut Vec<u8>) {
    if let Some(word) = infinity(value == i64::MAX, value == -i64::MAX) {
        return push(out, word);
    }
    let ns = i128::from(value) * i128::from(factor);
    write_date(i64::try_from(ns.div_euclid(DAY_NS)).unwrap_or_default(), out);
    out.push(b' ');
    write_time(i64::try_from(ns.rem_euclid(DAY_NS)).unwrap_or_default(), out);
    if zoned {
        push(out, "+00");
    }
}

/// Writes `12:34:56`, with as many fractional digits as needed.
fn write_time(ns: i64, out: &mut Vec<u8>) {
    let seconds = ns / SECOND;
    let _ = write!(out, "{:02}:{:02}:{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60);
    let fraction = ns % SECOND;
    if fraction != 0 {
        let digits = format!("{fraction:09}");
        let _ = write!(out, ".{}", digits.trim_end_matches('0'));
    }
}

/// Writes a day as a date of the proleptic Gregorian calendar (Howard Hinnant's `civil_from_days`);
/// `DuckDB`'s years go far beyond those of calendar libraries.
fn write_date(days: i64, out: &mut Vec<u8>) {
    let shifted = days + 719_468;
    let era = shifted.div_euclid(146_097);
    let day_of_era = shifted.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    if year > 0 {
        let _ = write!(out, "{year:04}-{month:02}-{day:02}");
    } else {
        let _ = write!(out, "{:04}-{month:02}-{day:02} (BC)", 1 - year);
    }
}

/// Writes `1 year 2 months 3 days 04:05:06` without parts that are zero.
fn write_interval(interval: IntervalMonthDayNano, out: &mut Vec<u8>) {
    let start = out.len();
    let parts = [(interval.months / 12, "year"), (interval.months % 12, "month"), (interval.days, "day")];
    for (count, unit) in parts.into_iter().filter(|(count, _)| *count != 0) {
        let plural = if count.abs() == 1 { "" } else { "s" };
        let _ = write!(out, "{count} {unit}{plural} ");
    }
    if interval.nanoseconds != 0 || out.len() == start {
        if interval.nanoseconds < 0 {
            out.push(b'-');
        }
        write_time(interval.nanoseconds.saturating_abs(), out);
    } else {
        out.pop();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(write: impl FnOnce(&mut Vec<u8>)) -> String {
        let mut out = Vec::new();
        write(&mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn dates_far_from_now() {
        for (days, expected) in [
            (0, "1970-01-01"),
            (-1, "1969-12-31"),
            (20_780, "2026-11-23"),
            (11_016, "2000-02-29"),
            (-719_163, "0001-12-31 (BC)"),
            (2_932_897, "10000-01-01"),
        ] {
            assert_eq!(text(|out| write_date(days, out)), expected);
        }
    }

    #[test]
    fn times_and_intervals() {
        assert_eq!(text(|out| write_time(45_296_789_000_000, out)), "12:34:56.789");
        assert_eq!(text(|out| write_time(86_400 * SECOND, out)), "24:00:00");
        assert_eq!(text(|out| write_timestamp(-1, 1_000, true, out)), "1969-12-31 23:59:59.999999+00");
        assert_eq!(text(|out| write_timestamp(i64::MAX, 1_000, false, out)), "infinity");
        for (months, days, ns, expected) in [
            (14, 3, 14_706 * SECOND, "1 year 2 months 3 days 04:05:06"),
            (0, 0, 0, "00:00:00"),
            (-1, 0, 0, "-1 month"),
            (0, 2, -1_500_000_000, "2 days -00:00:01.5"),
        ] {
            assert_eq!(
                text(|out| write_interval(IntervalMonthDayNano::new(months, days, ns), out)),
                expected
            );
        }
    }

    #[test]
    fn blobs() {
        assert_eq!(text(|out| write_blob(b"a\x00\"\xDE\\", out)), r"a\x00\x22\xDE\x5C");
    }
}
