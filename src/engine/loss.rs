//! Losses: how reports or files disagree and what the views or queries therefore lack.

use std::path::{Path, PathBuf};

use super::gate::Verdict;
use super::{reads, sql_text};
use crate::reports::Source;
use crate::source::in_a_glob;

/// A file and its columns: names and DuckDB's types. A nested column counts as one.
pub(super) type Schema = (String, Vec<(String, String)>);

/// Something in the reports that the views lack or have in another form.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Loss {
    /// A sentence without the full stop.
    pub(super) what: String,
    /// What to do about it, as a sentence without the full stop.
    pub(super) remedy: &'static str,
    pub(super) kind: LossKind,
    /// The column concerned, in lower case; `None` if there are several.
    pub(super) column: Option<String>,
}

/// The kind of a loss.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum LossKind {
    /// Missing values, as the column's type already shows.
    Type,
    /// Missing or rounded values.
    Values,
    /// Rows whose number is not a week; no value is missing.
    Weeks,
    /// Values that compare otherwise than where they come from, or whose column has another name; none is
    /// missing.
    Meaning,
}

impl LossKind {
    /// Returns whether values are missing or rounded, so that a download would look complete without being
    /// it.
    pub(super) fn lacks_values(self) -> bool {
        matches!(self, Self::Type | Self::Values)
    }
}

impl Loss {
    /// Returns whether a statement may read the column. `texts` are the verdicts on the statement and on the
    /// views that it names.
    pub(super) fn is_met_by(&self, texts: &[&Verdict]) -> bool {
        let Some(column) = &self.column else { return true };
        texts.iter().any(|text| {
            let names = |name: &str| text.columns.may_have(name);
            // The views over the reports compute `slow_flag` from `p95_ms`, and select and order rows by
            // these columns.
            let is_in_views = ["week", "pattern", "p95_ms"].contains(&column.as_str());
            names(column)
                || column == "p95_ms" && names("slow_flag")
                || is_in_views && reads::names_another_view(&text.reads)
        })
    }

    /// Shortens the names of files to paths relative to the one of `folders` that holds them.
    pub(super) fn within<'a>(mut self, folders: impl IntoIterator<Item = &'a PathBuf>) -> Self {
        for folder in folders {
            self.what =
                self.what.replace(&format!("`{}/", folder.to_string_lossy().trim_end_matches('/')), "`");
        }
        self
    }

    /// Returns the notice about a report.
    pub(super) fn notice(&self) -> String {
        format!("A report is odd: {}. {}", self.what, self.remedy)
    }

    /// Returns the notice about files that a query reads by their names.
    pub(super) fn of_files(&self) -> String {
        format!("The files do not agree: {}. {}", self.what, self.remedy)
    }
}

/// Reports that are read in the same way.
#[derive(Debug)]
pub(super) struct Group {
    pub(super) files: Vec<String>,
    pub(super) source: Source,
    /// Whether `week` is a column of whole numbers, so that the files' footers give its bounds.
    pub(super) has_plain_week: bool,
}

/// Escapes a file's name for use as a pattern.
pub(super) fn plainly(file: &str) -> String {
    in_a_glob(Path::new(file))
}

/// Returns files as an SQL list, without the brackets.
pub(super) fn file_list<'a>(files: impl Iterator<Item = &'a str>) -> String {
    files.map(|file| sql_text(&plainly(file))).collect::<Vec<_>>().join(", ")
}

/// Formats a file and the number of others: `` `/reports/a.parquet` and 2 other reports ``. [`Loss::within`]
/// shortens the path.
pub(super) fn of_these(first: &str, count: usize) -> String {
    match count.saturating_sub(1) {
        0 => format!("`{first}`"),
        1 => format!("`{first}` and one other report"),
        more => format!("`{first}` and {more} other reports"),
    }
}
