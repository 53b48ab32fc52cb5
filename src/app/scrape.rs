//! The metrics of an app: what was counted, and what is looked at when somebody asks.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;

use super::App;
use super::instances::Instance;
use crate::broker;
use crate::engine;
use crate::metrics::{Now, ReportsNow};
use crate::source::Datasource;

/// A datasource that nobody asked for so long is forgotten, with its series: two reports' time.
const FORGOTTEN: Duration = Duration::from_hours(14 * 24);
/// How long the listing of a folder may take; a file system that does not answer leaves the reports out.
const LISTING: Duration = Duration::from_secs(3);

impl App {
    /// Metrics in Prometheus' text format.
    pub async fn metrics(&self) -> String {
        self.forget(FORGOTTEN);
        let instances: Vec<(String, Arc<Instance>)> = self
            .instances
            .lock()
            .iter()
            .map(|((_, uid), instance)| (uid.clone(), Arc::clone(instance)))
            .collect();
        let mut now = Now {
            engine: engine::version(),
            instances: instances.len(),
            cache_bytes: self.cache.bytes().await,
            ..Now::default()
        };
        let mut listings = tokio::task::JoinSet::new();
        for (uid, instance) in instances {
            let of_uid = now.datasources.entry(uid.clone()).or_default();
            (of_uid.workers, of_uid.worker_memory) = broker::workers_of(instance.supervisor.series());
            let datasource = instance.supervisor.datasource().clone();
            // One listing at a time: those that hang would fill the pool of threads, scrape by scrape.
            if let Some(turn) = Arc::clone(&instance.listing)
                .try_lock_owned()
                .ok()
                .filter(|_| datasource.report_folders().next().is_some())
            {
                listings.spawn_blocking(move || {
                    let _turn = turn;
                    let found = reports(&datasource, Timestamp::now());
                    // A database file need not have reports beside it.
                    let wanted = |found: &ReportsNow| found.count > 0 || !datasource.folders.is_empty();
                    (uid, found.map(|found| Some(found).filter(wanted)))
                });
            }
        }
        let all = async {
            while let Some(listed) = listings.join_next().await {
                match listed {
                    Ok((uid, Ok(reports))) => now.datasources.entry(uid).or_default().add(reports),
                    Ok((uid, Err(error))) => {
                        tracing::warn!(
                            uid,
                            error = %error,
                            "the reports cannot be listed; their metrics are left out"
                        );
                    }
                    Err(_) => {}
                }
            }
        };
        if tokio::time::timeout(LISTING, all).await.is_err() {
            tracing::warn!("a folder of reports cannot be listed in time; its metrics are left out");
        }
        self.metrics.text(now)
    }

    /// Ends what belongs to datasources that nobody asked for so long.
    fn forget(&self, unused: Duration) {
        let forgotten = self.metrics.forget(unused);
        if !forgotten.is_empty() {
            self.instances.lock().retain(|(_, uid), instance| {
                let stays = !forgotten.contains(uid);
                if !stays {
                    self.cache.end(&instance.scope);
                }
                stays
            });
        }
    }
}

fn reports(datasource: &Datasource, now: Timestamp) -> io::Result<ReportsNow> {
    let files = datasource.report_files()?;
    // The newest is the last; those without a week are before all others.
    let newest = files.last().and_then(|file| file.week).map(|week| {
        let end = week.plus(1).start_ns() / 1_000_000_000;
        (week.yyyyww(), now.as_second().saturating_sub(end).max(0))
    });
    Ok(ReportsNow { count: files.len(), newest })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::{DataQuery, InstanceSettings};
    use crate::query::{QueryModel, TimeRange};
    use crate::source::{Policy, Settings, resolve};

    #[test]
    fn a_reports_age_is_counted_from_the_end_of_its_week() {
        let folder = tempfile::tempdir().unwrap();
        let json = serde_json::json!({ "path": folder.path() }).to_string();
        let datasource = resolve(&Settings::parse(json.as_bytes(), "").unwrap(), &Policy::default()).unwrap();
        let at = |now: &str| reports(&datasource, now.parse().unwrap()).unwrap();
        assert_eq!(at("2027-01-04T00:00:00Z"), ReportsNow::default());
        for name in ["query_perf_weekly_latest.parquet", "query_perf_weekly_202653.parquet", "notes.txt"] {
            std::fs::write(folder.path().join(name), "").unwrap();
        }
        let newest = |age| ReportsNow { count: 2, newest: Some((202_653, age)) };
        assert_eq!(at("2026-12-30T00:00:00Z"), newest(0), "in the week itself");
        assert_eq!(at("2027-01-04T00:00:00Z"), newest(0), "right after its Sunday");
        assert_eq!(at("2027-01-12T00:00:01Z"), newest(8 * 86_400 + 1));
    }

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
