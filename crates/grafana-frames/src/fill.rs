//! The empty buckets of time series: where they lie, and what comes into them.

use crate::{Error, Result};
use grafana_time::{Fill, FillMode, TimeRange};

/// The times of the frame's rows with a row for every bucket of the range, and where each old row went.
///
/// Rows that lie beside the buckets or outside the range stay; nothing is moved or summed up (Grafana's own
/// `ResampleWideFrame` would drop all but one value per bucket).
///
/// # Errors
/// [`Kind::Unfit`] when that makes more than `limit` rows.
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

/// Fills cells of one field from row to row.
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

    /// What an absent cell gets; `None` is null.
    pub(super) fn absent(&self) -> Option<f64> {
        match self.mode {
            FillMode::Null => None,
            FillMode::Previous => self.last,
            FillMode::Value(number) => Some(number),
        }
    }
}
