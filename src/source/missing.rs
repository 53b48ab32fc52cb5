//! Says more of a pattern that matched nothing: that it is the reports', or where it would have matched.

use std::path::{Path, PathBuf};

use globset::GlobBuilder;

use super::Datasource;
use crate::error::{Error, Kind};

/// Entries of one folder that are looked at.
const MOST_ENTRIES: usize = 10_000;

/// Turns a "no files found" error over the reports into words about the datasource, and adds to one over a relative
/// pattern the folder above the base path from which it would match a file of the datasource, if there is one. What is
/// elsewhere is not told, not even that it is there. Other errors pass unchanged.
#[must_use]
pub fn explain_missing(error: Error, datasource: &Datasource) -> Error {
    let pattern = match error.message.split_once("match the pattern \"") {
        // Behind it may stand the line of SQL.
        Some((_, rest)) if error.kind == Kind::NotFound => {
            rest.lines().next().unwrap_or_default().trim_end_matches('"').to_owned()
        }
        _ => return error,
    };
    if datasource.report_globs().contains(&pattern) {
        let folder = pattern.strip_suffix(&datasource.reports).unwrap_or(&pattern).trim_end_matches('/');
        let message = format!("`{folder}` holds no report that matches `{}`", datasource.reports);
        return Error::new(Kind::NotFound, message)
            .hint("Check `path` and `reports` in the datasource's settings (`--path` and `--reports` on the command line), or wait for the first report");
    }
    if Path::new(&pattern).is_absolute() {
        return error;
    }
    let above =
        datasource.base_path.ancestors().skip(1).find(|above| matches(above, &pattern, &datasource.folders));
    match above {
        Some(folder) => error.hint(format!(
            "`{pattern}` matches from `{}`, but relative paths start at `{}`: set `basePath` in the datasource's settings to the former",
            folder.display(),
            datasource.base_path.display()
        )),
        None => error,
    }
}

/// Whether `pattern` (components with `*`, `?`, `[…]`), starting at `folder`, matches a file within one of `inside`.
/// `**` is not followed, and nothing outside of `inside` and the way there is looked at.
fn matches(folder: &Path, pattern: &str, inside: &[PathBuf]) -> bool {
    let mut found: Vec<PathBuf> = vec![folder.to_owned()];
    for part in pattern.split('/').filter(|part| !part.is_empty() && *part != ".") {
        if part == ".." || part == "**" {
            return false;
        }
        let Ok(glob) = GlobBuilder::new(part).literal_separator(true).build() else { return false };
        let glob = glob.compile_matcher();
        let is_plain = !part.contains(['*', '?', '[', '{']);
        found = found
            .iter()
            .flat_map(|folder| {
                if is_plain {
                    return vec![folder.join(part)];
                }
                let entries = std::fs::read_dir(folder).into_iter().flatten().take(MOST_ENTRIES);
                entries
                    .filter_map(Result::ok)
                    .filter(|entry| glob.is_match(entry.file_name()))
                    .map(|entry| entry.path())
                    .collect()
            })
            .filter(|path| inside.iter().any(|root| root.starts_with(path) || path.starts_with(root)))
            .take(MOST_ENTRIES)
            .collect();
    }
    found.iter().any(|path| inside.iter().any(|root| path.starts_with(root)) && path.exists())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reports_that_are_missing_are_told_in_the_words_of_the_settings() {
        use crate::source::{Policy, Settings, resolve};
        let dir = tempfile::tempdir().unwrap();
        let json = serde_json::json!({ "path": dir.path() }).to_string();
        let datasource = resolve(&Settings::parse(json.as_bytes(), "").unwrap(), &Policy::default()).unwrap();
        let glob = datasource.report_globs().remove(0);
        for behind in ["", "\n\nLINE 17:     SELECT * FROM read_parquet('x')\n               ^"] {
            let message = format!("IO Error: No files found that match the pattern \"{glob}\"{behind}");
            let error = explain_missing(Error::new(Kind::NotFound, message), &datasource);
            assert!(
                error.message.ends_with("holds no report that matches `query_perf_weekly_*.parquet`"),
                "{error:?}"
            );
        }
    }

    #[test]
    fn patterns_match_component_by_component() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(dir.path().join("g/reports")).unwrap();
        std::fs::write(dir.path().join("g/reports/query_perf_weekly_202601.parquet"), b"").unwrap();
        let reports = [dir.path().join("g/reports")];
        let found = |pattern: &str| matches(dir.path(), pattern, &reports);
        assert!(found("g/reports/query_perf_weekly_*.parquet"));
        assert!(found("./*/reports/*_202601.parquet"));
        assert!(!found("reports/*.parquet"));
        assert!(!found("g/../g/reports/*.parquet"));
        // What is not the datasource's is not told.
        std::fs::write(dir.path().join("secret.parquet"), b"").unwrap();
        std::fs::write(dir.path().join("g/secret.parquet"), b"").unwrap();
        assert!(!found("secret.parquet") && !found("*.parquet") && !found("g/*.parquet"));
    }
}
