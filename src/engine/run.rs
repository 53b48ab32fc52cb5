//! Runs one query: gate, session, execution, then a frame or CSV. A query leaves nothing behind.

use std::io::Write;
use std::sync::Arc;
use std::time::Instant;

use duckdb::{Connection, Statement};

use super::arguments::Arguments;
use super::body::{Body, Shape};
use super::examine::Examined;
use super::file_set::FileSet;
use super::gaps::gaps;
use super::loss::Loss;
use super::reads::ViewReads;
use super::types::{self, Reading};
use super::unlisted::Listings;
use super::{Cancel, Engine, attach, companions, error, gate, stored, text};
use crate::contract::{ExportJob, QueryJob, Validity};
use crate::error::{Detail, Error, Kind, Result};
use crate::frame::{self, Flow, Notice, Options, Summary};
use crate::logging;
use crate::source::{self, Fingerprints};

/// How many times a query is run in all if its files change meanwhile.
const MOST_RUNS: usize = 4;

/// The destination of a query's frame or CSV.
pub trait FrameSink: Write {
    /// Discards what was written so far, because the frame starts over.
    ///
    /// # Errors
    /// Fails if the sink fails, or if it has already passed on what was written; the error says what to do.
    fn restart(&mut self) -> Result<()>;

    /// Asks the sink to buffer until the end instead of waiting for its consumer, because a running query
    /// blocks the writer of a database file. A sink that never waits needs to do nothing. Returns whether the
    /// frame can start over until then.
    fn hold_back(&mut self) -> bool {
        true
    }
}

/// A statement to run and the form of its result.
#[derive(Clone, Copy)]
struct Task<'a> {
    sql: &'a str,
    shape: Shape<'a>,
    /// Whether the caller wants to know how long the result stays valid.
    keep: bool,
}

/// A statement that passed the gate and is ready to run.
#[derive(Clone, Copy)]
struct Ready<'a> {
    verdict: &'a gate::Verdict,
    /// The statement's text, with the arguments that were added to its `read_parquet` calls.
    sql: &'a str,
    arguments: &'a Arguments,
    /// The statements that recreate, in this session, the views of database files that the query names.
    stored: &'a [String],
    /// The verdicts on the statement and on the views of database files that it names.
    texts: &'a [&'a gate::Verdict],
}

/// Why a run has no result.
pub(super) enum Ending {
    Failed(Error),
    /// The files changed during the run, so that the output or the error may mix old and new data.
    Changed(Option<Error>),
}

impl From<Error> for Ending {
    fn from(error: Error) -> Self {
        Self::Failed(error)
    }
}

impl Engine {
    /// Runs `job` and writes its frame, an Arrow IPC file, to `sink` as rows arrive. Starts over if files
    /// change meanwhile. Also returns how long the frame stays valid, if the job asks for it.
    ///
    /// # Errors
    /// The gate's refusal; DuckDB's error with its position in the job's text; [`Kind::Cancelled`];
    /// [`Kind::InUse`] if the files change during each of the runs; or the sink's error.
    pub fn query(
        &self,
        job: &QueryJob,
        cancel: &Cancel,
        sink: &mut impl FrameSink,
    ) -> Result<(Summary, Validity<Fingerprints>)> {
        let options = Options { executed_query: frame::shown(&job.sql), ..job.options.clone() };
        let shape = Shape::Frame(&options);
        let task = Task { sql: &job.sql, shape, keep: job.keep };
        self.run_unchanged(task, cancel, sink)
    }

    /// Runs `job` and writes its rows as CSV to `sink` as they arrive. Starts over if files change meanwhile
    /// and the sink still can.
    ///
    /// # Errors
    /// Those of [`Engine::query`], and an error if there are more rows than the operator allows.
    pub fn export(&self, job: &ExportJob, cancel: &Cancel, sink: &mut impl FrameSink) -> Result<Summary> {
        let shape = Shape::Csv(&job.options);
        let task = Task { sql: &job.sql, shape, keep: false };
        self.run_unchanged(task, cancel, sink).map(|(summary, _)| summary)
    }

    fn run_unchanged(
        &self,
        task: Task<'_>,
        cancel: &Cancel,
        sink: &mut impl FrameSink,
    ) -> Result<(Summary, Validity<Fingerprints>)> {
        let (mut last, mut runs) = (None, 0);
        while runs < MOST_RUNS {
            match self.run(task, cancel, sink) {
                Ok(done) => return Ok(done),
                // The query had to give up the database file to its writer.
                Err(_) if cancel.begins_anew() => {}
                Err(Ending::Failed(error)) => return Err(self.advised(error, task.sql)),
                Err(Ending::Changed(error)) => {
                    last = error;
                    runs += 1;
                }
            }
            if runs < MOST_RUNS {
                sink.restart()?;
            }
        }
        tracing::debug!(error = ?last, "the files change faster than a query reads them");
        Err(Error::new(Kind::InUse, "the files changed while the query read them, again and again").hint(
            "Let the job that writes them write aside and rename each file once; then run the query again",
        ))
    }

    fn run(
        &self,
        task: Task<'_>,
        cancel: &Cancel,
        sink: &mut impl FrameSink,
    ) -> Result<(Summary, Validity<Fingerprints>), Ending> {
        let listings = Listings::watch();
        let mut databases = self.hold_databases(cancel)?;
        cancel.check()?;
        let verdict = if self.gated {
            self.gate.check(task.sql)?
        } else {
            Arc::new(gate::Verdict::unchecked(task.sql.to_owned()))
        };
        let verdict = if databases.is_some() { companions::with_base(verdict) } else { verdict };
        if !verdict.databases.is_empty() && databases.is_none() {
            // A file that is read by its path blocks its writer just as an attached one does.
            databases = Some(self.attachments.hold(&self.keeper, cancel)?);
        }
        if let Some(held) = &databases
            && sink.hold_back()
        {
            held.can_wait(cancel);
        }
        if let Some(held) = databases.as_ref().filter(|_| self.gated) {
            held.definitions().check(&verdict)?;
        }
        let none = ViewReads::default();
        let views = databases.as_ref().map_or(&none, |held| &held.definitions().reads);
        let before = self.first_file_set(&verdict, views)?;
        let surroundings = if task.keep { self.surroundings(&verdict, &before) } else { Validity::default() };
        let mut arguments = self.arguments(&verdict, views, &before, cancel)?;
        let stored = self.stored_views(&verdict, views, &before, cancel, &mut arguments)?;
        if let Some(held) = &databases {
            self.tell_of_relations(&verdict, held.definitions(), cancel, &mut arguments)?;
        }
        let losses = std::mem::take(&mut arguments.losses).into_iter();
        arguments.losses = losses.map(|loss| loss.within(self.datasource.report_folders())).collect();
        let statement = self.gate.with_arguments(&verdict, &arguments.of_readers)?;
        let texts: Vec<&gate::Verdict> = std::iter::once(&*verdict)
            .chain(views.named_by(&verdict).iter().map(|view| &*view.verdict))
            .collect();
        let ready = Ready {
            verdict: &verdict,
            sql: &statement.sql,
            arguments: &arguments,
            stored: &stored,
            texts: &texts,
        };
        let mut over = None;
        let mut result = self.execute(ready, &before, &mut over, task.shape, cancel, sink);
        let asked = Instant::now();
        while !verdict.databases.is_empty()
            && attach::is_locked(&result)
            && asked.elapsed() < attach::PATIENCE
        {
            std::thread::sleep(attach::LOOK_AGAIN);
            cancel.check()?;
            sink.restart()?;
            result = self.execute(ready, &before, &mut over, task.shape, cancel, sink);
        }
        // If the query was interrupted, it ends as cancelled, whatever its result.
        cancel.check()?;
        let after = self.file_set(&verdict, views)?;
        listings.check()?;
        if after != before || (result.is_ok() && !self.are_views_over(over.as_deref())) {
            return Err(Ending::Changed(result.err()));
        }
        drop(databases);
        let can_begin = matches!(task.shape, Shape::Frame(_));
        let result = match result {
            Err(error) => match self.blame(error, &before, can_begin, cancel) {
                Ending::Failed(error) => Err(error),
                changed @ Ending::Changed(_) => return Err(changed),
            },
            done => done,
        };
        if verdict.form == gate::Form::Multiple {
            self.check_own_objects()?;
        }
        let summary = result.map_err(|mut error| {
            // A position beyond the end of the statement belongs to the text of a view.
            let inside = error.position.filter(|position| *position < statement.sql.len());
            error.position = inside.map(|position| verdict.place_of(statement.back(position)));
            error.message = verdict.as_written(&arguments.of_readers, &error.message);
            error
        })?;
        Ok((summary, self.validity(surroundings, &before)))
    }

    /// Runs the statement on its own connection, which is closed afterwards: the transaction ends before the
    /// files are released to their writers. Error positions refer to the statement that ran.
    fn execute(
        &self,
        ready: Ready<'_>,
        set: &FileSet,
        over: &mut Option<Arc<Examined>>,
        shape: Shape<'_>,
        cancel: &Cancel,
        sink: &mut impl FrameSink,
    ) -> Result<Summary> {
        let reports = set.reports.as_ref();
        let verdict = ready.verdict;
        let gaps = gaps(set);
        if let (Shape::Csv(_), Some(gap)) = (shape, gaps.first()) {
            // The download would look complete, because CSV has no place for a notice.
            return Err(Error::new(Kind::Forbidden, gap.instead.clone()).hint(gap.remedy.clone()));
        }
        let connection = self.session(&set.bases)?;
        let connection = &connection;
        let prepared = self.ensure_views(verdict, reports, cancel).and_then(|examined| {
            let mut losses = examined.iter().flat_map(|it| &it.losses).chain(&ready.arguments.losses);
            let is_in_it = |loss: &&Loss| loss.kind.lacks_values() && loss.is_met_by(ready.texts);
            if let (Shape::Csv(_), Some(loss)) = (shape, losses.find(is_in_it)) {
                let message = format!("values would be missing or rounded: {}", loss.what);
                return Err(Error::new(Kind::Forbidden, message).hint(loss.remedy));
            }
            *over = examined;
            cancel.watch(connection.interrupt_handle());
            stored::make(connection, ready.stored);
            self.make_companions(connection, verdict)?;
            self.begin(connection)?;
            self.prepare(connection, ready)
        });
        let mut missing = None;
        let (mut statement, type_names) = match prepared {
            // Only a frame may be empty because reports are missing. A download fails with the reason
            // instead.
            Err(error) if matches!(shape, Shape::Frame(_)) && self.lacks_reports(verdict, &error) => {
                Self::roll_back(connection);
                self.make_empty_views(connection)?;
                missing = Some(error);
                cancel.watch(connection.interrupt_handle());
                self.begin(connection)?;
                self.prepare(connection, ready)
            }
            // A view remembers its columns' types, and a new report may have changed them.
            Err(Error { detail: Some(Detail::ViewAltered), .. }) => {
                Self::roll_back(connection);
                if let Some(reports) = reports {
                    self.make_views(cancel, true, reports)?;
                }
                cancel.watch(connection.interrupt_handle());
                self.begin(connection)?;
                self.prepare(connection, ready)
            }
            prepared => prepared,
        }?;
        cancel.check()?;
        let Some(rows) = logging::survived(|| statement.stream_arrow([])) else {
            return Err(self.of_names(set));
        };
        let mut rows = rows.map_err(|error| error::translate(&error))?;
        let called = |name: &str| verdict.as_written(&ready.arguments.of_readers, name);
        let mut body = Body::new(types::tagged(&rows.get_schema(), type_names, called), shape, sink)?;
        if let (Some(error), Body::Frame(frame)) = (missing, &mut body) {
            frame.notice(self.no_report(error));
        }
        if let Body::Frame(frame) = &mut body {
            for gap in gaps {
                frame.notice(Notice::warning(format!("{}. {}", gap.notice, gap.remedy)));
            }
        }
        if let Body::Frame(frame) = &mut body {
            let losses = over.iter().flat_map(|examined| &examined.losses).map(Loss::notice);
            let losses = losses.chain(ready.arguments.losses.iter().map(Loss::of_files));
            losses
                .chain(ready.arguments.notices.iter().cloned())
                .for_each(|notice| frame.notice(Notice::warning(notice)));
        }
        for batch in rows.by_ref() {
            let batch = batch.map_err(|error| error::translate(&error))?;
            text::check(&batch)?;
            if let Flow::Full = body.push(&batch)? {
                break;
            }
            cancel.check()?;
        }
        drop(rows);
        drop(statement);
        body.finish()
    }

    /// Begins a query's read-only transaction, in which no database can be written.
    fn begin(&self, session: &Connection) -> Result<()> {
        if !self.gated {
            return Ok(());
        }
        session.execute_batch("BEGIN TRANSACTION READ ONLY").map_err(|error| error::translate(&error))
    }

    /// Ends the transaction, so that the session sees what was created meanwhile. No transaction is open if
    /// the views could not be created.
    fn roll_back(session: &Connection) {
        if let Err(error) = session.execute_batch("ROLLBACK") {
            tracing::debug!(%error, "no transaction to roll back");
        }
    }

    /// Prepares the statement and returns the names of its columns' types. Columns that Arrow would misread
    /// are cast by a wrapping SELECT, which the gate checks, too.
    fn prepare<'a>(
        &self,
        connection: &'a Connection,
        ready: Ready<'_>,
    ) -> Result<(Statement<'a>, Vec<String>)> {
        let statement = connection.prepare(ready.sql).map_err(|error| error::translate(&error))?;
        let readings = types::readings(&statement);
        let types = logging::survived(|| types::names(&statement, &readings)).ok_or_else(|| {
            Error::bad_query("the name of a column's type is not UTF-8")
                .hint("Cast the column, for instance to VARCHAR")
        })?;
        if ready.verdict.form != gate::Form::Subquery
            || readings.iter().all(|reading| *reading == Reading::Plain)
        {
            return Ok((statement, types));
        }
        drop(statement);
        let names = self.column_names(connection, ready.sql)?;
        let wrapped = self.gate.check(&types::wrap(ready.sql, &names, &readings))?;
        let statement = connection.prepare(&wrapped.sql);
        // A position in the wrapping SELECT does not exist in the user's text.
        let translated = |error: duckdb::Error| Error { position: None, ..error::translate(&error) };
        Ok((statement.map_err(translated)?, types))
    }

    /// Returns the names of the columns, which duckdb-rs gives only after execution.
    fn column_names(&self, connection: &Connection, sql: &str) -> Result<Vec<String>> {
        let described = self.gate.check(&format!("SELECT column_name FROM (DESCRIBE (\n{sql}\n))"))?;
        connection
            .prepare(&described.sql)
            .and_then(|mut statement| statement.query_map([], |row| row.get(0))?.collect())
            .map_err(|error| error::translate(&error))
    }

    /// Explains DuckDB's error about missing reports in terms of the datasource.
    fn no_report(&self, error: Error) -> Notice {
        let Error { message, hint, .. } = source::explain_missing(error, &self.datasource);
        Notice::warning(match hint {
            Some(hint) => format!("{message}. {hint}"),
            None => message,
        })
    }
}
