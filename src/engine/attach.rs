//! Attaches database files read-only while queries run, and detaches them in between.
//!
//! An open handle, even a read-only one, keeps every writer from opening the file, and never sees later
//! commits. So the first query attaches the files and the last one detaches them. If queries follow each
//! other without a gap, they take turns with the writer. New queries join until the turn is over; after that
//! they join only while a query that came in time still runs, because that one blocks the writer anyway. When
//! the last query that came in time has ended, the later ones get a moment to end; one that does not is
//! stopped and starts over in the next turn. Between turns the file is left to its writer for a moment. So a
//! long query blocks only the writer, for as long as the query may run. If a query finds that the file has
//! changed, the queries that read the old file are likewise stopped after a moment.
//!
//! Queries that read a database file by its path take turns as well, although nothing is attached for them.

use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use duckdb::Connection;
use parking_lot::{Condvar, Mutex};

use super::definitions::Definitions;
use super::{Cancel, error, gate, sql_name, sql_text};
use crate::error::{Error, Kind, Result};
use crate::source::{Fingerprint, name_in_sql, write_ahead_logs};

/// How long queries may share the files without a gap, and how long the later ones may go on after the others
/// have ended.
const TURN: Duration = Duration::from_secs(2);
/// How long a query waits for a writer that has locked the file.
pub(super) const PATIENCE: Duration = Duration::from_millis(500);
/// The interval at which a waiting query checks again.
pub(super) const LOOK_AGAIN: Duration = Duration::from_millis(20);
/// How long the files are left to writers between two turns.
const GAP: Duration = Duration::from_millis(100);

/// The database files of one engine.
pub(super) struct Attachments {
    files: Vec<PathBuf>,
    /// Checks the definitions in the files.
    gate: Arc<gate::Gate>,
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    users: usize,
    /// Number of users that came within the turn.
    in_time: usize,
    /// Users that can start over, each with its number.
    patient: Vec<(u64, Cancel)>,
    next: u64,
    attached: Option<Attached>,
    /// Since when a query waits for the users to end.
    awaited: Option<Instant>,
    /// Until when the files are left to writers.
    free_until: Option<Instant>,
    /// The definitions in the files, and the fingerprints of the files and their write-ahead logs at that
    /// time.
    known: Option<(Vec<Option<Fingerprint>>, Arc<Definitions>)>,
}

impl State {
    /// Stops the users that can start over, once the wait has lasted long enough.
    fn put_off(&mut self) {
        let since = *self.awaited.get_or_insert_with(Instant::now);
        if since.elapsed() >= TURN {
            self.patient.iter().for_each(|(_, user)| user.put_off());
        }
    }
}

struct Attached {
    /// Fingerprints of the files and their write-ahead logs.
    files: Vec<Option<Fingerprint>>,
    since: Instant,
    /// The definitions in the files.
    definitions: Arc<Definitions>,
}

impl Attachments {
    pub(super) fn new(files: Vec<PathBuf>, gate: Arc<gate::Gate>) -> Self {
        Self { files, gate, state: Mutex::default(), changed: Condvar::new() }
    }

    /// Returns the catalog names of the files, in the order of the settings.
    pub(super) fn names(&self) -> Vec<String> {
        self.files.iter().map(|file| name_in_sql(file)).collect()
    }

    /// Attaches the files for as long as the guard lives. `connection` only attaches and detaches.
    ///
    /// # Errors
    /// An error if a file is missing, locked, damaged or of a newer version; [`Kind::Cancelled`] if the query
    /// ends while it waits.
    pub(super) fn hold<'a>(
        &'a self,
        connection: &'a Mutex<Connection>,
        cancel: &Cancel,
    ) -> Result<Guard<'a>> {
        let asked = Instant::now();
        let mut state = self.state.lock();
        let (definitions, in_time) = loop {
            let now = self.fingerprints()?;
            let is_free = state.free_until.is_some_and(|until| Instant::now() < until);
            match &state.attached {
                Some(attached) if attached.files == now && attached.since.elapsed() < TURN => {
                    break (Arc::clone(&attached.definitions), true);
                }
                Some(attached) if attached.files == now && state.in_time > 0 => {
                    break (Arc::clone(&attached.definitions), false);
                }
                Some(_) if state.users == 0 => self.release(&mut state, connection),
                Some(_) => {
                    state.put_off();
                    self.changed.wait_for(&mut state, LOOK_AGAIN);
                    cancel.check()?;
                }
                None if !is_free => {
                    // Attaching is not done in the `match` expression, because the connection must be
                    // unlocked before anything waits.
                    let attached = self.attach(&connection.lock());
                    if is_locked(&attached) && asked.elapsed() < PATIENCE {
                        self.changed.wait_for(&mut state, LOOK_AGAIN);
                        cancel.check()?;
                        continue;
                    }
                    attached?;
                    let known = match &state.known {
                        // A file that has just changed may change again and keep its fingerprint.
                        Some((then, known)) if *then == now && !are_young(&now) => Ok(Arc::clone(known)),
                        _ => Definitions::read(&self.gate, &connection.lock(), &self.names()).map(Arc::new),
                    };
                    let definitions = match known {
                        Ok(definitions) => definitions,
                        Err(error) => {
                            self.detach(&connection.lock());
                            return Err(error);
                        }
                    };
                    state.known = Some((now.clone(), Arc::clone(&definitions)));
                    state.attached = Some(Attached {
                        files: now,
                        since: Instant::now(),
                        definitions: Arc::clone(&definitions),
                    });
                    break (definitions, true);
                }
                None => {
                    self.changed.wait_for(&mut state, LOOK_AGAIN);
                    cancel.check()?;
                }
            }
        };
        state.users += 1;
        state.in_time += usize::from(in_time);
        state.next += 1;
        Ok(Guard { attachments: self, connection, definitions, in_time, number: state.next })
    }

    /// Detaches the files that no query reads any more. After a long turn they are left to writers for a
    /// moment.
    fn release(&self, state: &mut State, connection: &Mutex<Connection>) {
        self.detach(&connection.lock());
        state.awaited = None;
        let turn = state.attached.take().map(|attached| attached.since.elapsed());
        if turn.is_some_and(|turn| turn >= TURN) {
            state.free_until = Some(Instant::now() + GAP);
        }
    }

    /// Returns the fingerprints of the files and their write-ahead logs.
    ///
    /// # Errors
    /// [`Kind::NotFound`] if a file does not exist.
    fn fingerprints(&self) -> Result<Vec<Option<Fingerprint>>> {
        let look = |path: &Path| std::fs::symlink_metadata(path).map(|found| Fingerprint::from(&found));
        let mut all = Vec::new();
        for file in &self.files {
            let found = look(file).map_err(|error| {
                Error::new(
                    Kind::NotFound,
                    format!("the database file `{}` cannot be read: {error}", file.display()),
                )
                .hint("Check `path` in the datasource's settings")
            })?;
            all.push(Some(found));
            all.extend(write_ahead_logs(file).map(|log| look(&log).ok()));
        }
        Ok(all)
    }

    fn attach(&self, connection: &Connection) -> Result<()> {
        for (done, file) in self.files.iter().enumerate() {
            let statement = format!(
                "ATTACH {} AS {} (READ_ONLY)",
                sql_text(&file.to_string_lossy()),
                sql_name(&name_in_sql(file))
            );
            if let Err(error) = connection.execute_batch(&statement) {
                for earlier in self.files.iter().take(done) {
                    detach(connection, earlier);
                }
                return Err(if is_sqlite(file) {
                    no_duckdb(file)
                } else {
                    unopened(error::translate(&error))
                });
            }
        }
        Ok(())
    }

    fn detach(&self, connection: &Connection) {
        for file in &self.files {
            detach(connection, file);
        }
    }
}

fn are_young(fingerprints: &[Option<Fingerprint>]) -> bool {
    let now = SystemTime::now();
    fingerprints.iter().flatten().any(|file| file.is_young(now))
}

/// Returns whether a writer has locked the file. Most writers finish in a moment.
pub(super) fn is_locked<T>(result: &Result<T>) -> bool {
    result.as_ref().is_err_and(|error| error.kind == Kind::InUse)
}

fn detach(connection: &Connection, file: &Path) {
    if let Err(error) = connection.execute_batch(&format!("DETACH {}", sql_name(&name_in_sql(file)))) {
        tracing::warn!(file = %file.display(), %error, "a database file stays attached");
    }
}

/// Returns whether a file that could not be attached is a SQLite database, judged by its first bytes.
fn is_sqlite(file: &Path) -> bool {
    let mut magic = [0; 15];
    File::open(file).and_then(|mut file| file.read_exact(&mut magic)).is_ok() && &magic == b"SQLite format 3"
}

/// Adapts an error about a database file: DuckDB reports a short file as it does for Parquet.
fn unopened(error: Error) -> Error {
    if error.kind == Kind::BadQuery && error.hint.as_deref() == Some(error::WRITE_AGAIN) {
        return Error { kind: Kind::BadSettings, hint: Some(error::NO_DATABASE.to_owned()), ..error };
    }
    error
}

fn no_duckdb(file: &Path) -> Error {
    Error::bad_settings(format!("`{}` is a SQLite database and not one of DuckDB", file.display())).hint(
        "Write what it holds into a DuckDB file or into Parquet reports, for instance with the `sqlite` extension in the DuckDB shell",
    )
}

/// Keeps the files attached.
pub(super) struct Guard<'a> {
    attachments: &'a Attachments,
    connection: &'a Mutex<Connection>,
    definitions: Arc<Definitions>,
    /// Whether the query came within the turn.
    in_time: bool,
    number: u64,
}

impl Guard<'_> {
    /// Notes that the job of `cancel` can start over if it would keep others waiting.
    pub(super) fn can_wait(&self, cancel: &Cancel) {
        if cancel.can_be_put_off() {
            self.attachments.state.lock().patient.push((self.number, cancel.clone()));
        }
    }

    /// Returns the definitions in the attached files.
    pub(super) fn definitions(&self) -> &Definitions {
        &self.definitions
    }
}

impl Drop for Guard<'_> {
    fn drop(&mut self) {
        let mut state = self.attachments.state.lock();
        state.users = state.users.saturating_sub(1);
        state.in_time = state.in_time.saturating_sub(usize::from(self.in_time));
        state.patient.retain(|(number, _)| *number != self.number);
        if state.users == 0 {
            self.attachments.release(&mut state, self.connection);
        }
        self.attachments.changed.notify_all();
    }
}

#[cfg(test)]
mod tests;
