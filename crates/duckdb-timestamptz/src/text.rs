//! Parses TIMESTAMPTZ from text: DuckDB's own grammar, and named zones.
//!
//! A registered cast replaces DuckDB's, so this parser accepts all that DuckDB accepts:
//! `YYYY-MM-DD[( |T)HH:MM[:SS[.US]][Z | ±HH[[:]MM[:SS]] | ZONE]]`, `infinity`, `epoch`, ` (BC)`.

use super::civil::{self, DAY, Date, HOUR, INFINITY, MINUTE, SECOND};
use super::zone::Zone;

/// Returns the instant that `text` names; without an offset or zone it is in UTC.
///
/// # Errors
/// A message in DuckDB's words.
pub(super) fn parse(text: &str) -> Result<i64, String> {
    let mut cursor = Cursor { bytes: text.as_bytes(), at: 0 };
    let malformed = || {
        format!(
            "invalid timestamp field format: \"{text}\", expected format is (YYYY-MM-DD HH:MM[:SS[.US]][±HH[:MM[:SS]]| ZONE])"
        )
    };
    let out_of_range = || format!("timestamp field value out of range: \"{text}\"");

    cursor.skip_spaces();
    if !cursor.starts_with_date() {
        return cursor.special().ok_or_else(malformed);
    }
    let (year, month, day) = cursor.date().ok_or_else(malformed)?;
    let date = Date::checked(year, month, day).ok_or_else(out_of_range)?;
    if cursor.done() {
        return civil::join(date.days(), 0).ok_or_else(out_of_range);
    }
    if matches!(cursor.peek(), Some(b' ' | b'T')) {
        cursor.at += 1;
    }
    let time = cursor.time().ok_or_else(malformed)?;
    if time > DAY {
        return Err(out_of_range());
    }
    let local = civil::join(date.days(), time).ok_or_else(out_of_range)?;
    let suffix = cursor.suffix().ok_or_else(malformed)?;
    match suffix {
        Suffix::Offset(micros) => {
            local.checked_sub(micros).filter(|&micros| civil::is_finite(micros)).ok_or_else(out_of_range)
        }
        Suffix::Zone(name) if name.eq_ignore_ascii_case("utc") => Ok(local),
        Suffix::Zone(name) => Zone::named(name)?.to_instant(local),
    }
}

/// Returns the instant in nanoseconds since 1970; an instant outside the range of nanoseconds is an error.
///
/// # Errors
/// As [`parse`].
pub(super) fn parse_nanoseconds(text: &str) -> Result<i64, String> {
    let micros = parse(text)?;
    if !civil::is_finite(micros) {
        return Ok(micros);
    }
    let fraction = text.split_once('.').map_or("", |(_, fraction)| fraction);
    let digits = fraction.bytes().take_while(u8::is_ascii_digit).skip(6).chain(std::iter::repeat(b'0'));
    let nanos = digits.take(3).fold(0, |nanos, digit| nanos * 10 + i64::from(digit - b'0'));
    micros
        .checked_mul(1000)
        .and_then(|whole| whole.checked_add(nanos))
        .filter(|&nanos| civil::is_finite(nanos) && nanos != i64::MIN)
        .ok_or_else(|| format!("timestamp field value out of range: \"{text}\""))
}

enum Suffix<'a> {
    /// An offset in microseconds east of UTC.
    Offset(i64),
    Zone(&'a str),
}

struct Cursor<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Cursor<'a> {
    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    fn done(&self) -> bool {
        self.at >= self.bytes.len()
    }

    fn take(&mut self, byte: u8) -> Option<()> {
        (self.peek()? == byte).then(|| self.at += 1)
    }

    fn skip_spaces(&mut self) {
        while self.peek().is_some_and(is_space) {
            self.at += 1;
        }
    }

    /// Reads a run of one to `longest` digits.
    fn digits(&mut self, longest: usize) -> Option<i64> {
        let mut value: Option<i64> = None;
        for _ in 0..longest {
            let Some(digit) = self.peek().filter(u8::is_ascii_digit) else { break };
            value = Some(value.unwrap_or_default() * 10 + i64::from(digit - b'0'));
            self.at += 1;
        }
        value
    }

    fn starts_with_date(&self) -> bool {
        let start = self.at + usize::from(self.peek() == Some(b'-'));
        self.bytes.get(start).is_some_and(u8::is_ascii_digit)
    }

    /// Reads `[-]infinity`, its short form `inf`, or `epoch`.
    fn special(&self) -> Option<i64> {
        let word = self.bytes.get(self.at..)?.trim_ascii_end().to_ascii_lowercase();
        match word.as_slice() {
            b"infinity" | b"inf" => Some(INFINITY),
            b"-infinity" | b"-inf" => Some(-INFINITY),
            b"epoch" | b"-epoch" => Some(0),
            _ => None,
        }
    }

    fn date(&mut self) -> Option<(i64, i64, i64)> {
        let negative = self.take(b'-').is_some();
        let mut year = self.digits(9)?;
        let separator = self.peek().filter(|byte| matches!(byte, b' ' | b'-' | b'/' | b'\\'))?;
        self.at += 1;
        let month = self.digits(2)?;
        self.take(separator)?;
        let day = self.digits(2)?;
        if negative {
            year = -year;
        }
        let rest = self.bytes.get(self.at..).unwrap_or_default();
        if rest.len() >= 5 && is_space(*rest.first()?) && rest.get(1..5)?.eq_ignore_ascii_case(b"(bc)") {
            if negative || year == 0 {
                return None;
            }
            year = 1 - year;
            self.at += 5;
        }
        if self.peek().is_some_and(|byte| byte.is_ascii_digit()) {
            return None;
        }
        Some((year, month, day))
    }

    /// Reads `HH:MM[:SS[.fraction]]`; the last number may be missing after its colon.
    fn time(&mut self) -> Option<i64> {
        self.skip_spaces();
        let hours = self.digits(10)?;
        self.take(b':')?;
        let minutes = self.sixtieth()?;
        let mut seconds = None;
        if self.take(b':').is_some() {
            seconds = Some(self.sixtieth()?);
        }
        let mut micros = 0;
        if seconds.is_some() && self.take(b'.').is_some() {
            let mut unit = SECOND / 10;
            while let Some(digit) = self.digits(1) {
                micros += digit * unit;
                unit /= 10;
            }
        }
        // The rest must be able to start an offset or a zone.
        if !self.done()
            && !self.peek().is_some_and(|byte| matches!(byte, b'Z' | b'+' | b'-') || is_space(byte))
        {
            return None;
        }
        hours.checked_mul(HOUR)?.checked_add(minutes * MINUTE + seconds.unwrap_or_default() * SECOND + micros)
    }

    /// Reads up to two digits below 60; at the end of the time, no digit means 0.
    fn sixtieth(&mut self) -> Option<i64> {
        if self.done() || matches!(self.peek(), Some(b'Z' | b'+' | b'-')) || self.peek().is_some_and(is_space)
        {
            return Some(0);
        }
        self.digits(2).filter(|&number| number < 60)
    }

    fn suffix(&mut self) -> Option<Suffix<'a>> {
        let suffix = match self.peek() {
            None => return Some(Suffix::Offset(0)),
            Some(b'Z') => {
                self.at += 1;
                Suffix::Offset(0)
            }
            Some(sign @ (b'+' | b'-')) => {
                self.at += 1;
                let east = self.offset()?;
                Suffix::Offset(if sign == b'-' { -east } else { east })
            }
            Some(b' ') => {
                self.at += 1;
                let start = self.at;
                let in_name = |byte: u8| {
                    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'/' | b'+' | b'-' | b':')
                };
                while self.peek().is_some_and(in_name) {
                    self.at += 1;
                }
                match self.bytes.get(start..self.at).and_then(|name| std::str::from_utf8(name).ok()) {
                    Some(name) if !name.is_empty() => Suffix::Zone(name),
                    _ => Suffix::Offset(0),
                }
            }
            Some(_) => return None,
        };
        self.skip_spaces();
        self.done().then_some(suffix)
    }

    /// Reads `HH`, `HHMM`, `HH:MM` or `HH:MM:SS`.
    fn offset(&mut self) -> Option<i64> {
        let mut micros = self.two_digits()? * HOUR;
        let colon = self.take(b':').is_some();
        if !colon && !self.peek().is_some_and(|byte| byte.is_ascii_digit()) {
            return Some(micros);
        }
        micros += self.two_digits()? * MINUTE;
        if colon && self.take(b':').is_some() {
            micros += self.two_digits()? * SECOND;
        }
        Some(micros)
    }

    fn two_digits(&mut self) -> Option<i64> {
        let start = self.at;
        self.digits(2).filter(|_| self.at - start == 2)
    }
}

fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t'..=b'\r')
}
