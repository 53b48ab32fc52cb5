//! Demo reports: made-up weekly query statistics of a shop, in which some queries get slower, faster, appear
//! or vanish. This module returns rows only; they are written to Parquet elsewhere.
//!
//! Every number is computed from a hash of (seed, pattern, week) with `+ - * /` only, so that the same
//! options give identical bits on every machine, whatever the order in which the weeks are generated.

mod patterns;
mod random;
mod role;
mod row;
mod story;

pub use self::row::{DemoOptions, DemoRow, SLOW_MS};
use self::story::Character;
use super::IsoWeek;
use crate::error::{Error, Result};

/// The most weeks a demo may have: twenty years.
pub const MAX_WEEKS: u32 = 1040;
/// The most patterns a demo may have.
pub const MAX_PATTERNS: u32 = 20_000;

/// A demo whose reports are generated one at a time.
#[derive(Debug, Clone)]
pub struct Demo {
    options: DemoOptions,
    cast: Vec<Character>,
}

/// One week's rows.
#[derive(Debug, Clone, PartialEq)]
pub struct DemoReport<'a> {
    /// The week of every row.
    pub week: IsoWeek,
    /// One row per pattern that ran in this week, in a fixed order.
    pub rows: Vec<DemoRow<'a>>,
}

/// Prepares a demo.
///
/// # Errors
/// [`BadSettings`](crate::error::Kind::BadSettings) when `weeks` or `patterns` is 0 or above its limit.
pub fn generate(options: &DemoOptions) -> Result<Demo> {
    for (name, value, most) in
        [("weeks", options.weeks, MAX_WEEKS), ("patterns", options.patterns, MAX_PATTERNS)]
    {
        if !(1..=most).contains(&value) {
            return Err(Error::bad_settings(format!("a demo of {value} {name} cannot be made"))
                .hint(format!("Give `{name}` a number from 1 to {most}")));
        }
    }
    Ok(Demo { options: options.clone(), cast: story::cast(options) })
}

impl Demo {
    /// Returns the weeks of the reports, oldest first.
    #[must_use]
    pub fn weeks(&self) -> impl ExactSizeIterator<Item = IsoWeek> + '_ {
        (0..self.options.weeks).rev().map(|back| self.options.until.plus(-i64::from(back)))
    }

    /// Returns the reports, oldest first; each is generated when the iterator reaches it.
    #[must_use]
    pub fn reports(&self) -> impl ExactSizeIterator<Item = DemoReport<'_>> + '_ {
        self.weeks().map(|week| self.report(week))
    }

    /// Returns the report of `week`.
    #[must_use]
    pub fn report(&self, week: IsoWeek) -> DemoReport<'_> {
        let rows = self.cast.iter().filter_map(|character| character.row(&self.options, week)).collect();
        DemoReport { week, rows }
    }
}

#[cfg(test)]
mod tests;
