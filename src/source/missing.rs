//! Says more of a pattern that matched nothing: that it is the reports', or where it would have matched.

use std::path::Path;

use super::{Datasource, Reach};
use crate::error::{Error, Kind};

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
    // Through any depth takes too long for a hint.
    let is_there = |above: &&Path| {
        let found = Reach::with_base(datasource, above).find(&pattern);
        found.is_ok_and(|found| found.astray.is_empty() && found.files.iter().any(|file| file.look.is_some()))
    };
    let mut above = datasource.base_path.ancestors().skip(1).filter(|_| !pattern.contains("**"));
    match above.find(is_there) {
        Some(folder) => error.hint(format!(
            "`{pattern}` matches from `{}`, but relative paths start at `{}`: set `basePath` in the datasource's settings to the former",
            folder.display(),
            datasource.base_path.display()
        )),
        None => error,
    }
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
    fn a_hint_tells_of_nothing_outside() {
        use crate::source::{Policy, Settings, resolve};
        let dir = tempfile::tempdir().unwrap();
        let folder = dir.path().canonicalize().unwrap().join("g/reports");
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(folder.join("query_perf_weekly_202601.parquet"), b"").unwrap();
        std::fs::write(dir.path().join("secret.parquet"), b"").unwrap();
        std::fs::write(dir.path().join("g/secret.parquet"), b"").unwrap();
        std::os::unix::fs::symlink(dir.path(), folder.join("out")).unwrap();
        let json = serde_json::json!({ "path": folder }).to_string();
        let datasource = resolve(&Settings::parse(json.as_bytes(), "").unwrap(), &Policy::default()).unwrap();
        let hint = |pattern: &str| {
            let message = format!("IO Error: No files found that match the pattern \"{pattern}\"");
            explain_missing(Error::new(Kind::NotFound, message), &datasource).hint
        };
        for pattern in ["g/reports/query_perf_weekly_*.parquet", "./reports/*_202601.parquet"] {
            assert!(hint(pattern).is_some_and(|hint| hint.contains("set `basePath`")), "{pattern}");
        }
        for pattern in [
            "2026/*.parquet",
            "secret.parquet",
            "*.parquet",
            "g/*.parquet",
            "g/secret.parquet",
            "reports/out/secret.parquet",
            "reports/o*/secret.parquet",
        ] {
            assert_eq!(hint(pattern), None, "{pattern}");
        }
    }
}
