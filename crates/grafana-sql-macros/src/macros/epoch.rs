//! Macros for columns with seconds or nanoseconds since 1970.
//!
//! The frame guesses the unit of a number named `time` or `timeend` from its magnitude, as Grafana does.
//! These macros know the unit. So they write a TIMESTAMP if they name the column themselves, or if the name
//! follows them directly.

use jiff::Timestamp;

use super::super::Dialect;
use super::super::offsets::Output;
use super::call::Call;
use super::call::Part::{Arg, Text};
use super::timestamps::start_of;
use crate::{Error, Result};
use grafana_time::Bucket;
use grafana_time::{behind, unix_seconds};

pub(super) fn filter(call: &mut Call<'_, '_>, out: &mut Output) -> Result<()> {
    // The last second is included completely, because the column may have fractions.
    let range = call.context().range;
    let (from, end) = (unix_seconds(range.from).to_string(), (unix_seconds(range.to) + 1).to_string());
    let lower = [Text("("), Arg(0), Text(" >= "), Text(&from)];
    let upper = [Text(" AND "), Arg(0), Text(" < "), Text(&end), Text(")")];
    call.write(&[&lower[..], &upper[..]].concat(), out)
}

pub(super) fn from(call: &mut Call<'_, '_>, out: &mut Output) -> Result<()> {
    let (from, _) = seconds(call);
    instant(call, &from, call.context().range.from, out)
}

pub(super) fn to(call: &mut Call<'_, '_>, out: &mut Output) -> Result<()> {
    let (_, to) = seconds(call);
    instant(call, &to, call.context().range.to, out)
}

pub(super) fn nano_filter(call: &mut Call<'_, '_>, out: &mut Output) -> Result<()> {
    let (from, _) = nanoseconds(call);
    let last = call.context().range.to;
    let to = behind(last).map_or(last.as_nanosecond(), |end| end.as_nanosecond() - 1).to_string();
    call.write(&[Arg(0), Text(" BETWEEN "), Text(&from), Text(" AND "), Text(&to)], out)
}

pub(super) fn nano_from(call: &mut Call<'_, '_>, out: &mut Output) -> Result<()> {
    let (from, _) = nanoseconds(call);
    instant(call, &from, call.context().range.from, out)
}

pub(super) fn nano_to(call: &mut Call<'_, '_>, out: &mut Output) -> Result<()> {
    let (_, to) = nanoseconds(call);
    instant(call, &to, call.context().range.to, out)
}

/// Writes an end of the range: a number, or a timestamp if it is named as a time, because the unit of a
/// number would be guessed.
fn instant(call: &mut Call<'_, '_>, number: &str, instant: Timestamp, out: &mut Output) -> Result<()> {
    if call.is_named_as_time() {
        let text = call.timestamp(instant)?;
        return call.write(&[Text(&text)], out);
    }
    call.write(&[Text(number)], out)
}

/// Writes the start of the bucket in seconds, or as a timestamp if it is named as a time.
pub(super) fn group(call: &mut Call<'_, '_>, out: &mut Output) -> Result<()> {
    if call.is_named_as_time() { group_as_timestamp(call, out) } else { group_in_seconds(call, out) }
}

fn group_as_timestamp(call: &mut Call<'_, '_>, out: &mut Output) -> Result<()> {
    let (before, after) = match call.context().dialect {
        Dialect::DuckDb => ("make_timestamp(", " * 1000000)"),
        Dialect::Postgres => ("to_timestamp(", ")"),
        Dialect::DataFusion => ("CAST(arrow_cast(", ", 'Timestamp(Second, None)') AS TIMESTAMP)"),
    };
    call.write(&[Text(before)], out)?;
    // The same text as in GROUP BY, so that the database recognizes the expression.
    group_in_seconds(call, out)?;
    call.write(&[Text(after)], out)
}

/// Divides seconds as fractions and rounds down. That is exact for whole seconds below 2^53, and correct for
/// negative ones, which an integer division would round towards zero.
fn group_in_seconds(call: &mut Call<'_, '_>, out: &mut Output) -> Result<()> {
    let bucket = call.bucket_and_fill()?;
    let width = bucket.width();
    if width.subsec_nanos() != 0 {
        return Err(Error::new("the interval is not a whole number of seconds")
            .hint("A column of seconds has no finer buckets: use at least `1s`")
            .at(call.position(1)));
    }
    let width = width.as_secs();
    let dialect = call.context().dialect;
    // In DuckDB `/` always divides as fractions.
    let point = if dialect == Dialect::DuckDb { "" } else { ".0" };
    match bucket {
        Bucket::Nanos(_) => {
            let after = format!(") / {width}{point}) AS BIGINT) * {width}");
            call.write(&[Text("CAST(floor(("), Arg(0), Text(&after)], out)
        }
        Bucket::Weeks(_) => {
            let origin = bucket.origin_seconds();
            let after = format!(" - {origin}) / {width}{point}) AS BIGINT) * {width} + {origin})");
            call.write(&[Text("(CAST(floor((("), Arg(0), Text(")"), Text(&after)], out)
        }
        Bucket::Months(_) => {
            let (before, around) = match dialect {
                Dialect::DuckDb => ("epoch(", ("make_timestamp(CAST(floor(", ") AS BIGINT) * 1000000)")),
                Dialect::Postgres => ("extract(epoch FROM ", ("to_timestamp(floor(", "))")),
                Dialect::DataFusion => (
                    "date_part('epoch', ",
                    ("CAST(arrow_cast(CAST(floor(", ") AS BIGINT), 'Timestamp(Second, None)') AS TIMESTAMP)"),
                ),
            };
            call.write(&[Text("CAST("), Text(before)], out)?;
            start_of(call, bucket, around, out)?;
            call.write(&[Text(") AS BIGINT)")], out)
        }
    }
}

pub(super) fn group_alias(call: &mut Call<'_, '_>, out: &mut Output) -> Result<()> {
    group_as_timestamp(call, out)?;
    call.write(&[Text(" AS \"time\"")], out)
}

fn seconds(call: &Call<'_, '_>) -> (String, String) {
    let range = call.context().range;
    (unix_seconds(range.from).to_string(), unix_seconds(range.to).to_string())
}

fn nanoseconds(call: &Call<'_, '_>) -> (String, String) {
    let range = call.context().range;
    (range.from.as_nanosecond().to_string(), range.to.as_nanosecond().to_string())
}
