//! Time buckets, and how empty ones are filled.

use std::time::Duration;

use jiff::civil::{Date, DateTime};
use jiff::{Timestamp, tz::Offset};
use serde::{Deserialize, Serialize};

use crate::{Error, Result};

const SECOND: i64 = 1_000_000_000;
const DAY: i64 = 86_400 * SECOND;
const WEEK: i64 = 7 * DAY;
/// 1970-01-05T00:00Z, the first Monday, from which weeks are counted.
const MONDAY: i64 = 4 * DAY;

/// The width of a bucket, for `$__timeGroup` and for filling gaps.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Bucket {
    /// A fixed width in nanoseconds (> 0); buckets are aligned to 1970-01-01T00:00Z.
    Nanos(i64),
    /// Calendar weeks (> 0), which start on Monday; groups of weeks are counted from 1970-01-05.
    Weeks(i32),
    /// Calendar months (> 0), which start on the first day; groups of months are counted from 1970-01.
    Months(i32),
}

/// The value of an empty bucket.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub enum FillMode {
    /// A null.
    Null,
    /// The last value before it.
    Previous,
    /// This number.
    Value(f64),
}

/// The third argument of `$__timeGroup`, kept until the frame is made.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Fill {
    /// The width of the buckets.
    pub bucket: Bucket,
    /// The value of empty buckets.
    pub mode: FillMode,
}

impl Bucket {
    /// Returns the start of the bucket that contains the instant `ns` (nanoseconds since 1970, UTC).
    /// Saturates at the ends of the range of `i64`.
    #[must_use]
    pub fn floor(self, ns: i64) -> i64 {
        match self {
            Self::Nanos(width) => floor_from(0, width, ns),
            Self::Weeks(weeks) => floor_from(MONDAY, WEEK.saturating_mul(weeks.into()), ns),
            Self::Months(months) => {
                let months = i64::from(months.max(1));
                month_start(month_of(ns).div_euclid(months) * months)
            }
        }
    }

    /// Returns the start of the bucket after the one that starts at `floor_ns`. Saturates like
    /// [`Bucket::floor`]: at the end of the range it returns `i64::MAX`, which may equal its argument.
    #[must_use]
    pub fn next(self, floor_ns: i64) -> i64 {
        match self {
            Self::Nanos(width) => floor_ns.saturating_add(width.max(1)),
            Self::Weeks(weeks) => floor_ns.saturating_add(WEEK.saturating_mul(weeks.max(1).into())),
            Self::Months(months) => month_start(month_of(floor_ns).saturating_add(months.max(1).into())),
        }
    }

    /// Returns the width as a duration; a month counts 30 days, a full year 365.
    #[must_use]
    pub fn width(self) -> Duration {
        let days = |days: i32| Duration::from_secs(u64::try_from(days).unwrap_or(0).saturating_mul(86_400));
        match self {
            Self::Nanos(width) => Duration::from_nanos(u64::try_from(width).unwrap_or(0)),
            Self::Weeks(weeks) => days(weeks.saturating_mul(7)),
            Self::Months(months) => {
                days((months / 12).saturating_mul(365).saturating_add((months % 12) * 30))
            }
        }
    }

    /// Returns the width as a whole number of the largest possible unit, in English and in the singular:
    /// `(90, "second")`, `(2, "day")`, `(1, "year")`. Fixed widths are cut off to microseconds, the
    /// resolution of SQL timestamps.
    #[must_use]
    pub fn in_units(self) -> (i64, &'static str) {
        match self {
            Self::Nanos(width) => FIXED
                .iter()
                .rev()
                .filter(|(_, unit, _)| *unit != "week")
                .find(|(_, _, nanos)| width % nanos == 0)
                .map_or((width / 1_000, "microsecond"), |(_, unit, nanos)| (width / nanos, *unit)),
            Self::Weeks(weeks) => (weeks.into(), "week"),
            Self::Months(months) if months % 12 == 0 => ((months / 12).into(), "year"),
            Self::Months(months) => (months.into(), "month"),
        }
    }

    /// Returns the origin of the buckets in seconds since 1970: a Monday for weeks, otherwise 1970-01-01.
    #[must_use]
    pub fn origin_seconds(self) -> i64 {
        match self {
            Self::Weeks(_) => MONDAY / SECOND,
            Self::Nanos(_) | Self::Months(_) => 0,
        }
    }
}

fn floor_from(origin: i64, width: i64, ns: i64) -> i64 {
    let over = (i128::from(ns) - i128::from(origin)).rem_euclid(i128::from(width.max(1)));
    ns.saturating_sub(i64::try_from(over).unwrap_or(i64::MAX))
}

/// Returns the number of months from 1970-01 to an instant.
fn month_of(ns: i64) -> i64 {
    let Ok(instant) = Timestamp::from_nanosecond(ns.into()) else { return 0 };
    let date = Offset::UTC.to_datetime(instant).date();
    (i64::from(date.year()) - 1970) * 12 + i64::from(date.month()) - 1
}

/// Returns the first instant of a month counted from 1970-01.
fn month_start(month: i64) -> i64 {
    let beyond = if month < 0 { i64::MIN } else { i64::MAX };
    let first = || {
        let year = i16::try_from(1970 + month.div_euclid(12)).ok()?;
        let date = Date::new(year, i8::try_from(month.rem_euclid(12) + 1).ok()?, 1).ok()?;
        let instant =
            Offset::UTC.to_timestamp(DateTime::from_parts(date, jiff::civil::Time::midnight())).ok()?;
        i64::try_from(instant.as_nanosecond()).ok()
    };
    first().unwrap_or(beyond)
}

/// Fixed units, ascending: short names, long name, nanoseconds.
const FIXED: &[(&[&str], &str, i64)] = &[
    (&["us", "µs", "μs"], "microsecond", 1_000),
    (&["ms"], "millisecond", 1_000_000),
    (&["s", "sec"], "second", SECOND),
    (&["m", "min"], "minute", 60 * SECOND),
    (&["h", "hr"], "hour", 3_600 * SECOND),
    (&["d"], "day", DAY),
    (&["w"], "week", WEEK),
];

/// Calendar units: short names, long name, months.
const CALENDAR: &[(&[&str], &str, i32)] =
    &[(&["M", "mon"], "month", 1), (&["Q"], "quarter", 3), (&["y"], "year", 12)];

/// Reads `5m`, `1h30m`, `1.5h`, `10 seconds`, `1w`, `1M`, `1y`, `month`. Fixed units are us, ms, s, m, h, d,
/// w. Calendar units are M, Q, y and their English names; they cannot be combined with other units. A whole
/// number of weeks, also written as `7d`, becomes calendar weeks, because Grafana's own interval is never
/// written in weeks.
///
/// The error has no position, which only the caller knows.
impl std::str::FromStr for Bucket {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let bad = || {
            let hint = match in_right_case(text) {
                Some(right) => format!("Units are told apart by their case: write `{right}`"),
                None => {
                    "Write a number and a unit: `30s`, `5m`, `1h`, `1d`, `1w`, `1M`, `1Q` or `1y`".to_owned()
                }
            };
            Error::new(format!("`{}` is not an interval", shorten(text)), hint)
        };
        let range = || {
            Error::new(
                format!("the interval `{}` is out of range", shorten(text)),
                "Use something between a microsecond (`1us`) and 200 years (`200y`)",
            )
        };
        let mut rest = text.trim();
        if rest.is_empty() {
            return Err(bad());
        }
        let mut nanos: i128 = 0;
        while !rest.is_empty() {
            let (number, after) = rest.split_at(super::run(rest, |c| c.is_ascii_digit() || c == '.'));
            let after = after.trim_start();
            let (unit, after) = after.split_at(super::run(after, char::is_alphabetic));
            let alone = nanos == 0 && after.is_empty();
            if let Some(months) = calendar_unit(unit) {
                let count: i32 = if number.is_empty() { 1 } else { number.parse().map_err(|_| bad())? };
                let months = months.checked_mul(count).filter(|months| (1..=2_400).contains(months));
                return if alone { months.map(Self::Months).ok_or_else(range) } else { Err(bad()) };
            }
            let unit = fixed_unit(unit).ok_or_else(bad)?;
            let part = match number {
                "" if alone => Some(unit.into()),
                "" => None,
                _ => scaled(number, unit),
            };
            nanos = nanos.saturating_add(part.ok_or_else(bad)?);
            rest = after.trim_start();
        }
        let nanos = i64::try_from(nanos).map_err(|_| range())?;
        if nanos < 1_000 || nanos % 1_000 != 0 || nanos > 200 * 366 * DAY {
            return Err(range());
        }
        Ok(match i32::try_from(nanos / WEEK) {
            Ok(weeks) if nanos % WEEK == 0 => Self::Weeks(weeks),
            _ => Self::Nanos(nanos),
        })
    }
}

/// Returns the interval with its unit in the right case, for units such as in `1q` or `1D`; `None` if
/// something else is wrong.
fn in_right_case(text: &str) -> Option<String> {
    let text = text.trim();
    let (number, unit) = text.split_at(super::run(text, |c| c.is_ascii_digit() || c == '.'));
    let names = FIXED.iter().flat_map(|(short, ..)| *short);
    let names = names.chain(CALENDAR.iter().flat_map(|(short, ..)| *short));
    let found = names.copied().find(|name| name.eq_ignore_ascii_case(unit.trim()))?;
    let right = format!("{number}{found}");
    // This cannot recurse without end, because the unit of the new text is known.
    (right != text && right.parse::<Bucket>().is_ok()).then_some(right)
}

fn fixed_unit(unit: &str) -> Option<i64> {
    let found = FIXED.iter().find(|(short, long, _)| short.contains(&unit) || is_word(unit, long));
    found.map(|(_, _, nanos)| *nanos)
}

fn calendar_unit(unit: &str) -> Option<i32> {
    let found = CALENDAR.iter().find(|(short, long, _)| short.contains(&unit) || is_word(unit, long));
    found.map(|(_, _, months)| *months)
}

/// Whether `unit` is the English word, in any case, singular or plural.
fn is_word(unit: &str, word: &str) -> bool {
    unit.eq_ignore_ascii_case(word)
        || unit.strip_suffix(['s', 'S']).is_some_and(|single| single.eq_ignore_ascii_case(word))
}

/// Returns `number` (digits with at most one point) times `unit`, computed exactly and rounded down.
fn scaled(number: &str, unit: i64) -> Option<i128> {
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    let longest = 15;
    if whole.len() > longest || fraction.len() > longest || (whole.is_empty() && fraction.is_empty()) {
        return None;
    }
    let parse = |digits: &str| if digits.is_empty() { Some(0) } else { digits.parse::<i128>().ok() };
    let scale = 10_i128.pow(u32::try_from(fraction.len()).ok()?);
    Some((parse(whole)? * scale + parse(fraction)?) * i128::from(unit) / scale)
}

fn shorten(text: &str) -> String {
    let longest = 40;
    if text.chars().count() <= longest {
        return text.to_owned();
    }
    text.chars().take(longest).chain(['…']).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn ns(text: &str) -> i64 {
        i64::try_from(text.parse::<Timestamp>().unwrap().as_nanosecond()).unwrap()
    }

    #[test]
    fn intervals_are_read() {
        let cases = [
            ("5m", Bucket::Nanos(300 * SECOND)),
            (" 5 minutes ", Bucket::Nanos(300 * SECOND)),
            ("minute", Bucket::Nanos(60 * SECOND)),
            ("1h30m", Bucket::Nanos(5_400 * SECOND)),
            ("1 hour 30 min", Bucket::Nanos(5_400 * SECOND)),
            ("1.5h", Bucket::Nanos(5_400 * SECOND)),
            ("250ms", Bucket::Nanos(250_000_000)),
            ("1us", Bucket::Nanos(1_000)),
            ("1d", Bucket::Nanos(DAY)),
            ("30d", Bucket::Nanos(30 * DAY)),
            ("1w", Bucket::Weeks(1)),
            ("7d", Bucket::Weeks(1)),
            ("Weeks", Bucket::Weeks(1)),
            ("2w", Bucket::Weeks(2)),
            ("1M", Bucket::Months(1)),
            ("month", Bucket::Months(1)),
            ("1 QUARTER", Bucket::Months(3)),
            ("1Q", Bucket::Months(3)),
            ("2y", Bucket::Months(24)),
        ];
        for (text, expected) in cases {
            assert_eq!(text.parse::<Bucket>().as_ref(), Ok(&expected), "{text}");
        }
    }

    #[test]
    fn bad_intervals_are_told() {
        for text in ["", "5", "m5", "5x", "1h1", "1M1d", "1d1M", "5m m", "1.2.3s", ".s", "-5m", "1.5M", "5m;"]
        {
            let error = text.parse::<Bucket>().unwrap_err();
            assert!(error.message.ends_with("is not an interval"), "{text}: {error}");
        }
        for (text, right) in
            [("1q", "1Q"), ("1D", "1d"), ("2 W", "2w"), ("1Y", "1y"), ("5MS", "5ms"), ("1MON", "1mon")]
        {
            let hint = text.parse::<Bucket>().unwrap_err().hint.unwrap();
            assert_eq!(hint, format!("Units are told apart by their case: write `{right}`"));
        }
        for text in ["0s", "0M", "0.1us", "1.5us", "300y", "110000d", "0d"] {
            let error = text.parse::<Bucket>().unwrap_err();
            assert!(error.message.ends_with("is out of range"), "{text}: {error}");
        }
    }

    #[test]
    fn units_are_the_largest_that_fit() {
        let cases = [
            ("90s", (90, "second")),
            ("60s", (1, "minute")),
            ("48h", (2, "day")),
            ("1500us", (1500, "microsecond")),
            ("14d", (2, "week")),
            ("1Q", (3, "month")),
            ("1y", (1, "year")),
        ];
        for (text, expected) in cases {
            assert_eq!(text.parse::<Bucket>().unwrap().in_units(), expected);
        }
    }

    #[test]
    fn floors_and_nexts() {
        let cases = [
            ("5m", "1969-12-31T23:59:59.999Z", "1969-12-31T23:55:00Z", "1970-01-01T00:00:00Z"),
            ("1w", "2027-01-03T23:59:59Z", "2026-12-28T00:00:00Z", "2027-01-04T00:00:00Z"),
            ("2w", "1970-01-01T00:00:00Z", "1969-12-22T00:00:00Z", "1970-01-05T00:00:00Z"),
            ("1M", "2028-02-29T12:00:00Z", "2028-02-01T00:00:00Z", "2028-03-01T00:00:00Z"),
            ("1Q", "1969-12-31T12:00:00Z", "1969-10-01T00:00:00Z", "1970-01-01T00:00:00Z"),
            ("1y", "2026-12-31T12:00:00Z", "2026-01-01T00:00:00Z", "2027-01-01T00:00:00Z"),
        ];
        for (text, instant, floor, next) in cases {
            let bucket: Bucket = text.parse().unwrap();
            assert_eq!(bucket.floor(ns(instant)), ns(floor), "{text} {instant}");
            assert_eq!(bucket.next(ns(floor)), ns(next), "{text} {instant}");
        }
    }

    proptest! {
        #[test]
        fn an_instant_lies_in_its_bucket(
            instant in prop_oneof![any::<i64>(), -4_000_000_000_000_000_000..4_000_000_000_000_000_000_i64],
            bucket in prop_oneof![
                (1..i64::MAX).prop_map(Bucket::Nanos),
                (1..5_000).prop_map(Bucket::Weeks),
                (1..500).prop_map(Bucket::Months),
            ],
        ) {
            let floor = bucket.floor(instant);
            let next = bucket.next(floor);
            prop_assert!(floor <= instant);
            prop_assert!(next > instant || next == i64::MAX || floor == i64::MIN);
            if floor != i64::MIN {
                prop_assert_eq!(bucket.floor(floor), floor);
            }
        }
    }
}
