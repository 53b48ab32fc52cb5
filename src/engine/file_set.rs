//! Takes the fingerprints of a query's files before and after it. DuckDB lists, binds and reads at different
//! moments, so a file that is replaced or rewritten in between may produce a result that was never true; such
//! a query runs again.
//!
//! Every file is checked, because rewriting a file in place does not change its folder. A query with a path
//! outside the datasource ends here, before DuckDB sees the path.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use super::listed::explain_first;
use super::reads::{self, Reports, ViewReads};
use super::{Engine, gate, unlisted};
use crate::error::{Error, Result};
use crate::reports::has_ending_of_parquet;
use crate::source::{Astray, Findings, Fingerprint, Fingerprints, Found, TICK};

/// Endings of the files that functions read of a folder, at any depth.
const READ_OF_FOLDERS: [&str; 4] = ["csv", "db", "json", "parquet"];

/// The files of a statement, with their fingerprints at one moment.
#[derive(Debug)]
pub(super) struct FileSet {
    taken: SystemTime,
    seen: Vec<Seen>,
    /// Links and folders on the paths to the files.
    passed: Vec<Seen>,
    /// Folders, besides the base path, where relative paths start.
    pub(super) bases: BTreeSet<PathBuf>,
    /// What the statement's patterns match but DuckDB does not read.
    gaps: Vec<Astray>,
    /// The reports, if the statement or a view that it names reads the views over them.
    pub(super) reports: Option<Reports>,
}

/// A file. Its path is kept as bytes, because comparing paths part by part takes longer than `stat`.
type Seen = (OsString, Option<Fingerprint>);

/// Ignores when the sets were taken.
impl PartialEq for FileSet {
    fn eq(&self, other: &Self) -> bool {
        let Self { taken: _, seen, passed, bases, gaps, reports } = self;
        *seen == other.seen
            && *passed == other.passed
            && *bases == other.bases
            && *gaps == other.gaps
            && *reports == other.reports
    }
}

impl FileSet {
    fn new() -> Self {
        Self {
            taken: SystemTime::now(),
            seen: Vec::new(),
            passed: Vec::new(),
            bases: BTreeSet::new(),
            gaps: Vec::new(),
            reports: None,
        }
    }

    /// Returns the fingerprints of the files; `None` if a file did not exist or had just changed.
    pub(super) fn fingerprints(&self, base: &Path) -> Option<Fingerprints> {
        Fingerprints::of(self.seen.iter().map(|(file, look)| (file.into(), *look)), base, self.taken)
    }

    /// Returns the files in order.
    pub(super) fn files(&self) -> impl Iterator<Item = &Path> {
        self.seen.iter().map(|(file, _)| Path::new(file))
    }

    /// Returns the files with their fingerprints.
    pub(super) fn found(&self) -> impl Iterator<Item = Found> {
        self.seen.iter().map(|(file, look)| Found { path: file.into(), look: *look })
    }

    /// Describes files that match a pattern of the statement but are not read, and what to do about them.
    pub(super) fn gap(&self) -> Option<(String, String)> {
        explain_first(&self.gaps)
    }

    /// Returns the links and folders on the paths to the files, as absolute paths.
    pub(super) fn passed(&self) -> impl Iterator<Item = &Path> {
        self.passed.iter().map(|(path, _)| Path::new(path))
    }

    fn add(&mut self, Findings { files, passed, base, .. }: Findings) {
        self.bases.extend(base);
        self.seen.extend(files.into_iter().map(seen));
        self.passed.extend(passed.into_iter().map(seen));
    }
}

fn seen(Found { path, look }: Found) -> Seen {
    (path.into_os_string(), look)
}

impl Engine {
    /// Takes the file set before a statement runs: what `verdict`'s statement reads, and what `views` of the
    /// attached files read. If a file has just changed, waits a little and takes the set again, because the
    /// write may not be over and the next change could leave the same fingerprint.
    ///
    /// # Errors
    /// Those of [`Engine::file_set`].
    pub(super) fn first_file_set(&self, verdict: &gate::Verdict, views: &ViewReads) -> Result<FileSet> {
        let set = self.file_set(verdict, views)?;
        let now = SystemTime::now();
        if !set.seen.iter().chain(&set.passed).any(|(_, look)| look.is_some_and(|look| look.is_young(now))) {
            return Ok(set);
        }
        std::thread::sleep(TICK);
        self.file_set(verdict, views)
    }

    /// Takes the file set of `verdict`'s statement and of `views`.
    ///
    /// # Errors
    /// Fails if the statement, or a view that it names, leads out of the datasource, or if a folder cannot be
    /// listed.
    pub(super) fn file_set(&self, verdict: &gate::Verdict, views: &ViewReads) -> Result<FileSet> {
        let mut set = FileSet::new();
        let reads = &verdict.reads;
        let (named, others) = views.split(verdict);
        let is_table = |path: &String| {
            let mut of_that_name = reads.maybe_tables.iter().filter(|(name, _)| name == path).peekable();
            of_that_name.peek().is_some() && of_that_name.all(|(_, parts)| views.know(parts))
        };
        for path in [reads].into_iter().chain(named.iter().copied()).flat_map(|reads| &reads.files) {
            let mut found = self.look_at(path)?;
            // If a table `csv` exists in `perf`, `perf.csv` names that table: DuckDB searches for a file only
            // if there is no table.
            if is_table(path) && found.astray.iter().all(Astray::is_beside) {
                continue;
            }
            let (forbidden, gaps) =
                std::mem::take(&mut found.astray).into_iter().partition(Astray::is_forbidden);
            set.gaps.extend::<Vec<Astray>>(gaps);
            self.refuse(forbidden).map_err(|error| match place_of(path, &verdict.sql) {
                Some(at) => error.at(verdict.place_of(at)),
                None => error,
            })?;
            set.add(found);
        }
        for database in &verdict.databases {
            // DuckDB opens a database file that is named by its path together with the write-ahead logs
            // beside it.
            let files = self.reach.find(database).map_err(unlisted::failed)?.files;
            self.refuse(files.iter().filter_map(|file| self.reach.logs_astray(&file.path)).collect())?;
        }
        if [reads].into_iter().chain(named).any(reads::names_a_view) {
            let (reports, found) = self.list_reports()?;
            set.add(found);
            set.reports = Some(reports);
        }
        for path in others.iter().flat_map(|reads| &reads.files) {
            // An unreadable view must not fail a query that does not name it.
            if let Ok(mut found) = self.look_at(path) {
                // DuckDB binds every view if the query lists the catalog.
                found.base = found.base.filter(|_| verdict.lists_catalog);
                set.add(found);
            }
        }
        let FileSet { gaps, seen, .. } = &mut set;
        let is_read = |folder: &Path| seen.iter().any(|(file, _)| Path::new(file).starts_with(folder));
        gaps.retain(|gap| !matches!(gap, Astray::Folder(folder) if is_read(folder)));
        set.gaps.sort_unstable();
        set.gaps.dedup();
        // The sort is stable: of two fingerprints of the same place, the first stays the first.
        for looks in [&mut set.seen, &mut set.passed] {
            looks.sort_by(|(one, _), (other, _)| one.cmp(other));
        }
        Ok(set)
    }

    /// Returns the files that `path` names or matches as a pattern; for a folder, the files in it that
    /// functions may read.
    pub(super) fn look_at(&self, path: &str) -> Result<Findings> {
        let mut findings = self.reach.find(path).map_err(unlisted::failed)?;
        let folders = std::mem::take(&mut findings.folders);
        findings
            .astray
            .extend(folders.into_iter().filter(|name| has_ending_of_parquet(name)).map(Astray::Folder));
        if findings.is_folder {
            for ending in READ_OF_FOLDERS {
                let pattern = format!("{}/**/*.{ending}", path.trim_end_matches('/'));
                let Findings { files, passed, astray, .. } =
                    self.reach.find(&pattern).map_err(unlisted::failed)?;
                findings.files.extend(files);
                findings.passed.extend(passed);
                // The message names the folder as written, and not the pattern.
                findings.astray.extend(astray.into_iter().map(|astray| match astray {
                    Astray::TooWide(_, beside) | Astray::FromNowhere(_, beside) => {
                        Astray::TooWide(path.into(), beside)
                    }
                    other => other,
                }));
            }
        }
        Ok(findings)
    }

    /// Refuses the first forbidden path.
    ///
    /// # Errors
    /// The first path that a query must not use; for one beside a database file, the error adds the number of
    /// reports there.
    fn refuse(&self, mut astray: Vec<Astray>) -> Result<()> {
        astray.sort_unstable();
        let Some(first) = astray.into_iter().find(Astray::is_forbidden) else { return Ok(()) };
        let is_counted = first.is_beside() && !matches!(first, Astray::Closed(..));
        let mut error = Error::from(first);
        if let Some((reports, _)) = self.list_reports().ok().filter(|_| is_counted) {
            error.message += &match reports.files().count() {
                0 => "; none is there".to_owned(),
                1 => "; one is there".to_owned(),
                count => ["; ", &count.to_string(), " are there"].concat(),
            };
        }
        Err(error)
    }
}

/// Returns where a text names `path`: at its opening quote, as in DuckDB's errors.
fn place_of(path: &str, sql: &str) -> Option<usize> {
    let in_quotes = |at: usize| sql[..at].ends_with(['\'', '"']);
    let places = || sql.match_indices(path).map(|(at, _)| at);
    places().find(|at| in_quotes(*at)).map(|at| at - 1).or_else(|| places().next())
}

#[cfg(test)]
mod tests;
