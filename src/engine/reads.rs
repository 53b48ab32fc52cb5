//! What a statement reads: its files by name and pattern, and how all of it looked, for those who keep its result.

use std::path::{Path, PathBuf};

use duckdb::Connection;

use super::{Engine, error, gate, sql_text};
use crate::error::Result;
use crate::reports;
use crate::source::{Looks, Validity};

impl Engine {
    /// Paths and patterns of the files that a text reads: as tables, by its functions, through the views over the reports.
    pub(super) fn paths_of(&self, reads: &gate::Reads) -> Vec<String> {
        let globs = if reads.tables.iter().any(|table| is_view(table)) {
            self.datasource.report_globs()
        } else {
            Vec::new()
        };
        reads.files.iter().cloned().chain(globs).collect()
    }

    /// How everything that the statement reads looks before it runs, and so how long its result will hold. With
    /// [`Looks::hold`] after it, nothing of it changed in between.
    pub(super) fn validity(&self, connection: &Connection, verdict: &gate::Verdict) -> Validity {
        // A database file may hold views, and views may hold anything.
        if !verdict.is_repeatable || !self.datasource.databases.is_empty() {
            return Validity::Never;
        }
        let paths = self.paths_of(&verdict.reads);
        let mut seen = Vec::new();
        for path in &paths {
            if path.contains("://") || path.contains('\\') || !self.add_folders(path, &mut seen) {
                return Validity::Never;
            }
        }
        match files_of(connection, &paths) {
            Ok(files) if seen.len() + files.len() <= Looks::MOST => seen.extend(files),
            Ok(_) => return Validity::Never,
            // The query itself will say what is wrong.
            Err(_) => return Validity::NotNow,
        }
        // A query over nothing costs nothing.
        if seen.is_empty() {
            return Validity::Never;
        }
        seen.sort_unstable();
        seen.dedup();
        Looks::take(seen, &self.datasource.base_path).map_or(Validity::NotNow, Validity::While)
    }

    /// Adds the folders in which a new file could match `path`, and a plain file itself. Whether that tells of every
    /// change.
    fn add_folders(&self, path: &str, seen: &mut Vec<PathBuf>) -> bool {
        if !is_pattern(path) {
            seen.push(PathBuf::from(path));
            // A folder by its own name might be read as all of its files.
            return !Path::new(path).is_dir();
        }
        let path = Path::new(path);
        let plain: PathBuf =
            path.components().take_while(|part| !is_pattern(&part.as_os_str().to_string_lossy())).collect();
        let folder = if plain.as_os_str().is_empty() { PathBuf::from(".") } else { plain };
        let is_flat = path.parent().is_none_or(|parent| !is_pattern(&parent.to_string_lossy()));
        if is_flat {
            seen.push(folder);
            return true;
        }
        let at = self.datasource.base_path.join(&folder);
        self.datasource.folders.iter().any(|own| at.starts_with(own)) && add_all_folders(folder, seen)
    }
}

/// Files that match `paths`, as DuckDB lists them.
///
/// # Errors
/// When they cannot be listed.
pub(super) fn files_of(connection: &Connection, paths: &[String]) -> Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for path in paths {
        let sql = format!("SELECT file FROM glob({})", sql_text(path));
        let listed: duckdb::Result<Vec<String>> = connection
            .prepare(&sql)
            .and_then(|mut statement| statement.query_map([], |row| row.get(0))?.collect());
        files.extend(listed.map_err(|error| error::translate(&error))?.into_iter().map(PathBuf::from));
    }
    Ok(files)
}

/// What the views in the attached `databases` read. One that cannot be understood is left out.
pub(super) fn read_by_views_of(connection: &Connection, databases: &[String]) -> gate::Reads {
    let mut reads = gate::Reads::default();
    if databases.is_empty() {
        return reads;
    }
    let names: Vec<String> = databases.iter().map(|name| sql_text(name)).collect();
    let sql = format!(
        "SELECT sql FROM duckdb_views() WHERE NOT internal AND database_name IN ({})",
        names.join(", ")
    );
    let listed: duckdb::Result<Vec<String>> = connection
        .prepare(&sql)
        .and_then(|mut statement| statement.query_map([], |row| row.get(0))?.collect());
    let listed = listed.unwrap_or_else(|error| {
        tracing::debug!(%error, "the views of the database files cannot be listed");
        Vec::new()
    });
    for sql in listed {
        match gate::read_by_view(connection, &sql) {
            Ok(gate::Reads { tables, files }) => {
                reads.tables.extend(tables);
                reads.files.extend(files);
            }
            Err(error) => tracing::debug!(error = error.message, "what a view reads is not known"),
        }
    }
    reads.files.sort_unstable();
    reads.files.dedup();
    reads
}

/// Whether a path is a pattern.
pub(super) fn is_pattern(path: &str) -> bool {
    path.contains(['*', '?', '['])
}

fn is_view(table: &str) -> bool {
    reports::VIEW_NAMES.iter().any(|view| table.eq_ignore_ascii_case(view))
}

/// Adds `folder` and every one below it; `false` when there are too many or one cannot be listed.
fn add_all_folders(folder: PathBuf, seen: &mut Vec<PathBuf>) -> bool {
    let mut next = vec![folder];
    while let Some(folder) = next.pop() {
        let Ok(entries) = std::fs::read_dir(&folder) else { return false };
        seen.push(folder);
        if seen.len() > Looks::MOST {
            return false;
        }
        // Links are followed, as DuckDB does.
        next.extend(entries.filter_map(Result::ok).map(|entry| entry.path()).filter(|path| path.is_dir()));
    }
    true
}
