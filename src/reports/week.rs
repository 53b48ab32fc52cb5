//! ISO weeks and their YYYYWW integers. The only place that does arithmetic on them.

use jiff::civil::{Date, ISOWeekDate, Weekday};
use jiff::{Timestamp, ToSpan, tz::TimeZone};

/// The years of which reports can be. A number outside of them is a mistake or a mark for no week, such as 999952.
const YEARS: std::ops::RangeInclusive<i16> = 1970..=2199;

/// An ISO 8601 week, e.g. 2026-W53. Reports carry it as the integer YYYYWW (`202653`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct IsoWeek {
    /// Its Monday; the order of weeks is the order of their Mondays.
    monday: Date,
}

impl IsoWeek {
    /// The week with this number in this ISO year; `None` when the year has no such week (2025-W53).
    #[must_use]
    pub fn new(year: i16, week: i8) -> Option<Self> {
        ISOWeekDate::new(year, week, Weekday::Monday).ok().map(|day| Self { monday: day.date() })
    }

    /// The week of a YYYYWW integer, if a report can be of it; `None` for an integer that names no week (`202600`, `202553`,
    /// `42`), and for one outside [`YEARS`]: `2601` is the year 2026 written short, and `999952` a mark for no week.
    #[must_use]
    pub fn from_yyyyww(number: i64) -> Option<Self> {
        let year = i16::try_from(number / 100).ok().filter(|year| YEARS.contains(year))?;
        Self::new(year, i8::try_from(number % 100).ok()?)
    }

    /// The condition that a column holds weeks from `first` to `last`, and of these only such as [`Self::from_yyyyww`] knows:
    /// the texts between which the column stands. Within one year every integer between two weeks is one. `BETWEEN` is there in
    /// any case, because DuckDB passes over files and row groups by it. What is no whole number is no week, which a cast to an
    /// integer would round to one.
    #[must_use]
    pub fn condition(first: Self, last: Self) -> Vec<String> {
        let (oldest, newest) = Self::bounds();
        let (from, to) = (first.yyyyww().max(oldest), last.yyyyww().min(newest));
        let between = format!(" BETWEEN {from} AND {to} AND TRY_CAST(");
        let is_whole = " AS DOUBLE) = TRY_CAST(".to_owned();
        let mut texts = vec!["(".to_owned(), between, is_whole];
        if from / 100 == to / 100 {
            texts.push(" AS BIGINT))".to_owned());
            return texts;
        }
        let longest = (from / 100..=to / 100).map(|year| year * 100 + 53);
        let longest: Vec<String> = longest
            .filter(|week| (from..=to).contains(week) && Self::from_yyyyww(*week).is_some())
            .map(|week| week.to_string())
            .collect();
        let is_of_52 = " AS BIGINT) % 100 BETWEEN 1 AND 52";
        if longest.is_empty() {
            texts.extend([" AS BIGINT) AND TRY_CAST(".to_owned(), format!("{is_of_52})")]);
        } else {
            texts.extend([
                " AS BIGINT) AND (TRY_CAST(".to_owned(),
                format!("{is_of_52} OR "),
                format!(" IN ({})))", longest.join(", ")),
            ]);
        }
        texts
    }

    /// The oldest and the newest number that [`Self::from_yyyyww`] knows.
    #[must_use]
    pub fn bounds() -> (i64, i64) {
        let (oldest, newest) = (i64::from(*YEARS.start()) * 100 + 1, i64::from(*YEARS.end()) * 100);
        (oldest, newest + if Self::from_yyyyww(newest + 53).is_some() { 53 } else { 52 })
    }

    /// The week as the integer YYYYWW.
    #[must_use]
    pub fn yyyyww(self) -> i64 {
        let week = self.monday.iso_week_date();
        i64::from(week.year()) * 100 + i64::from(week.week())
    }

    /// The week that holds this instant, in UTC.
    #[must_use]
    pub fn containing(instant: Timestamp) -> Self {
        Self::of_date(instant.to_zoned(TimeZone::UTC).date())
    }

    /// The week that holds this day.
    #[must_use]
    pub fn of_date(date: Date) -> Self {
        let days = i64::from(date.weekday().to_monday_zero_offset());
        Self { monday: date.saturating_sub(days.days()) }
    }

    /// Its first day.
    #[must_use]
    pub fn monday(self) -> Date {
        self.monday
    }

    /// Its first instant, nanoseconds since 1970 in UTC; saturates outside 1677–2262.
    #[must_use]
    pub fn start_ns(self) -> i64 {
        let days = self.monday.since(Date::constant(1970, 1, 1)).map_or(0, |span| i64::from(span.get_days()));
        days.saturating_mul(86_400_000_000_000)
    }

    /// The week `weeks` later (earlier when negative); saturates at the ends of the calendar.
    #[must_use]
    pub fn plus(self, weeks: i64) -> Self {
        Self { monday: self.monday.saturating_add(weeks.clamp(-500_000, 500_000).weeks()) }
    }

    /// Whole weeks from `other` to `self`.
    #[must_use]
    pub fn weeks_since(self, other: Self) -> i64 {
        self.monday.since(other.monday).map_or(0, |span| i64::from(span.get_days()) / 7)
    }
}

/// Written as ISO does: `2026-W53`.
impl std::fmt::Display for IsoWeek {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let week = self.monday.iso_week_date();
        write!(out, "{:04}-W{:02}", week.year(), week.week())
    }
}

/// Reads `202653`, `2026-W53` and `2026W53`.
impl std::str::FromStr for IsoWeek {
    type Err = crate::error::Error;

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
            crate::error::Error::bad_query(format!("`{text}` is not an ISO week"))
                .hint("Write it as 202653 or 2026-W53")
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
    fn the_condition_knows_the_weeks_that_exist() {
        let of = |from: i64, to: i64| IsoWeek::condition(week(from), week(to)).join("w");
        assert_eq!(
            of(202_610, 202_611),
            "(w BETWEEN 202610 AND 202611 AND TRY_CAST(w AS DOUBLE) = TRY_CAST(w AS BIGINT))"
        );
        assert_eq!(
            of(202_551, 202_602),
            "(w BETWEEN 202551 AND 202602 AND TRY_CAST(w AS DOUBLE) = TRY_CAST(w AS BIGINT) AND TRY_CAST(w AS BIGINT) % 100 BETWEEN 1 AND 52)"
        );
        assert_eq!(
            of(202_040, 202_701),
            "(w BETWEEN 202040 AND 202701 AND TRY_CAST(w AS DOUBLE) = TRY_CAST(w AS BIGINT) AND (TRY_CAST(w AS BIGINT) % 100 BETWEEN 1 AND 52 OR w IN (202053, 202653)))"
        );
        // Of all that there may be, only those that there can be.
        let ends = [(1, 1), (9999, 52)].map(|(year, week)| IsoWeek::new(year, week).unwrap());
        let all = IsoWeek::condition(ends[0], ends[1]).concat();
        assert!(all.starts_with("( BETWEEN 197001 AND 219952 AND TRY_CAST(") && all.len() < 500, "{all}");
        let past = IsoWeek::condition(ends[0], IsoWeek::new(1960, 1).unwrap()).join("w");
        assert!(past.contains("w BETWEEN 197001 AND 196001"), "nothing: {past}");
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
