//! Writes views into a database file, for the command line. Runs only the plugin's own statements, never a
//! user's SQL.

use std::fmt::Write as _;
use std::path::Path;

use super::{error, open, sql_name, sql_text};
use crate::error::{Error, Kind, Result};
use crate::source::{check_file, write_ahead_logs};

/// The file's name inside `DuckDB` if its own name gives none.
const FALLBACK_NAME: &str = "views";

/// The oldest `DuckDB` version that must be able to open a file. Newer ones can, too.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum ReadableBy {
    /// 1.4 and newer.
    V1_4,
    /// 1.5 and newer.
    V1_5,
    /// 2.0 and newer.
    V2_0,
}

impl ReadableBy {
    /// Returns the version in its usual form.
    #[must_use]
    pub fn version(self) -> &'static str {
        match self {
            Self::V1_4 => "1.4",
            Self::V1_5 => "1.5",
            Self::V2_0 => "2.0",
        }
    }
}

/// Runs `statements` (each one `CREATE OR REPLACE VIEW …`) inside the database `file`, all or none. A new
/// file is written under another path and renamed, in the storage version of `readable_by` (default: 1.4). An
/// existing file keeps its storage version and is refused if that is newer than `readable_by`.
///
/// # Errors
/// `DuckDB`'s error: no report matches, or the file is locked, newer or not a database.
pub fn write_views_file(file: &Path, statements: &[String], readable_by: Option<ReadableBy>) -> Result<()> {
    if file.exists() {
        // DuckDB writes into the log beside the file, or into whatever stands at its path.
        write_ahead_logs(file).iter().try_for_each(|log| check_file(log))?;
        return run(file, &name_of(file), statements, readable_by);
    }
    let refused = |error: std::io::Error| {
        Error::new(Kind::Forbidden, format!("`{}` cannot be written: {error}", file.display()))
            .hint("Choose another folder")
    };
    // The folder is private, so that no other user can put a link into it that would redirect DuckDB's
    // writes.
    let aside = aside(file).map_err(refused)?;
    let written = aside.path().join(file.file_name().unwrap_or_default());
    run(&written, &name_of(file), statements, readable_by)?;
    std::fs::rename(&written, file).map_err(refused)
}

fn run(file: &Path, name: &str, statements: &[String], readable_by: Option<ReadableBy>) -> Result<()> {
    let database = open::open_unrestricted()?;
    let connection = database.connect()?;
    let is_new = !file.exists();
    let version = match readable_by.unwrap_or(ReadableBy::V1_4) {
        _ if !is_new => String::new(),
        wanted => format!(" (STORAGE_VERSION 'v{}.0')", wanted.version()),
    };
    let translated = |error: duckdb::Error| error::translate(&error);
    let quoted = sql_name(name);
    let attach = format!("ATTACH {} AS {quoted}{version}", sql_text(&file.to_string_lossy()));
    connection.execute_batch(&attach).map_err(translated)?;
    if let Some(wanted) = readable_by.filter(|_| !is_new) {
        let query = format!(
            "SELECT coalesce(tags['storage_version'], '') FROM duckdb_databases() WHERE database_name = {}",
            sql_text(name)
        );
        let found: String = connection.query_row(&query, [], |row| row.get(0)).map_err(translated)?;
        check_version(file, &found, wanted)?;
    }
    let mut script = format!("USE {quoted}; BEGIN;\n");
    for statement in statements {
        script.push_str(statement);
        script.push_str(";\n");
    }
    let _ = write!(script, "COMMIT; USE memory; DETACH {quoted};");
    connection.execute_batch(&script).map_err(translated)
}

/// Checks the storage version `found`, as `duckdb_databases()` gives it (`v1.5.0+`). A version that is not
/// understood passes, because it is not newer than this library.
fn check_version(file: &Path, found: &str, wanted: ReadableBy) -> Result<()> {
    let numbers = |text: &str| {
        let mut parts =
            text.trim_start_matches('v').split(['.', '+', '-']).map_while(|part| part.parse().ok());
        Some((parts.next()?, parts.next()?))
    };
    let numbers: [Option<(u32, u32)>; 2] = [found, wanted.version()].map(numbers);
    match numbers {
        [Some(found), Some(wanted)] if found > wanted => Err(Error::bad_settings(format!(
            "`{}` can be read by DuckDB {}.{} and later only, and a file that is there keeps its storage version",
            file.display(),
            found.0,
            found.1
        ))
        .hint("Write the views into a new file, or leave the wish for an older version away")),
        _ => Ok(()),
    }
}

/// Returns the name under which `DuckDB` itself opens the file, because views remember it.
fn name_of(file: &Path) -> String {
    let stem = file.file_stem().map(|stem| stem.to_string_lossy().into_owned());
    stem.filter(|stem| !stem.is_empty()).unwrap_or_else(|| FALLBACK_NAME.to_owned())
}

/// Creates a private, hidden folder beside `file`.
fn aside(file: &Path) -> std::io::Result<tempfile::TempDir> {
    let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    tempfile::Builder::new().prefix(".duckdb-perf-").tempdir_in(folder)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn newer_files_are_told_from_older_ones() {
        let check = |found, wanted| check_version(Path::new("a.duckdb"), found, wanted).is_ok();
        assert!(check("v1.4.0+", ReadableBy::V1_4) && check("v1.0.0+", ReadableBy::V1_4));
        assert!(!check("v1.5.0+", ReadableBy::V1_4) && check("v1.5.0+", ReadableBy::V1_5));
        assert!(!check("v2.0.0+", ReadableBy::V1_5) && check("v2.0.0+", ReadableBy::V2_0));
        assert!(check("", ReadableBy::V1_4));
    }
}
