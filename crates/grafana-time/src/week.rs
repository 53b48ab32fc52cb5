//! ISO weeks and their integers YYYYWW. All arithmetic on weeks is done here.

use jiff::civil::{Date, ISOWeekDate, Weekday};
use jiff::{Timestamp, ToSpan, tz::TimeZone};

use crate::Error;

/// The years that an integer YYYYWW may name. Other years are mistakes, or markers for "no week" such as
/// 999952.
const YEARS: std::ops::RangeInclusive<i16> = 1970..=2199;

/// An ISO 8601 week, e.g. 2026-W53. Databases mostly hold it as the integer YYYYWW (`202653`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct IsoWeek {
    /// The Monday of the week; weeks are ordered by it.
    monday: Date,
}

impl IsoWeek {
    /// Returns the week with this number in this ISO year; `None` if the year has no such week (2025-W53).
    #[must_use]
    pub fn new(year: i16, week: i8) -> Option<Self> {
        ISOWeekDate::new(year, week, Weekday::Monday).ok().map(|day| Self { monday: day.date() })
    }

    /// Returns the week of an integer YYYYWW. `None` if no such week exists (`202600`, `202553`, `42`), or if
    /// it is outside the years 1970 to 2199: `2601` is a short form of 2026, and `999952` a marker for "no
    /// week".
    #[must_use]
    pub fn from_yyyyww(number: i64) -> Option<Self> {
        let year = i16::try_from(number / 100).ok().filter(|year| YEARS.contains(year))?;
        Self::new(year, i8::try_from(number % 100).ok()?)
    }

    /// Returns the oldest and the newest integer that [`Self::from_yyyyww`] accepts.
    #[must_use]
    pub fn bounds() -> (i64, i64) {
        let (oldest, newest) = (i64::from(*YEARS.start()) * 100 + 1, i64::from(*YEARS.end()) * 100);
        (oldest, newest + if Self::from_yyyyww(newest + 53).is_some() { 53 } else { 52 })
    }

    /// Returns the week as an integer YYYYWW.
    #[must_use]
    pub fn yyyyww(self) -> i64 {
        let week = self.monday.iso_week_date();
        i64::from(week.year()) * 100 + i64::from(week.week())
    }

    /// Returns the week that contains this instant, in UTC.
    #[must_use]
    pub fn containing(instant: Timestamp) -> Self {
        Self::of_date(instant.to_zoned(TimeZone::UTC).date())
    }

    /// Returns the week that contains this day.
    #[must_use]
    pub fn of_date(date: Date) -> Self {
        let days = i64::from(date.weekday().to_monday_zero_offset());
        Self { monday: date.saturating_sub(days.days()) }
    }

    /// Returns the first day of the week.
    #[must_use]
    pub fn monday(self) -> Date {
        self.monday
    }

    /// Returns the first instant of the week in nanoseconds since 1970, in UTC; saturates outside 1677–2262.
    #[must_use]
    pub fn start_ns(self) -> i64 {
        let days = self.monday.since(Date::constant(1970, 1, 1)).map_or(0, |span| i64::from(span.get_days()));
        days.saturating_mul(86_400_000_000_000)
    }

    /// Returns the week `weeks` later (earlier if negative); saturates at the ends of the calendar.
    #[must_use]
    pub fn plus(self, weeks: i64) -> Self {
        Self { monday: self.monday.saturating_add(weeks.clamp(-500_000, 500_000).weeks()) }
    }

    /// Returns the number of weeks from `other` to `self`.
    #[must_use]
    pub fn weeks_since(self, other: Self) -> i64 {
        self.monday.since(other.monday).map_or(0, |span| i64::from(span.get_days()) / 7)
    }
}

/// Formats the week as in ISO 8601: `2026-W53`.
impl std::fmt::Display for IsoWeek {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let week = self.monday.iso_week_date();
        write!(out, "{:04}-W{:02}", week.year(), week.week())
    }
}

/// Reads `202653`, `2026-W53` and `2026W53`.
impl std::str::FromStr for IsoWeek {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let read = || {
            let (year, week) = text.split_at_checked(4)?;
            let week = week.strip_prefix('-').filter(|rest| rest.starts_with(['W', 'w'])).unwrap_or(week);
            let week = week.strip_prefix(['W', 'w']).unwrap_or(week);
            let is_number = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
            if week.len() != 2 || !is_number(year) || !is_number(week) {
                return None;
            }
            Self::new(year.parse().ok()?, week.parse().ok()?)
        };
        read().ok_or_else(|| {
            Error::new(format!("`{text}` is not an ISO week"), "Write it as 202653 or 2026-W53")
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn week(number: i64) -> IsoWeek {
        IsoWeek::from_yyyyww(number).unwrap()
    }

    #[test]
    fn years_with_53_weeks_and_without() {
        assert_eq!(week(202_653).plus(1), week(202_701));
        assert_eq!(week(202_552).plus(1), week(202_601));
        assert_eq!(week(202_701).plus(-1).yyyyww(), 202_653);
        assert_eq!(IsoWeek::from_yyyyww(202_553), None);
        assert_eq!(IsoWeek::from_yyyyww(202_600), None);
        for number in
            [-5, 0, 101, 2026, 2601, 99_952, 196_952, 202_660, 220_001, 226_252, 999_952, i64::MAX, i64::MIN]
        {
            assert_eq!(IsoWeek::from_yyyyww(number), None, "{number}");
        }
        assert_eq!(week(202_701).weeks_since(week(202_601)), 53);
    }

    #[test]
    fn mondays_and_instants() {
        assert_eq!(week(202_601).monday().to_string(), "2025-12-29");
        assert_eq!(week(197_001).start_ns(), -3 * 86_400_000_000_000);
        assert_eq!(IsoWeek::containing("2027-01-03T23:59:59Z".parse().unwrap()), week(202_653));
        assert_eq!(week(202_653).to_string(), "2026-W53");
        assert_eq!("2026W53".parse::<IsoWeek>().unwrap(), week(202_653));
        assert_eq!("2026-w53".parse::<IsoWeek>().unwrap(), week(202_653));
        for text in [
            "2026-W54",
            "202600",
            "2025-W53",
            "2-026W53",
            "20-2653",
            "2026-53",
            "+12601",
            "W202653",
            "2026W-53",
            "",
            "202653 ",
            "202601;DROP",
            "٢٠٢٦٥٣",
        ] {
            assert!(text.parse::<IsoWeek>().is_err(), "{text}");
        }
    }
}
