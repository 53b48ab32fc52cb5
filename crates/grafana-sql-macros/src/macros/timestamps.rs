//! Macros for TIMESTAMP, TIMESTAMPTZ and DATE columns.
//!
//! All columns are cast to TIMESTAMP first: without ICU DuckDB cannot truncate a TIMESTAMPTZ, and TIMESTAMP
//! is several times faster.

use grafana_time::{Bucket, behind};
use jiff::Timestamp;

use super::super::Dialect;
use super::super::offsets::Output;
use super::call::Call;
use super::call::Part::{Arg, Text};
use crate::Result;

/// Writes the filter on the time range; its last millisecond is included completely. DataFusion compares in
/// the column's unit, which may be coarser and would round the ends, so the column is cast.
pub(super) fn filter(call: &mut Call<'_, '_>, out: &mut Output) -> Result<()> {
    let range = call.context().range;
    let (sign, end) = behind(range.to).map_or((" <= ", range.to), |end| (" < ", end));
    let is_cast = call.context().dialect == Dialect::DataFusion;
    let (from, to) = if is_cast {
        (call.timestamp(range.from)?, call.timestamp(end)?)
    } else {
        (call.instant(range.from)?, call.instant(end)?)
    };
    let (before, after) = if is_cast { ("CAST(", " AS TIMESTAMP)") } else { ("", "") };
    let column = [Text(before), Arg(0), Text(after)];
    let parts = [
        &[Text("(")],
        &column[..],
        &[Text(" >= "), Text(&from), Text(" AND ")],
        &column[..],
        &[Text(sign), Text(&to), Text(")")],
    ]
    .concat();
    call.write(&parts, out)
}

pub(super) fn from(call: &mut Call<'_, '_>, out: &mut Output) -> Result<()> {
    end(call, call.context().range.from, out)
}

pub(super) fn to(call: &mut Call<'_, '_>, out: &mut Output) -> Result<()> {
    end(call, call.context().range.to, out)
}

/// Writes an end of the range. If it is named as a time, it is written as a typed value, because no column
/// determines its type.
fn end(call: &mut Call<'_, '_>, instant: Timestamp, out: &mut Output) -> Result<()> {
    let text = if call.is_named_as_time() { call.timestamp(instant)? } else { call.instant(instant)? };
    call.write(&[Text(&text)], out)
}

pub(super) fn time(call: &mut Call<'_, '_>, out: &mut Output) -> Result<()> {
    call.write(&[Arg(0), Text(" AS \"time\"")], out)
}

/// Writes a TIMESTAMP and not a number: the frame would guess the number's unit from its magnitude, and might
/// show the year 2001 in 1970.
pub(super) fn time_epoch(call: &mut Call<'_, '_>, out: &mut Output) -> Result<()> {
    let (before, after) = in_utc(call.context().dialect);
    call.write(&[Text(before), Arg(0), Text(after), Text(" AS \"time\"")], out)
}

pub(super) fn group(call: &mut Call<'_, '_>, out: &mut Output) -> Result<()> {
    let bucket = call.bucket_and_fill()?;
    let dialect = call.context().dialect;
    if dialect == Dialect::Postgres && !matches!(bucket, Bucket::Months(_)) {
        return group_by_seconds(call, bucket, out);
    }
    start_of(call, bucket, in_utc(dialect), out)
}

pub(super) fn group_alias(call: &mut Call<'_, '_>, out: &mut Output) -> Result<()> {
    group(call, out)?;
    call.write(&[Text(" AS \"time\"")], out)
}

/// Returns the texts before and after a time of any type that convert it to UTC, whatever the session's time
/// zone.
fn in_utc(dialect: Dialect) -> (&'static str, &'static str) {
    match dialect {
        Dialect::DuckDb | Dialect::DataFusion => ("CAST(", " AS TIMESTAMP)"),
        // A cast would read a TIMESTAMP as local time, whereas its seconds since 1970 are in UTC.
        Dialect::Postgres => ("to_timestamp(extract(epoch FROM ", "))"),
    }
}

/// Groups by seconds in PostgreSQL: `date_bin` requires a column of known type, and seconds are exact,
/// because they are NUMERIC.
fn group_by_seconds(call: &mut Call<'_, '_>, bucket: Bucket, out: &mut Output) -> Result<()> {
    let width = bucket.width();
    let width = match width.subsec_micros() {
        0 => width.as_secs().to_string(),
        part => format!("{}.{part:06}", width.as_secs()),
    };
    let (before, between, after) = match bucket.origin_seconds() {
        0 => (String::new(), String::new(), String::new()),
        origin => ("(".to_owned(), format!(" - {origin})"), format!(" + {origin}")),
    };
    let before = format!("to_timestamp(floor({before}extract(epoch FROM ");
    let after = format!("){between} / {width}) * {width}{after})");
    call.write(&[Text(&before), Arg(0), Text(&after)], out)
}

/// Writes the start of the bucket that contains the first argument; the texts `before` and `after` convert
/// the argument to UTC. If the bucket is a single unit, `date_trunc` is used, because it is faster.
/// `time_bucket` and `date_bin` get an origin, because they would count from 2000 or 1970.
///
/// For PostgreSQL it is called with months only.
pub(super) fn start_of(
    call: &mut Call<'_, '_>,
    bucket: Bucket,
    (before, after): (&str, &str),
    out: &mut Output,
) -> Result<()> {
    let dialect = call.context().dialect;
    let (count, unit) = bucket.in_units();
    let zone = if dialect == Dialect::Postgres { ", 'UTC')" } else { ")" };
    if count == 1 {
        let truncated = format!("date_trunc('{unit}', {before}");
        return call.write(&[Text(&truncated), Arg(0), Text(after), Text(zone)], out);
    }
    let origin = if matches!(bucket, Bucket::Weeks(_)) { "1970-01-05" } else { "1970-01-01" };
    let origin = format!("TIMESTAMP '{origin} 00:00:00'");
    if dialect == Dialect::Postgres {
        let of_time = format!(" FROM {before}");
        let year = [Text("extract(year"), Text(&of_time), Arg(0), Text(after), Text(" AT TIME ZONE 'UTC')")];
        let month =
            [Text("extract(month"), Text(&of_time), Arg(0), Text(after), Text(" AT TIME ZONE 'UTC')")];
        call.write(&[Text("(TIMESTAMP '1970-01-01 00:00:00' + floor(((")], out)?;
        call.write(&year, out)?;
        call.write(&[Text(" - 1970) * 12 + ")], out)?;
        call.write(&month, out)?;
        let months = format!(" - 1) / {count}) * {count} * INTERVAL '1 {unit}') AT TIME ZONE 'UTC'");
        return call.write(&[Text(&months)], out);
    }
    let bin = if dialect == Dialect::DuckDb { "time_bucket" } else { "date_bin" };
    let begin = format!("{bin}(INTERVAL '{count} {unit}s', {before}");
    let end = format!("{after}, {origin})");
    call.write(&[Text(&begin), Arg(0), Text(&end)], out)
}
