//! Time zones: names, offsets, and both directions of `AT TIME ZONE`.
//!
//! The rules are compiled into the binary (IANA, through jiff), so that results depend neither on the machine
//! nor on the files that a sandboxed worker may read. jiff supports the years -9999 to 9999; beyond them, the
//! rules of the corresponding year in the nearest 400-year cycle apply.

use std::sync::OnceLock;

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::{Offset, TimeZone, TimeZoneDatabase};

use super::civil::{self, DAY, Date, HOUR, MINUTE, SECOND};
use super::part::out_of_range;

/// A named time zone.
#[derive(Debug, Clone)]
pub(super) struct Zone(TimeZone);

impl Zone {
    /// Returns the zone called `name`, in any case: an IANA name, one of ICU's short names (`PST`), or
    /// `UTC`/`GMT` with hours and minutes east of Greenwich (`UTC+2`, `GMT-03:30`).
    ///
    /// # Errors
    /// A message with the most similar names.
    pub(super) fn named(name: &str) -> Result<Self, String> {
        if let Some(offset) = fixed_offset(name) {
            return Ok(Self(TimeZone::fixed(offset)));
        }
        // ICU's short names are looked up first; three of them (`EST`, `MST`, `HST`) are also IANA names with
        // the same meaning.
        let canonical = SHORT_NAMES
            .iter()
            .find(|(short, _)| short.eq_ignore_ascii_case(name))
            .map_or(name, |entry| entry.1);
        database().get(canonical).map(Self).map_err(|_| unknown(name))
    }

    /// Returns the offset in seconds east of Greenwich at a finite instant.
    pub(super) fn offset_at(&self, instant: i64) -> i64 {
        let (shifted, _) = into_jiff_range(instant);
        let offset = Timestamp::from_microsecond(shifted).map(|timestamp| self.0.to_offset(timestamp));
        i64::from(offset.unwrap_or(Offset::UTC).seconds())
    }

    /// Returns the local time in this zone at `instant`.
    ///
    /// # Errors
    /// The local time is outside DuckDB's range.
    pub(super) fn to_local(&self, instant: i64) -> Result<i64, String> {
        if !civil::is_finite(instant) {
            return Ok(instant);
        }
        moved(instant, self.offset_at(instant))
    }

    /// Returns the instant of the local time `local` in this zone. As in DuckDB's ICU extension, a time that
    /// is skipped by a change to summer time is read with the offset before the change, and of a time that
    /// occurs twice the later one is meant.
    ///
    /// # Errors
    /// The instant is outside DuckDB's range.
    pub(super) fn to_instant(&self, local: i64) -> Result<i64, String> {
        if !civil::is_finite(local) {
            return Ok(local);
        }
        let (shifted, cycles) = into_jiff_range(local);
        let timestamp = date_time(shifted)
            .and_then(|clock| self.0.to_ambiguous_timestamp(clock).later().ok())
            .ok_or_else(out_of_range)?;
        // Only the offset is taken from jiff, so that the microseconds are kept.
        let offset = (shifted - timestamp.as_microsecond()) / SECOND;
        debug_assert!(cycles == 0 || shifted != local);
        moved(local, -offset)
    }
}

fn moved(micros: i64, seconds: i64) -> Result<i64, String> {
    micros.checked_add(seconds * SECOND).filter(|&micros| civil::is_finite(micros)).ok_or_else(out_of_range)
}

/// Moves `micros` by whole 400-year cycles into the years that jiff supports; returns the number of cycles,
/// too.
fn into_jiff_range(micros: i64) -> (i64, i64) {
    const CYCLE: i64 = 146_097 * DAY;
    // A margin of a year at each end leaves room for offsets.
    const FIRST: i64 = -377_000_000_000 * SECOND;
    const LAST: i64 = 253_000_000_000 * SECOND;
    let cycles = if micros > LAST {
        -((micros - LAST) / CYCLE + 1)
    } else if micros < FIRST {
        (FIRST - micros) / CYCLE + 1
    } else {
        0
    };
    (micros + cycles * CYCLE, cycles)
}

fn date_time(micros: i64) -> Option<DateTime> {
    let (days, time) = civil::split(micros);
    let date = Date::from_days(days);
    DateTime::new(
        i16::try_from(date.year).ok()?,
        i8::try_from(date.month).ok()?,
        i8::try_from(date.day).ok()?,
        i8::try_from(time / HOUR).ok()?,
        i8::try_from(time % HOUR / MINUTE).ok()?,
        i8::try_from(time % MINUTE / SECOND).ok()?,
        i32::try_from(time % SECOND * 1000).ok()?,
    )
    .ok()
}

fn database() -> &'static TimeZoneDatabase {
    static DATABASE: OnceLock<TimeZoneDatabase> = OnceLock::new();
    DATABASE.get_or_init(TimeZoneDatabase::bundled)
}

/// Reads an offset such as `UTC+2`, `GMT-03:30`, `UTC+0530`.
fn fixed_offset(name: &str) -> Option<Offset> {
    let bytes = name.as_bytes();
    let prefix = bytes.get(..3)?;
    if !prefix.eq_ignore_ascii_case(b"UTC") && !prefix.eq_ignore_ascii_case(b"GMT") {
        return None;
    }
    let sign = match bytes.get(3)? {
        b'+' => 1,
        b'-' => -1,
        _ => return None,
    };
    let digits = name.get(4..)?;
    let (hours, minutes) = match (digits.split_once(':'), digits.len()) {
        (Some(halves), _) => halves,
        (None, 1 | 2) => (digits, "00"),
        (None, 3 | 4) => digits.split_at(digits.len() - 2),
        _ => return None,
    };
    let number = |text: &str| {
        text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse::<i32>().ok()).flatten()
    };
    let (hours, minutes) = (number(hours)?, number(minutes)?);
    if hours > 23 || minutes > 59 {
        return None;
    }
    Offset::from_seconds(sign * (hours * 3600 + minutes * 60)).ok()
}

/// Returns the message for an unknown zone.
fn unknown(name: &str) -> String {
    if name.starts_with(['+', '-']) {
        return format!("unknown time zone `{name}`: write an offset as `UTC{name}`");
    }
    let mut near: Vec<(usize, String)> = database()
        .available()
        .map(|zone| {
            let full = distance(name, zone.as_str());
            let city = zone.as_str().rsplit('/').next().map_or(full, |city| distance(name, city));
            (full.min(city), zone.as_str().to_owned())
        })
        .filter(|(distance, _)| *distance <= name.len() / 3)
        .collect();
    near.sort();
    near.truncate(3);
    let names: Vec<String> = near.into_iter().map(|(_, zone)| format!("`{zone}`")).collect();
    if names.is_empty() {
        format!("unknown time zone `{name}`: use an IANA name such as `Europe/Berlin`, or `UTC+2`")
    } else {
        format!("unknown time zone `{name}`: did you mean {}?", names.join(" or "))
    }
}

/// Returns the edit distance between two names, ignoring case.
fn distance(left: &str, right: &str) -> usize {
    strsim::levenshtein(&left.to_ascii_lowercase(), &right.to_ascii_lowercase())
}

/// Short names that ICU (and so DuckDB with ICU) accepts beside the IANA names.
const SHORT_NAMES: &[(&str, &str)] = &[
    ("ACT", "Australia/Darwin"),
    ("AET", "Australia/Sydney"),
    ("AGT", "America/Argentina/Buenos_Aires"),
    ("ART", "Africa/Cairo"),
    ("AST", "America/Anchorage"),
    ("BET", "America/Sao_Paulo"),
    ("BST", "Asia/Dhaka"),
    ("CAT", "Africa/Harare"),
    ("CNT", "America/St_Johns"),
    ("CST", "America/Chicago"),
    ("CTT", "Asia/Shanghai"),
    ("EAT", "Africa/Addis_Ababa"),
    ("ECT", "Europe/Paris"),
    ("IET", "America/Indiana/Indianapolis"),
    ("IST", "Asia/Kolkata"),
    ("JST", "Asia/Tokyo"),
    ("MIT", "Pacific/Apia"),
    ("NET", "Asia/Yerevan"),
    ("NST", "Pacific/Auckland"),
    ("PLT", "Asia/Karachi"),
    ("PNT", "America/Phoenix"),
    ("PRT", "America/Puerto_Rico"),
    ("PST", "America/Los_Angeles"),
    ("SST", "Pacific/Guadalcanal"),
    ("VST", "Asia/Ho_Chi_Minh"),
];
