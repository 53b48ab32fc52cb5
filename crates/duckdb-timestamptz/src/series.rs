//! Lists of instants for `range` and `generate_series` on TIMESTAMPTZ.

use super::civil::{self, Interval};
use super::part::out_of_range;

/// The most values in a list; more fail the query, because a list is built completely in memory, and no
/// deadline can interrupt that.
const LONGEST: usize = 10_000_000;

/// Returns the instants from `start` to `end` in steps of `step`, including `end` if `closed`. A zero step
/// gives an empty list.
///
/// # Errors
/// A bound is infinite, the step mixes signs, or there are too many values.
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
