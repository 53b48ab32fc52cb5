//! Reads and formats time ranges and intervals, all in UTC.

use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Bucket, relative};
use crate::{End, Error, Result};

/// A time range that includes both ends, as in Grafana.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct TimeRange {
    /// Its first instant.
    #[serde(with = "rfc3339")]
    pub from: Timestamp,
    /// Its last instant.
    #[serde(with = "rfc3339")]
    pub to: Timestamp,
}

impl TimeRange {
    /// Creates a range from milliseconds since 1970, as in Grafana's protocol; saturates at the years -9999
    /// and 9999.
    #[must_use]
    pub fn from_millis(from: i64, to: i64) -> Self {
        let instant = |ms: i64| {
            let end = if ms < 0 { Timestamp::MIN } else { Timestamp::MAX };
            instant_of_ms(ms).unwrap_or(end)
        };
        Self { from: instant(from), to: instant(to) }
    }

    /// Returns `from` in milliseconds since 1970, rounded towards the past.
    #[must_use]
    pub fn from_ms(self) -> i64 {
        floor_milliseconds(self.from)
    }

    /// Returns `to` in milliseconds since 1970, rounded towards the past.
    #[must_use]
    pub fn to_ms(self) -> i64 {
        floor_milliseconds(self.to)
    }

    /// Reads both ends as a person writes them: `now-6h`, `now-26w/w`, `now/w` (rounding moves `from` to the
    /// start of the unit and `to` to its last millisecond; weeks start on Monday), RFC 3339, `2026-03-01`,
    /// `2026-03-01 12:00` (UTC), ISO weeks `2026-W10` or `202610`, milliseconds since 1970. A day or week
    /// given as `to` is included completely.
    ///
    /// # Errors
    /// A text in none of these forms, or a range that ends before it starts. The error has no position.
    pub fn parse(from: &str, to: &str, now: Timestamp) -> Result<Self> {
        let range =
            Self { from: relative::parse(from, now, End::From)?, to: relative::parse(to, now, End::To)? };
        if range.from > range.to {
            return Err(Error::new(
                format!(
                    "the time range ends before it starts: from `{from}` ({}) to `{to}` ({})",
                    range.from, range.to
                ),
                "Exchange the two ends",
            ));
        }
        Ok(range)
    }
}

/// The last millisecond of the year 9999, which Grafana's time picker offers. It is up to 26 hours after
/// [`Timestamp::MAX`], which leaves room for any offset; `Timestamp::MAX` stands for it.
const LAST_MS: i64 = 253_402_300_799_999;

/// Returns the instant of milliseconds since 1970; the calendar's last 26 hours become [`Timestamp::MAX`].
/// `None` beyond the years -9999 and 9999.
#[must_use]
pub fn instant_of_ms(ms: i64) -> Option<Timestamp> {
    let last = || (Timestamp::MAX.as_millisecond()..=LAST_MS).contains(&ms).then_some(Timestamp::MAX);
    Timestamp::from_millisecond(ms).ok().or_else(last)
}

/// Reads the width of an interval such as `30s`, `5m`, `1w`; a month counts 30 days, a year 365. For buckets
/// parse a [`Bucket`], which distinguishes calendar units.
///
/// # Errors
/// A text that is not an interval. The error has no position.
pub fn parse_interval(text: &str) -> Result<Duration> {
    text.parse().map(Bucket::width)
}

/// Formats an interval as a truncated number with one of the units y, d, h, m, s, ms, as Grafana's
/// `gtime.FormatInterval` does. At least `1ms`.
#[must_use]
pub fn format_interval(interval: Duration) -> String {
    let units = [("y", 31_536_000_000), ("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1_000)];
    let ms = interval.as_millis().max(1);
    match units.iter().find(|(_, length)| ms >= *length) {
        Some((unit, length)) => format!("{}{unit}", ms / length),
        None => format!("{ms}ms"),
    }
}

/// Returns the first instant after a range that ends with `last`. Ends are in whole milliseconds, and the
/// last millisecond belongs to the range completely; otherwise a week that ends with 23:59:59.999 would lack
/// its last moments. `None` if there is no later instant.
#[must_use]
pub fn behind(last: Timestamp) -> Option<Timestamp> {
    let step = if last.as_nanosecond() % 1_000_000 == 0 { 1_000_000 } else { 1_000 };
    let next = (last.as_nanosecond().div_euclid(step) + 1) * step;
    Timestamp::from_nanosecond(next).ok().filter(|_| last != Timestamp::MAX)
}

/// Returns seconds since 1970, rounded towards the past.
#[must_use]
pub fn unix_seconds(instant: Timestamp) -> i64 {
    if instant == Timestamp::MAX {
        return LAST_MS / 1_000;
    }
    i64::try_from(instant.as_nanosecond().div_euclid(1_000_000_000)).unwrap_or_default()
}

fn floor_milliseconds(instant: Timestamp) -> i64 {
    if instant == Timestamp::MAX {
        return LAST_MS;
    }
    i64::try_from(instant.as_nanosecond().div_euclid(1_000_000)).unwrap_or_default()
}

/// Serializes a timestamp as text, so that its full range and resolution are kept.
mod rfc3339 {
    use jiff::Timestamp;
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    pub(super) fn serialize<S: Serializer>(instant: &Timestamp, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(instant)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Timestamp, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn intervals_as_grafana_writes_them() {
        let cases = [
            (0, "1ms"),
            (999, "999ms"),
            (1_500, "1s"),
            (90_000, "1m"),
            (26 * 3_600_000, "1d"),
            (7 * 86_400_000, "7d"),
            (400 * 86_400_000, "1y"),
        ];
        for (ms, expected) in cases {
            assert_eq!(format_interval(Duration::from_millis(ms)), expected);
        }
        assert_eq!(parse_interval("2w").unwrap(), Duration::from_hours(14 * 24));
        assert_eq!(parse_interval("1y").unwrap(), Duration::from_hours(365 * 24));
    }

    #[test]
    fn ranges_survive_json_and_milliseconds() {
        let range = TimeRange::from_millis(-1, 1_772_323_200_123);
        assert_eq!((range.from_ms(), range.to_ms()), (-1, 1_772_323_200_123));
        let json = serde_json::to_string(&range).unwrap();
        assert_eq!(json, r#"{"from":"1969-12-31T23:59:59.999Z","to":"2026-03-01T00:00:00.123Z"}"#);
        assert_eq!(serde_json::from_str::<TimeRange>(&json).unwrap(), range);
        assert_eq!(TimeRange::from_millis(i64::MIN, i64::MAX).to, Timestamp::MAX);
        // A range up to the end of the calendar.
        let range = TimeRange::from_millis(0, LAST_MS);
        assert_eq!((range.to_ms(), unix_seconds(range.to)), (LAST_MS, LAST_MS / 1_000));
        for (ms, there) in [(LAST_MS, true), (LAST_MS - 90_000_000, true), (LAST_MS + 1, false)] {
            assert_eq!(instant_of_ms(ms).is_some(), there, "{ms}");
        }
    }
}
