//! Lists the current reports for the broker: it only lists folders, without a worker and without opening a
//! file.

use std::io;
use std::path::Path;

use globset::{GlobBuilder, GlobMatcher};
use rustix::io::Errno;

use super::pattern::is_written_or_asked;
use super::reach::Reach;
use super::resolve::Datasource;
use crate::reports::{ReportFile, sort_reports};

/// The most entries that are examined in all folders together.
const MOST_ENTRIES: usize = 100_000;
/// The greatest depth to which a `**` descends.
const DEEPEST: usize = 16;

impl Datasource {
    /// Returns the files that match `reports`, oldest week first, without temporary files. Blocks while it
    /// lists.
    ///
    /// # Errors
    /// An error if an existing folder cannot be listed, or if the folders have more than [`MOST_ENTRIES`]
    /// entries: a part of the reports would look like all of them.
    pub fn report_files(&self) -> io::Result<Vec<ReportFile>> {
        // DuckDB gives braces no special meaning.
        let pattern = self.reports.replace('{', "[{]").replace('}', "[}]");
        let glob = GlobBuilder::new(&pattern).literal_separator(true).build();
        let glob =
            glob.map_err(|error| io::Error::new(io::ErrorKind::InvalidInput, error))?.compile_matcher();
        let parts = pattern.split('/').filter(|part| !part.is_empty()).count();
        let depth = if pattern.contains("**") { DEEPEST } else { parts };
        let reach = Reach::of(self);
        let mut search =
            Search { pattern: self.reports.clone(), glob, reach, found: Vec::new(), left: MOST_ENTRIES };
        for folder in self.report_folders() {
            search.list(folder, Path::new(""), depth)?;
        }
        Ok(sort_reports(search.found))
    }
}

/// Returns whether a pattern skips a folder that cannot be listed for this reason: it does not exist, or may
/// not be read.
pub(crate) fn passes_by(error: &io::Error) -> bool {
    [Errno::NOENT, Errno::NOTDIR, Errno::ACCESS, Errno::PERM, Errno::LOOP, Errno::NAMETOOLONG, Errno::INVAL]
        .iter()
        .any(|number| error.raw_os_error() == Some(number.raw_os_error()))
}

struct Search {
    pattern: String,
    glob: GlobMatcher,
    reach: Reach,
    found: Vec<String>,
    left: usize,
}

impl Search {
    /// Searches `folder`, whose path relative to the pattern's start is `inside`.
    fn list(&mut self, folder: &Path, inside: &Path, depth: usize) -> io::Result<()> {
        let entries = match std::fs::read_dir(folder) {
            Err(error) if passes_by(&error) => return Ok(()),
            entries => entries?,
        };
        for entry in entries {
            let entry = entry?;
            let too_many = || io::Error::other(format!("more than {MOST_ENTRIES} entries"));
            self.left = self.left.checked_sub(1).ok_or_else(too_many)?;
            let name = inside.join(entry.file_name());
            if self.glob.is_match(&name) && !is_written_or_asked(&name, &self.pattern) {
                continue;
            }
            if self.glob.is_match(&name) {
                // A link that leads outside is not read by any query.
                if entry.file_type().is_ok_and(|kind| kind.is_symlink())
                    && !self.reach.has_file(&entry.path())
                {
                    continue;
                }
                self.found.push(name.to_string_lossy().into_owned());
            } else if depth > 1 && entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                self.list(&entry.path(), &name, depth - 1)?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::{LocalSettings, Policy, resolve};

    #[test]
    fn reports_are_found_as_the_pattern_says() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["2026/a_202601.parquet", "2026/deep/b_202602.parquet", "c_202653.parquet", "d.csv"] {
            let path = folder.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, "").unwrap();
        }
        std::fs::write(folder.path().join("tmp_c_202701.parquet"), "").unwrap();
        for (link, target) in
            [("out_202702", "/etc/passwd"), ("out_202703", "/nowhere"), ("lost_202704", "x")]
        {
            std::os::unix::fs::symlink(target, folder.path().join(format!("{link}.parquet"))).unwrap();
        }
        std::os::unix::fs::symlink("2026/a_202601.parquet", folder.path().join("e_202654.parquet")).unwrap();
        for (pattern, expected) in [
            ("*.parquet", &["e_202654.parquet", "c_202653.parquet"][..]),
            ("2026/*.parquet", &["2026/a_202601.parquet"]),
            ("*/*.parquet", &["2026/a_202601.parquet"]),
            (
                "**/*.parquet",
                &[
                    "e_202654.parquet",
                    "2026/a_202601.parquet",
                    "2026/deep/b_202602.parquet",
                    "c_202653.parquet",
                ],
            ),
            ("{c,d}*", &[]),
            ("[a-c]_20265?.parquet", &["c_202653.parquet"]),
        ] {
            let json = serde_json::json!({ "path": folder.path(), "reports": pattern }).to_string();
            let settings = LocalSettings::parse(json.as_bytes(), "").unwrap();
            let found = resolve(&settings, &Policy::default()).unwrap().report_files().unwrap();
            let names: Vec<&str> = found.iter().map(|report| report.name.as_str()).collect();
            assert_eq!(names, expected, "{pattern}");
        }
    }

    #[test]
    fn more_entries_than_are_looked_at_are_an_error() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["a_202601.parquet", "b_202602.parquet", "c_202603.parquet"] {
            std::fs::write(folder.path().join(name), "").unwrap();
        }
        let list = |left| {
            let glob = GlobBuilder::new("*.parquet").build().unwrap().compile_matcher();
            let json = serde_json::json!({ "path": folder.path() }).to_string();
            let settings = LocalSettings::parse(json.as_bytes(), "").unwrap();
            let reach = Reach::of(&resolve(&settings, &Policy::default()).unwrap());
            let mut search = Search { pattern: "**".to_owned(), glob, reach, found: Vec::new(), left };
            search.list(folder.path(), Path::new(""), 1).map(|()| search.found.len())
        };
        assert_eq!(list(3).unwrap(), 3);
        assert!(list(2).unwrap_err().to_string().contains("entries"));
    }
}
