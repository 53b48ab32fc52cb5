//! What a path or pattern names.

use std::fs::Metadata;
use std::path::{Path, PathBuf};

use super::super::fingerprint::Fingerprint;
use super::astray::Astray;

/// A file that a path or pattern names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// As DuckDB names it.
    pub path: PathBuf,
    /// How it looks, links followed; none when it is not there.
    pub look: Option<Fingerprint>,
}

/// What a path or pattern names.
#[derive(Debug, Default)]
pub struct Findings {
    /// The files.
    pub files: Vec<Found>,
    /// The links and folders of the datasource on the way to them, each as it is itself: what they lead to is something else
    /// when one of them is.
    pub passed: Vec<Found>,
    /// Folders that a pattern matches at its end, as DuckDB would name them. To DuckDB they are no match.
    pub folders: Vec<PathBuf>,
    /// What was in the way.
    pub astray: Vec<Astray>,
    /// Whether it is the name of a folder, which functions may read as all files in it.
    pub is_folder: bool,
    /// Where the relative path starts, if not at the base path.
    pub base: Option<PathBuf>,
}

impl Findings {
    /// Whether something of the datasource has that name, were it only a link that leads out.
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
