//! What a result lacks, and the messages about it in panels and downloads. No gap is silent.

use super::file_set::FileSet;
use super::flaws;
use super::reads::Reports;

/// Data of the files that a result lacks.
pub(super) struct Gap {
    /// The notice in a panel.
    pub(super) notice: String,
    /// The error of a download, which fails because of the gap.
    pub(super) instead: String,
    pub(super) remedy: String,
}

/// Returns what the result of a statement lacks, whose files were found as in `set`.
pub(super) fn gaps(set: &FileSet) -> Vec<Gap> {
    let reports = set.reports.as_ref();
    let missing = |what: &str, (why, remedy): (String, String)| Gap {
        notice: format!("A {what} is left out: {why}"),
        instead: format!("a {what} would be missing: {why}"),
        remedy,
    };
    let replaced = |why: String| Gap {
        instead: format!("the download would hold other texts than the reports: {why}"),
        notice: why,
        remedy: flaws::WRITE_UTF8.to_owned(),
    };
    let report = reports.and_then(Reports::incomplete).map(|gap| missing("report", gap));
    let file = set.gap().map(|gap| missing("file", gap));
    report.into_iter().chain(file).chain(reports.and_then(Reports::replaced).map(replaced)).collect()
}
