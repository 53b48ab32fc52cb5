//! Names of report files: which week a file is about, and which files are not reports. Works on names only;
//! listing the folder and matching the glob happen elsewhere.

use std::path::Path;

use super::IsoWeek;

/// The default glob for reports, relative to the datasource's folder.
pub const DEFAULT_REPORTS_GLOB: &str = "query_perf_weekly_*.parquet";

/// File extensions of Parquet files.
pub const PARQUET_ENDINGS: [&str; 3] = ["parquet", "parq", "pq"];

/// A report file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReportFile {
    /// The file's name as given.
    pub name: String,
    /// The week in the name; `None` if the name has none (the rows still have their column `week`).
    pub week: Option<IsoWeek>,
}

/// Returns the reports among `names` without temporary files: first the files without a week, then by week,
/// oldest first; files of the same week are sorted by name.
#[must_use]
pub fn sort_reports(names: impl IntoIterator<Item = String>) -> Vec<ReportFile> {
    let mut reports: Vec<ReportFile> = names
        .into_iter()
        .filter(|name| !is_temporary(name))
        .map(|name| ReportFile { week: week_of_file_name(&name), name })
        .collect();
    reports.sort_by(|a, b| (a.week, &a.name).cmp(&(b.week, &b.name)));
    reports
}

/// Returns the week in a file's name: the last six digits YYYYWW, with no digit next to them, that are a
/// valid week, as in `query_perf_weekly_202653.parquet`. `2026-W53` and `2026W53` are recognized, too. Names
/// of folders are not searched.
#[must_use]
pub fn week_of_file_name(name: &str) -> Option<IsoWeek> {
    let name = base_name(name);
    let starts = name.char_indices().map(|(at, _)| at);
    starts.rev().find_map(|at| {
        let (before, text) = name.split_at_checked(at)?;
        if before.ends_with(|c: char| c.is_ascii_digit()) {
            return None;
        }
        week_at_start(text)
    })
}

/// Returns the usual file name for the report of `week`: `query_perf_weekly_202653.parquet`.
#[must_use]
pub fn report_file_name(week: IsoWeek) -> String {
    DEFAULT_REPORTS_GLOB.replace('*', &format!("{:06}", week.yyyyww()))
}

/// Whether a file's name says that it is still being written or is no report: dot files, `tmp_…` (DuckDB's
/// own `COPY`), `….tmp`, `….part`, `….partial`, `…~`.
#[must_use]
pub fn is_temporary(name: &str) -> bool {
    let name = base_name(name);
    let ending = name.rsplit_once('.').map_or("", |(_, ending)| ending);
    name.starts_with('.')
        || name.starts_with("tmp_")
        || name.ends_with('~')
        || ["tmp", "part", "partial"].iter().any(|temporary| ending.eq_ignore_ascii_case(temporary))
}

/// Whether a file's extension is that of Parquet: `.parquet`, `.parq` or `.pq`.
#[must_use]
pub fn has_ending_of_parquet(file: &Path) -> bool {
    file.extension()
        .is_some_and(|ending| PARQUET_ENDINGS.iter().any(|known| ending.eq_ignore_ascii_case(known)))
}

fn base_name(path: &str) -> &str {
    path.rsplit(['/', '\\']).next().unwrap_or(path)
}

/// Reads `YYYYWW`, `YYYY-WWW` or `YYYYWWW` at the start of `text`; no digit may follow.
fn week_at_start(text: &str) -> Option<IsoWeek> {
    let year: i64 = digits(text.get(..4)?)?;
    let rest = text.get(4..)?;
    let rest = ["-W", "-w", "W", "w"].iter().find_map(|mark| rest.strip_prefix(mark)).unwrap_or(rest);
    let week: i64 = digits(rest.get(..2)?)?;
    if rest.get(2..)?.starts_with(|c: char| c.is_ascii_digit()) {
        return None;
    }
    IsoWeek::from_yyyyww(year * 100 + week)
}

fn digits(text: &str) -> Option<i64> {
    text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weeks_of_names() {
        let cases = [
            ("query_perf_weekly_202653.parquet", Some(202_653)),
            ("202601.parquet", Some(202_601)),
            ("/reports/202601/query_perf_weekly_202602.parquet", Some(202_602)),
            ("C:\\reports\\query_perf_weekly_202602.parquet", Some(202_602)),
            ("perf_2026-W07_v2.parquet", Some(202_607)),
            ("perf_2026w07.parquet", Some(202_607)),
            ("eu_202601_to_202604.parquet", Some(202_604)),
            ("wöchentlich_202610.parquet", Some(202_610)),
            ("query_perf_weekly_202553.parquet", None),
            ("query_perf_weekly_202600.parquet", None),
            ("query_perf_weekly_20260107.parquet", None),
            ("query_perf_weekly_999901.parquet", None),
            ("build_123456.parquet", None),
            ("ä", None),
            ("", None),
        ];
        for (name, week) in cases {
            assert_eq!(week_of_file_name(name).map(IsoWeek::yyyyww), week, "{name}");
        }
    }

    #[test]
    fn names_of_weeks() {
        let week = IsoWeek::new(2026, 1).unwrap();
        assert_eq!(report_file_name(week), "query_perf_weekly_202601.parquet");
        assert_eq!(week_of_file_name(&report_file_name(week)), Some(week));
    }

    #[test]
    fn order_and_temporary_files() {
        let names = [
            "query_perf_weekly_202701.parquet",
            "query_perf_weekly_202653.parquet",
            ".query_perf_weekly_202702.parquet",
            "tmp_query_perf_weekly_202702.parquet",
            "query_perf_weekly_202702.parquet.tmp",
            "query_perf_weekly_202702.PART",
            "query_perf_weekly_latest.parquet",
            "query_perf_weekly_202653_b.parquet",
        ];
        let sorted = sort_reports(names.map(String::from));
        let sorted: Vec<_> = sorted.iter().map(|report| report.name.as_str()).collect();
        assert_eq!(
            sorted,
            [
                "query_perf_weekly_latest.parquet",
                "query_perf_weekly_202653.parquet",
                "query_perf_weekly_202653_b.parquet",
                "query_perf_weekly_202701.parquet",
            ]
        );
    }
}
