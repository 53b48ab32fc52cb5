//! Handles a database file that defines `perf_all_weeks` but not the views that build on it. The plugin's own
//! views read the reports in the folders, or do not exist, so they would not show the data of the file.

use std::sync::Arc;

use duckdb::Connection;

use super::{Engine, error, gate, sql_text, views};
use crate::error::Result;
use crate::reports::{self, PERCENTILES, VIEW_NAMES};

/// The view that the others build on.
const BASE: &str = VIEW_NAMES[0];

impl Engine {
    /// Creates, over the attached files' `perf_all_weeks`, those views that the statement names and the files
    /// lack. Does nothing if the files have no `perf_all_weeks`. The views belong to the session only.
    ///
    /// # Errors
    /// An error if their `perf_all_weeks` lacks a column.
    pub(super) fn make_companions(&self, session: &Connection, verdict: &gate::Verdict) -> Result<()> {
        let attached = self.attachments.names();
        if attached.is_empty() || !names_one(verdict) {
            return Ok(());
        }
        let of: Vec<String> = attached.iter().map(|name| sql_text(name)).collect();
        let of = format!("database_name IN ({}) AND schema_name = 'main'", of.join(", "));
        let relations: Vec<String> = self
            .own_connection()?
            .prepare(&format!(
                "SELECT table_name FROM system.main.duckdb_tables() WHERE {of} \
                 UNION ALL SELECT view_name FROM system.main.duckdb_views() WHERE {of}"
            ))
            .and_then(|mut statement| statement.query_map([], |row| row.get(0))?.collect())
            .map_err(|error| error::translate(&error))?;
        let is_there = |name: &str| relations.iter().any(|relation| relation.eq_ignore_ascii_case(name));
        if !is_there(BASE) {
            return Ok(());
        }
        let mut made = reports::create_views(&[], self.datasource.common.slow_ms, true);
        made.retain(|view| view.name != BASE && !is_there(view.name));
        let (read, without_nan) = (format!("FROM {BASE}\n"), without_nan(session)?);
        for view in &mut made {
            view.sql = view.sql.replace(&read, &without_nan);
        }
        views::make(session, &made).map_err(|error| {
            error.hint(format!(
                "The database file has its own `{BASE}` and not this view, which is therefore made over that: it needs the columns of a report"
            ))
        })
    }
}

/// Returns the text that reads the files' view with NULL in place of NaN, which DuckDB treats as the largest
/// number. A row whose p95 is NaN is not slow, whatever its `slow_flag` says.
fn without_nan(session: &Connection) -> Result<String> {
    let columns: Vec<String> = session
        .prepare(&format!("SELECT system.main.lower(column_name) FROM (DESCRIBE FROM {BASE})"))
        .and_then(|mut statement| statement.query_map([], |row| row.get(0))?.collect())
        .map_err(|error| error::translate(&error))?;
    let has = |name: &str| columns.iter().any(|column| column == name);
    let mut replaced: Vec<String> = PERCENTILES
        .iter()
        .filter(|name| **name == "p95_ms" || has(name))
        .map(|name| format!("CASE WHEN {name} <> 'nan'::DOUBLE THEN {name} END AS {name}"))
        .collect();
    if has("slow_flag") {
        replaced.push(
            "CASE WHEN NOT slow_flag OR p95_ms IS NULL OR p95_ms <> 'nan'::DOUBLE THEN slow_flag END AS slow_flag"
                .to_owned(),
        );
    }
    Ok(format!("FROM (SELECT * REPLACE ({}) FROM {BASE})\n", replaced.join(", ")))
}

/// Returns whether a statement names one of the views that build on the first.
fn names_one(verdict: &gate::Verdict) -> bool {
    let builds = |name: &String| VIEW_NAMES.iter().skip(1).any(|view| name.eq_ignore_ascii_case(view));
    verdict.reads.tables.iter().any(builds)
}

/// Adds the base view to the names of a statement that reads it through another view.
pub(super) fn with_base(verdict: Arc<gate::Verdict>) -> Arc<gate::Verdict> {
    if !names_one(&verdict) {
        return verdict;
    }
    let mut verdict = gate::Verdict::clone(&verdict);
    verdict.names.push(BASE.to_owned());
    Arc::new(verdict)
}
