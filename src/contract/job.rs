//! The jobs that a backend runs.

use serde::{Deserialize, Serialize};

use crate::frame::{CsvOptions, Options};

/// A query whose variables and macros are already expanded.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct QueryJob {
    /// The SQL text that DuckDB gets.
    pub sql: String,
    /// How the frame is encoded.
    pub options: Options,
    /// Whether the result may be cached, so that its validity must be determined.
    #[serde(default)]
    pub keep: bool,
}

/// An export whose variables and macros are already expanded.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ExportJob {
    /// The SQL text that DuckDB gets.
    pub sql: String,
    /// How the CSV is written.
    pub options: CsvOptions,
}
