//! What a statement reads: its files by name and pattern, and their fingerprints, by which the cache keeps
//! results.

use std::collections::{BTreeSet, HashSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::listed::{drop_twins, empty_keys, explain_first};
use super::{Engine, flaws, gate, unlisted};
use crate::error::Result;
use crate::reports;
use crate::source::{Astray, Findings, Found, in_a_glob, is_written, is_written_or_asked};

/// The reports at one moment.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Reports {
    /// Each folder's pattern, with the files that match it and their fingerprints.
    by_glob: Vec<(String, Vec<Found>)>,
    /// What matches the pattern but is not read.
    left_out: Vec<Astray>,
    /// Additional names of a report, each with the name by which the report is read.
    twins: Vec<(PathBuf, PathBuf)>,
    /// Folders in the place of a report, with all their subfolders. Files written there belong to a report.
    pub(super) folders: Vec<PathBuf>,
    /// Hidden and temporary files that match the pattern; they are no reports.
    unwritten: Vec<PathBuf>,
    /// Files with texts that are not UTF-8, and the columns that hold them.
    odd: Vec<(PathBuf, Vec<String>)>,
}

impl Reports {
    /// Returns the patterns that match a report, or all patterns if none does.
    pub(super) fn globs(&self) -> Vec<String> {
        let all = self.are_missing();
        let globs = self.by_glob.iter().filter(|(_, files)| all || !files.is_empty());
        globs.map(|(glob, _)| glob.clone()).collect()
    }

    /// Returns whether the views read the file with `?` in place of bytes that are not UTF-8.
    pub(super) fn is_odd(&self, file: &Path) -> bool {
        self.odd.iter().any(|(odd, _)| odd == file)
    }

    /// Returns whether the views list these files instead of the patterns.
    pub(super) fn are_by_name(&self) -> bool {
        let are_all = self.left_out.is_empty() && self.twins.is_empty() && self.unwritten.is_empty();
        !(are_all && self.folders.is_empty() && self.odd.is_empty())
    }

    /// Returns whether there are no reports.
    pub(super) fn are_missing(&self) -> bool {
        self.files().next().is_none()
    }

    /// Returns the reports, those of the first folder first.
    pub(super) fn files(&self) -> impl Iterator<Item = &Path> {
        self.by_glob.iter().flat_map(|(_, files)| files).map(|found| found.path.as_path())
    }

    /// Returns what matches the pattern but is not read.
    pub(super) fn left_out(&self) -> &[Astray] {
        &self.left_out
    }

    /// Returns the additional names of reports, each with the name by which the report is read.
    pub(super) fn twins(&self) -> &[(PathBuf, PathBuf)] {
        &self.twins
    }

    /// Returns the hidden and temporary files that match the pattern.
    pub(super) fn unwritten(&self) -> &[PathBuf] {
        &self.unwritten
    }

    /// Describes the files that are left out, and what to do about them.
    pub(super) fn incomplete(&self) -> Option<(String, String)> {
        explain_first(&self.left_out)
    }

    /// Describes the texts that are shown with replacement characters.
    pub(super) fn replaced(&self) -> Option<String> {
        let (first, columns) = self.odd.first()?;
        let more = match self.odd.len() - 1 {
            0 => String::new(),
            1 => " (so does one more report)".to_owned(),
            more => format!(" (so do {more} more reports)"),
        };
        Some(format!("{}{more}: {}", flaws::not_utf8(first, columns), flaws::SHOWN))
    }
}

/// What the views and macros of the attached files read.
#[derive(Debug, Default)]
pub(super) struct ViewReads {
    all: Vec<ViewRead>,
    /// Names by which a query can name the tables and views there, in lower case, split into their parts.
    relations: HashSet<Vec<String>>,
    /// Names of the macros that return tables, in the same form.
    table_macros: HashSet<Vec<String>>,
}

/// How a view is stored.
#[derive(Debug)]
pub(super) struct Stored {
    /// The view's column names in parentheses; empty if the text lists none.
    pub(super) columns: String,
    /// Whether its unqualified name can find it: it is in the schema `main` of an attached database.
    pub(super) is_found: bool,
    /// Its text in lower case, without `can_have_nan`, which only lets DuckDB find NaN.
    pub(super) text: String,
    /// The database that holds it.
    pub(super) database: String,
}

impl Stored {
    /// Describes the view that `sql` creates in that schema of one of `databases`.
    pub(super) fn of(database: &str, schema: &str, columns: String, sql: &str, databases: &[String]) -> Self {
        let text = sql.to_ascii_lowercase().replace("can_have_nan", "");
        let is_found = schema.eq_ignore_ascii_case("main") && databases.iter().any(|name| name == database);
        Self { columns, is_found, text, database: database.to_owned() }
    }

    /// Returns whether the view's text handles NaN in `column`. If the text names percentile columns, it must
    /// name this one.
    pub(super) fn knows_nan(&self, column: &str) -> bool {
        knows_nan(&self.text, column)
    }
}

/// Returns whether a text in lower case handles NaN in `column`.
pub(super) fn knows_nan(text: &str, column: &str) -> bool {
    let names_some = reports::PERCENTILES.iter().any(|name| text.contains(name));
    text.contains("nan") && (!names_some || text.contains(column))
}

/// What one view or macro reads.
#[derive(Debug)]
pub(super) struct ViewRead {
    pub(super) name: String,
    /// How the view is stored; `None` for a macro.
    pub(super) stored: Option<Stored>,
    pub(super) verdict: Arc<gate::Verdict>,
}

impl ViewReads {
    /// Adds what one view or macro reads.
    pub(super) fn add(&mut self, name: String, stored: Option<Stored>, verdict: Arc<gate::Verdict>) {
        self.all.push(ViewRead { name, stored, verdict });
    }

    /// Adds an existing table or view by catalog, schema and name.
    pub(super) fn add_relation(&mut self, path: [&str; 3]) {
        self.relations.extend(names_of(path));
    }

    /// Adds a macro that returns a table, by catalog, schema and name.
    pub(super) fn add_table_macro(&mut self, path: [&str; 3]) {
        self.table_macros.extend(names_of(path));
    }

    /// Returns whether these parts name a table or view.
    pub(super) fn know(&self, parts: &[String]) -> bool {
        self.relations.contains(&in_small_letters(parts))
    }

    /// Returns whether these parts name a macro that is called instead of DuckDB's function.
    pub(super) fn has_table_macro(&self, parts: &[String]) -> bool {
        self.table_macros.contains(&in_small_letters(parts))
    }

    /// Returns the files that all views and macros read.
    pub(super) fn files(&self) -> impl Iterator<Item = &String> {
        self.all.iter().flat_map(|read| &read.verdict.reads.files)
    }

    /// Returns what the views and macros read: first those that a statement names, directly or through
    /// others, then the rest.
    pub(super) fn split(&self, statement: &gate::Verdict) -> (Vec<&gate::Reads>, Vec<&gate::Reads>) {
        let named = self.named(statement);
        let of = |wanted: bool| {
            let those = self.all.iter().zip(&named).filter(|(_, is_named)| **is_named == wanted);
            those.map(|(one, _)| &one.verdict.reads).collect()
        };
        (of(true), of(false))
    }

    /// Returns the views and macros that a statement names, directly or through others.
    pub(super) fn named_by(&self, statement: &gate::Verdict) -> Vec<&ViewRead> {
        let named = self.named(statement);
        self.all.iter().zip(&named).filter(|(_, is_named)| **is_named).map(|(one, _)| one).collect()
    }

    /// Returns all views and macros.
    pub(super) fn all(&self) -> &[ViewRead] {
        &self.all
    }

    fn named(&self, statement: &gate::Verdict) -> Vec<bool> {
        let mut named = vec![false; self.all.len()];
        let mut next = vec![statement];
        while let Some(verdict) = next.pop() {
            for (one, is_named) in self.all.iter().zip(&mut named) {
                let told = if one.stored.is_none() { &verdict.functions } else { &verdict.names };
                if !*is_named && told.iter().any(|name| name.eq_ignore_ascii_case(&one.name)) {
                    *is_named = true;
                    next.push(&one.verdict);
                }
            }
        }
        named
    }
}

/// Returns the names by which a query can name a relation, in lower case, split into their parts.
fn names_of(path: [&str; 3]) -> Vec<Vec<String>> {
    let [catalog, schema, name] = path.map(str::to_ascii_lowercase);
    let mut names = vec![vec![schema.clone(), name.clone()]];
    if schema == "main" {
        names.extend([vec![catalog.clone(), name.clone()], vec![name.clone()]]);
    }
    names.push(vec![catalog, schema, name]);
    names
}

/// Lowers the parts as DuckDB does when it compares names: only ASCII letters.
fn in_small_letters(parts: &[String]) -> Vec<String> {
    parts.iter().filter(|part| !part.is_empty()).map(|part| part.to_ascii_lowercase()).collect()
}

impl Engine {
    /// Lists the current reports with their fingerprints.
    ///
    /// # Errors
    /// Fails if a folder cannot be listed.
    pub(super) fn list_reports(&self) -> Result<(Reports, Findings)> {
        let (mut reports, mut all) = (Reports::default(), Findings::default());
        for (folder, glob) in self.datasource.report_folders().zip(self.datasource.report_globs()) {
            let Findings { mut files, passed, mut astray, mut folders, is_folder, .. } =
                self.reach.find(&glob).map_err(unlisted::failed)?;
            let is_report = |path: &Path| {
                path.strip_prefix(folder)
                    .map_or(true, |inside| is_written_or_asked(inside, &self.datasource.reports))
            };
            let hidden = files.extract_if(.., |file| !is_report(&file.path)).map(|file| file.path);
            reports.unwritten.extend(hidden);
            folders.retain(|folder| is_report(folder));
            astray.retain(|astray| astray.link().is_none_or(is_report));
            let folders = if is_folder { vec![PathBuf::from(&glob)] } else { folders };
            for folder in folders.into_iter().filter(|_| can_be_a_folder(&glob)) {
                self.add_parts(&folder, &mut files, &mut reports, &mut all)?;
            }
            files.sort_unstable_by(|one, other| one.path.as_os_str().cmp(other.path.as_os_str()));
            reports.left_out.extend(astray);
            reports.left_out.extend(empty_keys(&files, &passed));
            reports.by_glob.push((glob, files));
            all.passed.extend(passed);
        }
        reports.twins = drop_twins(&mut reports.by_glob);
        all.files.extend(reports.by_glob.iter().flat_map(|(_, files)| files).cloned());
        reports.unwritten.sort_unstable();
        reports.unwritten.dedup();
        reports.left_out.sort_unstable();
        reports.left_out.dedup();
        reports.folders.sort_unstable();
        reports.folders.dedup();
        reports.odd = all
            .files
            .iter()
            .filter_map(|file| Some((file.path.clone(), self.flaws.odd_columns(&file.path, file.look?)?)))
            .collect();
        Ok((reports, all))
    }

    /// Returns the folders, besides the base path, at which relative paths of the views and macros start.
    pub(super) fn bases_of(&self, views: &ViewReads) -> BTreeSet<PathBuf> {
        views.files().filter_map(|path| self.reach.find(path).ok()?.base).collect()
    }

    /// Adds the Parquet files of a folder in the place of a report, as Spark, dask and parallel DuckDB
    /// writers create it.
    fn add_parts(
        &self,
        folder: &Path,
        files: &mut Vec<Found>,
        reports: &mut Reports,
        all: &mut Findings,
    ) -> Result<()> {
        let inside = format!("{}/**/*", in_a_glob(folder));
        let Findings { files: found, passed, astray, .. } =
            self.reach.find(&inside).map_err(unlisted::failed)?;
        // Judged by its name alone, DuckDB would take the folder for a file.
        files.retain(|file| file.path != folder);
        let is_part = |file: &Found| {
            let inside = file.path.strip_prefix(folder).unwrap_or(&file.path);
            is_written(inside) && reports::has_ending_of_parquet(inside)
        };
        let parts: Vec<Found> = found.into_iter().filter(is_part).collect();
        if parts.is_empty() {
            reports.left_out.push(Astray::NoReport(folder.to_owned()));
        }
        for part in parts {
            // `**` may have matched the part already.
            if !files.iter().any(|file| file.path == part.path) {
                files.push(part);
            }
        }
        let is_seen = |astray: &Astray| {
            astray.link().is_none_or(|link| is_written(link.strip_prefix(folder).unwrap_or(link)))
        };
        reports.left_out.extend(astray.into_iter().filter(is_seen));
        reports.folders.push(folder.to_owned());
        reports.folders.extend(passed.iter().map(|passed| passed.path.clone()));
        all.passed.extend(passed);
        Ok(())
    }
}

/// Returns whether a folder that matches `glob` may be a report. `*` matches any folder, so it does not
/// count.
fn can_be_a_folder(glob: &str) -> bool {
    glob.rsplit('/').next().is_some_and(|part| part.contains(|c| !"*?".contains(c)))
}

/// Returns whether a text reads one of the views over the reports.
pub(super) fn names_a_view(reads: &gate::Reads) -> bool {
    reads.tables.iter().any(|table| is_view(table))
}

/// Returns whether a text reads a view that selects or orders rows, which is every view but the first.
pub(super) fn names_another_view(reads: &gate::Reads) -> bool {
    reads.tables.iter().any(|table| is_view(table) && !table.eq_ignore_ascii_case(reports::VIEW_NAMES[0]))
}

fn is_view(table: &str) -> bool {
    reports::VIEW_NAMES.iter().any(|view| table.eq_ignore_ascii_case(view))
}
