//! The reports of a datasource, for the metrics.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::Mutex;

use crate::metrics::ReportsNow;
use crate::source::Datasource;

/// Maximum time for listing a folder. If the file system does not answer, the metrics of the reports are left
/// out.
const LISTING: Duration = Duration::from_secs(3);

/// Returns how many reports there are and how old the newest is. Returns `None` if the datasource needs no
/// reports and has none, or if they cannot be listed in time. Only one listing runs at a time: listings that
/// hang would fill the thread pool, one more with each scrape.
pub(super) async fn now(datasource: &Datasource, listing: &Arc<Mutex<()>>, uid: &str) -> Option<ReportsNow> {
    datasource.report_folders().next()?;
    let turn = Arc::clone(listing).try_lock_owned().ok()?;
    let datasource = datasource.clone();
    let listed = tokio::task::spawn_blocking(move || {
        let _turn = turn;
        let found = reports(&datasource, Timestamp::now())?;
        // A datasource with a database file may have no reports.
        io::Result::Ok(Some(found).filter(|found| found.count > 0 || !datasource.folders.is_empty()))
    });
    match tokio::time::timeout(LISTING, listed).await {
        Ok(Ok(Ok(found))) => found,
        Ok(Ok(Err(error))) => {
            tracing::warn!(uid, %error, "the reports cannot be listed; their metrics are left out");
            None
        }
        Ok(Err(_)) => None,
        Err(_) => {
            tracing::warn!(uid, "a folder of reports cannot be listed in time; its metrics are left out");
            None
        }
    }
}

fn reports(datasource: &Datasource, now: Timestamp) -> io::Result<ReportsNow> {
    let files = datasource.report_files()?;
    // The newest report is the last; reports without a week sort first.
    let newest = files.last().and_then(|file| file.week).map(|week| {
        let end = week.plus(1).start_ns() / 1_000_000_000;
        (week.yyyyww(), now.as_second().saturating_sub(end).max(0))
    });
    Ok(ReportsNow { count: files.len(), newest })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::{LocalSettings, Policy, resolve};

    #[test]
    fn a_reports_age_is_counted_from_the_end_of_its_week() {
        let folder = tempfile::tempdir().unwrap();
        let json = serde_json::json!({ "path": folder.path() }).to_string();
        let datasource =
            resolve(&LocalSettings::parse(json.as_bytes(), "").unwrap(), &Policy::default()).unwrap();
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
}
