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

/// The values for macros and variables.
#[derive(Debug, Clone, Copy)]
pub struct Context<'a> {
    /// The dialect to write.
    pub dialect: Dialect,
    /// The time range of the dashboard or alert rule.
    pub range: TimeRange,
    /// The interval that Grafana suggests. Zero means unknown; then the range is divided by
    /// `max_data_points`.
    pub interval: Duration,
    /// The most points that the panel can show; zero or less means unknown.
    pub max_data_points: i64,
    /// Template variables by name, without `$`.
    pub variables: &'a Variables,
    /// The datasource's `slowMs` setting in milliseconds, for `$__slowMs`.
    pub slow_ms: f64,
}

impl Context<'_> {
    /// Returns the value of `$__interval`, at least a millisecond. Variable queries and direct API calls send
    /// no interval; then the range is divided by `max_data_points` (100 if unknown, as in `/api/ds/query`).
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

/// A query with its variables and macros filled in.
#[derive(Debug, Clone, PartialEq)]
pub struct Prepared {
    /// The SQL for the database.
    pub sql: String,
    /// How `$__timeGroup` wants empty buckets filled; for the format `time_series`.
    pub fill: Option<Fill>,
    /// Whether the query uses `$__weekFilter` or another macro for weeks.
    pub is_weekly: bool,
    /// Maps positions in `sql` to positions in the original text.
    pub offsets: Offsets,
}

/// Replaces template variables and macros in `raw_sql`.
///
/// # Errors
/// An empty query, an unterminated string, identifier or comment, an unknown macro or variable, a wrong
/// argument, a query parameter, or a macro that the dialect does not have. The error has the position in
/// `raw_sql` and a hint.
pub fn prepare(raw_sql: &str, context: &Context<'_>) -> Result<Prepared> {
    macros::expand(raw_sql, context)
}
