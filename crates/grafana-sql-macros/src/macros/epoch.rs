//! Macros over columns that count seconds or nanoseconds since 1970.
//!
//! The frame would guess the unit of a number that is named `time` or `timeend` from its magnitude, as Grafana does. These
//! macros know it, so that what they name or what is named so right behind them is a TIMESTAMP.

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
    // Up to the end of the last second: the column may hold fractions.
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

/// An end of the range: a number, or the time where it is named as a time, for which the number would be guessed at.
fn instant(call: &mut Call<'_, '_>, number: &str, instant: Timestamp, out: &mut Output) -> Result<()> {
    if call.is_named_as_time() {
        let text = call.timestamp(instant)?;
        return call.write(&[Text(&text)], out);
    }
    call.write(&[Text(number)], out)
}

/// The bucket's start in seconds; a time where it is named as one.
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
    // As it stands in GROUP BY, so that the database knows it again.
    group_in_seconds(call, out)?;
    call.write(&[Text(after)], out)
}

/// Seconds are divided as fractions and rounded down, which is exact for whole seconds below 2^53 and right for
/// negative ones, where a division of integers rounds towards zero.
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
    // In DuckDB `/` is never a division of integers.
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
