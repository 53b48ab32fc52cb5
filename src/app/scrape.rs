//! The metrics of an app: its counters, and figures that are read when the metrics are requested.

use std::time::Duration;

use super::{App, backend};
use crate::metrics::Now;

/// A datasource without queries for this long is forgotten, with its series: the time of two weekly reports.
const FORGOTTEN: Duration = Duration::from_hours(14 * 24);

impl App {
    /// Returns the metrics in Prometheus' text format.
    pub async fn metrics(&self) -> String {
        self.forget(FORGOTTEN);
        let instances = self.instances.all();
        let mut now = Now {
            engine: backend::version(),
            instances: instances.len(),
            cache_bytes: self.cache.bytes().await,
            ..Now::default()
        };
        let mut looks = tokio::task::JoinSet::new();
        for (uid, instance) in instances {
            now.datasources.entry(uid.clone()).or_default();
            looks.spawn(async move { (uid, instance.backend.now().await) });
        }
        while let Some(looked) = looks.join_next().await {
            if let Ok((uid, its)) = looked {
                now.datasources.entry(uid).or_default().add(its);
            }
        }
        self.metrics.text(now)
    }

    /// Drops the series, instances and cached results of datasources without queries for `unused`.
    fn forget(&self, unused: Duration) {
        let forgotten = self.metrics.forget(unused);
        self.instances.forget(&forgotten, &self.cache);
    }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;
    use crate::app::{DataQuery, InstanceSettings};
    use crate::query::{QueryModel, TimeRange};
    use crate::source::Policy;

    #[tokio::test]
    async fn a_datasource_that_nobody_asks_is_forgotten_with_its_series() {
        let app = App::new(Ok(Policy::default()));
        let settings = InstanceSettings { uid: "gone".into(), ..InstanceSettings::default() };
        let now = Timestamp::now();
        let query = DataQuery {
            ref_id: "A".into(),
            model: QueryModel::default(),
            range: TimeRange::parse("2026-01-01T00:00:00Z", "2026-02-01T00:00:00Z", now).unwrap(),
            interval: Duration::ZERO,
            max_data_points: 0,
            is_of_alert: false,
        };
        assert!(app.query(&settings, query).await.error.is_some(), "its settings name no path");
        let error = "duckdb_perf_queries_total{datasource=\"gone\",outcome=\"error\",error_source=\"downstream\"} 1\n";
        assert!(app.metrics().await.contains(error));
        app.forget(Duration::ZERO);
        assert!(!app.metrics().await.contains("gone"));
    }
}
