//! `time_bucket` on TIMESTAMPTZ, in UTC or in a named zone.

use super::civil::{self, DAY, Date, Interval};
use super::part::out_of_range;
use super::zone::Zone;

/// The origin of buckets of days and shorter: Monday, 2000-01-03.
const ORIGIN: i64 = 10_959 * DAY;
/// The origin of buckets of months: January 2000.
const ORIGIN_MONTH: i64 = 2000 * 12;

/// The width of a bucket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Width {
    /// A fixed duration in microseconds.
    Micros(i64),
    /// Calendar days.
    Days(i64),
    /// Calendar months.
    Months(i64),
}

impl Width {
    /// Returns the width for `interval`.
    ///
    /// # Errors
    /// The interval is not positive, or mixes months with shorter units.
    pub(super) fn of(interval: Interval) -> Result<Self, String> {
        let Interval { months, days, micros } = interval;
        let width = match (months, days, micros) {
            (0, 0, micros) => Self::Micros(micros),
            (0, days, 0) => Self::Days(i64::from(days)),
            (0, days, micros) => Self::Micros(
                i64::from(days)
                    .checked_mul(DAY)
                    .and_then(|whole| whole.checked_add(micros))
                    .ok_or_else(out_of_range)?,
            ),
            (months, 0, 0) => Self::Months(i64::from(months)),
            _ => return Err("time_bucket: a width of months cannot also have days or time".to_owned()),
        };
        let (Self::Micros(size) | Self::Days(size) | Self::Months(size)) = width;
        if size > 0 { Ok(width) } else { Err("time_bucket: the width must be greater than 0".to_owned()) }
    }

    /// Returns the start of the bucket that contains `micros`, counted from the default origin.
    ///
    /// # Errors
    /// The start is outside DuckDB's range.
    pub(super) fn start(self, micros: i64) -> Result<i64, String> {
        self.start_from(micros, ORIGIN, ORIGIN_MONTH)
    }

    /// Like [`Self::start`], counted from `origin`, which must be finite.
    pub(super) fn start_from_origin(self, micros: i64, origin: i64) -> Result<i64, String> {
        self.start_from(micros, origin, month_of(origin))
    }

    /// Like [`Self::start`], with all buckets shifted by `offset`.
    pub(super) fn start_with_offset(self, micros: i64, offset: Interval) -> Result<i64, String> {
        let back = offset.negated().and_then(|back| civil::add(micros, back)).ok_or_else(out_of_range)?;
        civil::add(self.start(back)?, offset).ok_or_else(out_of_range)
    }

    /// Like [`Self::start`], by the calendar and clock of `zone`.
    pub(super) fn start_in_zone(self, micros: i64, zone: &Zone) -> Result<i64, String> {
        if !civil::is_finite(micros) {
            return Ok(micros);
        }
        match self {
            // Buckets of fixed width follow elapsed time, so that a day of 25 hours in autumn has 25 buckets
            // of an hour.
            Self::Micros(_) => self.start_from(micros, zone.to_instant(ORIGIN)?, ORIGIN_MONTH),
            Self::Days(_) | Self::Months(_) => zone.to_instant(self.start(zone.to_local(micros)?)?),
        }
    }

    fn start_from(self, micros: i64, origin: i64, origin_month: i64) -> Result<i64, String> {
        if !civil::is_finite(micros) {
            return Ok(micros);
        }
        let start = match self {
            Self::Micros(width) => floor(micros, i128::from(width), origin),
            Self::Days(days) => floor(micros, i128::from(days) * i128::from(DAY), origin),
            Self::Months(width) => {
                let month = month_of(micros);
                let start = month - (month - origin_month).rem_euclid(width);
                let date = Date { year: start.div_euclid(12), month: start.rem_euclid(12) + 1, day: 1 };
                civil::join(date.days(), 0)
            }
        };
        start.ok_or_else(out_of_range)
    }
}

fn floor(micros: i64, width: i128, origin: i64) -> Option<i64> {
    let past = (i128::from(micros) - i128::from(origin)).rem_euclid(width);
    i64::try_from(i128::from(micros) - past)
        .ok()
        .filter(|&start| civil::is_finite(start) && start != i64::MIN)
}

fn month_of(micros: i64) -> i64 {
    Date::from_days(civil::split(micros).0).month_number()
}
