//! The proleptic Gregorian calendar in UTC, on microseconds since 1970-01-01, in integer arithmetic and
//! without time zones.
//!
//! DuckDB's range (years -290308 to 294246) is wider than jiff's, so this arithmetic is implemented here;
//! jiff is used only for what depends on a time zone.

/// Microseconds in a second.
pub(super) const SECOND: i64 = 1_000_000;
/// Microseconds in a minute.
pub(super) const MINUTE: i64 = 60 * SECOND;
/// Microseconds in an hour.
pub(super) const HOUR: i64 = 60 * MINUTE;
/// Microseconds in a day.
pub(super) const DAY: i64 = 24 * HOUR;

/// `infinity`, as DuckDB stores it; `-infinity` is its negative.
pub(super) const INFINITY: i64 = i64::MAX;
/// `infinity` of a DATE; `-infinity` is its negative.
pub(super) const DATE_INFINITY: i32 = i32::MAX;

/// Whether `micros` is neither `infinity` nor `-infinity`.
pub(super) fn is_finite(micros: i64) -> bool {
    micros != INFINITY && micros != -INFINITY
}

/// A calendar date. Year 0 is 1 BC, as in ISO 8601 and DuckDB.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Date {
    /// Astronomical year.
    pub(super) year: i64,
    /// 1 to 12.
    pub(super) month: i64,
    /// 1 to 31.
    pub(super) day: i64,
}

impl Date {
    /// Returns the date `days` after 1970-01-01.
    pub(super) fn from_days(days: i64) -> Self {
        // Years are counted from 1 March, so that the leap day is the last day of a year; the calendar
        // repeats every 400 years.
        let days = days + 719_468;
        let era = days.div_euclid(146_097);
        let day_of_era = days.rem_euclid(146_097);
        let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
        let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let shifted_month = (5 * day_of_year + 2) / 153;
        let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
        let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
        let year = year_of_era + era * 400 + i64::from(month <= 2);
        Self { year, month, day }
    }

    /// Returns the days since 1970-01-01.
    pub(super) fn days(self) -> i64 {
        let year = self.year - i64::from(self.month <= 2);
        let era = year.div_euclid(400);
        let year_of_era = year.rem_euclid(400);
        let shifted_month = (self.month + 9) % 12;
        let day_of_year = (153 * shifted_month + 2) / 5 + self.day - 1;
        let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
        era * 146_097 + day_of_era - 719_468
    }

    /// Returns the date, if it exists.
    pub(super) fn checked(year: i64, month: i64, day: i64) -> Option<Self> {
        let exists = (1..=12).contains(&month) && day >= 1 && day <= days_in_month(year, month);
        exists.then_some(Self { year, month, day })
    }

    /// Moves the date by `months`; a day that the month lacks becomes its last day.
    pub(super) fn add_months(self, months: i64) -> Self {
        let total = self.year * 12 + self.month - 1 + months;
        let (year, month) = (total.div_euclid(12), total.rem_euclid(12) + 1);
        Self { year, month, day: self.day.min(days_in_month(year, month)) }
    }

    /// Returns the months since January of year 0.
    pub(super) fn month_number(self) -> i64 {
        self.year * 12 + self.month - 1
    }
}

/// Returns the length of a month, 28 to 31.
pub(super) fn days_in_month(year: i64, month: i64) -> i64 {
    match month {
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Splits microseconds into days since 1970-01-01 and microseconds of that day.
pub(super) fn split(micros: i64) -> (i64, i64) {
    (micros.div_euclid(DAY), micros.rem_euclid(DAY))
}

/// Returns the microseconds of a day and a time of day; `None` outside DuckDB's range.
pub(super) fn join(days: i64, time: i64) -> Option<i64> {
    days.checked_mul(DAY)?.checked_add(time).filter(|&micros| is_finite(micros) && micros != i64::MIN)
}

/// Returns the ISO weekday of a day number: Monday is 1, Sunday is 7.
pub(super) fn iso_weekday(days: i64) -> i64 {
    (days + 3).rem_euclid(7) + 1
}

/// Returns the ISO year and week of a day number.
pub(super) fn iso_week(days: i64) -> (i64, i64) {
    // A week belongs to the year that contains its Thursday.
    let thursday = days - iso_weekday(days) + 4;
    let year = Date::from_days(thursday).year;
    (year, (thursday - Date { year, month: 1, day: 1 }.days()) / 7 + 1)
}

/// An INTERVAL, laid out as DuckDB's `interval_t`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[repr(C)]
pub(super) struct Interval {
    /// Calendar months.
    pub(super) months: i32,
    /// Calendar days.
    pub(super) days: i32,
    /// Microseconds.
    pub(super) micros: i64,
}

impl Interval {
    /// Returns the opposite interval; `None` if a field overflows.
    pub(super) fn negated(self) -> Option<Self> {
        Some(Self {
            months: self.months.checked_neg()?,
            days: self.days.checked_neg()?,
            micros: self.micros.checked_neg()?,
        })
    }
}

/// Moves `micros` by `interval` in the UTC calendar: first months (clamped to the end of the month), then
/// days, then time. Infinities stay infinite; `None` outside DuckDB's range.
pub(super) fn add(micros: i64, interval: Interval) -> Option<i64> {
    if !is_finite(micros) {
        return Some(micros);
    }
    let (mut days, time) = split(micros);
    if interval.months != 0 {
        days = Date::from_days(days).add_months(i64::from(interval.months)).days();
    }
    let result = i128::from(days + i64::from(interval.days)) * i128::from(DAY)
        + i128::from(time)
        + i128::from(interval.micros);
    i64::try_from(result).ok().filter(|&micros| is_finite(micros) && micros != i64::MIN)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_and_dates_are_inverse() {
        for days in (-1_000_000..1_000_000).step_by(7).chain([-106_751_991, 106_751_991, 0, -1, 59, 11_016]) {
            let date = Date::from_days(days);
            assert_eq!(date.days(), days);
            assert_eq!(Date::checked(date.year, date.month, date.day), Some(date));
        }
        assert_eq!(Date::from_days(20_780), Date { year: 2026, month: 11, day: 23 });
    }

    #[test]
    fn iso_weeks_follow_the_thursday() {
        let days = |year, month, day| Date { year, month, day }.days();
        for (date, expected) in [
            (days(2026, 11, 23), (2026, 48)),
            (days(2021, 1, 3), (2020, 53)),
            (days(2016, 1, 1), (2015, 53)),
            (days(2024, 12, 30), (2025, 1)),
        ] {
            assert_eq!(iso_week(date), expected);
        }
    }

    #[test]
    fn months_clamp_to_the_end() {
        let date = Date { year: 2024, month: 1, day: 31 };
        assert_eq!(date.add_months(1), Date { year: 2024, month: 2, day: 29 });
        assert_eq!(date.add_months(-2), Date { year: 2023, month: 11, day: 30 });
        assert_eq!(date.add_months(13), Date { year: 2025, month: 2, day: 28 });
    }
}
