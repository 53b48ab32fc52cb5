#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

mod dialect;
mod error;
mod interpolate;
mod lexer;
mod macros;
mod moment;
mod offsets;
mod variables;

#[cfg(test)]
mod tests;

use std::time::Duration;

use grafana_time::{Fill, TimeRange};

pub use dialect::Dialect;
pub use error::{Error, Result};
pub use grafana_time;
pub use lexer::{Token, TokenKind, Tokens, tokens, with_plain_spaces};
pub use macros::{MacroDoc, has_macro_in_quotes, macro_table, week_condition};
pub use offsets::Offsets;
pub use variables::{Value, Variable, Variables, kind_of};

/// What macros and variables are filled from.
#[derive(Debug, Clone, Copy)]
pub struct Context<'a> {
    /// The database that the text is for.
    pub dialect: Dialect,
    /// The dashboard's or alert rule's time range.
    pub range: TimeRange,
    /// The interval Grafana suggests; zero = unknown, then it is the range over `max_data_points`.
    pub interval: Duration,
    /// How many points the panel can show; zero or less = unknown.
    pub max_data_points: i64,
    /// Template variables by name, without `$`.
    pub variables: &'a Variables,
    /// The datasource's `slowMs` setting in milliseconds, for `$__slowMs`.
    pub slow_ms: f64,
}

impl Context<'_> {
    /// The interval that `$__interval` stands for, never under a millisecond. Variable queries and bare
    /// API calls send none; then the range is cut into `max_data_points` (100 when unknown, as
    /// `/api/ds/query` has it).
    pub(crate) fn effective_interval(&self) -> Duration {
        let least = Duration::from_millis(1);
        if !self.interval.is_zero() {
            return self.interval.max(least);
        }
        let points = u64::try_from(self.max_data_points).ok().filter(|points| *points > 0).unwrap_or(100);
        let range = u64::try_from(self.range.to_ms().saturating_sub(self.range.from_ms())).unwrap_or(0);
        Duration::from_millis(range / points).max(least)
    }
}

/// A query ready for its database.
#[derive(Debug, Clone, PartialEq)]
pub struct Prepared {
    /// The text with variables and macros replaced.
    pub sql: String,
    /// What `$__timeGroup` said about empty buckets; for the `time_series` format.
    pub fill: Option<Fill>,
    /// Whether it asks for weeks: it has `$__weekFilter` or another macro of theirs.
    pub is_weekly: bool,
    /// The way back from positions in `sql` to positions in the text as written.
    pub offsets: Offsets,
}

/// Replaces template variables and macros in `raw_sql`.
///
/// # Errors
/// With the position in `raw_sql` and what to do: an empty query, an unterminated string, identifier or comment, an unknown macro
/// or variable, a wrong argument, a query parameter, a macro that the dialect does not have.
pub fn prepare(raw_sql: &str, context: &Context<'_>) -> Result<Prepared> {
    macros::expand(raw_sql, context)
}
