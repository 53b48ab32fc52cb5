//! Writes reports as Parquet files, for the demo and the tests. Runs only the plugin's own statements, never
//! a user's SQL.

use std::path::Path;

use duckdb::params;

use super::{error, open, sql_text};
use crate::error::{Error, Result};
use crate::reports::DemoReport;

/// Writes one file per week into `folder`, which must exist. Each file is written under another path and
/// renamed, so that a reader never sees half of it. `progress` is called after each week.
///
/// # Errors
/// [`crate::error::Kind::BadSettings`] if the folder cannot be written; DuckDB's error.
pub fn write_reports<'a>(
    reports: impl Iterator<Item = DemoReport<'a>>,
    folder: &Path,
    mut progress: impl FnMut(),
) -> Result<u64> {
    let database = open::open_unrestricted()?;
    let connection = database.connect()?;
    let translate = |error: duckdb::Error| error::translate(&error);
    let create = "CREATE TEMP TABLE report (week INTEGER, pattern VARCHAR, samples BIGINT, p50_ms DOUBLE, p95_ms DOUBLE, p99_ms DOUBLE, slow_flag BOOLEAN)";
    connection.execute_batch(create).map_err(translate)?;
    let mut files = 0;
    let refused = |error: std::io::Error| {
        Error::bad_settings(format!("`{}` cannot be written: {error}", folder.display()))
            .hint("Choose another folder with --out")
    };
    // The folder is private, so that no other user can put a link into it that would redirect DuckDB's
    // writes.
    let ours = tempfile::Builder::new().prefix(".duckdb-perf-").tempdir_in(folder).map_err(refused)?;
    for report in reports {
        {
            let week = report.week.yyyyww();
            let mut appender = connection.appender("report").map_err(translate)?;
            for row in &report.rows {
                appender
                    .append_row(params![
                        week,
                        row.pattern,
                        row.samples,
                        row.p50_ms,
                        row.p95_ms,
                        row.p99_ms,
                        row.slow_flag
                    ])
                    .map_err(translate)?;
            }
            appender.flush().map_err(translate)?;
        }
        let name = crate::reports::report_file_name(report.week);
        let (aside, there) = (ours.path().join(format!("{name}.tmp")), folder.join(&name));
        connection
            .execute_batch(&format!(
                "COPY report TO {} (FORMAT parquet, COMPRESSION zstd); TRUNCATE report;",
                sql_text(&aside.to_string_lossy())
            ))
            .map_err(translate)?;
        std::fs::rename(&aside, &there).map_err(refused)?;
        files += 1;
        progress();
    }
    drop(connection);
    Ok(files)
}
