//! What the files of a query look like before and after it. DuckDB lists, binds and reads at different moments, so that a
//! file that is replaced or rewritten in between can make an answer that never was true; such a query is run again.
//!
//! Each file is looked at, because rewriting one in place changes nothing of its folder.

use std::collections::HashSet;
use std::ffi::{OsStr, OsString};
use std::io::{self, ErrorKind};
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use duckdb::Connection;

use super::reads::{files_of, is_pattern};
use super::{Engine, gate};
use crate::error::{Error, Kind, Result};
use crate::source::{Look, TICK};

/// What a function that is given a folder reads of it, at any depth.
const READ_OF_FOLDERS: [&str; 4] = ["csv", "db", "json", "parquet"];

/// How the files of a statement looked at one moment.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Stamp(Vec<Seen>);

/// A file, by bytes: paths compare part by part, which takes longer than looking at them.
type Seen = (OsString, Option<Look>);

impl Engine {
    /// Looks at what `verdict`'s statement reads and what `views`, those of the attached files, read, before it runs.
    /// While a file has just changed its next change could look the same, and the write may not be over: then it waits
    /// a little and looks again.
    ///
    /// # Errors
    /// As [`Engine::stamp`].
    pub(super) fn first_stamp(
        &self,
        connection: &Connection,
        verdict: &gate::Verdict,
        views: &gate::Reads,
    ) -> Result<Stamp> {
        let stamp = self.stamp(connection, verdict, views)?;
        let now = SystemTime::now();
        if !stamp.0.iter().any(|(_, look)| look.is_some_and(|look| look.is_young(now))) {
            return Ok(stamp);
        }
        std::thread::sleep(TICK);
        self.stamp(connection, verdict, views)
    }

    /// Looks at what `verdict`'s statement and `views` read.
    ///
    /// # Errors
    /// When the statement's patterns cannot be listed, or lead out of the datasource's folders.
    pub(super) fn stamp(
        &self,
        connection: &Connection,
        verdict: &gate::Verdict,
        views: &gate::Reads,
    ) -> Result<Stamp> {
        let mut seen = Vec::new();
        for path in self.paths_of(&verdict.reads) {
            if let Some(found) = look_at(&path) {
                seen.extend(found);
                continue;
            }
            let files = files_of(connection, &listed(&path))?;
            if is_pattern(folder_of(&path)) {
                self.check_folders_of(&files)?;
            }
            seen.extend(files.iter().map(|file| look_at_file(file)));
        }
        for path in self.paths_of(views) {
            // A view that the query does not name is no reason for it to fail, and one that it names fails by itself.
            let found = look_at(&path).or_else(|| {
                let files = files_of(connection, &listed(&path)).ok()?;
                Some(files.iter().map(|file| look_at_file(file)).collect())
            });
            seen.extend(found.into_iter().flatten());
        }
        seen.sort_unstable_by(|(one, _), (other, _)| one.cmp(other));
        Ok(Stamp(seen))
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

/// The files that `path` names or, as a simple pattern, matches; `None` when DuckDB must list them.
fn look_at(path: &str) -> Option<Vec<Seen>> {
    let path = local(path);
    if !is_pattern(path) {
        let found = std::fs::metadata(path).ok();
        let is_folder = found.as_ref().is_some_and(std::fs::Metadata::is_dir);
        return (!is_folder).then(|| vec![(path.into(), found.as_ref().map(Look::from))]);
    }
    let (folder, name) = path.rfind('/').map_or(("", path), |slash| path.split_at(slash + 1));
    // Listing it ourselves takes a fraction of the time, so it is done where we surely list as DuckDB does.
    let is_simple = !is_pattern(folder) && !path.contains([':', '\\', '[']) && !name.contains("**");
    if !is_simple || name.is_empty() {
        return None;
    }
    look_into(folder, name).ok()
}

/// The files right in `folder` (the current one where it is empty) whose names match.
fn look_into(folder: &str, pattern: &str) -> io::Result<Vec<Seen>> {
    let mut seen = Vec::new();
    for entry in std::fs::read_dir(if folder.is_empty() { "." } else { folder })? {
        let name = entry?.file_name();
        if !matches(name.as_bytes(), pattern.as_bytes()) {
            continue;
        }
        let mut path = OsString::from(folder);
        path.push(name);
        let found = std::fs::metadata(&path).ok();
        // Patterns match no folders.
        if !found.as_ref().is_some_and(std::fs::Metadata::is_dir) {
            seen.push((path, found.as_ref().map(Look::from)));
        }
    }
    Ok(seen)
}

/// What DuckDB must list for `path`: itself, or where it is a folder what functions read of it.
fn listed(path: &str) -> Vec<String> {
    if is_pattern(path) {
        return vec![path.to_owned()];
    }
    let folder = path.trim_end_matches('/');
    READ_OF_FOLDERS.map(|ending| format!("{folder}/**/*.{ending}")).into()
}

fn look_at_file(file: &Path) -> Seen {
    let file = file.to_str().map_or(file.as_os_str(), |text| OsStr::new(local(text)));
    (file.to_owned(), Look::at(Path::new(file)))
}

/// Where a path is: DuckDB takes `file:/a`, `file:///a` and `file://localhost/a` for `/a`.
fn local(path: &str) -> &str {
    let Some(rest) = path.strip_prefix("file:") else { return path };
    let rest = rest.strip_prefix("//localhost").or_else(|| rest.strip_prefix("//")).unwrap_or(rest);
    if rest.starts_with('/') { rest } else { path }
}

/// Whether a name matches a pattern of `*` and `?`, each byte as DuckDB takes it.
fn matches(name: &[u8], pattern: &[u8]) -> bool {
    let (mut at, mut of) = (0, 0);
    // Behind the last `*`, and up to where it has matched.
    let mut star = None;
    while let Some(byte) = name.get(at) {
        match pattern.get(of) {
            Some(b'*') => {
                of += 1;
                star = Some((of, at));
            }
            Some(known) if known == byte || *known == b'?' => {
                at += 1;
                of += 1;
            }
            _ => {
                let Some((behind, until)) = star else { return false };
                star = Some((behind, until + 1));
                (of, at) = (behind, until + 1);
            }
        }
    }
    pattern.get(of..).is_some_and(|rest| rest.iter().all(|byte| *byte == b'*'))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    /// What DuckDB lists must be looked at, or a mixture could pass.
    #[test]
    fn we_list_what_duckdb_lists() {
        let folder = tempfile::tempdir().unwrap();
        let names =
            ["a.csv", "b.csv", ".c.csv", "ä.csv", "a.CSV", "a.csv.gz", "*.csv", "x y.csv", "aab.csv", "a"];
        for name in names {
            fs::write(folder.path().join(name), "").unwrap();
        }
        fs::create_dir(folder.path().join("d.csv")).unwrap();
        std::os::unix::fs::symlink("a.csv", folder.path().join("link.csv")).unwrap();
        let connection = Connection::open_in_memory().unwrap();
        for pattern in [
            "*.csv", "?.csv", "*", "a*", "*a*", "a?b*", "??.csv", "*.*", "*.csv*", "*b.c?v", "?", "*?",
            "none*", "aa*b*",
        ] {
            let path = format!("{}/{pattern}", folder.path().display());
            let mut listed: Vec<_> = files_of(&connection, std::slice::from_ref(&path)).unwrap();
            let seen = look_at(&path).unwrap_or_else(|| panic!("{pattern} is simple"));
            assert!(seen.iter().all(|(_, look)| look.is_some()), "{pattern}");
            let mut seen: Vec<_> = seen.into_iter().map(|(file, _)| PathBuf::from(file)).collect();
            seen.sort_unstable();
            listed.sort_unstable();
            assert_eq!(seen, listed, "{pattern}");
        }
        for path in ["**", "a/**", "**/*.csv", "*/a.csv", "[ab].csv", "/[a]/*.csv", "*\\*", "a*/"] {
            assert!(look_at(path).is_none(), "{path} is DuckDB's to list");
        }
    }

    #[test]
    fn a_file_is_found_by_each_of_its_names_and_a_folder_by_its_files() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("deep/a.csv");
        fs::create_dir(file.parent().unwrap()).unwrap();
        fs::write(&file, "a").unwrap();
        let text = file.to_str().unwrap();
        for name in [
            text.to_owned(),
            format!("file:{text}"),
            format!("file://{text}"),
            format!("file://localhost{text}"),
        ] {
            assert_eq!(look_at(&name), Some(vec![(text.into(), Look::at(&file))]), "{name}");
        }
        assert_eq!(look_at("/nowhere/a.csv"), Some(vec![("/nowhere/a.csv".into(), None)]));
        let path = folder.path().to_str().unwrap();
        assert_eq!(look_at(path), None);
        let connection = Connection::open_in_memory().unwrap();
        assert_eq!(files_of(&connection, &listed(path)).unwrap(), [file]);
    }

    /// Prints what a look costs, of which there are two for each query; how fast a machine is decides no test.
    #[test]
    fn five_years_of_reports_are_all_looked_at() {
        let folder = tempfile::tempdir().unwrap();
        for week in 0..260 {
            fs::write(folder.path().join(format!("query_perf_weekly_{week}.parquet")), "").unwrap();
        }
        let path = format!("{}/query_perf_weekly_*.parquet", folder.path().display());
        let quickest = (0..50).map(|_| {
            let since = std::time::Instant::now();
            assert_eq!(look_at(&path).unwrap().len(), 260);
            since.elapsed()
        });
        let quickest = quickest.min().unwrap();
        println!("260 reports: {quickest:?}");
    }
}
