//! Database files: their names in SQL, and what may be read in the folders at and above them.

use std::path::{Path, PathBuf};

use super::super::access::denied;
use super::super::policy::Policy;
use super::super::words::{MORE_PATHS, PATH};
use crate::error::Error;

/// Returns the name under which a database file is attached: the one that DuckDB itself would use.
pub(crate) fn name_in_sql(file: &Path) -> String {
    let stem =
        file.file_stem().map_or_else(|| "database".to_owned(), |stem| stem.to_string_lossy().into_owned());
    if TAKEN.iter().any(|taken| stem.eq_ignore_ascii_case(taken)) { format!("{stem}_db") } else { stem }
}

/// Names that DuckDB reserves, and that of the in-memory database, which a file must not hide.
const TAKEN: [&str; 4] = ["main", "memory", "system", "temp"];

/// Returns the error about two database files with the same name in SQL.
pub(super) fn twin(databases: &[PathBuf]) -> Option<Error> {
    let (one, other) = databases.iter().enumerate().find_map(|(at, other)| {
        let is_twin = |one: &&PathBuf| name_in_sql(one).eq_ignore_ascii_case(&name_in_sql(other));
        Some((databases.get(..at)?.iter().find(is_twin)?, other))
    })?;
    if one == other {
        return Some(
            Error::bad_settings(format!("the database file `{}` is named twice", one.display()))
                .hint(format!("Name it once, under {PATH} or under {MORE_PATHS}")),
        );
    }
    let message = format!(
        "two database files would both be `{}` in SQL: `{}` and `{}`",
        name_in_sql(other),
        one.display(),
        other.display()
    );
    Some(Error::bad_settings(message).hint(
        "A file's name without its ending is its name in SQL, where capitals do not count: rename one of the two, or make a datasource of its own for it",
    ))
}

/// Returns the folders of `databases` outside `folders` that may be listed and that the policy allows, and
/// the other ones with the reason.
pub(super) fn beside(
    databases: &[PathBuf],
    folders: &[PathBuf],
    policy: &Policy,
) -> (Vec<PathBuf>, Vec<(PathBuf, Error)>) {
    let (mut beside, mut closed) = (Vec::new(), Vec::new());
    for folder in databases.iter().filter_map(|file| file.parent()) {
        let of_that_name = |known: &PathBuf| folder.starts_with(known);
        if folders.iter().chain(&beside).any(of_that_name) || closed.iter().any(|(known, _)| known == folder)
        {
            continue;
        }
        let listed = || std::fs::read_dir(folder).map_err(|error| denied(folder, "list", &error));
        match policy.check(folder).and_then(|()| listed()) {
            Ok(_) => beside.push(folder.to_owned()),
            Err(error) => {
                let name = format!("`{}`", folder.display());
                let whose = format!("{name}, the folder of the database file,");
                let message = error.message.replacen(&name, &whose, 1);
                closed.push((folder.to_owned(), Error { message, ..error }));
            }
        }
    }
    (beside, closed)
}

/// Returns the folders where relative paths to the reports of `database` may start; `from` is the base path.
pub(super) fn search(database: &Path, from: &Path) -> Vec<PathBuf> {
    database
        .ancestors()
        .skip(1)
        .filter(|folder| in_a_list(folder, from).is_some())
        .map(Path::to_owned)
        .collect()
}

/// Returns how `folder` is written in DuckDB's list of folders, which is separated by commas. A folder with a
/// comma in its path is written as a path upwards from `from`, where relative paths start; `None` if it is
/// not above `from`.
pub(crate) fn in_a_list(folder: &Path, from: &Path) -> Option<String> {
    if let Some(text) = folder.to_str().filter(|text| !text.contains(',')) {
        return Some(text.to_owned());
    }
    let steps = from.strip_prefix(folder).ok()?.components().count();
    Some(if steps == 0 { ".".to_owned() } else { vec![".."; steps].join("/") })
}
