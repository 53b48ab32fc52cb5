//! What a demo is made of: its options and its rows.

use crate::reports::IsoWeek;

/// The p95 above which a row is flagged slow, in milliseconds.
pub const SLOW_MS: f64 = 100.0;
/// What to make.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DemoOptions {
    /// Number of reports, 1 to [`super::MAX_WEEKS`]; the story wants about 20 of them.
    pub weeks: u32,
    /// Number of patterns, 1 to [`super::MAX_PATTERNS`]; the whole cast is there from 20 on.
    pub patterns: u32,
    /// Another seed gives other patterns and numbers, and the same story.
    pub seed: u64,
    /// The week of the newest report.
    pub until: IsoWeek,
}

impl DemoOptions {
    /// 60 weeks of 200 patterns up to `until`.
    #[must_use]
    pub fn new(until: IsoWeek) -> Self {
        Self { weeks: 60, patterns: 200, seed: 1, until }
    }
}

/// A row of a report; the fields are the columns. The `week` column is the report's.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct DemoRow<'a> {
    /// The normalised SQL text.
    pub pattern: &'a str,
    /// How often it ran, > 0.
    pub samples: i64,
    /// Median in milliseconds, two decimals.
    pub p50_ms: f64,
    /// 95th percentile in milliseconds, never below the median.
    pub p95_ms: f64,
    /// 99th percentile in milliseconds, never below the 95th.
    pub p99_ms: f64,
    /// Whether `p95_ms` is above [`SLOW_MS`].
    pub slow_flag: bool,
}
