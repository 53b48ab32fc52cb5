//! One query: gate, session, execution, frame. Everything a query needs and nothing it can leave behind.

use std::io::Write;
use std::sync::Arc;

use duckdb::{Connection, Statement};

use super::types::{self, Reading};
use super::{Cancel, Engine, error, gate};
use crate::error::{Error, Result};
use crate::frame::{Flow, FrameWriter, Summary};
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
        let verdict = if self.gated {
            self.verdicts.check(&connection, &sql).map_err(located)?
        } else {
            Arc::new(gate::Verdict::unchecked(sql))
        };
        let inside = |mut error: Error| {
            error.position = error.position.map(|position| position + verdict.offset);
            located(error)
        };
        self.ensure_views(&verdict, cancel)?;
        cancel.watch(connection.interrupt_handle());
        let (mut statement, type_names) = match prepare(&connection, &verdict) {
            // A view remembers its columns' types; a report may have brought other ones.
            Err(error) if error.message.contains("view were altered") => {
                self.make_views(cancel, true)?;
                cancel.watch(connection.interrupt_handle());
                prepare(&connection, &verdict)
            }
            prepared => prepared,
        }
        .map_err(inside)?;
        cancel.check()?;
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
}

/// Prepares the statement; columns that Arrow would misread are cast by a wrapping SELECT. Also the names of the
/// columns' types.
fn prepare<'a>(connection: &'a Connection, verdict: &gate::Verdict) -> Result<(Statement<'a>, Vec<String>)> {
    let statement = connection.prepare(&verdict.sql).map_err(|error| error::translate(&error))?;
    let readings = types::readings(&statement);
    let types = types::names(&statement, &readings);
    if !verdict.is_subquery || readings.iter().all(|reading| *reading == Reading::Plain) {
        return Ok((statement, types));
    }
    drop(statement);
    let names = column_names(connection, &verdict.sql)?;
    let statement = connection.prepare(&types::wrap(&verdict.sql, &names, &readings));
    Ok((statement.map_err(|error| error::translate(&error))?, types))
}

/// Names of the columns, which duckdb-rs gives only after execution.
fn column_names(connection: &Connection, sql: &str) -> Result<Vec<String>> {
    connection
        .prepare(&format!("SELECT column_name FROM (DESCRIBE (\n{sql}\n))"))
        .and_then(|mut statement| statement.query_map([], |row| row.get(0))?.collect())
        .map_err(|error| error::translate(&error))
}
