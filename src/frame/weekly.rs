//! Notices for weekly reports in a time range that is too short for them, so that the graph stays empty: a
//! report is one point, on the Monday of its week.

use serde::{Deserialize, Serialize};

use grafana_frames::{Drawn, Notice};

use crate::query::TimeRange;
use crate::reports::IsoWeek;

const MILLISECOND: i64 = 1_000_000;
const DAY: i64 = 86_400_000 * MILLISECOND;
const WEEK: i64 = 7 * DAY;
/// 1970-01-05T00:00Z, a Monday.
const MONDAY: i64 = 4 * DAY;

/// A time range shorter than two weeks, reduced to the Mondays in it: it stays the same while a range that
/// ends with `now` moves on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct ShortRange {
    /// Whether the query uses macros for weeks.
    is_weekly: bool,
    /// The first and the last Monday in the range, in nanoseconds since 1970; `None` if there is none.
    mondays: Option<(i64, i64)>,
}

impl ShortRange {
    /// Returns the short range, or `None` if `range` is two weeks or longer. `is_weekly` says whether the
    /// query uses macros for weeks.
    #[must_use]
    pub fn of(range: TimeRange, is_weekly: bool) -> Option<Self> {
        let nanoseconds = |instant: jiff::Timestamp| i64::try_from(instant.as_nanosecond()).ok();
        let (from, to) = (nanoseconds(range.from)?, nanoseconds(range.to)?);
        if to.saturating_sub(from) >= 2 * WEEK {
            return None;
        }
        let week = IsoWeek::containing(range.from);
        let first = if week.start_ns() < from { week.plus(1) } else { week }.start_ns();
        let last = IsoWeek::containing(range.to).start_ns();
        Some(Self { is_weekly, mondays: (first <= to).then_some((first, last)) })
    }

    /// Returns the notice for the frame that is about to be finished.
    pub(super) fn notice(self, drawn: Drawn<'_>) -> Option<Notice> {
        match drawn.times {
            [] if drawn.is_empty => self.notice_without_rows(),
            [] => None,
            times => self.notice_for(times, drawn.are_weeks),
        }
    }

    /// Returns the notice for a result without rows.
    fn notice_without_rows(self) -> Option<Notice> {
        self.is_weekly.then(|| {
            Notice::info(
                "No rows. Reports are weekly, and the time range is shorter than two weeks: choose a longer one, such as \
                 the last 6 months, if there is no report of it.",
            )
        })
    }

    /// Returns the notice for time series with points at `times`, in nanoseconds since 1970. `are_weeks` says
    /// whether the times come from a column of ISO weeks. There is no notice if any time is not the start or
    /// end of a week, whatever macros the query uses.
    fn notice_for(self, times: &[i64], are_weeks: bool) -> Option<Notice> {
        // A series may end with a point in the last millisecond of a week.
        let is_of_week = |time: &i64| [0, WEEK - MILLISECOND].contains(&(time - MONDAY).rem_euclid(WEEK));
        let is_drawn = |time: &i64| self.mondays.is_some_and(|(first, last)| (first..=last).contains(time));
        let is_empty =
            (self.is_weekly || are_weeks) && times.iter().all(is_of_week) && !times.iter().any(is_drawn);
        is_empty.then(|| {
            Notice::info(
                "Reports are weekly, with a point on each Monday, and none of these is in the time range: choose a longer \
                 one, such as the last 6 months, to see them.",
            )
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn short(from: &str, to: &str) -> Option<ShortRange> {
        let range = TimeRange { from: from.parse().unwrap(), to: to.parse().unwrap() };
        ShortRange::of(range, true)
    }

    fn week(number: i64) -> i64 {
        IsoWeek::from_yyyyww(number).unwrap().start_ns()
    }

    #[test]
    fn the_mondays_of_short_ranges() {
        for (from, to, mondays) in [
            ("2026-12-02T00:00:00Z", "2026-12-02T06:00:00Z", Some(None)),
            ("2026-11-29T23:00:00Z", "2026-11-30T00:00:00Z", Some(Some((202_649, 202_649)))),
            ("2026-11-30T00:00:00Z", "2026-11-30T00:00:00Z", Some(Some((202_649, 202_649)))),
            ("2026-12-21T00:00:00Z", "2027-01-03T23:59:59.999Z", Some(Some((202_652, 202_653)))),
            ("2026-12-21T00:00:00Z", "2027-01-04T00:00:00Z", None),
            ("0001-01-01T00:00:00Z", "0001-01-02T00:00:00Z", None),
        ] {
            let found = short(from, to).map(|short| short.mondays);
            let mondays = mondays.map(|one| one.map(|(first, last)| (week(first), week(last))));
            assert_eq!(found, mondays, "{from} {to}");
        }
    }

    #[test]
    fn only_weeks_outside_the_range_are_told() {
        let hours = short("2026-12-02T00:00:00Z", "2026-12-02T06:00:00Z").unwrap();
        let days = short("2026-11-28T00:00:00Z", "2026-12-02T06:00:00Z").unwrap();
        let end_of_line = week(202_650) - MILLISECOND;
        for (range, times, told) in [
            (hours, vec![week(202_649)], true),
            (hours, vec![week(202_648), end_of_line], true),
            (hours, vec![week(202_649) + DAY * 2], false),
            (days, vec![week(202_649)], false),
            (days, vec![week(202_648)], true),
        ] {
            assert_eq!(range.notice_for(&times, false).is_some(), told, "{times:?}");
        }
        let others = ShortRange { is_weekly: false, ..hours };
        assert!(others.notice_for(&[week(202_649)], true).is_some(), "a column of weeks");
        assert!(
            others.notice_for(&[week(202_649)], false).is_none() && others.notice_without_rows().is_none()
        );
        assert!(hours.notice_without_rows().is_some());
    }
}
