//! What the files of a query look like before and after it. DuckDB lists, binds and reads at different moments, so that a
//! file that is replaced in between can make an answer that never was true; such a query is run again.

use std::collections::HashSet;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use duckdb::Connection;

use super::reads::{files_of, is_pattern};
use super::{Engine, gate};
use crate::error::{Error, Kind, Result};
use crate::source::{Look, TICK};

/// How the files of a statement looked at one moment.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Stamp {
    seen: Vec<(PathBuf, Option<Look>)>,
    /// Whether each file was looked at, and not only the folder that it is in.
    pub(super) is_precise: bool,
}

impl Engine {
    /// Looks at what `verdict`'s statement reads: folders where that tells of a change in time, and each file where
    /// `precise` asks for it or a folder has just changed.
    ///
    /// # Errors
    /// When the patterns cannot be listed, or lead out of the datasource's folders.
    pub(super) fn stamp(
        &self,
        connection: &Connection,
        verdict: &gate::Verdict,
        precise: bool,
    ) -> Result<Stamp> {
        let paths = self.read_by(verdict);
        if !precise && let Some(stamp) = by_folders(&paths) {
            return Ok(stamp);
        }
        let files = files_of(connection, &paths)?;
        // Patterns of folders always come here.
        if paths.iter().any(|path| is_pattern(folder_of(path))) {
            self.check_folders_of(&files)?;
        }
        let seen = files.into_iter().map(|file| (file.clone(), Look::at(&file))).collect();
        Ok(Stamp { seen, is_precise: true })
    }

    /// Looks where files that a pattern matched really are. DuckDB resolves links of the folders that are written out before
    /// it lists them, but not of those that match a pattern: `l*nk/*` would list what lies behind `link`.
    ///
    /// # Errors
    /// [`Kind::Forbidden`] when one is elsewhere.
    fn check_folders_of(&self, files: &[PathBuf]) -> Result<()> {
        let folders: HashSet<&Path> = files.iter().filter_map(|file| file.parent()).collect();
        for folder in folders {
            let at = match self.datasource.base_path.join(folder).canonicalize() {
                Ok(at) => at,
                Err(error) if error.kind() == ErrorKind::NotFound => continue,
                Err(_) => return Err(leads_out()),
            };
            if !self.datasource.folders.iter().any(|own| at.starts_with(own)) {
                return Err(leads_out());
            }
        }
        Ok(())
    }
}

fn leads_out() -> Error {
    Error::new(Kind::Forbidden, "a pattern leads out of the datasource's folders through a link").hint(
        "Put the files themselves into the datasource's folder, or add the folder behind the link to `paths`",
    )
}

/// The text of a path before its last part.
fn folder_of(path: &str) -> &str {
    path.trim_end_matches('/').rsplit_once('/').map_or("", |(folder, _)| folder)
}

/// The folders of patterns and the plain files; `None` when that is not enough.
fn by_folders(paths: &[String]) -> Option<Stamp> {
    let mut seen: Vec<(PathBuf, Option<Look>)> = Vec::new();
    for path in paths {
        let path = Path::new(path.strip_prefix("file://").unwrap_or(path));
        let name = path.file_name()?.to_string_lossy();
        let folder = path.parent().unwrap_or(Path::new(""));
        // Folders of a pattern, or unescaped by one, are found by listing only.
        if is_pattern(&folder.to_string_lossy()) {
            return None;
        }
        let at = match (is_pattern(&name), folder.as_os_str().is_empty()) {
            (false, _) => path,
            (true, true) => Path::new("."),
            (true, false) => folder,
        };
        if seen.iter().any(|(known, _)| known == at) {
            continue;
        }
        let found = std::fs::metadata(at).ok();
        let changed = found.as_ref().and_then(|found| found.modified().ok());
        let is_young =
            changed.is_some_and(|at| SystemTime::now().duration_since(at).unwrap_or_default() < TICK);
        if is_young && is_pattern(&name) {
            return None;
        }
        seen.push((at.to_owned(), found.as_ref().map(Look::from)));
    }
    Some(Stamp { seen, is_precise: false })
}

#[cfg(test)]
mod tests {
    use std::fs::File;
    use std::time::Duration;

    use super::*;

    /// A folder whose last change is in the future was changed before the clock was set back, at an unknown time: only its
    /// files themselves can tell of the next change.
    #[test]
    fn a_folder_is_believed_when_its_last_change_is_surely_over() {
        let folder = tempfile::tempdir().unwrap();
        let path = [folder.path().join("*.parquet").display().to_string()];
        let hour = Duration::from_hours(1);
        let now = SystemTime::now();
        for (changed, believed) in [(now - hour, true), (now + hour, false), (now + TICK / 2, false)] {
            File::open(folder.path()).unwrap().set_modified(changed).unwrap();
            let stamp = by_folders(&path);
            assert_eq!(stamp.is_some(), believed, "{:?}", changed.duration_since(now));
            assert!(stamp.is_none_or(|stamp| !stamp.is_precise && stamp.seen.len() == 1));
        }
    }
}
