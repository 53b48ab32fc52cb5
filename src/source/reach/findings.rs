//! What a path or pattern names.

use std::fs::Metadata;
use std::path::{Path, PathBuf};

use super::super::fingerprint::Fingerprint;
use super::astray::Astray;

/// A file that a path or pattern names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// Its path as DuckDB names it.
    pub path: PathBuf,
    /// Its fingerprint, following links; `None` if it does not exist.
    pub look: Option<Fingerprint>,
}

/// What a path or pattern names.
#[derive(Debug, Default)]
pub struct Findings {
    /// The files.
    pub files: Vec<Found>,
    /// Links and folders of the datasource on the paths to the files, each with its own fingerprint: if one
    /// changes, the path may lead elsewhere.
    pub passed: Vec<Found>,
    /// Folders that match the end of a pattern, as DuckDB would name them. DuckDB does not count them as
    /// matches.
    pub folders: Vec<PathBuf>,
    /// Reasons why paths were not followed.
    pub astray: Vec<Astray>,
    /// Whether the path names a folder, of which functions may read all files.
    pub is_folder: bool,
    /// Where the relative path starts, if not at the base path.
    pub base: Option<PathBuf>,
}

impl Findings {
    /// Returns whether the datasource has anything of that name, even if it is only a link that leads out.
    pub(super) fn are_something(&self) -> bool {
        let is_elsewhere = |astray: &Astray| astray.is_beside() || matches!(astray, Astray::Outside(..));
        if self.astray.iter().any(is_elsewhere) {
            return false;
        }
        self.is_folder || !self.astray.is_empty() || self.files.iter().any(|file| file.look.is_some())
    }

    pub(super) fn pass(&mut self, path: &Path, found: &Metadata) {
        let look = if found.is_dir() { Fingerprint::of_way(found) } else { Fingerprint::from(found) };
        self.passed.push(Found { path: path.to_owned(), look: Some(look) });
    }
}
