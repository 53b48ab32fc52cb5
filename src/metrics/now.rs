//! Figures that are not counted but read when the metrics are requested.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::series::Series;

/// The state of the plugin at one moment.
#[derive(Debug, Clone, Default)]
pub struct Now {
    /// The engine's version, such as `v2.0.0`.
    pub engine: &'static str,
    /// Datasources in use.
    pub instances: usize,
    /// Bytes in the cache.
    pub cache_bytes: u64,
    /// Workers and reports by uid.
    pub datasources: BTreeMap<String, DatasourceNow>,
}

/// The state of one datasource at that moment.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct DatasourceNow {
    /// Worker processes.
    pub workers: usize,
    /// Their resident memory in bytes.
    pub worker_memory: u64,
    /// `None` for a datasource without folders, and if they cannot be listed now.
    pub reports: Option<ReportsNow>,
}

/// The reports of one datasource.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ReportsNow {
    /// Number of reports.
    pub count: usize,
    /// The newest week in the files' names: as YYYYWW, and the seconds since its end.
    pub newest: Option<(i64, i64)>,
}

impl DatasourceNow {
    /// Adds another instance with the same uid, as another organisation may have it: adds the reports up, and
    /// keeps the older of the two newest weeks, so that an alert covers both.
    pub fn add(&mut self, other: Self) {
        // Workers are counted by uid already.
        self.workers = self.workers.max(other.workers);
        self.worker_memory = self.worker_memory.max(other.worker_memory);
        self.reports = match (self.reports, other.reports) {
            (Some(one), Some(other)) => Some(ReportsNow {
                count: one.count + other.count,
                newest: match (one.newest, other.newest) {
                    (Some(one), Some(other)) => Some(one.min(other)),
                    (one, other) => one.or(other),
                },
            }),
            (one, other) => one.or(other),
        };
    }
}

/// All series and figures at one moment.
#[derive(Debug)]
pub(super) struct Scrape {
    pub(super) series: Vec<Arc<Series>>,
    pub(super) now: Now,
}
