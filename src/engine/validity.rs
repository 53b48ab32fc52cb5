//! For how long a result holds: while the files that were read look the same, and the folders in which more could come.

use std::path::{Path, PathBuf};

use super::file_set::FileSet;
use super::{Engine, gate};
use crate::contract::Validity;
use crate::source::{Fingerprints, is_pattern};

impl Engine {
    /// The folders in which more than `set` could come to be what the statement reads, as they look before it runs: what its
    /// result holds for, together with the files themselves.
    pub(super) fn surroundings(&self, verdict: &gate::Verdict, set: &FileSet) -> Validity<Fingerprints> {
        // A database file may hold views, and views may hold anything.
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
        // A link that leads elsewhere, or a folder in another's place, shows in the folder that it is in.
        folders.extend(set.passed().filter_map(Path::parent).map(Path::to_owned));
        folders.extend(set.reports.iter().flat_map(|reports| &reports.folders).cloned());
        folders.sort_unstable();
        folders.dedup();
        let count = folders.len() + set.files().count();
        // A query over nothing costs nothing.
        if count == 0 || count > Fingerprints::MOST {
            return Validity::Never;
        }
        Fingerprints::take(folders, &self.datasource.base_path).map_or(Validity::NotNow, Validity::While)
    }

    /// How long the result holds of a statement that has ended, when the files of `set` look as before: as long as they do, and
    /// the folders around them.
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

    /// Adds the folders in which a new file could match `path`, and a plain file itself. Whether that tells of every
    /// change.
    fn add_folders(&self, path: &str, seen: &mut Vec<PathBuf>) -> bool {
        if !is_pattern(path) {
            // It is one of the files that were found. A folder by its own name might be read as all of its files.
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

/// Adds `folder` and every one below it; `false` when there are too many or one cannot be listed.
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
