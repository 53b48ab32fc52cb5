//! Describes what a folder holds if no report is found in it.

use std::path::Path;

use super::counted;
use crate::reports::has_ending_of_parquet;
use crate::source::{Datasource, PATH, REPORTS, is_report};

/// How many levels of folders are searched for Parquet files.
const DEEPEST: usize = 4;

/// Describes the other files in the folders when no report is found, and suggests a pattern that would match
/// them.
pub(super) fn others(datasource: &Datasource) -> String {
    let mut parquet: Vec<String> = datasource.folders.iter().flat_map(|folder| parquet_in(folder)).collect();
    parquet.sort_by(|one, other| (one.contains('/'), one).cmp(&(other.contains('/'), other)));
    // Reports in deeper folders are preferred to other Parquet files.
    let deeper = format!("**/{}", datasource.reports.trim_start_matches("**/"));
    let below: Vec<&String> = parquet.iter().filter(|file| is_report(&deeper, file)).collect();
    if let Some(first) = below.first() {
        return format!(
            "It holds {} in folders below, such as `{first}`: set {REPORTS} in the datasource's settings to `{deeper}`",
            counted(below.len() as u64, "report")
        );
    }
    let Some(first) = parquet.first() else {
        return format!(
            "There is no Parquet file in it: check {PATH} in the datasource's settings, or wait for the first report"
        );
    };
    let ending = first.rsplit_once('.').map_or("parquet", |(_, ending)| ending);
    let pattern = if first.contains('/') { format!("**/*.{ending}") } else { format!("*.{ending}") };
    format!(
        "It holds {}, such as `{first}`: set {REPORTS} in the datasource's settings to a pattern that matches them, such as `{pattern}`",
        counted(parquet.len() as u64, "other Parquet file")
    )
}

/// Names the files that would be reports if capital and small letters were the same.
pub(super) fn in_other_letters(datasource: &Datasource) -> Vec<String> {
    let pattern = datasource.reports.to_lowercase();
    let is_close =
        |file: &String| !is_report(&datasource.reports, file) && is_report(&pattern, &file.to_lowercase());
    let mut files: Vec<String> =
        datasource.report_folders().flat_map(|folder| parquet_in(folder)).filter(is_close).collect();
    files.sort_unstable();
    let told = |file: String| {
        format!(
            "`{file}` is not read, because `{}` tells capital from small letters: rename it as the other reports are",
            datasource.reports
        )
    };
    files.into_iter().map(told).collect()
}

/// Returns the Parquet files in a folder and its subfolders, as relative paths. Links to folders are not
/// followed, because `**` does not follow them either.
fn parquet_in(folder: &Path) -> Vec<String> {
    let mut found = Vec::new();
    let mut left = 10_000_usize;
    let mut folders = vec![(folder.to_owned(), 0)];
    while let Some((at, depth)) = folders.pop() {
        for entry in std::fs::read_dir(&at).into_iter().flatten().filter_map(Result::ok) {
            let Some(less) = left.checked_sub(1) else { return found };
            left = less;
            let path = entry.path();
            if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                if depth < DEEPEST {
                    folders.push((path, depth + 1));
                }
            } else if has_ending_of_parquet(&path) {
                let inside = path.strip_prefix(folder).unwrap_or(&path);
                found.push(inside.to_string_lossy().into_owned());
            }
        }
    }
    found
}
