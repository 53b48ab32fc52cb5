//! Adds rows for the empty buckets of time series, and decides their values.

use crate::{Error, Result};
use grafana_time::{Fill, FillMode, TimeRange};

/// Returns the times of the frame with a row for every bucket of the range, and the new index of each
/// existing row.
///
/// Rows between buckets or outside the range are kept unchanged; nothing is moved or summed up (Grafana's own
/// `ResampleWideFrame` would drop all but one value per bucket).
///
/// # Errors
/// [`crate::Kind::Unfit`] when there would be more than `limit` rows.
pub(super) fn with_buckets(
    times: &[i64],
    fill: Fill,
    range: TimeRange,
    limit: usize,
) -> Result<(Vec<i64>, Vec<u32>)> {
    let (from, to) = (clamped(range.from), clamped(range.to));
    let mut merged = Vec::with_capacity(times.len());
    let mut moved = Vec::with_capacity(times.len());
    let mut old = times.iter().copied().peekable();
    let mut bucket = Some(fill.bucket.floor(from)).filter(|&start| start <= to);
    loop {
        let next = match (old.peek(), bucket) {
            (Some(&time), Some(start)) => time.min(start),
            (Some(&time), None) => time,
            (None, Some(start)) => start,
            (None, None) => break,
        };
        if merged.len() >= limit {
            return Err(Error::unfit(format!(
                "filling the gaps of the time range bucket by bucket makes more than {limit} rows"
            ))
            .hint("Use a longer interval in `$__timeGroup`, a shorter time range, or no fill"));
        }
        if bucket == Some(next) {
            let start = fill.bucket.next(next);
            bucket = (start > next && start <= to).then_some(start);
        }
        if old.peek() == Some(&next) {
            // All rows of this time: a series may have several.
            while old.next_if_eq(&next).is_some() {
                moved.push(u32::try_from(merged.len()).unwrap_or(u32::MAX));
                merged.push(next);
            }
        } else {
            merged.push(next);
        }
    }
    Ok((merged, moved))
}

fn clamped(time: jiff::Timestamp) -> i64 {
    let ns = time.as_nanosecond();
    i64::try_from(ns).unwrap_or(if ns < 0 { i64::MIN } else { i64::MAX })
}

/// Chooses the values of one field's empty cells, from row to row.
pub(super) struct Filler {
    mode: FillMode,
    last: Option<f64>,
}

impl Filler {
    pub(super) fn new(mode: FillMode) -> Self {
        Self { mode, last: None }
    }

    /// Remembers a number of the result.
    pub(super) fn seen(&mut self, number: f64) {
        self.last = Some(number);
    }

    /// Returns the value of an empty cell; `None` is null.
    pub(super) fn absent(&self) -> Option<f64> {
        match self.mode {
            FillMode::Null => None,
            FillMode::Previous => self.last,
            FillMode::Value(number) => Some(number),
        }
    }
}
