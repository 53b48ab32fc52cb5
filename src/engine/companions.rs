//! A database file that brings its own `perf_all_weeks` and not the views that build on it. Those of the plugin are over the reports of
//! the folders, or are not there: what the file holds and what they show would be two different things.

use std::sync::Arc;

use duckdb::Connection;

use super::{Engine, error, gate, sql_text, views};
use crate::error::Result;
use crate::reports::{self, VIEW_NAMES};

/// The view that the others build on.
const BASE: &str = VIEW_NAMES[0];

/// The same with NaN as no number.
const WITHOUT_NAN: &str = "FROM (SELECT * REPLACE (CASE WHEN p95_ms <> 'nan'::DOUBLE THEN p95_ms END AS p95_ms) FROM perf_all_weeks)\n";

impl Engine {
    /// Makes those of the views over `perf_all_weeks` that the statement names and the attached files lack, over the one of theirs
    /// where they have one. They are the session's alone.
    ///
    /// # Errors
    /// Where their `perf_all_weeks` lacks a column.
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
        // Theirs may hold NaN, which is the largest number to DuckDB.
        let read = format!("FROM {BASE}\n");
        for view in &mut made {
            view.sql = view.sql.replace(&read, WITHOUT_NAN);
        }
        views::make(session, &made).map_err(|error| {
            error.hint(format!(
                "The database file has its own `{BASE}` and not this view, which is therefore made over that: it needs the columns of a report"
            ))
        })
    }
}

/// Whether a statement names one of the views that build on the first.
fn names_one(verdict: &gate::Verdict) -> bool {
    let builds = |name: &String| VIEW_NAMES.iter().skip(1).any(|view| name.eq_ignore_ascii_case(view));
    verdict.reads.tables.iter().any(builds)
}

/// The statement with what it names through the views that build on another.
pub(super) fn with_base(verdict: Arc<gate::Verdict>) -> Arc<gate::Verdict> {
    if !names_one(&verdict) {
        return verdict;
    }
    let mut verdict = gate::Verdict::clone(&verdict);
    verdict.names.push(BASE.to_owned());
    Arc::new(verdict)
}
