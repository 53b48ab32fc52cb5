//! Reads one end of a time range as a person writes it, including Grafana's date math (`now-26w/w`). The
//! command line and the JSON API use it; Grafana itself sends instants.

use jiff::civil::{Date, DateTime};
use jiff::tz::Offset;
use jiff::{Span, Timestamp, ToSpan};

use super::instant_of_ms;
use crate::{End, Error, IsoWeek, Result};

/// Returns the instant that `text` stands for; see [`super::TimeRange::parse`].
pub(super) fn parse(text: &str, now: Timestamp, end: End) -> Result<Timestamp> {
    let trimmed = text.trim();
    let found = match trimmed.strip_prefix("now") {
        Some(steps) => date_math(steps, now, end),
        None => absolute(trimmed, end),
    };
    found.ok_or_else(|| {
        Error {
            end: Some(end),
            ..Error::new(
                format!("`{text}` is not a time"),
                "Write `now-6h`, `now/w`, `2026-03-01`, `2026-03-01T12:00:00Z`, `2026-W10` or milliseconds since 1970",
            )
        }
    })
}

fn absolute(text: &str, end: End) -> Option<Timestamp> {
    if let Ok(instant) = text.parse::<Timestamp>() {
        return Some(instant);
    }
    // Six digits are a week: as milliseconds they would be in the first minutes of 1970.
    if text.contains(['W', 'w']) || (text.len() == 6 && text.bytes().all(|byte| byte.is_ascii_digit())) {
        let week: IsoWeek = text.parse().ok()?;
        return span_end(week.monday().into(), 1.week(), end);
    }
    if let Ok(ms) = text.parse::<i64>() {
        return instant_of_ms(ms);
    }
    if text.len() <= "2026-03-01".len() {
        return span_end(text.parse::<Date>().ok()?.into(), 1.day(), end);
    }
    // The calendar's last hours are beyond the range of `Timestamp`.
    let civil: DateTime = text.strip_suffix('Z').unwrap_or(text).parse().ok()?;
    Some(instant(civil).unwrap_or(if civil.year() < 0 { Timestamp::MIN } else { Timestamp::MAX }))
}

/// Applies steps and roundings such as `-26w/w` to `now`, from left to right.
fn date_math(steps: &str, now: Timestamp, end: End) -> Option<Timestamp> {
    let mut at = Offset::UTC.to_datetime(now);
    let mut rest = steps.trim_start();
    while let Some(operator) = rest.chars().next() {
        rest = rest.get(operator.len_utf8()..)?;
        let (digits, after) = rest.split_at(super::run(rest, |c| c.is_ascii_digit()));
        let unit = after.chars().next()?;
        rest = after.get(unit.len_utf8()..)?.trim_start();
        at = match operator {
            '+' | '-' => {
                let count: i64 = if digits.is_empty() { 1 } else { digits.parse().ok()? };
                let count = if operator == '-' { -count } else { count };
                at.checked_add(span(unit, count)?).ok()?
            }
            '/' if digits.is_empty() => round(at, unit, end)?,
            _ => return None,
        };
    }
    instant(at)
}

fn span(unit: char, count: i64) -> Option<Span> {
    let span = Span::new();
    match unit {
        's' => span.try_seconds(count),
        'm' => span.try_minutes(count),
        'h' => span.try_hours(count),
        'd' => span.try_days(count),
        'w' => span.try_weeks(count),
        'M' => span.try_months(count),
        'Q' => span.try_months(count.checked_mul(3)?),
        'y' => span.try_years(count),
        _ => return None,
    }
    .ok()
}

fn round(at: DateTime, unit: char, end: End) -> Option<DateTime> {
    let date = at.date();
    let start = match unit {
        's' => at.with().subsec_nanosecond(0).build().ok()?,
        'm' => date.at(at.hour(), at.minute(), 0, 0),
        'h' => date.at(at.hour(), 0, 0, 0),
        'd' => date.into(),
        'w' => IsoWeek::of_date(date).monday().into(),
        'M' => date.first_of_month().into(),
        'Q' => Date::new(date.year(), (date.month() - 1) / 3 * 3 + 1, 1).ok()?.into(),
        'y' => date.first_of_year().into(),
        _ => return None,
    };
    match end {
        End::From => Some(start),
        End::To => start.checked_add(span(unit, 1)?).ok()?.checked_sub(1.millisecond()).ok(),
    }
}

/// Returns `start`, or for the end of a range the last millisecond of the period that begins there. For the
/// calendar's last days that is the calendar's end.
fn span_end(start: DateTime, length: Span, end: End) -> Option<Timestamp> {
    match end {
        End::From => instant(start),
        End::To => {
            let end = start.checked_add(length).and_then(|next| next.checked_sub(1.millisecond()));
            Some(end.ok().and_then(instant).unwrap_or(Timestamp::MAX))
        }
    }
}

fn instant(civil: DateTime) -> Option<Timestamp> {
    Offset::UTC.to_timestamp(civil).ok()
}

#[cfg(test)]
mod tests {
    use super::super::TimeRange;
    use super::*;

    #[test]
    fn both_ends() {
        // A Monday; ISO week 2026-W48.
        let now: Timestamp = "2026-11-23T09:15:30.5Z".parse().unwrap();
        let cases = [
            ("now", "2026-11-23T09:15:30.5Z", "2026-11-23T09:15:30.5Z"),
            ("now-6h", "2026-11-23T03:15:30.5Z", "2026-11-23T03:15:30.5Z"),
            ("now/w", "2026-11-23T00:00:00Z", "2026-11-29T23:59:59.999Z"),
            ("now-26w/w", "2026-05-25T00:00:00Z", "2026-05-31T23:59:59.999Z"),
            ("now-1M/M", "2026-10-01T00:00:00Z", "2026-10-31T23:59:59.999Z"),
            ("now/Q", "2026-10-01T00:00:00Z", "2026-12-31T23:59:59.999Z"),
            ("now-1y/y+1d", "2025-01-02T00:00:00Z", "2026-01-01T23:59:59.999Z"),
            ("now/d", "2026-11-23T00:00:00Z", "2026-11-23T23:59:59.999Z"),
            ("now/h", "2026-11-23T09:00:00Z", "2026-11-23T09:59:59.999Z"),
            ("now/s", "2026-11-23T09:15:30Z", "2026-11-23T09:15:30.999Z"),
            ("now-d", "2026-11-22T09:15:30.5Z", "2026-11-22T09:15:30.5Z"),
            ("2026-03-01", "2026-03-01T00:00:00Z", "2026-03-01T23:59:59.999Z"),
            ("2026-03-01 12:00", "2026-03-01T12:00:00Z", "2026-03-01T12:00:00Z"),
            ("2026-03-01T12:00:00+02:00", "2026-03-01T10:00:00Z", "2026-03-01T10:00:00Z"),
            ("2026-W53", "2026-12-28T00:00:00Z", "2027-01-03T23:59:59.999Z"),
            ("202601", "2025-12-29T00:00:00Z", "2026-01-04T23:59:59.999Z"),
            ("1772323200000", "2026-03-01T00:00:00Z", "2026-03-01T00:00:00Z"),
            ("-1", "1969-12-31T23:59:59.999Z", "1969-12-31T23:59:59.999Z"),
        ];
        for (text, from, to) in cases {
            assert_eq!(parse(text, now, End::From).unwrap().to_string(), from, "{text}");
            assert_eq!(parse(text, now, End::To).unwrap().to_string(), to, "{text}");
        }
        for text in ["9999-12-31", "9999-12-31T23:59:59.999Z", "9999-12-31 23:59", "253402300799999"] {
            assert_eq!(parse(text, now, End::To).unwrap(), Timestamp::MAX, "{text}");
        }
    }

    #[test]
    fn bad_times_are_told() {
        for text in [
            "",
            "now-",
            "now-6",
            "now-6x",
            "now6h",
            "now/2w",
            "yesterday",
            "2026-13-01",
            "2026-W54",
            "202600",
            "now-99999999999999999999y",
            "now-99999999y",
            "9999999999999999",
        ] {
            let error = parse(text, Timestamp::UNIX_EPOCH, End::From).unwrap_err();
            assert_eq!(error.message, format!("`{text}` is not a time"));
            assert_eq!(error.end, Some(End::From));
        }
        let error = TimeRange::parse("now", "now-1h", Timestamp::UNIX_EPOCH).unwrap_err();
        assert!(error.message.starts_with("the time range ends before it starts"), "{error}");
    }
}
