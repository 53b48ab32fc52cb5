//! Database files, attached read-only while queries run and never between them.
//!
//! A held handle, even a reading one, keeps every writer from opening the file, and never sees later
//! commits. So the first query attaches and the last one detaches. Where queries follow each other without a gap, the file
//! is left to its writer for a moment after a turn: new ones come in until the turn is over, and after that only while one
//! that came in time is still at work, which keeps the file anyway. When the last of these has ended, those that came later
//! have a moment to end, too; one that does not is stopped and begins anew in the next turn. So a long query
//! keeps the writer waiting for as long as it may run, and nobody else. The same where a query finds the file changed:
//! those that read the old one are stopped after a moment.
//!
//! Queries that read a database file by its path take such turns as well, where nothing is attached.

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

/// How long queries may share the files without a gap; and how long those that came later may go on when the others have
/// ended.
const TURN: Duration = Duration::from_secs(2);
/// How long a query waits for a writer that has the file.
pub(super) const PATIENCE: Duration = Duration::from_millis(500);
/// How long until a query that waits looks again.
pub(super) const LOOK_AGAIN: Duration = Duration::from_millis(20);
/// How long the files are then left to writers.
const GAP: Duration = Duration::from_millis(100);

/// The database files of one engine.
pub(super) struct Attachments {
    files: Vec<PathBuf>,
    /// Judges what the files bring.
    gate: Arc<gate::Gate>,
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    users: usize,
    /// Those of them that came within the turn.
    in_time: usize,
    /// Those of them that can begin anew, by a number of their own.
    patient: Vec<(u64, Cancel)>,
    next: u64,
    attached: Option<Attached>,
    /// Since when somebody waits for the users to end.
    awaited: Option<Instant>,
    /// Until when the files are left to writers.
    free_until: Option<Instant>,
    /// What the files bring, and how they and what is not written into them yet looked then.
    known: Option<(Vec<Option<Fingerprint>>, Arc<Definitions>)>,
}

impl State {
    /// Stops the users that can begin anew, when they have been waited for long enough.
    fn put_off(&mut self) {
        let since = *self.awaited.get_or_insert_with(Instant::now);
        if since.elapsed() >= TURN {
            self.patient.iter().for_each(|(_, user)| user.put_off());
        }
    }
}

struct Attached {
    /// What the files and their logs looked like.
    files: Vec<Option<Fingerprint>>,
    since: Instant,
    /// What they bring.
    definitions: Arc<Definitions>,
}

impl Attachments {
    pub(super) fn new(files: Vec<PathBuf>, gate: Arc<gate::Gate>) -> Self {
        Self { files, gate, state: Mutex::default(), changed: Condvar::new() }
    }

    /// Catalog names of the files, in the order of the settings.
    pub(super) fn names(&self) -> Vec<String> {
        self.files.iter().map(|file| name_in_sql(file)).collect()
    }

    /// Attaches the files for as long as the guard lives. `connection` is used for the attaching only.
    ///
    /// # Errors
    /// A missing, locked, damaged or newer file; [`Kind::Cancelled`] when the query ends while waiting.
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
                    // Not in the match itself: the connection must be free again before anything waits.
                    let attached = self.attach(&connection.lock());
                    if is_locked(&attached) && asked.elapsed() < PATIENCE {
                        self.changed.wait_for(&mut state, LOOK_AGAIN);
                        cancel.check()?;
                        continue;
                    }
                    attached?;
                    let known = match &state.known {
                        // A file that has just changed may change once more and look the same.
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

    /// Detaches the files that nobody reads any more; after a long turn they are left to writers for a moment.
    fn release(&self, state: &mut State, connection: &Mutex<Connection>) {
        self.detach(&connection.lock());
        state.awaited = None;
        let turn = state.attached.take().map(|attached| attached.since.elapsed());
        if turn.is_some_and(|turn| turn >= TURN) {
            state.free_until = Some(Instant::now() + GAP);
        }
    }

    /// How the files and their write-ahead logs look.
    ///
    /// # Errors
    /// A file that is not there.
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

/// Whether a writer has the file. Most are done in a moment.
pub(super) fn is_locked<T>(result: &Result<T>) -> bool {
    result.as_ref().is_err_and(|error| error.kind == Kind::InUse)
}

fn detach(connection: &Connection, file: &Path) {
    if let Err(error) = connection.execute_batch(&format!("DETACH {}", sql_name(&name_in_sql(file)))) {
        tracing::warn!(file = %file.display(), %error, "a database file stays attached");
    }
}

/// Whether a file that could not be attached is a SQLite database, by its first bytes.
fn is_sqlite(file: &Path) -> bool {
    let mut magic = [0; 15];
    File::open(file).and_then(|mut file| file.read_exact(&mut magic)).is_ok() && &magic == b"SQLite format 3"
}

/// An error over a database file. What DuckDB says of a short file is the same for Parquet.
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
    /// Whether it came within the turn.
    in_time: bool,
    number: u64,
}

impl Guard<'_> {
    /// The job of `cancel` can begin anew where it would keep others waiting.
    pub(super) fn can_wait(&self, cancel: &Cancel) {
        if cancel.can_be_put_off() {
            self.attachments.state.lock().patient.push((self.number, cancel.clone()));
        }
    }

    /// What the attached files bring.
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
