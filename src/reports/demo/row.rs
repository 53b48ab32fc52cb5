//! Options and rows of a demo.

use crate::reports::IsoWeek;

/// The p95 above which a row is flagged slow, in milliseconds.
pub const SLOW_MS: f64 = 100.0;
/// Options of a demo.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DemoOptions {
    /// Number of reports, 1 to [`super::MAX_WEEKS`]; about 20 are needed to show the changes.
    pub weeks: u32,
    /// Number of patterns, 1 to [`super::MAX_PATTERNS`]; from 20 on all lead patterns are included.
    pub patterns: u32,
    /// The seed of all random numbers; another seed gives other patterns and numbers with the same changes.
    pub seed: u64,
    /// The week of the newest report.
    pub until: IsoWeek,
}

impl DemoOptions {
    /// Returns the options for 60 weeks of 200 patterns up to `until`.
    #[must_use]
    pub fn new(until: IsoWeek) -> Self {
        Self { weeks: 60, patterns: 200, seed: 1, until }
    }
}

/// A row of a report; the fields are its columns, beside the column `week`.
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
