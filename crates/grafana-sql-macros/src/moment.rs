//! Formats dates as Grafana's frontend does in `${__from:date:YYYY-MM-DD}`: with Moment.js format tokens, in
//! English and UTC.

use jiff::ToSpan;
use jiff::civil::{DateTime, date};

/// The supported format tokens, for an error message.
pub(super) const TOKENS: &str =
    "YYYY YY Q MMMM MMM MM M DDDD DDD DD D GGGG GG WW W dddd ddd E HH H hh h A a mm m ss s SSS X x Z ZZ";

/// Milliseconds since 1970, and the same instant as date and time in UTC. It is not a `Timestamp`, whose
/// range ends before the calendar's.
#[derive(Clone, Copy)]
pub(super) struct Instant {
    pub(super) ms: i64,
    pub(super) civil: DateTime,
}

impl Instant {
    /// Returns the instant; `None` if it is outside the calendar.
    pub(super) fn of_ms(ms: i64) -> Option<Self> {
        let epoch = date(1970, 1, 1).at(0, 0, 0, 0);
        let span = 0.seconds().try_milliseconds(ms).ok()?;
        Some(Self { ms, civil: epoch.checked_add(span).ok()? })
    }
}

/// Formats the date; text in `[…]` is copied.
///
/// # Errors
/// The first run of a letter that is not a format token.
pub(super) fn format(pattern: &str, instant: Instant) -> Result<String, String> {
    let mut text = String::new();
    let mut rest = pattern;
    while let Some(first) = rest.chars().next() {
        if let Some((literal, after)) = rest.strip_prefix('[').and_then(|inside| inside.split_once(']')) {
            text.push_str(literal);
            rest = after;
            continue;
        }
        let (run, after) = rest.split_at(super::lexer::run(rest, |c| c == first));
        if first.is_alphabetic() {
            text.push_str(&token(run, instant).ok_or_else(|| run.to_owned())?);
        } else {
            text.push_str(run);
        }
        rest = after;
    }
    Ok(text)
}

/// Formats one run of a letter.
fn token(run: &str, Instant { ms, civil }: Instant) -> Option<String> {
    let directive = match run {
        "YYYY" => "%Y",
        "YY" => "%y",
        "Q" => return Some(((civil.month() + 2) / 3).to_string()),
        "MMMM" => "%B",
        "MMM" => "%b",
        "MM" => "%m",
        "M" => "%-m",
        "DDDD" => "%j",
        "DDD" => "%-j",
        "DD" => "%d",
        "D" => "%-d",
        "GGGG" => "%G",
        "GG" => "%g",
        "WW" => "%V",
        "W" => "%-V",
        "dddd" => "%A",
        "ddd" => "%a",
        "E" => "%u",
        "HH" => "%H",
        "H" => "%-H",
        "hh" => "%I",
        "h" => "%-I",
        "A" => "%p",
        "a" => "%P",
        "mm" => "%M",
        "m" => "%-M",
        "ss" => "%S",
        "s" => "%-S",
        "SSS" => "%3f",
        "X" => return Some(ms.div_euclid(1_000).to_string()),
        "x" => return Some(ms.to_string()),
        "Z" => "+00:00",
        "ZZ" => "+0000",
        // The T of ISO 8601, which users do not put into brackets, and which Moment.js copies.
        "T" => "T",
        _ => return None,
    };
    Some(civil.strftime(directive).to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The expected values were computed with Moment.js.
    #[test]
    fn dates_as_grafana_writes_them() {
        let instant = Instant::of_ms(1_798_988_645_678).unwrap();
        let cases = [
            ("YYYY-MM-DD", "2027-01-03"),
            ("YYYYMMDD", "20270103"),
            ("YYYY-MM-DDTHH:mm:ss.SSSZ", "2027-01-03T15:04:05.678+00:00"),
            ("GGGG-[W]WW", "2026-W53"),
            ("GGGGWW", "202653"),
            ("D.M.YY H:m:s", "3.1.27 15:4:5"),
            ("dddd, MMMM Do", "o"),
            ("ddd MMM D h:mm A", "Sun Jan 3 3:04 PM"),
            ("hh a [o'clock], [Q]Q", "03 pm o'clock, Q1"),
            ("DDDD E ZZ", "003 7 +0000"),
            ("X x", "1798988645 1798988645678"),
            ("", ""),
        ];
        for (pattern, expected) in cases {
            let found = format(pattern, instant).unwrap_or_else(|unknown| unknown);
            assert_eq!(found, expected, "{pattern}");
        }
        let last = Instant::of_ms(253_402_300_799_999).unwrap();
        assert_eq!(format("YYYY-MM-DD HH:mm:ss.SSS", last).unwrap(), "9999-12-31 23:59:59.999");
    }
}
