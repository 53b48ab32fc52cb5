//! What is told of reports or files that do not agree, and how files are named in it.

use std::path::{Path, PathBuf};

use super::gate::Verdict;
use super::{reads, sql_text};
use crate::reports::Source;
use crate::source::in_a_glob;

/// A file and its columns: names and DuckDB's types. Nested ones are one column.
pub(super) type Schema = (String, Vec<(String, String)>);

/// What the views do not have of the reports, or not as it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Loss {
    /// A sentence, without its end.
    pub(super) what: String,
    /// What to do about it, another one.
    pub(super) remedy: &'static str,
    pub(super) kind: LossKind,
    /// The column that it is about, in small letters; none where it is about several.
    pub(super) column: Option<String>,
}

/// What kind of loss it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum LossKind {
    /// Values that are missing, as the column's type tells already.
    Type,
    /// Values that are missing or rounded.
    Values,
    /// Rows of no week; nothing of them is missing.
    Weeks,
}

impl Loss {
    /// Whether a statement may read the column, of whose text and of the texts of the views that it names these are the verdicts.
    pub(super) fn is_met_by(&self, texts: &[&Verdict]) -> bool {
        let Some(column) = &self.column else { return true };
        texts.iter().any(|text| {
            let names = |name: &str| text.columns.may_have(name);
            // What the views over the reports make `slow_flag` of, and what they choose and order rows by.
            let is_in_views = ["week", "pattern", "p95_ms"].contains(&column.as_str());
            names(column)
                || column == "p95_ms" && names("slow_flag")
                || is_in_views && reads::names_another_view(&text.reads)
        })
    }

    /// The same with files named as from that one of `folders` which they are in.
    pub(super) fn within<'a>(mut self, folders: impl IntoIterator<Item = &'a PathBuf>) -> Self {
        for folder in folders {
            self.what =
                self.what.replace(&format!("`{}/", folder.to_string_lossy().trim_end_matches('/')), "`");
        }
        self
    }

    /// What a panel says.
    pub(super) fn notice(&self) -> String {
        format!("A report is odd: {}. {}", self.what, self.remedy)
    }

    /// What a panel says of files that a query reads by their names.
    pub(super) fn of_files(&self) -> String {
        format!("The files do not agree: {}. {}", self.what, self.remedy)
    }
}

/// Reports that are read in the same way.
#[derive(Debug)]
pub(super) struct Group {
    pub(super) files: Vec<String>,
    pub(super) source: Source,
    /// Whether their weeks are a column of whole numbers, about which the files' footers tell enough.
    pub(super) has_plain_week: bool,
}

/// A file's name where a pattern may stand.
pub(super) fn plainly(file: &str) -> String {
    in_a_glob(Path::new(file))
}

/// Files as a list in SQL, without its brackets.
pub(super) fn file_list<'a>(files: impl Iterator<Item = &'a str>) -> String {
    files.map(|file| sql_text(&plainly(file))).collect::<Vec<_>>().join(", ")
}

/// `` `/reports/a.parquet` and 2 other reports ``; [`Loss::within`] makes the path shorter.
pub(super) fn of_these(first: &str, count: usize) -> String {
    match count.saturating_sub(1) {
        0 => format!("`{first}`"),
        1 => format!("`{first}` and one other report"),
        more => format!("`{first}` and {more} other reports"),
    }
}
