//! Database files, attached read-only while queries run and never between them.
//!
//! A held handle, even a reading one, keeps every writer from opening the file, and never sees later
//! commits. So the first query attaches, the last one detaches, and a query that finds the file changed
//! waits until those that read the old one are done. Where queries follow each other without a gap, a new one also
//! waits once the file has been held for long, so that a writer gets its turn.
//!
//! Queries that read a database file by its path take such turns as well, where nothing is attached.

use std::fs::Metadata;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use duckdb::Connection;

use super::{Cancel, error, lock, reads, sql_name, sql_text};
use crate::error::{Error, Kind, Result};
use crate::source::write_ahead_logs;

/// How long queries may share the files without a gap.
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
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    users: usize,
    attached: Option<Attached>,
    /// Until when the files are left to writers.
    free_until: Option<Instant>,
    /// What the files' own views read, and how the files and what is not written into them yet looked then.
    known: Option<(Vec<Option<Fingerprint>>, Arc<reads::ViewReads>)>,
}

struct Attached {
    /// What the files looked like.
    files: Vec<Fingerprint>,
    since: Instant,
    /// What their own views read.
    views: Arc<reads::ViewReads>,
}

/// Tells a file from what was there before. Taken by `stat`: opening it would drop DuckDB's locks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Fingerprint {
    device: u64,
    inode: u64,
    size: u64,
    modified: (i64, i64),
}

impl From<Metadata> for Fingerprint {
    fn from(meta: Metadata) -> Self {
        Self {
            device: meta.dev(),
            inode: meta.ino(),
            size: meta.size(),
            modified: (meta.mtime(), meta.mtime_nsec()),
        }
    }
}

impl Attachments {
    pub(super) fn new(files: Vec<PathBuf>) -> Self {
        Self { files, state: Mutex::default(), changed: Condvar::new() }
    }

    /// Catalog names of the files, in the order of the settings.
    pub(super) fn names(&self) -> Vec<String> {
        self.files.iter().map(|file| stem(file)).collect()
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
        let mut state = lock(&self.state);
        let views = loop {
            let now = self.fingerprints()?;
            let is_free = state.free_until.is_some_and(|until| Instant::now() < until);
            match &state.attached {
                Some(attached) if attached.files == now && attached.since.elapsed() < TURN => {
                    break Arc::clone(&attached.views);
                }
                Some(_) if state.users == 0 => self.release(&mut state, connection),
                None if !is_free => {
                    let looks = self.looks();
                    // Not in the match itself: the connection must be free again before anything waits.
                    let attached = self.attach(&lock(connection));
                    if is_locked(&attached) && asked.elapsed() < PATIENCE {
                        state = self.wait(state);
                        cancel.check()?;
                        continue;
                    }
                    attached?;
                    let views = match &state.known {
                        Some((then, views)) if *then == looks => Arc::clone(views),
                        _ => Arc::new(reads::read_by_views_of(&lock(connection), &self.names())),
                    };
                    state.known = Some((looks, Arc::clone(&views)));
                    state.attached =
                        Some(Attached { files: now, since: Instant::now(), views: Arc::clone(&views) });
                    break views;
                }
                _ => {
                    state = self.wait(state);
                    cancel.check()?;
                }
            }
        };
        state.users += 1;
        Ok(Guard { attachments: self, connection, views })
    }

    fn wait<'a>(&'a self, state: MutexGuard<'a, State>) -> MutexGuard<'a, State> {
        self.changed.wait_timeout(state, LOOK_AGAIN).unwrap_or_else(PoisonError::into_inner).0
    }

    /// Detaches the files that nobody reads any more; after a long turn they are left to writers for a moment.
    fn release(&self, state: &mut State, connection: &Mutex<Connection>) {
        self.detach(&lock(connection));
        let turn = state.attached.take().map(|attached| attached.since.elapsed());
        if turn.is_some_and(|turn| turn >= TURN) {
            state.free_until = Some(Instant::now() + GAP);
        }
    }

    fn fingerprints(&self) -> Result<Vec<Fingerprint>> {
        self.files
            .iter()
            .map(|file| {
                std::fs::metadata(file).map(Fingerprint::from).map_err(|error| {
                    Error::new(
                        Kind::NotFound,
                        format!("the database file `{}` cannot be read: {error}", file.display()),
                    )
                    .hint("Check `path` in the datasource's settings")
                })
            })
            .collect()
    }

    /// How the files and their write-ahead logs look.
    fn looks(&self) -> Vec<Option<Fingerprint>> {
        let all = self.files.iter().flat_map(|file| [file.clone()].into_iter().chain(write_ahead_logs(file)));
        all.map(|file| std::fs::symlink_metadata(file).ok().map(Fingerprint::from)).collect()
    }

    fn attach(&self, connection: &Connection) -> Result<()> {
        for (done, file) in self.files.iter().enumerate() {
            let statement = format!(
                "ATTACH {} AS {} (READ_ONLY)",
                sql_text(&file.to_string_lossy()),
                sql_name(&stem(file))
            );
            if let Err(error) = connection.execute_batch(&statement) {
                for earlier in self.files.iter().take(done) {
                    detach(connection, earlier);
                }
                return Err(error::translate(&error));
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

/// Whether a writer has the file. Most are done in a moment.
pub(super) fn is_locked<T>(result: &Result<T>) -> bool {
    result.as_ref().is_err_and(|error| error.kind == Kind::InUse)
}

fn detach(connection: &Connection, file: &Path) {
    if let Err(error) = connection.execute_batch(&format!("DETACH {}", sql_name(&stem(file)))) {
        tracing::warn!(file = %file.display(), %error, "a database file stays attached");
    }
}

fn stem(file: &Path) -> String {
    file.file_stem().map_or_else(|| "database".to_owned(), |stem| stem.to_string_lossy().into_owned())
}

/// Keeps the files attached.
pub(super) struct Guard<'a> {
    attachments: &'a Attachments,
    connection: &'a Mutex<Connection>,
    views: Arc<reads::ViewReads>,
}

impl Guard<'_> {
    /// What the views in the attached files read.
    pub(super) fn views(&self) -> &reads::ViewReads {
        &self.views
    }
}

impl Drop for Guard<'_> {
    fn drop(&mut self) {
        let mut state = lock(&self.attachments.state);
        state.users = state.users.saturating_sub(1);
        if state.users == 0 {
            self.attachments.release(&mut state, self.connection);
        }
        self.attachments.changed.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Where nothing is attached, queries that read files by their path share a turn, and end it.
    #[test]
    fn turns_end_and_leave_a_gap() {
        let attachments = Attachments::new(Vec::new());
        let keeper = Mutex::new(Connection::open_in_memory().unwrap());
        let hold = || attachments.hold(&keeper, &Cancel::default()).unwrap();
        let first = hold();
        let begin = |since: Instant| {
            lock(&attachments.state).attached.as_mut().unwrap().since = since;
        };
        // However long the second one takes to come: after the turn it would wait for the first, for ever.
        begin(Instant::now() + Duration::from_hours(1));
        drop(hold());
        begin(Instant::now());
        std::thread::sleep(TURN);
        std::thread::scope(|scope| {
            let second = scope.spawn(|| {
                let _guard = hold();
                Instant::now()
            });
            std::thread::sleep(GAP);
            assert!(!second.is_finished(), "it joined a turn that was over");
            let ended = Instant::now();
            drop(first);
            assert!(second.join().unwrap().duration_since(ended) >= GAP);
        });
    }
}
