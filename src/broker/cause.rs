//! The causes for which workers end, their words for people and for the metrics, and whether they are faults.

/// How a worker ended.
#[derive(Debug, Clone)]
pub(super) struct Death {
    /// The cause.
    pub(super) cause: Cause,
    /// Number of jobs in the worker.
    pub(super) jobs: usize,
}

/// Why a worker ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Cause {
    /// It ended by itself: `signal 11`, `exit code 1`, …
    Crash(String),
    /// It came near the datasource's total of memory.
    Memory,
    /// It and other busy workers of the datasource came near that total together.
    Crowded,
    /// Its spill files took more than the datasource may have.
    Disk,
    /// A query ran past its deadline and did not stop.
    Unresponsive,
    /// A cancelled query did not stop.
    Abandoned,
    /// It broke the protocol: a query may have taken it over. The text says how, after "it".
    Protocol(&'static str),
    /// DuckDB had an internal error, after which it may refuse every further query.
    Internal,
    /// It keeps much memory although nothing runs in it.
    MemoryRetained,
    /// It had no job for a long time.
    Idle,
    /// The folders or files that it opened are gone or were replaced.
    Outdated,
    /// It still served a download when a query had to run alone.
    Superseded,
    /// The datasource was changed, removed or closed.
    Closed,
}

impl Cause {
    /// Returns the words that follow "a worker".
    pub(super) fn phrase(&self) -> String {
        match self {
            Self::Crash(how) => return format!("ended by itself ({how})"),
            Self::Memory => "was killed because it took too much memory",
            Self::Crowded => "was killed because the datasource's workers took too much memory together",
            Self::Disk => "was killed because it filled too much of the temp folder",
            Self::Unresponsive => "was killed because a query ran past its deadline and did not stop",
            Self::Abandoned => "was killed because a cancelled query did not stop",
            Self::Protocol(how) => return format!("was killed because it {how}"),
            Self::Internal => "was replaced after an internal error of DuckDB",
            Self::MemoryRetained => "was replaced because it kept much memory",
            Self::Idle => "was stopped because nobody asked anything",
            Self::Outdated => "was replaced because its folder or file was",
            Self::Superseded => "was set aside for a query that had to run alone",
            Self::Closed => "was stopped with its datasource",
        }
        .to_owned()
    }

    /// Returns the value of the metrics' label `reason`.
    pub(super) fn reason(&self) -> &'static str {
        match self {
            Self::Crash(_) => "crash",
            Self::Memory | Self::Crowded => "memory",
            Self::Disk => "disk",
            Self::Unresponsive => "deadline",
            Self::Abandoned => "cancelled",
            Self::Protocol(_) => "protocol",
            Self::Internal => "internal",
            Self::MemoryRetained => "memory_retained",
            Self::Idle => "idle",
            Self::Outdated => "replaced",
            Self::Superseded => "superseded",
            Self::Closed => "closed",
        }
    }

    /// Returns whether the worker died, and did not end as it is meant to.
    pub(super) fn is_fault(&self) -> bool {
        !matches!(self, Self::MemoryRetained | Self::Idle | Self::Outdated | Self::Superseded | Self::Closed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::REASONS;

    #[test]
    fn each_cause_has_its_own_word_in_the_metrics() {
        let causes = [
            Cause::Crash("signal 11".to_owned()),
            Cause::Memory,
            Cause::Disk,
            Cause::Unresponsive,
            Cause::Abandoned,
            Cause::Protocol("sent nonsense"),
            Cause::Internal,
            Cause::MemoryRetained,
            Cause::Idle,
            Cause::Outdated,
            Cause::Superseded,
            Cause::Closed,
        ];
        let mut words: Vec<&str> = causes.iter().map(Cause::reason).chain(["opening"]).collect();
        words.sort_unstable();
        words.dedup();
        let mut known = REASONS.to_vec();
        known.sort_unstable();
        assert_eq!(words, known);
    }
}
