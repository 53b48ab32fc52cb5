//! One query: gate, session, execution, frame. Everything a query needs and nothing it can leave behind.

use std::io::Write;
use std::sync::Arc;

use duckdb::{Connection, Statement};

use super::types::{self, Reading};
use super::{Cancel, Engine, error, gate};
use crate::error::{Error, Kind, Result};
use crate::frame::{Flow, FrameWriter, Notice, Summary};
use crate::source;
use crate::worker::QueryJob;

/// How often a query is run anew because its files changed under it.
const MOST_RUNS: usize = 4;

/// Where a query's frame goes.
pub trait FrameSink: Write {
    /// What was written so far is void: the frame begins anew.
    ///
    /// # Errors
    /// Those of the sink.
    fn restart(&mut self) -> std::io::Result<()>;
}

/// Why a run has no result.
enum Ending {
    Failed(Error),
    /// The files changed meanwhile; what was written, or the error, may be a mixture of old and new.
    Changed(Option<Error>),
}

impl From<Error> for Ending {
    fn from(error: Error) -> Self {
        Self::Failed(error)
    }
}

impl Engine {
    /// Runs `job` and writes its frame, an Arrow IPC file, to `sink` while rows arrive. When files change under it, it
    /// begins anew.
    ///
    /// # Errors
    /// The gate's refusal, DuckDB's error with the position in the text as the person wrote it,
    /// [`Kind::Cancelled`], [`Kind::Unavailable`] when the files change all the time, or the sink's failure.
    pub fn query(&self, job: &QueryJob, cancel: &Cancel, sink: &mut impl FrameSink) -> Result<Summary> {
        let located = |mut error: Error| {
            error.position = error.position.map(|position| job.offsets.to_original(position));
            error
        };
        let mut last = None;
        for run in 0..MOST_RUNS {
            if run > 0 {
                sink.restart()
                    .map_err(|error| Error::new(Kind::Cancelled, format!("the broker is gone: {error}")))?;
            }
            // A folder's time tells of any change in it; the next look is at the files themselves.
            match self.run(job, cancel, sink, run > 0) {
                Ok(summary) => return Ok(summary),
                Err(Ending::Failed(error)) => return Err(located(error)),
                Err(Ending::Changed(error)) => last = error,
            }
        }
        tracing::debug!(error = ?last, "the files change faster than a query reads them");
        Err(Error::new(Kind::Unavailable, "the files changed while the query read them, again and again")
            .hint("Let the job that writes them write aside and rename each file once; then run the query again"))
    }

    fn run(
        &self,
        job: &QueryJob,
        cancel: &Cancel,
        sink: &mut impl FrameSink,
        precise: bool,
    ) -> Result<Summary, Ending> {
        let databases = self.hold_databases(cancel)?;
        let connection = self.session()?;
        cancel.watch(connection.interrupt_handle());
        cancel.check()?;
        let verdict = if self.gated {
            self.verdicts.check(&connection, &job.sql)?
        } else {
            Arc::new(gate::Verdict::unchecked(job.sql.clone()))
        };
        let before = self.stamp(&connection, &verdict, precise)?;
        let result = self.execute(&connection, &verdict, job, cancel, sink);
        // An interrupted query stays one.
        cancel.check()?;
        if self.stamp(&connection, &verdict, before.is_precise)? != before {
            return Err(Ending::Changed(result.err()));
        }
        drop(databases);
        Ok(result.map_err(|mut error| {
            error.position = error.position.map(|position| position + verdict.offset);
            error
        })?)
    }

    /// The statement itself. Positions of errors are those in it.
    fn execute(
        &self,
        connection: &Connection,
        verdict: &gate::Verdict,
        job: &QueryJob,
        cancel: &Cancel,
        sink: &mut impl FrameSink,
    ) -> Result<Summary> {
        let prepared = self.ensure_views(verdict, cancel).and_then(|()| {
            cancel.watch(connection.interrupt_handle());
            prepare(connection, verdict)
        });
        let mut missing = None;
        let (mut statement, type_names) = match prepared {
            Err(error) if self.lacks_reports(verdict, &error) => {
                self.make_empty_views(cancel)?;
                missing = Some(error);
                cancel.watch(connection.interrupt_handle());
                prepare(connection, verdict)
            }
            // A view remembers its columns' types; a report may have brought other ones.
            Err(error) if error.message.contains("view were altered") => {
                self.make_views(cancel, true)?;
                cancel.watch(connection.interrupt_handle());
                prepare(connection, verdict)
            }
            prepared => prepared,
        }?;
        cancel.check()?;
        let mut rows = statement.stream_arrow([]).map_err(|error| error::translate(&error))?;
        let mut frame =
            FrameWriter::new(types::tagged(&rows.get_schema(), type_names), job.options.clone(), sink)?;
        if let Some(error) = missing {
            frame.notice(self.no_report(error));
        }
        for batch in rows.by_ref() {
            let batch = batch.map_err(|error| error::translate(&error))?;
            if let Flow::Full = frame.push(&batch)? {
                break;
            }
            cancel.check()?;
        }
        drop(rows);
        drop(statement);
        frame.finish()
    }

    /// What `DuckDB` said of the missing reports, in words about the datasource.
    fn no_report(&self, error: Error) -> Notice {
        let Error { message, hint, .. } = source::explain_missing(error, &self.datasource);
        Notice::warning(match hint {
            Some(hint) => format!("{message}. {hint}"),
            None => message,
        })
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
