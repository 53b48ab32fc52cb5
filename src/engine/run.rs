//! One query: gate, session, execution, frame. Everything a query needs and nothing it can leave behind.

use std::io::Write;

use duckdb::{Connection, Statement};

use super::types::{self, Reading};
use super::{Cancel, Engine, error, gate};
use crate::error::{Error, Result};
use crate::frame::{Flow, FrameWriter, Summary};
use crate::reports;
use crate::worker::QueryJob;

impl Engine {
    /// Runs `job` and writes its frame, an Arrow IPC file, to `sink` while rows arrive.
    ///
    /// # Errors
    /// The gate's refusal, DuckDB's error with the position in the text as the person wrote it,
    /// [`crate::error::Kind::Cancelled`], or the sink's failure.
    pub fn query(&self, job: QueryJob, cancel: &Cancel, sink: impl Write) -> Result<Summary> {
        let QueryJob { sql, offsets, options } = job;
        let located = |mut error: Error| {
            error.position = error.position.map(|position| offsets.to_original(position));
            error
        };
        let databases = self.hold_databases(cancel)?;
        let connection = self.session()?;
        cancel.watch(connection.interrupt_handle());
        cancel.check()?;
        let verdict = self.verdicts.check(&connection, &sql).map_err(located)?;
        let inside = |mut error: Error| {
            error.position = error.position.map(|position| position + verdict.offset);
            located(error)
        };
        self.create_views(&connection, &verdict)?;
        let mut statement = prepare(&connection, &verdict).map_err(inside)?;
        cancel.check()?;
        let type_names = types::names(&statement);
        let mut rows = statement.stream_arrow([]).map_err(|error| inside(error::translate(&error)))?;
        let mut frame = FrameWriter::new(types::tagged(&rows.get_schema(), type_names), options, sink)?;
        for batch in rows.by_ref() {
            let batch = batch.map_err(|error| inside(error::translate(&error)))?;
            if let Flow::Full = frame.push(&batch)? {
                break;
            }
            cancel.check()?;
        }
        drop(rows);
        drop(statement);
        drop(databases);
        frame.finish()
    }

    /// Creates the views over the weekly reports that the query names and no attached file defines.
    /// They are temporary: each query sees the reports that are there now.
    fn create_views(&self, connection: &Connection, verdict: &gate::Verdict) -> Result<()> {
        let globs = self.datasource.report_globs();
        let named = |view: &str| verdict.tables.iter().any(|table| table.eq_ignore_ascii_case(view));
        if globs.is_empty() || !(verdict.lists_catalog || reports::VIEW_NAMES.iter().any(|view| named(view)))
        {
            return Ok(());
        }
        let own = self.views_of_databases(connection)?;
        for view in reports::create_views(&globs, self.datasource.slow_ms, true) {
            if own.iter().any(|defined| defined.eq_ignore_ascii_case(view.name)) {
                continue;
            }
            match connection.execute_batch(&view.sql) {
                Ok(()) => {}
                // A listing shows what is there; a query that names the view needs it.
                Err(_) if !reports::VIEW_NAMES.iter().any(|view| named(view)) => break,
                Err(error) => {
                    let mut error = error::translate(&error);
                    error.position = None;
                    return Err(error);
                }
            }
        }
        Ok(())
    }

    fn views_of_databases(&self, connection: &Connection) -> Result<Vec<String>> {
        if self.datasource.databases.is_empty() {
            return Ok(Vec::new());
        }
        connection
            .prepare("SELECT view_name FROM duckdb_views() WHERE NOT internal UNION ALL SELECT table_name FROM duckdb_tables()")
            .and_then(|mut statement| statement.query_map([], |row| row.get(0))?.collect())
            .map_err(|error| error::translate(&error))
    }
}

/// Prepares the statement; columns that Arrow would misread are cast by a wrapping SELECT.
fn prepare<'a>(connection: &'a Connection, verdict: &gate::Verdict) -> Result<Statement<'a>> {
    let statement = connection.prepare(&verdict.sql).map_err(|error| error::translate(&error))?;
    let readings = types::readings(&statement);
    if !verdict.is_subquery || readings.iter().all(|reading| *reading == Reading::Plain) {
        return Ok(statement);
    }
    drop(statement);
    let names = column_names(connection, &verdict.sql)?;
    connection
        .prepare(&types::wrap(&verdict.sql, &names, &readings))
        .map_err(|error| error::translate(&error))
}

/// Names of the columns, which duckdb-rs gives only after execution.
fn column_names(connection: &Connection, sql: &str) -> Result<Vec<String>> {
    connection
        .prepare(&format!("SELECT column_name FROM (DESCRIBE (\n{sql}\n))"))
        .and_then(|mut statement| statement.query_map([], |row| row.get(0))?.collect())
        .map_err(|error| error::translate(&error))
}
