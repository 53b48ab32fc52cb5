//! Puts views into a database file, for the command line. Our own statements only: no person's SQL comes here.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use super::{error, open, sql_name, sql_text};
use crate::error::{Error, Kind, Result};

/// What the file is called inside `DuckDB` while it is aside under another name.
const FALLBACK_NAME: &str = "views";

/// Runs `statements` (each one `CREATE OR REPLACE VIEW …`) inside the database `file`, all or none. A file that is
/// not there is written aside and renamed, in a storage version that `DuckDB` 1.4 and newer read.
///
/// # Errors
/// What `DuckDB` says: no report matches, the file is locked, newer or no database.
pub fn write_views_file(file: &Path, statements: &[String]) -> Result<()> {
    if file.exists() {
        return run(file, &name_of(file), statements);
    }
    let aside = aside(file)?;
    let result = run(&aside, &name_of(file), statements).and_then(|()| {
        std::fs::rename(&aside, file).map_err(|error| {
            Error::new(Kind::Forbidden, format!("`{}` cannot be written: {error}", file.display()))
                .hint("Choose another folder")
        })
    });
    if result.is_err() {
        // Whether it is there or not, it is ours alone.
        let _ = std::fs::remove_file(&aside);
    }
    result
}

fn run(file: &Path, name: &str, statements: &[String]) -> Result<()> {
    let database = open::open_unrestricted()?;
    let connection = database.connect()?;
    let version = if file.exists() { "" } else { " (STORAGE_VERSION 'v1.4.0')" };
    let name = sql_name(name);
    let mut script =
        format!("ATTACH {} AS {name}{version}; USE {name}; BEGIN;\n", sql_text(&file.to_string_lossy()));
    for statement in statements {
        script.push_str(statement);
        script.push_str(";\n");
    }
    let _ = write!(script, "COMMIT; USE memory; DETACH {name};");
    connection.execute_batch(&script).map_err(|error| error::translate(&error))
}

/// The name under which `DuckDB` itself opens the file, because views remember it.
fn name_of(file: &Path) -> String {
    let stem = file.file_stem().map(|stem| stem.to_string_lossy().into_owned());
    stem.filter(|stem| !stem.is_empty()).unwrap_or_else(|| FALLBACK_NAME.to_owned())
}

/// A hidden name beside `file` that nobody has.
fn aside(file: &Path) -> Result<PathBuf> {
    let name = file.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let path = file.with_file_name(format!(".{name}.{}.tmp", std::process::id()));
    if path.exists() {
        return Err(
            Error::new(Kind::Unavailable, format!("`{}` is in the way", path.display())).hint("Remove it")
        );
    }
    Ok(path)
}
