//! Reports as they come from the field: NaN for no number, folders called `key=value`, types that differ from
//! report to report. What a query answers is what the files hold, or it says what it leaves out.

mod digits;
mod folders;
mod growth;
mod meanings;
mod moments;
mod nan;
mod parquet;
mod types;
mod weeks;

use std::path::Path;

use bytes::Bytes;
use duckdb_perf::plugin::client::Answer;

use crate::support::{Host, duckdb, meta, report_name};

/// Writes reports: the week of each, and the SELECT of its rows.
fn reports(folder: &Path, reports: &[(u32, &str)]) {
    std::fs::create_dir_all(folder).unwrap();
    for (week, select) in reports {
        let file = folder.join(report_name(*week));
        duckdb(&format!("COPY ({select}) TO '{}' (FORMAT parquet)", file.display()));
    }
}

/// The notices of an answer.
fn notices(answer: &Answer) -> Vec<String> {
    let notices = meta(answer)["notices"].as_array().cloned().unwrap_or_default();
    notices.iter().map(|notice| notice["text"].as_str().unwrap_or_default().to_owned()).collect()
}

/// What the health check says.
async fn health(host: &Host) -> String {
    host.plugin.health(&host.settings).await.unwrap().message
}

/// The status and text of a resource call.
async fn get(host: &Host, path: &str) -> (i32, String) {
    let answer = host.plugin.resource(&host.settings, "GET", path, Bytes::new()).await.unwrap();
    (answer.status, String::from_utf8(answer.body.to_vec()).unwrap())
}
