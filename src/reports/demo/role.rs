//! What becomes of a pattern, and when.

/// How many weeks before the newest report something happened.
pub(super) mod weeks_ago {
    /// The regression: slow from this week on.
    pub(in super::super) const REGRESSION: i64 = 5;
    /// The fix: fast from this week on.
    pub(in super::super) const FIX: i64 = 9;
    /// The new pattern's first week.
    pub(in super::super) const APPEARS: i64 = 7;
    /// The old pattern's last week.
    pub(in super::super) const VANISHES: i64 = 4;
    /// The slow drifts begin.
    pub(in super::super) const DRIFT: i64 = 40;
    /// In the newest report itself: what a comparison of the last two reports finds.
    pub(in super::super) const LAST: i64 = 0;
}

/// What becomes of a pattern.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Role {
    /// Stays as it is.
    Steady,
    /// Grows by this factor between [`weeks_ago::DRIFT`] and the newest report.
    Drift(f64),
    /// Becomes slower by this factor at once, so many weeks ago.
    Regression(f64, i64),
    /// Becomes faster by this factor at once, so many weeks ago.
    Fix(f64, i64),
    /// Is not there at first.
    Appears,
    /// Is gone at the end.
    Vanishes,
    /// Runs in every fourth week only.
    Monthly,
}
