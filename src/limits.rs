//! The caps of one datasource: what its settings ask for, bounded by what the operator allows.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// Bytes in a megabyte as the settings mean it.
pub const MB: u64 = 1 << 20;

/// Caps for every query of a datasource, made from its settings and the operator's policy.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Limits {
    /// Time after which a query is interrupted. If it has not stopped half a second later, its worker is
    /// killed.
    pub timeout: Duration,
    /// Maximum rows of a result according to the datasource, `maxRows`.
    pub max_rows: Option<u64>,
    /// Maximum rows of a result according to the operator, `max_rows`.
    pub most_rows: Option<u64>,
    /// Maximum bytes of an encoded frame.
    pub max_result_bytes: u64,
    /// DuckDB's `memory_limit`, in bytes.
    pub memory_bytes: u64,
}

/// Queries of one datasource that run at the same time; the rest wait their turn.
pub(crate) const CONCURRENT: usize = 8;
/// Downloads of one datasource that run at the same time, in addition to its queries.
pub(crate) const EXPORTS: usize = 2;

/// Memory of the broker without frames. It includes the texts of queries that wait (16 MB) or are about to
/// run, and what a worker may still take between two checks and until it is killed.
pub(crate) const RESERVE: u64 = 112 * MB;
/// Memory that a worker needs to answer at all; frames never take it.
const SMALLEST_WORKER: u64 = 128 * MB;
/// Bytes that broker and worker may take together beyond a datasource's memory limit.
const BESIDE: u64 = 256 * MB;
/// DuckDB may spill this many times the memory limit.
const SPILL_FACTOR: u64 = 3;

/// Grafana's own default of `[dataproxy] row_limit`, for callers that send no row limit.
const DEFAULT_ROW_LIMIT: u64 = 1_000_000;

impl Limits {
    /// Returns the bytes that one worker's DuckDB may spill, by its own count; its files grow somewhat beyond
    /// it.
    #[must_use]
    pub fn spill_bytes(&self) -> u64 {
        self.memory_bytes.saturating_mul(SPILL_FACTOR)
    }

    /// Returns the bytes of exports that may wait in one worker's temp folder.
    #[must_use]
    pub fn waiting_bytes(&self) -> u64 {
        self.memory_bytes
    }

    /// Returns the bytes that all workers of a datasource may have on disk together, spilled data and waiting
    /// exports: four times the memory limit.
    #[must_use]
    pub fn disk_bytes(&self) -> u64 {
        self.spill_bytes().saturating_add(self.waiting_bytes())
    }

    /// Returns the bytes of memory that broker and worker may take together for this datasource.
    #[must_use]
    pub fn total_bytes(&self) -> u64 {
        self.memory_bytes.saturating_add(BESIDE)
    }

    /// Returns the bytes that frames may take in the broker at one time, all copies together.
    #[must_use]
    pub fn frame_bytes(&self) -> u64 {
        self.total_bytes().saturating_sub(RESERVE + SMALLEST_WORKER)
    }

    /// Returns the maximum number of rows of a result (`None` means unlimited) and the name of the setting
    /// that limits it. `row_limit` is Grafana's own, if it sent one; a negative number means unlimited.
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
