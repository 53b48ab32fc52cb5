//! The caps of one datasource: what its settings ask for, bounded by what the operator allows.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// Bytes in a megabyte as the settings mean it.
pub const MB: u64 = 1 << 20;

/// Caps that every query of a datasource runs under. `Settings` + `Policy` = `Limits`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Limits {
    /// When a query is interrupted; half a second later its worker is killed.
    pub timeout: Duration,
    /// Rows of a result as the datasource asks, `maxRows`.
    pub max_rows: Option<u64>,
    /// Rows of a result as the operator allows, `max_rows`.
    pub most_rows: Option<u64>,
    /// Bytes of an encoded frame.
    pub max_result_bytes: u64,
    /// DuckDB's `memory_limit`, in bytes.
    pub memory_bytes: u64,
}

/// Queries of one datasource that run at the same time; the rest wait their turn.
pub(crate) const CONCURRENT: usize = 8;
/// Downloads of one datasource that run at the same time, beside its queries.
pub(crate) const EXPORTS: usize = 2;

/// The broker without frames, but with the texts of the queries that wait (16 MB) and are about to run, and what a worker
/// may still take between two looks and its end.
pub(crate) const RESERVE: u64 = 112 * MB;
/// What a worker needs to answer at all; frames never take it.
const SMALLEST_WORKER: u64 = 128 * MB;
/// What broker and worker may take together beyond a datasource's memory limit, in bytes.
const BESIDE: u64 = 256 * MB;
/// What DuckDB spills may take this many times the memory limit.
const SPILL_FACTOR: u64 = 3;

/// Grafana's own default of `[dataproxy] row_limit`, for callers that send none.
const DEFAULT_ROW_LIMIT: u64 = 1_000_000;

impl Limits {
    /// Bytes of what one worker's DuckDB spills, by its own count; its files grow somewhat beyond it.
    #[must_use]
    pub fn spill_bytes(&self) -> u64 {
        self.memory_bytes.saturating_mul(SPILL_FACTOR)
    }

    /// Bytes of the exports that wait in one worker's temp folder.
    #[must_use]
    pub fn waiting_bytes(&self) -> u64 {
        self.memory_bytes
    }

    /// Bytes of both, of all workers of a datasource together: four times the memory limit.
    #[must_use]
    pub fn disk_bytes(&self) -> u64 {
        self.spill_bytes().saturating_add(self.waiting_bytes())
    }

    /// Bytes of memory that broker and worker may take together for this datasource.
    #[must_use]
    pub fn total_bytes(&self) -> u64 {
        self.memory_bytes.saturating_add(BESIDE)
    }

    /// Bytes that frames may take in the broker at one time, all copies together.
    #[must_use]
    pub fn frame_bytes(&self) -> u64 {
        self.total_bytes().saturating_sub(RESERVE + SMALLEST_WORKER)
    }

    /// How many rows a result may have (`None` is unlimited) and the setting that says so. `row_limit` is
    /// Grafana's own, if it sent one; negative is unlimited.
    #[must_use]
    pub fn row_cap(&self, row_limit: Option<i64>) -> (Option<u64>, &'static str) {
        let (asked, setting) = match (self.max_rows, row_limit) {
            (Some(rows), _) => (Some(rows), "maxRows"),
            (None, Some(limit)) => (u64::try_from(limit).ok(), "row_limit"),
            (None, None) => (Some(DEFAULT_ROW_LIMIT), "maxRows"),
        };
        match self.most_rows {
            Some(most) if asked.is_none_or(|asked| asked > most) => (Some(most), "max_rows"),
            _ => (asked, setting),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_smallest_cap_counts_and_is_named() {
        let limits = |max_rows, most_rows| Limits {
            timeout: Duration::from_secs(30),
            max_rows,
            most_rows,
            max_result_bytes: MB,
            memory_bytes: MB,
        };
        for (max_rows, most_rows, grafana, expected) in [
            (None, None, None, (Some(1_000_000), "maxRows")),
            (None, None, Some(500), (Some(500), "row_limit")),
            (None, None, Some(-1), (None, "row_limit")),
            (Some(7), None, Some(500), (Some(7), "maxRows")),
            (Some(7), Some(5), Some(500), (Some(5), "max_rows")),
            (None, Some(5), Some(-1), (Some(5), "max_rows")),
        ] {
            assert_eq!(limits(max_rows, most_rows).row_cap(grafana), expected);
        }
    }
}
