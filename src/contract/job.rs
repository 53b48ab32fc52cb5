//! What a backend is to run.

use serde::{Deserialize, Serialize};

use crate::frame::{CsvOptions, Options};

/// A query whose variables and macros are already expanded.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct QueryJob {
    /// The text DuckDB gets.
    pub sql: String,
    /// How the frame is made.
    pub options: Options,
    /// Whether somebody wants to keep the result, and so to know for how long it holds.
    #[serde(default)]
    pub keep: bool,
}

/// An export whose variables and macros are already expanded.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ExportJob {
    /// The text DuckDB gets.
    pub sql: String,
    /// How the CSV is written.
    pub options: CsvOptions,
}
