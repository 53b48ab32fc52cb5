//! The plugin's metrics: one table of all metrics, the numbers by datasource, and their text for Prometheus.
//! The only module that uses `prometheus_client`.
//!
//! A datasource's [`Series`] live as long as it is used, beyond its instances: new settings lose no count.
//! Labels hold uids and words of this code, never a path or a secret.

mod now;
mod series;
mod table;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, prometheus_text};
use prometheus_client::registry::Registry;

use now::Scrape;
pub use now::{DatasourceNow, Now, ReportsNow};
#[cfg(test)]
pub(crate) use series::REASONS;
pub use series::{Asked, Series, Served, Up};
pub use table::{Metric, TABLE, Type};

/// The `Content-Type` of [`Metrics::text`].
pub const CONTENT_TYPE: &str = prometheus_text::CONTENT_TYPE;

/// The series of all datasources.
#[derive(Debug, Default)]
pub struct Metrics(Mutex<BTreeMap<String, Arc<Series>>>);

impl Metrics {
    /// Returns the series of a datasource, and notes that the datasource is used now.
    pub fn of(&self, uid: &str) -> Arc<Series> {
        let mut all = self.0.lock();
        if let Some(series) = all.get(uid) {
            *series.asked.lock() = Instant::now();
            return Arc::clone(series);
        }
        Arc::clone(all.entry(uid.to_owned()).or_insert_with(|| Arc::new(Series::new(uid))))
    }

    /// Removes the series of datasources that were not used for `unused`, and returns their uids.
    pub fn forget(&self, unused: Duration) -> Vec<String> {
        let mut all = self.0.lock();
        let old: Vec<String> = all
            .iter()
            .filter(|(_, series)| series.asked.lock().elapsed() >= unused)
            .map(|(uid, _)| uid.clone())
            .collect();
        for uid in &old {
            all.remove(uid);
        }
        old
    }

    /// Returns all metrics in Prometheus' text format, version 0.0.4.
    #[must_use]
    pub fn text(&self, now: Now) -> String {
        let series = self.0.lock().values().map(Arc::clone).collect();
        let mut registry = Registry::default();
        registry.register_collector(Box::new(Scrape { series, now }));
        let mut text = String::new();
        // Writing to a string does not fail.
        let _ = prometheus_text::encode(&mut text, &registry);
        text
    }
}

impl Collector for Scrape {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        TABLE.iter().try_for_each(|metric| metric.encode(self, &mut encoder))
    }
}

#[cfg(test)]
mod tests;
