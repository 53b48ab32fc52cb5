//! The views over the weekly reports. They hold no data, so they are made once per engine, as soon as a query wants
//! them and a report is there; a view of the same name in an attached file comes first in the search path.

use std::collections::BTreeSet;
use std::sync::Mutex;

use duckdb::Connection;

use super::reads::Reports;
use super::{Cancel, Engine, error, gate, lock, own};
use crate::error::{Error, Kind, Result};
use crate::reports;

/// The views as they were made; none while they are not there.
#[derive(Default)]
pub(super) struct Views(Mutex<Option<Made>>);

struct Made {
    /// The patterns or files that they are over.
    sources: Vec<String>,
    /// And the files of which they replace what is no UTF-8.
    odd: Vec<String>,
    /// How DuckDB lists them.
    listed: BTreeSet<String>,
}

/// What a verdict wants of the views.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Want {
    /// It names one: without reports it is over no row.
    Named,
    /// It lists what is there, or misspells a name, and DuckDB guesses among what is there: without reports they are not.
    Listed,
    Nothing,
}

impl Engine {
    /// Makes the views if the statement can see them and they are not there yet.
    ///
    /// # Errors
    /// No report, or one that cannot be read, when the statement names a view.
    pub(super) fn ensure_views(
        &self,
        verdict: &gate::Verdict,
        reports: Option<&Reports>,
        cancel: &Cancel,
    ) -> Result<()> {
        let made = match (want(verdict), reports) {
            (Want::Named, Some(reports)) => return self.make_views(cancel, false, reports),
            // A view of an attached file may stand on them.
            (_, Some(reports)) => self.make_views(cancel, false, reports),
            (Want::Listed, None) if lock(&self.views.0).is_none() => {
                self.list_reports().and_then(|(reports, _)| self.make_views(cancel, false, &reports))
            }
            _ => return Ok(()),
        };
        if let Err(error) = made {
            tracing::debug!(error = error.message, "the views are left out of a listing");
        }
        cancel.check()
    }

    /// Makes the views over `reports`, `again` even if they are there: reports may have changed the type of a column.
    pub(super) fn make_views(&self, cancel: &Cancel, again: bool, reports: &Reports) -> Result<()> {
        let (sources, odd) = (reports.sources(), reports.odd_sources());
        let mut made = lock(&self.views.0);
        let is_made = made.as_ref().is_some_and(|made| made.sources == sources && made.odd == odd);
        if self.datasource.folders.is_empty() || (is_made && !again) {
            return Ok(());
        }
        if let (true, [glob, ..]) =
            (sources.is_empty() && odd.is_empty(), self.datasource.report_globs().as_slice())
        {
            // As DuckDB says it where nothing matches.
            return Err(Error::new(
                Kind::NotFound,
                format!("IO Error: No files found that match the pattern \"{glob}\""),
            ));
        }
        let connection = self.own_connection()?;
        cancel.watch(connection.interrupt_handle());
        let views = |sources: &[String]| reports::create_views(sources, self.datasource.slow_ms, false);
        make(&connection, &replacing(views(&sources), &views(&odd)))?;
        *made = Some(Made { sources, odd, listed: own::views(&connection)? });
        Ok(())
    }

    /// Whether the views are over `reports`, where some of them are left out. Another query may have listed the files at another
    /// moment, and made the views over those.
    pub(super) fn are_views_over(&self, reports: Option<&Reports>) -> bool {
        // Without any, the views are over no report, and this query's own.
        let is_mixed = |reports: &&Reports| reports.are_by_name() && !reports.are_missing();
        let Some(reports) = reports.filter(is_mixed) else { return true };
        lock(&self.views.0)
            .as_ref()
            .is_none_or(|made| made.sources == reports.sources() && made.odd == reports.odd_sources())
    }

    /// Whether the views are those that were made.
    pub(super) fn views_are_as_made(&self, connection: &Connection) -> Result<bool> {
        let made = lock(&self.views.0);
        let listed = own::views(connection)?;
        Ok(made.as_ref().map_or(listed.is_empty(), |made| made.listed == listed))
    }

    /// Whether `error` may be because the statement names a view and no report is there. Looked at, not only read: an error
    /// says what its sender wants.
    pub(super) fn lacks_reports(&self, verdict: &gate::Verdict, error: &Error) -> bool {
        want(verdict) == Want::Named
            && error.kind == Kind::NotFound
            && self.list_reports().is_ok_and(|(reports, _)| reports.are_missing())
    }

    /// Makes the views over no report, so that a dashboard is empty before the first one is there, and not a wall of
    /// errors. They are this session's alone: to others a report may just have come. Those that an attached file brings where a
    /// bare name finds them stay.
    ///
    /// # Errors
    /// Those of the database.
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
        let mut views = reports::create_empty_views(self.datasource.slow_ms);
        views.retain(|view| !attached.iter().any(|name| name.eq_ignore_ascii_case(view.name)));
        make(session, &views)
    }
}

/// As many rows as there are. No filter is pushed below it: in the file DuckDB would compare with the bytes that are replaced.
const ALL_ROWS: &str = "LIMIT 9223372036854775807";

/// The views over the sources of both, with `?` in the texts of the `odd` ones for what is no UTF-8.
fn replacing(mut views: Vec<reports::View>, odd: &[reports::View]) -> Vec<reports::View> {
    if views.is_empty() {
        views = odd.to_vec();
    }
    for (view, odd) in views.iter_mut().zip(odd) {
        let (Some(read), Some(odd)) = (reading(&view.sql), reading(&odd.sql)) else { continue };
        let replaced =
            format!("FROM {}, utf8_validation = 'replace') {ALL_ROWS}", odd.strip_suffix(')').unwrap_or(odd));
        let both = if read == odd {
            format!("({replaced})")
        } else {
            format!("(FROM {read} UNION ALL BY NAME ({replaced}))")
        };
        view.sql = view.sql.replace(read, &both);
    }
    views
}

/// The call in a view that reads the reports.
fn reading(sql: &str) -> Option<&str> {
    let start = sql.find("read_parquet(")?;
    let (mut depth, mut is_text) = (0_usize, false);
    for (at, c) in sql.get(start..)?.char_indices() {
        match c {
            '\'' => is_text = !is_text,
            '(' if !is_text => depth += 1,
            ')' if !is_text && depth == 1 => return sql.get(start..=start + at),
            ')' if !is_text => depth -= 1,
            _ => {}
        }
    }
    None
}

/// Functions that the views call. A macro of that name in an attached file must not take their place.
const OWN_FUNCTIONS: [&str; 2] = ["read_parquet", "row_number"];

pub(super) fn make(connection: &Connection, views: &[reports::View]) -> Result<()> {
    for view in views {
        let sql = OWN_FUNCTIONS.iter().fold(view.sql.clone(), |sql, function| {
            sql.replace(&format!(" {function}("), &format!(" system.main.{function}("))
        });
        // The position is one in our text, not in the person's.
        connection
            .execute_batch(&sql)
            .map_err(|error| Error { position: None, ..error::translate(&error) })?;
    }
    Ok(())
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
