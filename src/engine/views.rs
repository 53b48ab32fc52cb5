//! The views over the weekly reports. They hold no data, so they are created once per engine, when a query
//! needs them and a report exists. A view of the same name in an attached file comes first in the search
//! path.

use std::collections::BTreeSet;
use std::sync::Arc;

use duckdb::Connection;
use parking_lot::Mutex;

use super::examine::{Examined, examine};
use super::reads::Reports;
use super::{Cancel, Engine, error, gate, own, sql_name};
use crate::error::{Error, Kind, Result};
use crate::query::tokens;
use crate::reports;

/// The views as they were created; `None` if they do not exist yet.
#[derive(Default)]
pub(super) struct Views(Mutex<Option<Made>>);

struct Made {
    /// The reports for which the views were created, or which they still fit.
    reports: Reports,
    examined: Arc<Examined>,
    /// How DuckDB lists the views.
    listed: BTreeSet<String>,
}

/// How a statement needs the views.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Want {
    /// It names a view: without reports the view has no rows.
    Named,
    /// It lists the catalog, or misspells a name so that DuckDB suggests similar ones: without reports the
    /// views do not exist.
    Listed,
    Nothing,
}

impl Engine {
    /// Creates the views if the statement can see them and they do not exist yet. Returns what they were
    /// created from if the statement may read them.
    ///
    /// # Errors
    /// If the statement names a view: no report exists, or one cannot be read.
    pub(super) fn ensure_views(
        &self,
        verdict: &gate::Verdict,
        reports: Option<&Reports>,
        cancel: &Cancel,
    ) -> Result<Option<Arc<Examined>>> {
        let made = match (want(verdict), reports) {
            (Want::Named, Some(reports)) => return self.make_views(cancel, false, reports).map(Some),
            // A view of an attached file may read them.
            (_, Some(reports)) => self.make_views(cancel, false, reports),
            (Want::Listed, None) if self.views.0.lock().is_none() => {
                self.list_reports().and_then(|(reports, _)| self.make_views(cancel, false, &reports))
            }
            _ => return Ok(None),
        };
        let examined = match made {
            Ok(examined) => reports.map(|_| examined),
            Err(error) => {
                tracing::debug!(error = error.message, "the views are left out of a listing");
                None
            }
        };
        cancel.check()?;
        Ok(examined)
    }

    /// Creates the views over `reports`. With `again`, replaces existing views, because a column's type may
    /// have changed.
    pub(super) fn make_views(
        &self,
        cancel: &Cancel,
        again: bool,
        reports: &Reports,
    ) -> Result<Arc<Examined>> {
        let mut made = self.views.0.lock();
        if self.datasource.folders.is_empty() && reports.are_missing() {
            return Ok(Arc::default());
        }
        let known =
            made.as_ref().filter(|made| made.reports == *reports).map(|made| Arc::clone(&made.examined));
        if let Some(examined) = known.as_ref().filter(|_| !again) {
            return Ok(Arc::clone(examined));
        }
        if let (true, [glob, ..]) = (reports.are_missing(), reports.globs().as_slice()) {
            return Err(error::no_files(glob));
        }
        let connection = self.own_connection()?;
        cancel.watch(connection.interrupt_handle());
        let examined = if let Some(examined) = known {
            examined
        } else {
            let folders: Vec<_> = self.datasource.report_folders().collect();
            Arc::new(examine(&connection, reports, &folders)?)
        };
        let fits = |made: &&mut Made| !again && made.examined.sources == examined.sources;
        if let Some(made) = made.as_mut().filter(fits) {
            (made.reports, made.examined) = (reports.clone(), Arc::clone(&examined));
        } else {
            make_over_files(
                &connection,
                &reports::create_views(&examined.sources, self.datasource.common.slow_ms, false),
            )?;
            let listed = own::views(&connection)?;
            *made = Some(Made { reports: reports.clone(), examined: Arc::clone(&examined), listed });
        }
        Ok(examined)
    }

    /// Returns whether the views still match what a query found. Another query may have examined the files at
    /// another moment and replaced the views.
    pub(super) fn are_views_over(&self, examined: Option<&Examined>) -> bool {
        let Some(examined) = examined else { return true };
        self.views.0.lock().as_ref().is_none_or(|made| made.examined.sources == examined.sources)
    }

    /// Returns whether the views in DuckDB are those that were created.
    pub(super) fn views_are_as_made(&self, connection: &Connection) -> Result<bool> {
        let made = self.views.0.lock();
        let listed = own::views(connection)?;
        Ok(made.as_ref().map_or(listed.is_empty(), |made| made.listed == listed))
    }

    /// Returns whether `error` may have occurred because the statement names a view and no report exists.
    /// Lists the reports, because the sender controls the text of an error.
    pub(super) fn lacks_reports(&self, verdict: &gate::Verdict, error: &Error) -> bool {
        want(verdict) == Want::Named
            && error.kind == Kind::NotFound
            && !self.datasource.folders.is_empty()
            && self.list_reports().is_ok_and(|(reports, _)| reports.are_missing())
    }

    /// Creates the views without reports, so that a dashboard is empty before the first report exists and
    /// does not show errors. They belong to this session only, because a report may have just arrived for
    /// others. Views that an attached file provides under unqualified names are kept.
    ///
    /// # Errors
    /// DuckDB's errors.
    pub(super) fn make_empty_views(&self, session: &Connection) -> Result<()> {
        let attached: Vec<String> = self
            .own_connection()?
            .prepare(
                "SELECT table_name FROM system.main.duckdb_tables() \
                 WHERE database_name NOT IN ('memory', 'temp', 'system') AND schema_name = 'main' \
                 UNION ALL \
                 SELECT view_name FROM system.main.duckdb_views() \
                 WHERE database_name NOT IN ('memory', 'temp', 'system') AND schema_name = 'main'",
            )
            .and_then(|mut statement| statement.query_map([], |row| row.get(0))?.collect())
            .map_err(|error| error::translate(&error))?;
        let mut views = reports::create_views(&[], self.datasource.common.slow_ms, true);
        views.retain(|view| !attached.iter().any(|name| name.eq_ignore_ascii_case(view.name)));
        make(session, &views)
    }
}

/// Functions that the views call. A macro of the same name in an attached file must not replace them.
const OWN_FUNCTIONS: [&str; 13] = [
    "read_parquet",
    "row_number",
    "date_part",
    "make_date",
    "date_trunc",
    "to_days",
    "format",
    "add",
    "subtract",
    "multiply",
    "divide",
    "mod",
    "max",
];

pub(super) fn make(connection: &Connection, views: &[reports::View]) -> Result<()> {
    views.iter().try_for_each(|view| run(connection, &with_own_functions(&view.sql)))
}

/// Makes the views over many files. DuckDB opens every file for each view that it binds, so the views over
/// the first one are made over an empty one with the same columns, in one transaction, so that no other query
/// sees the empty one.
fn make_over_files(connection: &Connection, views: &[reports::View]) -> Result<()> {
    let Some((first, others)) = views.split_first().filter(|(_, others)| others.len() > 1) else {
        return make(connection, views);
    };
    let first = std::slice::from_ref(first);
    run(connection, "BEGIN TRANSACTION")?;
    let made = make(connection, first)
        .and_then(|()| run(connection, &stand_in(connection)?))
        .and_then(|()| make(connection, others))
        .and_then(|()| make(connection, first));
    run(connection, if made.is_ok() { "COMMIT" } else { "ROLLBACK" }).and(made)
}

/// The statement that puts an empty view in the place of the first one.
fn stand_in(connection: &Connection) -> Result<String> {
    let columns: Vec<String> = connection
        .prepare(
            "SELECT column_name, data_type FROM system.main.duckdb_columns() \
             WHERE database_name = 'memory' AND schema_name = 'main' AND table_name = ? ORDER BY column_index",
        )
        .and_then(|mut statement| {
            let column = |row: &duckdb::Row<'_>| {
                Ok(format!("CAST(NULL AS {}) AS {}", row.get::<_, String>(1)?, sql_name(&row.get::<_, String>(0)?)))
            };
            statement.query_map([reports::VIEW_NAMES[0]], column)?.collect()
        })
        .map_err(|error| error::translate(&error))?;
    Ok(format!(
        "CREATE OR REPLACE VIEW {} AS SELECT {} WHERE false",
        reports::VIEW_NAMES[0],
        columns.join(", ")
    ))
}

fn run(connection: &Connection, sql: &str) -> Result<()> {
    // The position refers to the view's text and not to the user's.
    connection.execute_batch(sql).map_err(|error| Error { position: None, ..error::translate(&error) })
}

/// Returns a view's text with these functions fully qualified.
pub(super) fn with_own_functions(sql: &str) -> String {
    let mut text = String::with_capacity(sql.len());
    let mut tokens = tokens(sql).peekable();
    let mut is_qualified = false;
    while let Some(token) = tokens.next() {
        let is_call = tokens.peek().is_some_and(|next| next.text == "(");
        if is_call && !is_qualified && OWN_FUNCTIONS.contains(&token.text) {
            text.push_str("system.main.");
        }
        is_qualified = token.text == ".";
        text.push_str(token.text);
    }
    text
}

fn want(verdict: &gate::Verdict) -> Want {
    let names_one = |table: &String| reports::VIEW_NAMES.iter().any(|view| table.eq_ignore_ascii_case(view));
    let looks_like_one =
        |table: &String| table.get(..5).is_some_and(|start| start.eq_ignore_ascii_case("perf_"));
    if verdict.reads.tables.iter().any(names_one) {
        Want::Named
    } else if verdict.lists_catalog || verdict.reads.tables.iter().any(looks_like_one) {
        Want::Listed
    } else {
        Want::Nothing
    }
}
