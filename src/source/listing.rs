//! Which reports are there now, as the broker sees them: by listing folders, without a worker and without opening a file.

use std::path::Path;

use globset::{GlobBuilder, GlobMatcher};

use super::Datasource;
use crate::reports::{ReportFile, sort_reports};

/// Entries that are looked at, all folders together.
const MOST_ENTRIES: usize = 100_000;
/// Folders in folders that a `**` goes down.
const DEEPEST: usize = 16;

impl Datasource {
    /// The files that match `reports`, oldest week first; temporary ones are left out. Blocks while it lists.
    #[must_use]
    pub fn report_files(&self) -> Vec<ReportFile> {
        // Braces mean nothing to DuckDB.
        let pattern = self.reports.replace('{', "[{]").replace('}', "[}]");
        let Ok(glob) = GlobBuilder::new(&pattern).literal_separator(true).build() else { return Vec::new() };
        let parts = pattern.split('/').filter(|part| !part.is_empty()).count();
        let depth = if pattern.contains("**") { DEEPEST } else { parts };
        let mut search = Search { glob: glob.compile_matcher(), found: Vec::new(), left: MOST_ENTRIES };
        for folder in &self.folders {
            search.list(folder, Path::new(""), depth);
        }
        sort_reports(search.found)
    }
}

struct Search {
    glob: GlobMatcher,
    found: Vec<String>,
    left: usize,
}

impl Search {
    /// Looks through `folder`, which is `inside` the one that the pattern starts from.
    fn list(&mut self, folder: &Path, inside: &Path, depth: usize) {
        let entries = std::fs::read_dir(folder).into_iter().flatten().filter_map(Result::ok);
        for entry in entries {
            let Some(left) = self.left.checked_sub(1) else { return };
            self.left = left;
            let name = inside.join(entry.file_name());
            if self.glob.is_match(&name) {
                self.found.push(name.to_string_lossy().into_owned());
            } else if depth > 1 && entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                self.list(&entry.path(), &name, depth - 1);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::source::{Policy, Settings, resolve};

    #[test]
    fn reports_are_found_as_the_pattern_says() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["2026/a_202601.parquet", "2026/deep/b_202602.parquet", "c_202653.parquet", "d.csv"] {
            let path = folder.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, "").unwrap();
        }
        std::fs::write(folder.path().join("tmp_c_202701.parquet"), "").unwrap();
        for (pattern, expected) in [
            ("*.parquet", &["c_202653.parquet"][..]),
            ("2026/*.parquet", &["2026/a_202601.parquet"]),
            ("*/*.parquet", &["2026/a_202601.parquet"]),
            ("**/*.parquet", &["2026/a_202601.parquet", "2026/deep/b_202602.parquet", "c_202653.parquet"]),
            ("{c,d}*", &[]),
            ("[a-c]_20265?.parquet", &["c_202653.parquet"]),
        ] {
            let json = serde_json::json!({ "path": folder.path(), "reports": pattern }).to_string();
            let settings = Settings::parse(json.as_bytes(), "").unwrap();
            let found = resolve(&settings, &Policy::default()).unwrap().report_files();
            let names: Vec<&str> = found.iter().map(|report| report.name.as_str()).collect();
            assert_eq!(names, expected, "{pattern}");
        }
    }
}
