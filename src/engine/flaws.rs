//! Finds Parquet files that cannot be read as they are. DuckDB's error often names no file, and one bad byte
//! fails the whole query. So after such an error the files are read one by one, each once per fingerprint.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use duckdb::Connection;
use parking_lot::Mutex;

use super::file_set::FileSet;
use super::run::Ending;
use super::{Cancel, Engine, error, listed, sql_name, sql_text, text};
use crate::error::{Error, Kind, Result};
use crate::source::{Fingerprint, Found, in_a_glob};

/// The most files whose outcome is kept.
const MOST_KNOWN: usize = 50_000;
/// Number of files that are first read together.
const TOGETHER: usize = 64;
/// The most columns that are read one by one.
const MOST_COLUMNS: usize = 200;

/// The hint about texts that are not UTF-8.
pub(super) const WRITE_UTF8: &str = "Write the report again with its texts in UTF-8";

/// What the views show of texts that are not UTF-8. DuckDB treats the byte after a broken character as part
/// of it, so the character there is lost.
pub(super) const SHOWN: &str =
    "`?` stands for each byte that is not, and may stand for the letter right behind such bytes";

/// What is wrong with a file.
#[derive(Debug, Clone)]
pub(super) enum Flaw {
    /// Texts in these columns are not UTF-8; the rest can be read.
    Texts(Vec<String>),
    /// The name of this column is not UTF-8; the other columns can be read.
    Name(String),
    /// The file cannot be read, for the reason that DuckDB gives.
    Damaged(Error),
}

/// The outcome for each file that was read alone, with its fingerprint at that time. The flaw is `None` if
/// the file can be read.
#[derive(Default)]
pub(super) struct Flaws(Mutex<HashMap<PathBuf, (Fingerprint, Option<Flaw>)>>);

impl Flaws {
    /// Returns what is known of a file with this fingerprint; the inner `None` means that nothing is wrong
    /// with it.
    #[expect(clippy::option_option, reason = "whether it is known, and what is")]
    fn known(&self, file: &Path, look: Fingerprint) -> Option<Option<Flaw>> {
        self.0.lock().get(file).filter(|(then, _)| *then == look).map(|(_, flaw)| flaw.clone())
    }

    fn learn(&self, file: &Path, look: Fingerprint, flaw: Option<Flaw>) {
        let mut known = self.0.lock();
        if known.len() >= MOST_KNOWN {
            known.clear();
        }
        known.insert(file.to_owned(), (look, flaw));
    }

    /// Returns the columns of a file whose texts are not UTF-8, if that is known.
    pub(super) fn odd_columns(&self, file: &Path, look: Fingerprint) -> Option<Vec<String>> {
        match self.known(file, look)?? {
            Flaw::Texts(columns) => Some(columns),
            Flaw::Name(_) | Flaw::Damaged(_) => None,
        }
    }
}

/// How much may be read in search of flaws.
#[derive(Debug, Clone, Copy)]
pub(super) struct Budget {
    until: Instant,
    bytes: u64,
}

impl Budget {
    pub(super) fn new(time: Duration, bytes: u64) -> Self {
        Self { until: Instant::now() + time, bytes }
    }

    /// Returns the budget for a query that has failed anyway and has its own deadline.
    fn of_a_query() -> Self {
        Self::new(Duration::from_secs(20), 8 << 30)
    }

    fn takes(&mut self, bytes: u64) -> bool {
        let left = self.bytes.checked_sub(bytes).filter(|_| Instant::now() < self.until);
        left.is_some_and(|left| {
            self.bytes = left;
            true
        })
    }
}

/// The result of a search for flaws.
#[derive(Debug, Default)]
pub(super) struct Searched {
    /// Files with a flaw, in the order given.
    pub(super) flawed: Vec<(PathBuf, Flaw)>,
    /// Number of files that were not read because the budget was used up.
    pub(super) unread: usize,
}

impl Engine {
    /// Reads the files whose outcome is not known, within `budget`, and reports the flaws of all.
    ///
    /// # Errors
    /// [`Kind::Cancelled`], or the error of opening a connection.
    pub(super) fn look_for_flaws(
        &self,
        files: &[Found],
        mut budget: Budget,
        cancel: &Cancel,
    ) -> Result<Searched> {
        let looked: Vec<(&Path, Fingerprint)> =
            files.iter().filter_map(|file| Some((file.path.as_path(), file.look?))).collect();
        let unknown: Vec<(&Path, Fingerprint)> =
            looked.iter().filter(|(file, look)| self.flaws.known(file, *look).is_none()).copied().collect();
        if !unknown.is_empty() {
            let connection = self.own_connection()?;
            cancel.watch(connection.interrupt_handle());
            for some in unknown.chunks(TOGETHER) {
                cancel.check()?;
                self.read_all(&connection, some, &mut budget, cancel)?;
            }
        }
        let flaw =
            |(file, look): &(&Path, Fingerprint)| Some((file.to_path_buf(), self.flaws.known(file, *look)??));
        let unread = unknown.iter().filter(|(file, look)| self.flaws.known(file, *look).is_none()).count();
        Ok(Searched { flawed: looked.iter().filter_map(flaw).collect(), unread })
    }

    /// Reads `files` together and, if that fails, each half of them, within `budget`.
    fn read_all(
        &self,
        connection: &Connection,
        files: &[(&Path, Fingerprint)],
        budget: &mut Budget,
        cancel: &Cancel,
    ) -> Result<()> {
        if !budget.takes(files.iter().map(|(_, look)| look.size()).sum()) {
            return Ok(());
        }
        let outcome = read(connection, files.iter().map(|(file, _)| *file), "");
        cancel.check()?;
        match (outcome, files) {
            (Ok(()), _) => files.iter().for_each(|(file, look)| self.flaws.learn(file, *look, None)),
            (Err(error), [(file, look)]) => {
                let flaw = self.flaw(connection, file, error);
                cancel.check()?;
                self.flaws.learn(file, *look, flaw);
            }
            (Err(_), _) => {
                let (first, second) = files.split_at(files.len() / 2);
                self.read_all(connection, first, budget, cancel)?;
                self.read_all(connection, second, budget, cancel)?;
            }
        }
        Ok(())
    }

    /// Determines what is wrong with one file that could not be read.
    fn flaw(&self, connection: &Connection, file: &Path, error: Error) -> Option<Flaw> {
        // A file without columns holds no data that could be damaged.
        let is_empty = error.message.contains(error::NO_COLUMN);
        if is_empty || !may_be_of_a_file(&error) || error.message.starts_with("Not implemented") {
            return None;
        }
        if text::is_of_names(&error)
            && let Some(column) = self.odd_name(file)
        {
            return Some(Flaw::Name(column));
        }
        let replaced = ", utf8_validation = 'replace'";
        if is_of_texts(&error) && read(connection, [file].into_iter(), replaced).is_ok() {
            return Some(Flaw::Texts(odd_columns(connection, file)));
        }
        Some(Flaw::Damaged(error))
    }

    /// Explains why a run failed, if one of the files that it read is the cause: with a better error, or with
    /// a new run because the views will read those files differently. `can_begin` tells whether the run may
    /// start over.
    pub(super) fn blame(&self, error: Error, set: &FileSet, can_begin: bool, cancel: &Cancel) -> Ending {
        if !may_be_of_a_file(&error) {
            return Ending::Failed(error);
        }
        let files: Vec<Found> = set.found().filter(|file| listed::is_parquet(&file.path)).collect();
        let found = match self.look_for_flaws(&files, Budget::of_a_query(), cancel) {
            Ok(found) => found,
            Err(stopped) if stopped.kind == Kind::Cancelled => return Ending::Failed(stopped),
            Err(_) => return Ending::Failed(error),
        };
        let damaged = |(file, flaw): &(PathBuf, Flaw)| match flaw {
            Flaw::Damaged(why) if is_told(&error, file, why) => Some(file.clone()),
            _ => None,
        };
        // DuckDB's error may name one of several damaged files.
        let told: Vec<PathBuf> = found.flawed.iter().filter_map(damaged).collect();
        let is_named = |file: &&PathBuf| is_named_by(&error, file);
        if let Some(file) =
            told.iter().filter(is_named).max_by_key(|file| file.as_os_str().len()).or(told.first())
        {
            return Ending::Failed(of_damaged(file, error));
        }
        if error.message.contains("ecompression failure") && found.unread == 0 {
            // DuckDB reports a damaged page and a lack of memory in the same way. The file can be read, so
            // memory was short.
            let message = format!("{} (its file is sound: memory was short)", error.message);
            let hint = Some(error::NO_MEMORY.to_owned());
            return Ending::Failed(Error { kind: Kind::Exhausted, message, hint, ..error });
        }
        let misnamed = |(file, flaw): &(PathBuf, Flaw)| match flaw {
            Flaw::Name(column) if text::is_of_names(&error) => Some(text::misnamed(file, column)),
            _ => None,
        };
        if let Some(message) = found.flawed.iter().find_map(misnamed) {
            return Ending::Failed(Error { message, hint: Some(text::RENAME.to_owned()), ..error });
        }
        let is_odd = |file: &Path| {
            found.flawed.iter().find_map(|(odd, flaw)| match flaw {
                Flaw::Texts(columns) if odd == file => Some(columns),
                _ => None,
            })
        };
        let mut odd = files.iter().filter_map(|file| Some((&file.path, is_odd(&file.path)?))).peekable();
        let Some((first, columns)) = odd.peek().filter(|_| is_of_texts(&error)).copied() else {
            return Ending::Failed(error);
        };
        let of_views = set.reports.as_ref();
        let is_news = |file: &Path| {
            of_views
                .is_some_and(|reports| reports.files().any(|report| report == file) && !reports.is_odd(file))
        };
        if can_begin && odd.any(|(file, _)| is_news(file)) {
            return Ending::Changed(Some(error));
        }
        let message = format!("{}: {}", not_utf8(first, columns), error.message);
        let hint = "Write the file again with its texts in UTF-8, or read it with `?` in their place: read_parquet('…', utf8_validation = 'replace')";
        Ending::Failed(Error { message, hint: Some(hint.to_owned()), ..error })
    }
}

/// Returns the message about texts that are not UTF-8.
pub(super) fn not_utf8(file: &Path, columns: &[String]) -> String {
    let columns: Vec<String> = columns.iter().map(|column| format!("`{column}`")).collect();
    let of = match columns.as_slice() {
        [] => String::new(),
        [one] => format!(" in column {one}"),
        several => format!(" in the columns {}", several.join(", ")),
    };
    format!("`{}` holds texts that are not UTF-8{of}", file.display())
}

/// Returns the error for a file that cannot be read.
pub(super) fn of_damaged(file: &Path, error: Error) -> Error {
    let named = file.to_string_lossy();
    let message = if is_named_by(&error, file) {
        error.message
    } else {
        format!("`{named}` cannot be read: {}", error.message)
    };
    let remedy = error::of_file(&message).unwrap_or(error::WRITE_AGAIN);
    Error { message, hint: Some(remedy.to_owned()), position: None, ..error }
}

/// Returns whether an error may concern the content of a file. Its message may be the sender's text, so this
/// only decides whether the files are read.
fn may_be_of_a_file(error: &Error) -> bool {
    const CLASSES: [&str; 7] = [
        "DuckDB: ",
        "IO Error",
        "Invalid",
        "INTERNAL Error",
        "Out of Range",
        "Serialization",
        "Not implemented",
    ];
    matches!(error.kind, Kind::BadQuery | Kind::Internal)
        && CLASSES.iter().any(|class| error.message.starts_with(class))
}

/// Returns whether a query's `error` may come from `file`, for which DuckDB gives the error `why`. The
/// sender's SQL may also have caused it.
fn is_told(error: &Error, file: &Path, why: &Error) -> bool {
    const OF_FILES: [&str; 6] = ["arquet", "orrupt", "ecompress", "enough bytes", "TProtocol", "page"];
    let said = &error.message;
    let has_name = file.file_name().is_some_and(|name| said.contains(name.to_string_lossy().as_ref()));
    has_name
        || said == &why.message
        || said.starts_with("DuckDB: ")
        || error.kind == Kind::Internal
        || OF_FILES.iter().any(|word| said.contains(word)) && !said.contains('"') && !said.contains('\'')
}

/// Returns whether an error names the file by its whole path.
fn is_named_by(error: &Error, file: &Path) -> bool {
    error.message.contains(file.to_string_lossy().as_ref())
}

fn is_of_texts(error: &Error) -> bool {
    error.message.contains("is not valid UTF8") || text::is_of_names(error)
}

/// Reads every value of `files`; `how` holds additional arguments of `read_parquet`.
fn read<'a>(connection: &Connection, files: impl Iterator<Item = &'a Path>, how: &str) -> Result<()> {
    values(connection, files, how, "t")
}

fn values<'a>(
    connection: &Connection,
    files: impl Iterator<Item = &'a Path>,
    how: &str,
    what: &str,
) -> Result<()> {
    let files: Vec<String> = files.map(|file| sql_text(&in_a_glob(file))).collect();
    let sql = format!(
        "SELECT system.main.bit_xor(system.main.hash({what})) FROM system.main.read_parquet([{}], union_by_name = true{how}) AS t",
        files.join(", ")
    );
    connection
        .prepare(&sql)
        .and_then(|mut statement| statement.query_row([], |_| Ok(())))
        .map_err(|error| error::translate(&error))
}

/// Returns the columns of a file whose texts are not UTF-8.
fn odd_columns(connection: &Connection, file: &Path) -> Vec<String> {
    let named = sql_text(&in_a_glob(file));
    let sql = format!("SELECT column_name FROM (DESCRIBE FROM system.main.read_parquet({named}))");
    let columns: Vec<String> = connection
        .prepare(&sql)
        .and_then(|mut statement| statement.query_map([], |row| row.get(0))?.collect())
        .unwrap_or_default();
    let is_odd = |column: &String| {
        let column = format!("t.{}", sql_name(column));
        values(connection, [file].into_iter(), "", &column).is_err_and(|error| is_of_texts(&error))
    };
    columns.into_iter().take(MOST_COLUMNS).filter(is_odd).collect()
}
