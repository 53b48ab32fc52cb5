//! What the files of a query look like before and after it. DuckDB lists, binds and reads at different moments, so that a
//! file that is replaced or rewritten in between can make an answer that never was true; such a query is run again.
//!
//! Each file is looked at, because rewriting one in place changes nothing of its folder. A query that would look outside of
//! the datasource ends here, before DuckDB has seen its paths.

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

/// What a function that is given a folder reads of it, at any depth.
const READ_OF_FOLDERS: [&str; 4] = ["csv", "db", "json", "parquet"];

/// The files of a statement, and how they looked at one moment.
#[derive(Debug)]
pub(super) struct FileSet {
    taken: SystemTime,
    seen: Vec<Seen>,
    /// Links and folders on the way to them.
    passed: Vec<Seen>,
    /// Where relative paths start that name nothing at the base path.
    pub(super) bases: BTreeSet<PathBuf>,
    /// What the statement's patterns match and DuckDB does not read.
    gaps: Vec<Astray>,
    /// The reports, where the statement or a view that it names reads the views over them.
    pub(super) reports: Option<Reports>,
}

/// A file, by bytes: paths compare part by part, which takes longer than looking at them.
type Seen = (OsString, Option<Fingerprint>);

/// Whatever the moments.
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

    /// How the files looked; `None` when one was not there or had just changed.
    pub(super) fn fingerprints(&self, base: &Path) -> Option<Fingerprints> {
        Fingerprints::of(self.seen.iter().map(|(file, look)| (file.into(), *look)), base, self.taken)
    }

    /// The files, in order.
    pub(super) fn files(&self) -> impl Iterator<Item = &Path> {
        self.seen.iter().map(|(file, _)| Path::new(file))
    }

    /// The files with their looks.
    pub(super) fn found(&self) -> impl Iterator<Item = Found> {
        self.seen.iter().map(|(file, look)| Found { path: file.into(), look: *look })
    }

    /// What to say of files that a pattern of the statement's matches and that are not read: what they are, and what to do.
    pub(super) fn gap(&self) -> Option<(String, String)> {
        explain_first(&self.gaps)
    }

    /// The links and folders on the way to them, by absolute path.
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
    /// Looks at what `verdict`'s statement reads and what `views`, those of the attached files, read, before it runs.
    /// While a file has just changed its next change could look the same, and the write may not be over: then it waits
    /// a little and looks again.
    ///
    /// # Errors
    /// As [`Engine::file_set`].
    pub(super) fn first_file_set(&self, verdict: &gate::Verdict, views: &ViewReads) -> Result<FileSet> {
        let set = self.file_set(verdict, views)?;
        let now = SystemTime::now();
        if !set.seen.iter().chain(&set.passed).any(|(_, look)| look.is_some_and(|look| look.is_young(now))) {
            return Ok(set);
        }
        std::thread::sleep(TICK);
        self.file_set(verdict, views)
    }

    /// Looks at what `verdict`'s statement and `views` read.
    ///
    /// # Errors
    /// When the statement, or a view that it names, leads out of the datasource, or a folder cannot be listed.
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
            // `perf.csv` is the table `csv` in `perf`, where there is one: DuckDB looks for a file only where there is none.
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
            // By its path, DuckDB opens one with the logs that lie beside it.
            let files = self.reach.find(database).map_err(unlisted::failed)?.files;
            self.refuse(files.iter().filter_map(|file| self.reach.logs_astray(&file.path)).collect())?;
        }
        if [reads].into_iter().chain(named).any(reads::names_a_view) {
            let (reports, found) = self.list_reports()?;
            set.add(found);
            set.reports = Some(reports);
        }
        for path in others.iter().flat_map(|reads| &reads.files) {
            // A view that the query does not name is no reason for it to fail.
            if let Ok(mut found) = self.look_at(path) {
                // It is bound all the same where the query lists what there is.
                found.base = found.base.filter(|_| verdict.lists_catalog);
                set.add(found);
            }
        }
        let FileSet { gaps, seen, .. } = &mut set;
        let is_read = |folder: &Path| seen.iter().any(|(file, _)| Path::new(file).starts_with(folder));
        gaps.retain(|gap| !matches!(gap, Astray::Folder(folder) if is_read(folder)));
        set.gaps.sort_unstable();
        set.gaps.dedup();
        // Stable: of two looks at the same place the first stays the first.
        for looks in [&mut set.seen, &mut set.passed] {
            looks.sort_by(|(one, _), (other, _)| one.cmp(other));
        }
        Ok(set)
    }

    /// The files that `path` names or, as a pattern, matches; of a folder those that functions may read of it.
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
                // Of the folder, as it was written.
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

    /// # Errors
    /// The first that a query must not meet; beside a database file with how many reports there are.
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

/// Where a text names `path`: at its quote, where DuckDB's errors point as well.
fn place_of(path: &str, sql: &str) -> Option<usize> {
    let in_quotes = |at: usize| sql[..at].ends_with(['\'', '"']);
    let places = || sql.match_indices(path).map(|(at, _)| at);
    places().find(|at| in_quotes(*at)).map(|at| at - 1).or_else(|| places().next())
}

#[cfg(test)]
mod tests;
