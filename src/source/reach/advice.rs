//! Explains why a path leads out of the datasource: it would name reports from another folder, the reports
//! beside a database file are not readable, or something prevents opening a database file. Only the
//! datasource's own files are mentioned.

use std::path::{Path, PathBuf};

use super::super::resolve::write_ahead_logs;
use super::astray::{Astray, Beside};
use super::findings::Findings;
use super::parts::local;
use super::place::{End, Reach};

impl Reach {
    /// Returns what prevents opening `database` with the write-ahead logs that DuckDB looks for beside it.
    #[must_use]
    pub fn logs_astray(&self, database: &Path) -> Option<Astray> {
        // DuckDB opens the database file by its canonical path.
        let at = self.base.join(database);
        if at.canonicalize().unwrap_or(at).to_string_lossy().contains('?') {
            return Some(Astray::LogElsewhere(database.to_owned()));
        }
        write_ahead_logs(database).into_iter().find_map(|log| {
            match self.end(Path::new("/"), &self.base.join(&log), true, &mut Findings::default()) {
                End::Out(Some(link)) => Some(Astray::LeadsOut(link)),
                End::There(_, found) if !found.is_file() => Some(Astray::NoFile(log)),
                _ => None,
            }
        })
    }

    /// Replaces findings about a path outside by more specific ones.
    pub(super) fn advise(&self, path: &str, findings: &mut Findings) {
        for astray in &mut findings.astray {
            if matches!(astray, Astray::Outside(..)) {
                *astray = self.why_outside(path);
            }
        }
    }

    /// Explains why `path` names no file of the datasource.
    #[must_use]
    pub fn why_outside(&self, path: &str) -> Astray {
        let path = local(path);
        if let Some((_, why)) = self.closed.iter().find(|(folder, _)| self.names_reports_in(folder, path)) {
            return Astray::Closed(path.into(), why.message.clone(), why.hint.clone().unwrap_or_default());
        }
        if path.starts_with(['/', '~']) {
            return outside(&self.base, path);
        }
        if let Some(right) = self.right_base(path) {
            let (base, or_none) = (self.base.clone(), self.is_found_by_itself(&right));
            return Astray::Elsewhere { path: path.into(), base, right, or_none };
        }
        if self.search.is_empty() || self.beside.is_empty() {
            return outside(&self.base, path);
        }
        let beside = Beside { folders: self.beside.clone(), reports: self.reports.to_string() };
        Astray::FromNowhere(path.into(), beside)
    }

    /// Returns the folder, other than the base path, from which the relative `path` names a file of the
    /// datasource. Nothing is revealed about other files, not even whether they exist.
    #[must_use]
    pub fn right_base(&self, path: &str) -> Option<PathBuf> {
        // Searching at any depth takes too long for a hint.
        if path.contains("**") {
            return None;
        }
        let is_there = |base: &&PathBuf| {
            let found = self.find_from(base, path);
            found.is_ok_and(|found| {
                found.astray.is_empty() && found.files.iter().any(|file| file.look.is_some())
            })
        };
        self.above.iter().filter(|base| **base != self.base).find(is_there).cloned()
    }

    /// Returns whether relative paths start at `base` if the settings give no base path.
    fn is_found_by_itself(&self, base: &Path) -> bool {
        let is_listed = base.to_str().is_some_and(|text| !text.contains(','));
        self.search.is_empty() && self.folders.is_empty() && is_listed
    }

    /// Returns whether `path` would name only reports in `folder`, from some folder where it may start.
    fn names_reports_in(&self, folder: &Path, path: &str) -> bool {
        let are_reports = |base: &Path| {
            base.join(path).strip_prefix(folder).is_ok_and(|rest| {
                let rest: Option<Vec<&str>> = rest.iter().map(std::ffi::OsStr::to_str).collect();
                rest.is_some_and(|rest| !rest.is_empty() && self.reports.covers(Path::new(""), &rest))
            })
        };
        std::iter::once(&self.base).chain(&self.above).any(|base| are_reports(base))
    }
}

/// Returns the general finding about a path that leads out from `base`.
pub(super) fn outside(base: &Path, path: &str) -> Astray {
    Astray::Outside(path.into(), Some(base.to_owned()).filter(|_| !path.starts_with('/')))
}
