//! Determines how long a result stays valid: while the fingerprints of the files that were read stay the
//! same, and those of the folders where new files could appear.

use std::path::{Path, PathBuf};

use super::file_set::FileSet;
use super::{Engine, gate};
use crate::contract::Validity;
use crate::source::{Fingerprints, is_pattern};

impl Engine {
    /// Returns the folders in which new files could add to `set`, with their fingerprints before the
    /// statement runs. The result depends on them as well as on the files.
    pub(super) fn surroundings(&self, verdict: &gate::Verdict, set: &FileSet) -> Validity<Fingerprints> {
        // A database file may hold views, and views may read anything.
        if !verdict.is_repeatable || !self.datasource.databases.is_empty() {
            return Validity::Never;
        }
        let globs = if set.reports.is_some() { self.datasource.report_globs() } else { Vec::new() };
        let mut folders = Vec::new();
        for path in verdict.reads.files.iter().chain(&globs) {
            if path.contains("://") || !self.add_folders(path, &mut folders) {
                return Validity::Never;
            }
        }
        // If a link or a folder is replaced, its parent folder changes.
        folders.extend(set.passed().filter_map(Path::parent).map(Path::to_owned));
        folders.extend(set.reports.iter().flat_map(|reports| &reports.folders).cloned());
        folders.sort_unstable();
        folders.dedup();
        let count = folders.len() + set.files().count();
        // A query that reads no file is cheap to run again.
        if count == 0 || count > Fingerprints::MOST {
            return Validity::Never;
        }
        Fingerprints::take(folders, &self.datasource.base_path).map_or(Validity::NotNow, Validity::While)
    }

    /// Returns how long the result of a finished statement stays valid, if the files of `set` are unchanged:
    /// as long as they and the folders around them stay so.
    pub(super) fn validity(
        &self,
        surroundings: Validity<Fingerprints>,
        set: &FileSet,
    ) -> Validity<Fingerprints> {
        match surroundings.if_unchanged() {
            Validity::While(folders) => match set.fingerprints(&self.datasource.base_path) {
                Some(files) => Validity::While(folders.and(files)),
                None => Validity::NotNow,
            },
            other => other,
        }
    }

    /// Adds the folders in which a new file could match `path`. Returns whether these folders show every
    /// change.
    fn add_folders(&self, path: &str, seen: &mut Vec<PathBuf>) -> bool {
        if !is_pattern(path) {
            // A plain file is already among the found files. A folder named without a pattern might be read
            // with all its files.
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

/// Adds `folder` and all folders below it. Returns `false` if there are too many or one cannot be listed.
fn add_all_folders(folder: PathBuf, seen: &mut Vec<PathBuf>) -> bool {
    let mut next = vec![folder];
    while let Some(folder) = next.pop() {
        let Ok(entries) = std::fs::read_dir(&folder) else { return false };
        seen.push(folder);
        if seen.len() > Fingerprints::MOST {
            return false;
        }
        // Links are followed, as DuckDB does.
        next.extend(entries.filter_map(Result::ok).map(|entry| entry.path()).filter(|path| path.is_dir()));
    }
    true
}
