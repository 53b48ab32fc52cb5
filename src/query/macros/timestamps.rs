//! Macros over TIMESTAMP, TIMESTAMPTZ and DATE columns.
//!
//! Everything is cast to TIMESTAMP first: without ICU the engine truncates no TIMESTAMPTZ, and it is several times faster.

use super::super::Bucket;
use super::super::offsets::Output;
use super::super::time::{behind, timestamp_literal};
use super::call::Call;
use super::call::Part::{Arg, Text};
use crate::error::Result;

pub(super) fn filter(call: &mut Call<'_, '_>, out: &mut Output) -> Result<()> {
    let range = call.context().range;
    let from = timestamp_literal(range.from);
    let (sign, end) = match behind(range.to) {
        Some(end) => (" < ", timestamp_literal(end)),
        None => (" <= ", timestamp_literal(range.to)),
    };
    let lower = [Text("("), Arg(0), Text(" >= "), Text(&from)];
    let upper = [Text(" AND "), Arg(0), Text(sign), Text(&end), Text(")")];
    call.write(&[&lower[..], &upper[..]].concat(), out)
}

pub(super) fn from(call: &mut Call<'_, '_>, out: &mut Output) -> Result<()> {
    let from = timestamp_literal(call.context().range.from);
    call.write(&[Text(&from)], out)
}

pub(super) fn to(call: &mut Call<'_, '_>, out: &mut Output) -> Result<()> {
    let to = timestamp_literal(call.context().range.to);
    call.write(&[Text(&to)], out)
}

pub(super) fn time(call: &mut Call<'_, '_>, out: &mut Output) -> Result<()> {
    call.write(&[Arg(0), Text(" AS \"time\"")], out)
}

/// A TIMESTAMP and no number: what becomes a time all the same would be guessed from its magnitude, and 2001 drawn in 1970.
pub(super) fn time_epoch(call: &mut Call<'_, '_>, out: &mut Output) -> Result<()> {
    call.write(&[Text("CAST("), Arg(0), Text(" AS TIMESTAMP) AS \"time\"")], out)
}

pub(super) fn group(call: &mut Call<'_, '_>, out: &mut Output) -> Result<()> {
    let (before, after) = bucket_of(call.bucket_and_fill()?);
    call.write(&[Text(&before), Text("CAST("), Arg(0), Text(" AS TIMESTAMP)"), Text(&after)], out)
}

pub(super) fn group_alias(call: &mut Call<'_, '_>, out: &mut Output) -> Result<()> {
    group(call, out)?;
    call.write(&[Text(" AS \"time\"")], out)
}

/// What stands before and after a TIMESTAMP to get the start of its bucket. `date_trunc` where the bucket is one
/// unit: it is the faster one. `time_bucket` counts from 2000 unless it is told an origin.
pub(super) fn bucket_of(bucket: Bucket) -> (String, String) {
    let literal = bucket.interval_literal();
    if let Some(unit) = literal.strip_prefix("INTERVAL '1 ").and_then(|rest| rest.strip_suffix('\'')) {
        return (format!("date_trunc('{unit}', "), ")".to_owned());
    }
    let origin = if matches!(bucket, Bucket::Weeks(_)) { "1970-01-05" } else { "1970-01-01" };
    (format!("time_bucket({literal}, "), format!(", TIMESTAMP '{origin} 00:00:00')"))
}
