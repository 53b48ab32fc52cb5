//! How patterns change over the weeks.

/// How many weeks before the newest report each change happens.
pub(super) mod weeks_ago {
    /// The regression: the pattern is slow from this week on.
    pub(in super::super) const REGRESSION: i64 = 5;
    /// The fix: the pattern is fast from this week on.
    pub(in super::super) const FIX: i64 = 9;
    /// The first week of the new pattern.
    pub(in super::super) const APPEARS: i64 = 7;
    /// The last week of the old pattern.
    pub(in super::super) const VANISHES: i64 = 4;
    /// The week in which the slow drifts begin.
    pub(in super::super) const DRIFT: i64 = 40;
    /// A change in the newest report itself, so that a comparison of the last two reports finds it.
    pub(in super::super) const LAST: i64 = 0;
}

/// How a pattern changes over the weeks.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Role {
    /// Does not change.
    Steady,
    /// Becomes slower gradually, by this factor between [`weeks_ago::DRIFT`] and the newest report.
    Drift(f64),
    /// Becomes slower at once, by this factor, so many weeks ago.
    Regression(f64, i64),
    /// Becomes faster at once, by this factor, so many weeks ago.
    Fix(f64, i64),
    /// Is missing in the first weeks.
    Appears,
    /// Is missing in the last weeks.
    Vanishes,
    /// Runs in every fourth week only.
    Monthly,
}
