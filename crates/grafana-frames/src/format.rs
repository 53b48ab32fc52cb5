//! The formats of a result.

use serde::{Deserialize, Serialize};

/// The format of a result's frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Format {
    /// Rows and columns as they come.
    #[default]
    Table,
    /// Time series in wide form: one time column, one column per series.
    TimeSeries,
}

impl Format {
    /// Returns the format's name in query models: `table` or `time_series`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Table => "table",
            Self::TimeSeries => "time_series",
        }
    }

    /// Returns the format with this name.
    #[must_use]
    pub fn of_word(word: &str) -> Option<Self> {
        [Self::Table, Self::TimeSeries].into_iter().find(|format| format.as_str() == word)
    }
}
