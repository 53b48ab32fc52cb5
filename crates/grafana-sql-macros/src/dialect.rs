//! The SQL dialects that macros are written in, and how each writes an instant.

use std::fmt::Write;

use jiff::Timestamp;
use jiff::tz::Offset;
use serde::{Deserialize, Serialize};

/// The database that a query is for.
///
/// In all dialects, strings, comments, identifiers and dollar quotes are read by DuckDB's rules. PostgreSQL
/// (with `standard_conforming_strings`, its default) and DataFusion have the same rules, except that `` `a`
/// `` is an error in PostgreSQL.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Dialect {
    /// DuckDB 1.0 and later. Times are TIMESTAMP in UTC.
    #[default]
    DuckDb,
    /// PostgreSQL 14 and later. Times are TIMESTAMPTZ, whatever the session's time zone; TIMESTAMP columns
    /// are read as UTC.
    Postgres,
    /// Apache DataFusion 50 and later. Times are TIMESTAMP (nanoseconds) in UTC; the years are 1678 to 2261.
    DataFusion,
}

impl Dialect {
    /// All dialects.
    pub const ALL: &[Self] = &[Self::DuckDb, Self::Postgres, Self::DataFusion];

    /// Returns the dialect's name in settings and files: `duckdb`, `postgres`, `datafusion`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::DuckDb => "duckdb",
            Self::Postgres => "postgres",
            Self::DataFusion => "datafusion",
        }
    }

    /// Returns SQL for an instant that is compared with a column of any time type, in microseconds rounded
    /// towards the past. `None` if the dialect's times do not include the instant.
    ///
    /// - DuckDB: a `TIMESTAMP`, which is several times faster than TIMESTAMPTZ and needs no ICU.
    /// - PostgreSQL: an untyped literal, as in Grafana's own datasource, which takes the type of the column.
    ///   A typed literal would be compared in the session's time zone with columns of the other type.
    /// - DataFusion: a time in the zone UTC. A time without zone would be read as local time when compared
    ///   with a column with a zone.
    pub(crate) fn instant(self, instant: Timestamp) -> Option<String> {
        Some(match self {
            Self::DuckDb => self.timestamp(instant)?,
            Self::Postgres => format!("'{}'", postgres_text(instant)),
            Self::DataFusion => {
                let text = nanosecond_text(instant)?.replace(' ', "T");
                format!("arrow_cast('{text}Z', 'Timestamp(Nanosecond, Some(\"UTC\"))')")
            }
        })
    }

    /// Returns SQL for an instant as a value of the dialect's time type.
    pub(crate) fn timestamp(self, instant: Timestamp) -> Option<String> {
        Some(match self {
            Self::DuckDb => {
                let civil = civil(instant);
                let (sign, year) = if civil.year < 0 { ("-", -civil.year) } else { ("", civil.year) };
                format!("TIMESTAMP '{sign}{year:04}-{}'", civil.rest)
            }
            Self::Postgres => format!("TIMESTAMPTZ '{}'", postgres_text(instant)),
            Self::DataFusion => format!("TIMESTAMP '{}'", nanosecond_text(instant)?),
        })
    }

    /// Returns the type of floating-point numbers.
    pub(crate) fn double(self) -> &'static str {
        match self {
            Self::DuckDb | Self::DataFusion => "DOUBLE",
            Self::Postgres => "DOUBLE PRECISION",
        }
    }

    /// Returns the start of a cast to BIGINT. If the dialect supports it, a text that is not a number becomes
    /// NULL.
    pub(crate) fn try_cast(self) -> &'static str {
        match self {
            Self::DuckDb | Self::DataFusion => "TRY_CAST(",
            Self::Postgres => "CAST(",
        }
    }
}

/// Writes the dialect's name for people.
impl std::fmt::Display for Dialect {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str(match self {
            Self::DuckDb => "DuckDB",
            Self::Postgres => "PostgreSQL",
            Self::DataFusion => "DataFusion",
        })
    }
}

/// An instant in UTC: the year, and the rest as `03-01 00:00:00.123`.
struct Civil {
    year: i16,
    rest: String,
}

fn civil(instant: Timestamp) -> Civil {
    if instant == Timestamp::MAX {
        // `Timestamp::MAX` stands for the calendar's last 26 hours.
        return Civil { year: 9999, rest: "12-31 23:59:59.999999".to_owned() };
    }
    let microseconds = instant.as_nanosecond().div_euclid(1_000);
    let rounded = i64::try_from(microseconds).ok().and_then(|us| Timestamp::from_microsecond(us).ok());
    let civil = Offset::UTC.to_datetime(rounded.unwrap_or(instant));
    let mut rest = format!(
        "{:02}-{:02} {:02}:{:02}:{:02}",
        civil.month(),
        civil.day(),
        civil.hour(),
        civil.minute(),
        civil.second()
    );
    let fraction = civil.subsec_nanosecond() / 1_000;
    if fraction % 1_000 != 0 {
        let _ = write!(rest, ".{fraction:06}");
    } else if fraction != 0 {
        let _ = write!(rest, ".{:03}", fraction / 1_000);
    }
    Civil { year: civil.year(), rest }
}

/// Returns `2026-03-01T00:00:00Z`; years before 1 are written as in PostgreSQL, with `BC` at the end.
fn postgres_text(instant: Timestamp) -> String {
    let Civil { year, rest } = civil(instant);
    let rest = rest.replace(' ', "T");
    if year < 1 { format!("{:04}-{rest}Z BC", 1 - year) } else { format!("{year:04}-{rest}Z") }
}

/// Returns `2026-03-01 00:00:00`, if the whole year is in the range of nanoseconds.
fn nanosecond_text(instant: Timestamp) -> Option<String> {
    let Civil { year, rest } = civil(instant);
    (1678..=2261).contains(&year).then(|| format!("{year:04}-{rest}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn literals() {
        let cases = [
            ("2026-03-01T00:00:00.123Z", "TIMESTAMP '2026-03-01 00:00:00.123'"),
            ("2026-03-01T00:00:00Z", "TIMESTAMP '2026-03-01 00:00:00'"),
            ("1969-12-31T23:59:59.9999995Z", "TIMESTAMP '1969-12-31 23:59:59.999999'"),
            ("0001-01-01T00:00:00.000001Z", "TIMESTAMP '0001-01-01 00:00:00.000001'"),
            ("-000001-03-01T00:00:00Z", "TIMESTAMP '-0001-03-01 00:00:00'"),
            // Up to the end of the calendar.
            ("9999-12-30T22:00:00.999999999Z", "TIMESTAMP '9999-12-31 23:59:59.999999'"),
        ];
        for (instant, expected) in cases {
            let found = Dialect::DuckDb.timestamp(instant.parse().unwrap());
            assert_eq!(found.as_deref(), Some(expected));
        }
    }

    #[test]
    fn literals_of_other_dialects() {
        let cases = [
            (Dialect::Postgres, "2026-03-01T00:00:00.123Z", Some("TIMESTAMPTZ '2026-03-01T00:00:00.123Z'")),
            (Dialect::Postgres, "0000-03-01T00:00:00Z", Some("TIMESTAMPTZ '0001-03-01T00:00:00Z BC'")),
            (Dialect::Postgres, "-000043-03-01T00:00:00Z", Some("TIMESTAMPTZ '0044-03-01T00:00:00Z BC'")),
            (Dialect::DataFusion, "2026-03-01T00:00:00.123Z", Some("TIMESTAMP '2026-03-01 00:00:00.123'")),
            (Dialect::DataFusion, "1677-12-31T23:59:59Z", None),
            (Dialect::DataFusion, "2262-01-01T00:00:00Z", None),
        ];
        for (dialect, instant, expected) in cases {
            assert_eq!(
                dialect.timestamp(instant.parse().unwrap()).as_deref(),
                expected,
                "{dialect} {instant}"
            );
        }
    }
}
