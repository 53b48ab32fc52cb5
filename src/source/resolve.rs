//! Turns settings and policy into a [`Datasource`]: limits, and canonical paths that exist and are allowed.
//!
//! Only `stat`, `readlink` and `readdir` are used. A database file is never opened here: closing any other
//! handle on it would drop DuckDB's locks.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::access::{denied, is_database_name};
use super::pattern::Pattern;
use super::policy::Policy;
use super::settings::{Common, LocalSettings, bounded};
use crate::error::{Error, Kind, Result};

mod files;
mod written;

use self::files::{beside, search, twin};
pub(crate) use self::files::{in_a_list, name_in_sql};
use self::written::{locate, not_a, one_file, plain};

/// What a worker opens. All paths are canonical.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Datasource {
    /// Folders whose files may be read.
    pub folders: Vec<PathBuf>,
    /// `.duckdb` files, attached read-only under their stems.
    pub databases: Vec<PathBuf>,
    /// Folders of database files in which only the reports may be read; none of them lies in `folders`.
    pub beside: Vec<PathBuf>,
    /// Folders of database files that are not opened, each with the reason and the remedy.
    pub closed: Vec<(PathBuf, Error)>,
    /// Where relative paths in SQL start.
    pub base_path: PathBuf,
    /// Per database file, the folders at and above it, nearest first. A relative path that names nothing in
    /// `base_path` may start there, unless the settings give a base path.
    pub search: Vec<Vec<PathBuf>>,
    /// The folders, files and base path as the settings name them, perhaps through links.
    pub written: Vec<PathBuf>,
    /// Glob of the weekly reports, relative to each folder.
    pub reports: String,
    /// Number of DuckDB's threads.
    pub threads: usize,
    /// What is known of a datasource, whatever its engine.
    pub common: Common,
    /// The operator's policy, used for advice; it is not sent to workers.
    #[serde(skip)]
    pub policy: Policy,
}

impl Datasource {
    /// Returns the paths of the database files' write-ahead logs, where DuckDB keeps changes that are not yet
    /// in the files. The logs need not exist.
    #[must_use]
    pub fn write_ahead_logs(&self) -> Vec<PathBuf> {
        self.databases.iter().flat_map(|file| write_ahead_logs(file)).collect()
    }

    /// Checks that each database file, and whatever stands at the path of its write-ahead log, is a regular
    /// file: opening anything else might wait forever, and a link beside a database file would open a file
    /// that the settings do not name.
    ///
    /// # Errors
    /// [`Kind::Forbidden`] with the first path that is not a regular file.
    pub fn check_files(&self) -> Result<()> {
        self.databases.iter().chain(&self.write_ahead_logs()).try_for_each(|path| check_file(path))
    }

    /// Returns whether `path` belongs to a report beside a database file or to that report's folder. Only the
    /// text of the path is examined.
    #[must_use]
    pub fn is_beside(&self, path: &Path) -> bool {
        let reports = Pattern::of(&self.reports);
        let inside = self.beside.iter().filter_map(|folder| path.strip_prefix(folder).ok());
        inside.into_iter().any(|name| name.as_os_str().is_empty() || reports.matches(name))
    }

    /// Returns the folders from which a user may have written a relative path to the reports: the folders of
    /// database files and of reports, and all above them, nearest first.
    #[must_use]
    pub(crate) fn above(&self) -> Vec<PathBuf> {
        let of_files = self.databases.iter().filter_map(|file| file.parent());
        let mut above: Vec<PathBuf> = Vec::new();
        for folder in of_files.chain(self.folders.iter().map(PathBuf::as_path)).flat_map(Path::ancestors) {
            if !above.iter().any(|known| known == folder) {
                above.push(folder.to_owned());
            }
        }
        above
    }

    /// Returns the folders in which reports are searched.
    pub fn report_folders(&self) -> impl Iterator<Item = &PathBuf> {
        self.folders.iter().chain(&self.beside)
    }

    /// Returns the path of `file` relative to the reports' folder that holds it, or the whole path if no such
    /// folder holds it.
    #[must_use]
    pub(crate) fn named_inside<'a>(&self, file: &'a Path) -> &'a Path {
        self.report_folders().find_map(|folder| file.strip_prefix(folder).ok()).unwrap_or(file)
    }

    /// Returns the globs of the reports, absolute, one for each folder.
    #[must_use]
    pub fn report_globs(&self) -> Vec<String> {
        self.report_folders()
            .map(|folder| format!("{}/{}", in_a_glob(folder).trim_end_matches('/'), self.reports))
            .collect()
    }
}

/// Returns the paths at which DuckDB, when it only reads, looks for changes not yet written into `database`.
pub(crate) fn write_ahead_logs(database: &Path) -> [PathBuf; 2] {
    [".wal", ".wal.checkpoint"].map(|end| {
        let mut name = database.to_owned().into_os_string();
        name.push(end);
        PathBuf::from(name)
    })
}

/// Checks that `path` is a regular file itself, not a link, or does not exist.
///
/// # Errors
/// [`Kind::Forbidden`] with what to do.
pub fn check_file(path: &Path) -> Result<()> {
    match std::fs::symlink_metadata(path) {
        Ok(found) if !found.is_file() => Err(no_file(path, found.is_symlink())),
        _ => Ok(()),
    }
}

/// Returns the error for a link or special file in place of a database file or its write-ahead log.
pub(crate) fn no_file(path: &Path, is_link: bool) -> Error {
    let what = if is_link { "is a link" } else { "is no regular file" };
    Error::new(Kind::Forbidden, format!("`{}` {what}: a database file and its write-ahead log are opened only where they are files themselves", path.display()))
        .hint("Remove it, or name the place of the database file itself in the datasource's settings")
}

/// Escapes the glob characters of a path that stands at the front of a glob pattern.
#[must_use]
pub fn in_a_glob(path: &Path) -> String {
    path.to_string_lossy().chars().fold(String::new(), |mut text, c| {
        match c {
            '*' | '?' | '[' => text.extend(['[', c, ']']),
            _ => text.push(c),
        }
        text
    })
}

/// Resolves settings against the file system and the policy.
///
/// # Errors
/// [`Kind::BadSettings`], [`Kind::NotFound`] or [`Kind::Forbidden`], each with the field or path and the
/// remedy.
pub fn resolve(settings: &LocalSettings, policy: &Policy) -> Result<Datasource> {
    let mut folders = Vec::new();
    let mut databases = Vec::new();
    if settings.paths.is_empty() {
        return Err(Error::bad_settings("the setting `path` is empty")
            .hint("Set `path` to the folder that holds the reports, or to a `.duckdb` file"));
    }
    let mut named: Vec<PathBuf> = Vec::new();
    for written in &settings.paths {
        let path = locate(written, "path")?;
        named.push(plain(written).into());
        policy.check(&path).map_err(|error| as_written(error, &path, written))?;
        if let Some(odd) = unreadable(&path) {
            let path = path.display();
            return Err(Error::bad_settings(format!(
                "`{path}` (path) has {odd} in a name, which DuckDB cannot read"
            ))
            .hint("Rename the folder or file that is called so"));
        }
        if is_database_name(&path) {
            if path.to_string_lossy().contains('?') {
                return Err(Error::bad_settings(format!("`{}` (path) has a `?` in a name", path.display()))
                    .hint("DuckDB looks elsewhere for what was not yet written into such a database file: rename the folder or file"));
            }
            if !path.is_file() {
                return Err(not_a("file", &path, "path"));
            }
            databases.push(path);
        } else if path.is_dir() {
            std::fs::read_dir(&path).map_err(|error| denied(&path, "list", &error))?;
            // A folder that is named twice, through a link for instance, is kept once.
            if !folders.contains(&path) {
                folders.push(path);
            }
        } else {
            return Err(one_file(&path, written, policy).unwrap_or_else(|| not_a("folder", &path, "path")));
        }
    }
    if let Some(twin) = twin(&databases) {
        return Err(twin);
    }
    check_glob(&settings.reports)?;
    let base_path = match &settings.base_path {
        Some(written) => {
            let path = locate(written, "basePath")?;
            if !path.is_dir() {
                return Err(not_a("folder", &path, "basePath"));
            }
            named.push(plain(written).into());
            path
        }
        None => match (folders.first(), databases.first().and_then(|file| file.parent())) {
            (Some(folder), _) => folder.clone(),
            (None, Some(parent)) => parent.to_owned(),
            (None, None) => PathBuf::from("/"),
        },
    };
    // A pattern with `**` finds the reports of an inner folder from the outer one.
    if settings.reports.contains("**") {
        let all = folders.clone();
        folders.retain(|inner| !all.iter().any(|outer| inner != outer && inner.starts_with(outer)));
    }
    let (beside, closed) = beside(&databases, &folders, policy);
    let search = match settings.base_path {
        Some(_) => Vec::new(),
        None => databases.iter().map(|file| search(file, &base_path)).collect(),
    };
    Ok(Datasource {
        folders,
        databases,
        beside,
        closed,
        base_path,
        search,
        written: named,
        reports: settings.reports.clone(),
        threads: threads(settings, policy),
        common: settings.common.under(policy),
        policy: policy.clone(),
    })
}

fn threads(settings: &LocalSettings, policy: &Policy) -> usize {
    let cores = std::thread::available_parallelism().map_or(1, |n| n.get() as u64);
    usize::try_from(bounded(settings.threads, cores, policy.threads)).unwrap_or(1).max(1)
}

/// Words an error about a path as the settings write it: readers of the error must not learn where a link
/// leads.
fn as_written(error: Error, path: &Path, written: &str) -> Error {
    let path = path.display().to_string();
    tracing::debug!(written, path, "a path is not allowed");
    Error {
        message: error.message.replace(&path, written),
        hint: error.hint.map(|hint| hint.replace(&path, written)),
        ..error
    }
}

/// Returns what in a path has another meaning to DuckDB, or none at all.
fn unreadable(path: &Path) -> Option<&'static str> {
    let Some(text) = path.to_str() else { return Some("a letter that is not UTF-8") };
    [('\\', "a backslash"), ('\n', "a line end")]
        .iter()
        .find_map(|(c, what)| text.contains(*c).then_some(*what))
}

/// Checks that the glob stays inside its folder.
fn check_glob(glob: &str) -> Result<()> {
    let bad = glob.starts_with('/') || glob.contains('\0') || glob.split('/').any(|part| part == "..");
    if bad {
        return Err(Error::bad_settings(format!(
            "the setting `reports` must stay inside the folder, not `{glob}`"
        ))
        .hint(
            "Write a pattern relative to `path`, such as `query_perf_weekly_*.parquet` or `**/*.parquet`",
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests;
