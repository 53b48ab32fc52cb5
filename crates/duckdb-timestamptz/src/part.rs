//! Date parts of a TIMESTAMPTZ in UTC: names, values, truncation, differences.
//!
//! The results equal those of DuckDB's TIMESTAMP functions for the same microseconds. Before 1970 and before
//! year 1, DuckDB's ICU extension gives other results.

use super::civil::{self, DAY, Date, HOUR, MINUTE, SECOND};

/// A date part.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Part {
    Year,
    Month,
    Day,
    Decade,
    Century,
    Millennium,
    Quarter,
    DayOfWeek,
    IsoDayOfWeek,
    DayOfYear,
    Week,
    IsoYear,
    YearWeek,
    Microsecond,
    Millisecond,
    Second,
    Minute,
    Hour,
    Epoch,
    Era,
    Timezone,
    TimezoneHour,
    TimezoneMinute,
    Julian,
}

impl Part {
    /// Returns the part with DuckDB's name `name`, in any case.
    ///
    /// # Errors
    /// There is no such part.
    pub(super) fn parse(name: &str) -> Result<Self, String> {
        Ok(match name.to_ascii_lowercase().as_str() {
            "year" | "yr" | "y" | "years" | "yrs" => Self::Year,
            "month" | "mon" | "months" | "mons" => Self::Month,
            "day" | "days" | "d" | "dayofmonth" => Self::Day,
            "decade" | "dec" | "decades" | "decs" => Self::Decade,
            "century" | "cent" | "centuries" | "c" => Self::Century,
            "millennium" | "mil" | "millenniums" | "millennia" | "mils" | "millenium" => Self::Millennium,
            "microseconds" | "microsecond" | "us" | "usec" | "usecs" | "usecond" | "useconds" => {
                Self::Microsecond
            }
            "milliseconds" | "millisecond" | "ms" | "msec" | "msecs" | "msecond" | "mseconds" => {
                Self::Millisecond
            }
            "second" | "sec" | "seconds" | "secs" | "s" => Self::Second,
            "minute" | "min" | "minutes" | "mins" | "m" => Self::Minute,
            "hour" | "hr" | "hours" | "hrs" | "h" => Self::Hour,
            "epoch" => Self::Epoch,
            "dow" | "dayofweek" | "weekday" => Self::DayOfWeek,
            "isodow" => Self::IsoDayOfWeek,
            "week" | "weeks" | "w" | "weekofyear" => Self::Week,
            "doy" | "dayofyear" => Self::DayOfYear,
            "quarter" | "quarters" => Self::Quarter,
            "yearweek" => Self::YearWeek,
            "isoyear" => Self::IsoYear,
            "era" => Self::Era,
            "timezone" => Self::Timezone,
            "timezone_hour" => Self::TimezoneHour,
            "timezone_minute" => Self::TimezoneMinute,
            "julian" | "jd" => Self::Julian,
            _ => return Err(format!("extract specifier \"{name}\" not recognized")),
        })
    }

    /// Returns this part of a finite instant; [`Part::Epoch`] and [`Part::Julian`] are rounded down.
    pub(super) fn of(self, micros: i64) -> i64 {
        let (days, time) = civil::split(micros);
        let year = || Date::from_days(days).year;
        match self {
            Self::Year => year(),
            Self::Month => Date::from_days(days).month,
            Self::Day => Date::from_days(days).day,
            Self::Decade => year() / 10,
            Self::Century => period(year(), 100),
            Self::Millennium => period(year(), 1000),
            Self::Quarter => (Date::from_days(days).month - 1) / 3 + 1,
            Self::DayOfWeek => civil::iso_weekday(days) % 7,
            Self::IsoDayOfWeek => civil::iso_weekday(days),
            Self::DayOfYear => days - Date { year: year(), month: 1, day: 1 }.days() + 1,
            Self::Week => civil::iso_week(days).1,
            Self::IsoYear => civil::iso_week(days).0,
            Self::YearWeek => {
                let (year, week) = civil::iso_week(days);
                year * 100 + if year > 0 { week } else { -week }
            }
            Self::Microsecond => time % MINUTE,
            Self::Millisecond => time % MINUTE / 1000,
            Self::Second => time % MINUTE / SECOND,
            Self::Minute => time % HOUR / MINUTE,
            Self::Hour => time / HOUR,
            Self::Epoch => micros.div_euclid(SECOND),
            Self::Era => i64::from(year() > 0),
            Self::Timezone | Self::TimezoneHour | Self::TimezoneMinute => 0,
            Self::Julian => days + JULIAN_EPOCH,
        }
    }

    /// Returns this part as `date_part` does, with the fractions of [`Part::Epoch`] and [`Part::Julian`].
    #[expect(clippy::cast_precision_loss, reason = "date_part gives DOUBLE")]
    pub(super) fn as_double(self, micros: i64) -> f64 {
        match self {
            Self::Epoch => micros as f64 / SECOND as f64,
            Self::Julian => {
                let (days, time) = civil::split(micros);
                time as f64 / DAY as f64 + (days + JULIAN_EPOCH) as f64
            }
            _ => self.of(micros) as f64,
        }
    }

    /// Returns the start of the period of this part that contains a finite instant.
    ///
    /// # Errors
    /// The part has no periods, or the start is outside DuckDB's range.
    pub(super) fn truncate(self, micros: i64) -> Result<i64, String> {
        let (days, time) = civil::split(micros);
        let unit = match self {
            Self::Microsecond => return Ok(micros),
            Self::Millisecond => 1000,
            Self::Second | Self::Epoch => SECOND,
            Self::Minute => MINUTE,
            Self::Hour => HOUR,
            _ => DAY,
        };
        let date = || Date::from_days(days);
        let january = |year| Date { year, month: 1, day: 1 }.days();
        let first_of_month = |month| Date { month, day: 1, ..date() }.days();
        let day = match self {
            Self::Year => january(date().year),
            Self::Decade => january(date().year / 10 * 10),
            Self::Century => january(date().year / 100 * 100),
            Self::Millennium => january(date().year / 1000 * 1000),
            Self::Quarter => first_of_month((date().month - 1) / 3 * 3 + 1),
            Self::Month => first_of_month(date().month),
            Self::Week | Self::YearWeek => days - civil::iso_weekday(days) + 1,
            Self::IsoYear => {
                let fourth = january(civil::iso_week(days).0) + 3;
                fourth - civil::iso_weekday(fourth) + 1
            }
            Self::Era | Self::Timezone | Self::TimezoneHour | Self::TimezoneMinute => {
                return Err(format!("date_trunc does not know the part `{}`", self.name()));
            }
            _ => days,
        };
        let time = if unit == DAY { 0 } else { time - time % unit };
        civil::join(day, time).ok_or_else(out_of_range)
    }

    /// Counts the boundaries of this part between two finite instants (`date_diff`).
    ///
    /// # Errors
    /// The part cannot be counted.
    pub(super) fn boundaries(self, start: i64, end: i64) -> Result<i64, String> {
        if matches!(self, Self::Week | Self::YearWeek) {
            // DuckDB counts weeks as the distance between the dates divided by 7, not as Mondays passed.
            return Ok((civil::split(end).0 - civil::split(start).0) / 7);
        }
        let number = |micros: i64| -> Result<i64, String> {
            let days = civil::split(micros).0;
            Ok(match self {
                Self::Year | Self::Decade | Self::Era => self.of(micros),
                Self::Century => Date::from_days(days).year / 100,
                Self::Millennium => Date::from_days(days).year / 1000,
                Self::Month => Date::from_days(days).month_number(),
                Self::Quarter => Date::from_days(days).month_number().div_euclid(3),
                Self::IsoYear => civil::iso_week(days).0,
                Self::Hour => micros.div_euclid(HOUR),
                Self::Minute => micros.div_euclid(MINUTE),
                Self::Second | Self::Epoch => micros.div_euclid(SECOND),
                Self::Millisecond => micros.div_euclid(1000),
                Self::Microsecond => micros,
                Self::Timezone | Self::TimezoneHour | Self::TimezoneMinute => return Err(self.uncountable()),
                _ => days,
            })
        };
        number(end)?.checked_sub(number(start)?).ok_or_else(out_of_range)
    }

    /// Counts the whole units of this part between two finite instants (`date_sub`).
    ///
    /// # Errors
    /// The part cannot be counted.
    pub(super) fn whole_units(self, start: i64, end: i64) -> Result<i64, String> {
        let unit = match self {
            Self::Era => return self.boundaries(start, end),
            Self::Timezone | Self::TimezoneHour | Self::TimezoneMinute => return Err(self.uncountable()),
            Self::Year | Self::IsoYear => return Ok(months(start, end) / 12),
            Self::Month => return Ok(months(start, end)),
            Self::Quarter => return Ok(months(start, end) / 3),
            Self::Decade => return Ok(months(start, end) / 120),
            Self::Century => return Ok(months(start, end) / 1200),
            Self::Millennium => return Ok(months(start, end) / 12_000),
            Self::Week | Self::YearWeek => 7 * DAY,
            Self::Day | Self::DayOfWeek | Self::IsoDayOfWeek | Self::DayOfYear | Self::Julian => DAY,
            Self::Hour => HOUR,
            Self::Minute => MINUTE,
            Self::Second | Self::Epoch => SECOND,
            Self::Millisecond => 1000,
            Self::Microsecond => 1,
        };
        Ok(end.checked_sub(start).ok_or_else(out_of_range)? / unit)
    }

    fn name(self) -> String {
        format!("{self:?}").to_ascii_lowercase()
    }

    fn uncountable(self) -> String {
        format!("a difference cannot be counted in `{}`", self.name())
    }
}

/// Julian day number of 1970-01-01.
const JULIAN_EPOCH: i64 = 2_440_588;

/// Returns the century or millennium of a year: 1 is the first of our era, -1 the one before.
fn period(year: i64, length: i64) -> i64 {
    if year > 0 { (year - 1) / length + 1 } else { year / length - 1 }
}

/// Returns the complete months from `start` to `end`, both finite; the last day of a month completes it.
fn months(start: i64, end: i64) -> i64 {
    if start > end {
        return -months(end, start);
    }
    let ((start_day, start_time), (end_day, end_time)) = (civil::split(start), civil::split(end));
    let (from, to) = (Date::from_days(start_day), Date::from_days(end_day));
    let last = civil::days_in_month(to.year, to.month);
    let from_day = if to.day == last { from.day.min(last) } else { from.day };
    let complete = (to.day, end_time) >= (from_day, start_time);
    to.month_number() - from.month_number() - i64::from(!complete)
}

/// Returns the error message for a result outside DuckDB's range.
pub(super) fn out_of_range() -> String {
    "timestamp out of range".to_owned()
}

/// Returns the English name of an ISO weekday.
pub(super) fn day_name(iso_weekday: i64) -> &'static str {
    match iso_weekday {
        1 => "Monday",
        2 => "Tuesday",
        3 => "Wednesday",
        4 => "Thursday",
        5 => "Friday",
        6 => "Saturday",
        _ => "Sunday",
    }
}

/// Returns the English name of a month.
pub(super) fn month_name(month: i64) -> &'static str {
    match month {
        1 => "January",
        2 => "February",
        3 => "March",
        4 => "April",
        5 => "May",
        6 => "June",
        7 => "July",
        8 => "August",
        9 => "September",
        10 => "October",
        11 => "November",
        _ => "December",
    }
}
