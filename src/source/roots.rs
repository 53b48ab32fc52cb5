//! The folders and files for which a worker was opened, to notice when one is replaced: the jail's rules and
//! the current folder apply to what was opened, and not to what has the same name later.

use std::path::PathBuf;

use super::fingerprint::Fingerprint;
use super::reach::Reach;
use super::resolve::Datasource;

/// The identities of all files and folders that a worker may read.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Roots {
    /// The folders and files that the settings name.
    named: Vec<Root>,
    /// Files beside database files that come and go: write-ahead logs and reports.
    beside: Vec<Root>,
}

type Root = (PathBuf, (u64, u64));

impl Roots {
    /// Returns the current roots. Uses only `stat`.
    #[must_use]
    pub fn of(datasource: &Datasource) -> Self {
        let named = datasource.folders.iter().chain(&datasource.databases).chain([&datasource.base_path]);
        // The paths are canonical, so a link at one of them is something new, wherever it leads.
        let look = |path: &PathBuf| {
            let found = std::fs::symlink_metadata(path).ok()?;
            Some((path.clone(), Fingerprint::from(&found).identity()))
        };
        let mut beside = datasource.write_ahead_logs();
        beside.extend(reports_beside(datasource));
        Self { named: named.filter_map(look).collect(), beside: beside.iter().filter_map(look).collect() }
    }

    /// Returns a folder or file of the datasource that these roots lack.
    #[must_use]
    pub fn missing<'a>(&self, datasource: &'a Datasource) -> Option<&'a PathBuf> {
        let wanted = datasource.folders.iter().chain(&datasource.databases).chain([&datasource.base_path]);
        wanted.into_iter().find(|path| !self.named.iter().any(|root| root.0 == **path))
    }

    /// Returns whether `then` had all of these roots. Roots that have vanished do not count.
    #[must_use]
    pub fn are_among(&self, then: &Self) -> bool {
        self.named_are_among(then) && self.beside.iter().all(|root| then.beside.contains(root))
    }

    /// Does the same as [`Roots::are_among`] for what the settings name. A log or a report may appear at any
    /// time, and does not concern a query that has ended.
    #[must_use]
    pub fn named_are_among(&self, then: &Self) -> bool {
        self.named.iter().all(|root| then.named.contains(root))
    }
}

/// Returns the canonical paths of the reports in folders where only reports may be read. Skips a folder that
/// cannot be listed, because the query that reads it reports the error.
#[must_use]
pub fn reports_beside(datasource: &Datasource) -> Vec<PathBuf> {
    if datasource.beside.is_empty() {
        return Vec::new();
    }
    let reach = Reach::of(datasource);
    let found = datasource.report_globs().into_iter().skip(datasource.folders.len());
    let found = found.filter_map(|glob| reach.find(&glob).ok()).flat_map(|found| found.files);
    found.filter_map(|file| file.path.canonicalize().ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::{LocalSettings, Policy, resolve};

    #[test]
    fn a_folder_made_again_and_a_new_write_ahead_log_are_noticed() {
        let parent = tempfile::tempdir().unwrap();
        let folder = parent.path().join("reports");
        std::fs::create_dir(&folder).unwrap();
        std::fs::write(parent.path().join("a.duckdb"), b"x").unwrap();
        let json = serde_json::json!({ "paths": [folder, parent.path().join("a.duckdb")] }).to_string();
        let datasource =
            resolve(&LocalSettings::parse(json.as_bytes(), "").unwrap(), &Policy::default()).unwrap();
        let then = Roots::of(&datasource);
        assert!(Roots::of(&datasource).are_among(&then));
        std::fs::write(parent.path().join("a.duckdb.wal"), b"x").unwrap();
        assert!(!Roots::of(&datasource).are_among(&then) && Roots::of(&datasource).named_are_among(&then));
        let then = Roots::of(&datasource);
        std::fs::rename(&folder, parent.path().join("old")).unwrap();
        assert!(Roots::of(&datasource).are_among(&then), "nothing new is there");
        assert_eq!(Roots::of(&datasource).missing(&datasource), Some(&datasource.folders[0]));
        std::fs::create_dir(&folder).unwrap();
        assert!(!Roots::of(&datasource).are_among(&then));
        for target in ["/etc/passwd", "/nowhere"] {
            let link = parent.path().join("a.duckdb.wal.checkpoint");
            let then = Roots::of(&datasource);
            std::os::unix::fs::symlink(target, &link).unwrap();
            assert!(!Roots::of(&datasource).are_among(&then), "a link to {target}");
            std::fs::remove_file(link).unwrap();
        }
    }
}
