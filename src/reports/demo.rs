//! Demo reports: a made-up shop's weekly query statistics that tell a story. Gives rows only; writing them to
//! Parquet happens elsewhere.
//!
//! Every number comes from a hash of (seed, pattern, week) and from nothing but `+ - * /`, so that the same
//! options give the same bits on every machine, in whatever order the weeks are asked for.

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

/// A demo, ready to give its reports one at a time.
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
    /// The weeks of the reports, oldest first.
    #[must_use]
    pub fn weeks(&self) -> impl ExactSizeIterator<Item = IsoWeek> + '_ {
        (0..self.options.weeks).rev().map(|back| self.options.until.plus(-i64::from(back)))
    }

    /// The reports, oldest first, each made when it is asked for.
    #[must_use]
    pub fn reports(&self) -> impl ExactSizeIterator<Item = DemoReport<'_>> + '_ {
        self.weeks().map(|week| self.report(week))
    }

    /// The report of `week`.
    #[must_use]
    pub fn report(&self, week: IsoWeek) -> DemoReport<'_> {
        let rows = self.cast.iter().filter_map(|character| character.row(&self.options, week)).collect();
        DemoReport { week, rows }
    }
}

#[cfg(test)]
mod tests;
