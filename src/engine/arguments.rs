//! Arguments that the plugin adds wherever a user's statement reads Parquet files:
//!
//! - `can_have_nan = true`: without it, DuckDB skips rows by the statistics in a file, which ignore NaN.
//! - `union_by_name = true`: without it, DuckDB uses the first file's types for all files and rounds the
//!   others' values.
//! - `hive_partitioning = false`, if the name of a folder would replace a column of the files, or belongs to
//!   a folder at or above the datasource's: such a name does not describe the files.

use std::collections::{BTreeSet, VecDeque};
use std::path::{Path, PathBuf};

use duckdb::Connection;
use parking_lot::Mutex;

use super::durations::Durations;
use super::examine::{self, WithNan};
use super::file_set::FileSet;
use super::gate::{Put, Reader, Verdict};
use super::loss::{Loss, Schema};
use super::reads::ViewReads;
use super::{Cancel, Engine, digits, spelling, start_at};
use crate::error::{Error, Kind, Result};
use crate::reports::keys_of;
use crate::source::{Astray, Datasource, Found, in_a_glob, is_written};

/// The most differing columns that are named.
const MOST_NAMED: usize = 3;

/// The arguments of a statement's readers, and the notices about them.
#[derive(Debug, Default)]
pub(super) struct Arguments {
    /// For each reader, the arguments to add; `None` leaves the reader unchanged.
    pub(super) of_readers: Vec<Option<Put>>,
    pub(super) notices: Vec<String>,
    /// Digits that are lost because files are read together.
    pub(super) losses: Vec<Loss>,
}

/// Findings about sets of files that were read together, with the files' fingerprints; only the latest are
/// kept.
pub(super) struct Known<T>(Mutex<VecDeque<(Vec<Found>, T)>>);

impl<T> Default for Known<T> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<T: Clone> Known<T> {
    /// The most sets of files whose findings are kept.
    const MOST: usize = 16;

    /// Returns the known finding about `files`, or calls `look` to find it.
    fn of(&self, files: &[Found], look: impl FnOnce() -> Result<T>) -> Result<T> {
        if let Some((_, known)) = self.0.lock().iter().find(|(found, _)| found == files) {
            return Ok(known.clone());
        }
        let found = look()?;
        let mut known = self.0.lock();
        if known.len() >= Self::MOST {
            known.pop_front();
        }
        known.push_back((files.to_owned(), found.clone()));
        Ok(found)
    }
}

/// Hive partition keys in folder names.
struct Told<'a> {
    /// Keys in the names of folders at or above the datasource's.
    above: Vec<(&'a str, &'a str)>,
    below: Vec<(&'a str, &'a str)>,
}

impl Engine {
    /// Returns the arguments for each reader of the statement of `verdict`, whose files were found as in
    /// `set`. `views` belong to the attached files, whose macros may replace a function.
    ///
    /// # Errors
    /// An error if a folder cannot be listed; DuckDB's errors; [`crate::error::Kind::Cancelled`].
    pub(super) fn arguments(
        &self,
        verdict: &Verdict,
        views: &ViewReads,
        set: &FileSet,
        cancel: &Cancel,
    ) -> Result<Arguments> {
        let mut all = Arguments::default();
        let have_keys = set.files().any(|file| file.as_os_str().as_encoded_bytes().contains(&b'='));
        for reader in &verdict.readers {
            cancel.check()?;
            let is_own = if reader.is_call() {
                views.has_table_macro(&reader.parts)
            } else {
                views.know(&reader.parts)
            };
            let arguments = if is_own { None } else { Some(self.arguments_of(reader, have_keys, &mut all)?) };
            all.of_readers.push(arguments);
        }
        all.notices.dedup();
        all.losses.dedup();
        Ok(all)
    }

    fn arguments_of(&self, reader: &Reader, have_keys: bool, all: &mut Arguments) -> Result<Put> {
        let mut arguments = Vec::new();
        if reader.given("can_have_nan").is_none() {
            arguments.push("can_have_nan = true");
        }
        let has_schema = reader.given("schema").is_some();
        if !has_schema && reader.given("union_by_name").is_none() {
            arguments.push("union_by_name = true");
        }
        let by_name = reader.given("union_by_name");
        let keeps_first = !has_schema && by_name.is_some() && by_name != Some(Some(true));
        let files = Files::of(self, reader)?;
        let notices = &mut all.notices;
        if !keeps_first && !has_schema {
            all.losses.extend(files.losses(self)?);
        }
        let paths = files.instead.clone();
        if !keeps_first && !have_keys {
            return Ok(Put { arguments: arguments.join(", "), paths });
        }
        if keeps_first {
            notices.extend(files.schemas(self).and_then(|schemas| types_differ(&self.datasource, &schemas)));
        }
        let wish = reader.given("hive_partitioning");
        if let Some(told) = files.told(self).filter(|_| !has_schema && wish != Some(Some(false))) {
            let schemas = files.schemas(self).unwrap_or_default();
            let is_column = |key: &&(&str, &str)| {
                schemas
                    .iter()
                    .any(|(_, columns)| columns.iter().any(|(name, _)| name.eq_ignore_ascii_case(key.0)))
            };
            let twice = told.above.iter().chain(&told.below).find(is_column);
            let is_asked = wish.is_some() || reader.given("hive_types").is_some();
            if is_asked {
                notices.extend(twice.map(|(key, value)| format!(
                    "`{key}` is what the names of the folders say, such as `{key}={value}`, and not what the files hold. Leave `hive_partitioning` away to see the files' own column"
                )));
            } else if let Some((key, _)) = twice.or(told.above.first()) {
                arguments.push("hive_partitioning = false");
                notices.extend(told.below.first().map(|(lost, _)| format!(
                    "The names of the folders, such as `{lost}=…`, are not read, because `{key}=…` is one of them: {}. `hive_partitioning = true` reads them all",
                    if twice.is_some() { "the files have that column themselves" } else { "it says where the datasource's folder is" }
                )));
            }
        }
        Ok(Put { arguments: arguments.join(", "), paths })
    }
}

/// The files that a reader reads.
pub(super) struct Files {
    found: Vec<Found>,
    names: Vec<String>,
    /// Where relative paths among them start, besides the base path.
    bases: BTreeSet<PathBuf>,
    /// The paths to read instead of the written ones; empty if every file in the folders is read.
    instead: Vec<String>,
}

impl Files {
    pub(super) fn of(engine: &Engine, reader: &Reader) -> Result<Self> {
        let (mut all, mut bases) = (Vec::new(), BTreeSet::new());
        let (mut instead, mut is_less) = (Vec::new(), false);
        for path in &reader.paths {
            let mut found = engine.look_at(path)?;
            found.files.sort_unstable_by(|one, other| one.path.as_os_str().cmp(other.path.as_os_str()));
            if found.is_folder {
                // Other files that a job leaves beside its Parquet files do not belong to the report.
                found.files.retain(|file| file.path.extension().is_some_and(|ending| ending == "parquet"));
                let there = found.files.len();
                found.files.retain(|file| is_written(file.path.strip_prefix(path).unwrap_or(&file.path)));
                is_less |= found.files.len() < there;
                if there > 0 && found.files.is_empty() {
                    return Err(nothing_written(path));
                }
                instead.extend(found.files.iter().map(|file| in_a_glob(&file.path)));
            } else {
                instead.push(path.clone());
            }
            all.append(&mut found.files);
            bases.extend(found.base);
        }
        let names = all.iter().map(|file| file.path.to_string_lossy().into_owned()).collect();
        instead.retain(|_| is_less);
        Ok(Self { found: all, names, bases, instead })
    }

    /// Returns what is lost when the files are read together: digits, and units of durations. The footers are
    /// read once per fingerprint.
    fn losses(&self, engine: &Engine) -> Result<Vec<Loss>> {
        if self.found.len() < 2 {
            return Ok(Vec::new());
        }
        engine.known.of(&self.found, || match self.schemas(engine) {
            Some(schemas) => {
                let connection = self.connection(engine)?;
                let mut losses = digits::of_files(&connection, &schemas)?;
                losses.extend(Durations::among(&connection, &schemas)?.of_files(&schemas));
                losses.extend(spelling::of(&schemas));
                losses.extend(spelling::as_text(&schemas, |_| true));
                Ok(losses)
            }
            None => Ok(Vec::new()),
        })
    }

    /// Returns the percentile columns that contain NaN; none if the files are larger than `most` bytes. The
    /// files are read once per fingerprint.
    pub(super) fn nan(&self, engine: &Engine, cancel: &Cancel, most: u64) -> Result<WithNan> {
        if self.found.iter().filter_map(|file| file.look).map(|look| look.size()).sum::<u64>() > most {
            return Ok(WithNan::new());
        }
        engine.with_nan.of(&self.found, || {
            let connection = self.connection(engine)?;
            cancel.watch(connection.interrupt_handle());
            examine::nan(&connection, &self.schemas(engine).unwrap_or_default())
        })
    }

    /// Returns a connection of the plugin's own that resolves relative paths as the query does.
    fn connection(&self, engine: &Engine) -> Result<Connection> {
        let connection = engine.own_connection()?;
        start_at(&connection, &self.bases, &engine.datasource.base_path)?;
        Ok(connection)
    }

    /// Returns the Hive partition keys that DuckDB detects by itself in the folder names: those that all
    /// files have.
    fn told<'f>(&'f self, engine: &Engine) -> Option<Told<'f>> {
        let first = self.names.first()?;
        let keys = keys_of(first);
        if keys.is_empty() || !self.names.iter().all(|file| has_keys(file, &keys)) {
            return None;
        }
        let is_relative = Path::new(first).is_relative();
        let base = &engine.datasource.base_path;
        let inside = engine.datasource.report_folders().find_map(|folder| {
            if is_relative && base.starts_with(folder) {
                return Some(first.as_str());
            }
            let folder = if is_relative { folder.strip_prefix(base).ok()? } else { folder };
            Path::new(first).strip_prefix(folder).ok()?.to_str()
        });
        let below = keys_of(inside.unwrap_or_default());
        let above = keys.into_iter().filter(|key| !below.contains(key)).collect();
        Some(Told { above, below })
    }

    /// Returns the columns of the files, or `None` if they cannot be read; the query then reports the reason.
    pub(super) fn schemas(&self, engine: &Engine) -> Option<Vec<Schema>> {
        let connection = self.connection(engine).ok()?;
        examine::schemas(&connection, &self.names).ok().map(|(schemas, _)| schemas)
    }
}

/// Returns the error for a folder with Parquet files none of which a job has finished writing.
fn nothing_written(folder: &str) -> Error {
    let (what, remedy) = Astray::NoReport(folder.into()).explain();
    Error::new(Kind::NotFound, what).hint(remedy)
}

fn has_keys(file: &str, keys: &[(&str, &str)]) -> bool {
    let own = keys_of(file);
    own.len() == keys.len() && own.iter().all(|(key, _)| keys.iter().any(|(known, _)| known == key))
}

/// Describes how the types of columns differ from those in the first file. Files of the reports' folders are
/// named with the folders in between, because several may be called `part-0.parquet`.
pub(super) fn types_differ(datasource: &Datasource, schemas: &[Schema]) -> Option<String> {
    let (_, first) = schemas.first()?;
    let mut differing = first.iter().filter_map(|(name, of)| {
        schemas.iter().find_map(|(file, columns)| {
            let other = columns.iter().find(|(known, _)| known.eq_ignore_ascii_case(name))?;
            (other.1 != *of).then(|| {
                let inside = datasource.named_inside(Path::new(file));
                let file =
                    inside.file_name().filter(|_| inside.is_absolute()).map_or(inside, Path::new).display();
                format!("`{name}` is {of} in the first and {} in `{file}`", other.1)
            })
        })
    });
    let named: Vec<String> = differing.by_ref().take(MOST_NAMED).collect();
    if named.is_empty() {
        return None;
    }
    Some(format!(
        "The files differ in the types of their columns, and without `union_by_name` all are read as the first one's, rounded if need be: {}",
        named.join("; ")
    ))
}
