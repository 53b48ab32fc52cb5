//! The instants of `range` and `generate_series` on TIMESTAMPTZ, as lists.

use super::civil::{self, Interval};
use super::part::out_of_range;

/// More values than this in one list fail the query: a list is held in memory whole, and no deadline can stop its
/// making.
const LONGEST: usize = 10_000_000;

/// The instants from `start` by `step` up to `end`, with `end` itself when `closed`. A step of nothing gives none.
///
/// # Errors
/// When a bound is infinite, the step mixes signs, or there are too many values.
pub(super) fn list(start: i64, end: i64, step: Interval, closed: bool) -> Result<Vec<i64>, String> {
    if !civil::is_finite(start) || !civil::is_finite(end) {
        return Err("a series cannot have an infinite bound".to_owned());
    }
    let signs = [i64::from(step.months), i64::from(step.days), step.micros].map(i64::signum);
    let (up, down) = (signs.contains(&1), signs.contains(&-1));
    if up && down {
        return Err("a series cannot have a step that mixes positive and negative parts".to_owned());
    }
    let mut values = Vec::new();
    if !up && !down {
        return Ok(values);
    }
    let mut current = start;
    while (closed && current == end) || (if up { current < end } else { current > end }) {
        if values.len() == LONGEST {
            return Err(format!("a list of more than {LONGEST} instants: use a longer step"));
        }
        values.push(current);
        current = civil::add(current, step).ok_or_else(out_of_range)?;
    }
    Ok(values)
}
