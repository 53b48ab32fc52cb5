//! Explains why a pattern matched nothing.

use std::path::Path;

use super::reach::Reach;
use super::resolve::Datasource;
use super::words::{BASE_PATH, PATH, REPORTS};
use crate::error::{Detail, Error, Kind};

/// Explains a "no files found" error. For the reports, it speaks of the datasource's settings. For a relative
/// pattern, it adds where the pattern was searched, and the folder from which it would match a file of the
/// datasource, if any. DuckDB's error about a path outside is replaced by the plugin's own. Nothing is
/// revealed about files outside, not even whether they exist. Returns other errors unchanged.
#[must_use]
pub fn explain_missing(error: Error, datasource: &Datasource) -> Error {
    let pattern = match &error.detail {
        Some(Detail::Refused { path }) => {
            return Error { position: error.position, ..Reach::of(datasource).why_outside(path).into() };
        }
        Some(Detail::NoFiles { pattern }) => pattern.clone(),
        _ => return error,
    };
    if datasource.report_globs().contains(&pattern) {
        let folder = pattern.strip_suffix(&datasource.reports).unwrap_or(&pattern).trim_end_matches('/');
        let message = format!("`{folder}` holds no report that matches `{}`", datasource.reports);
        return Error::new(Kind::NotFound, message).hint(format!(
            "Check {PATH} and {REPORTS} in the datasource's settings, or wait for the first report"
        ));
    }
    let reach = Reach::of(datasource);
    let found = reach.find(&pattern).unwrap_or_default();
    if let Some(link) = found.astray.iter().find(|astray| astray.link().is_some()) {
        return Error { position: error.position, ..link.clone().into() };
    }
    if found.is_folder {
        return error.hint("That is a folder, and no such file is in it, nor in a folder below");
    }
    if !found.folders.is_empty() {
        // DuckDB allows only one `**`.
        let deep = if pattern.contains("**") { "" } else { "**/" };
        let all = format!("{}/{deep}*.parquet", pattern.trim_end_matches('/'));
        return error.hint(format!(
            "That is a folder and no file, as a job leaves it that writes several files: name those in it, `{all}`"
        ));
    }
    if Path::new(&pattern).is_absolute() {
        return error.hint("Check the path, and whether the file was written");
    }
    if let Some(right) = reach.right_base(&pattern) {
        let base = datasource.base_path.display();
        return error.hint(format!(
            "`{pattern}` matches from `{}`, but relative paths start at `{base}`: set {BASE_PATH} in the datasource's settings to `{}`",
            right.display(),
            right.display(),
        ));
    }
    let place = found.base.as_ref().unwrap_or(&datasource.base_path).join(&pattern);
    let above =
        if datasource.search.is_empty() { "" } else { ", or at a folder above from which they name reports" };
    let hint = format!(
        "It was looked for at `{}`: check the name, and whether the file was written. Relative paths start at `{}`{above}; {BASE_PATH} in the datasource's settings says where",
        place.display(),
        datasource.base_path.display()
    );
    error.hint(hint)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn no_files(pattern: &str) -> Error {
        let message = format!("IO Error: No files found that match the pattern \"{pattern}\"");
        Error::new(Kind::NotFound, message).detail(Detail::NoFiles { pattern: pattern.to_owned() })
    }

    #[test]
    fn reports_that_are_missing_are_told_in_the_words_of_the_settings() {
        use crate::source::{LocalSettings, Policy, resolve};
        let dir = tempfile::tempdir().unwrap();
        let json = serde_json::json!({ "path": dir.path() }).to_string();
        let datasource =
            resolve(&LocalSettings::parse(json.as_bytes(), "").unwrap(), &Policy::default()).unwrap();
        let glob = datasource.report_globs().remove(0);
        let error = explain_missing(no_files(&glob), &datasource);
        assert!(
            error.message.ends_with("holds no report that matches `query_perf_weekly_*.parquet`"),
            "{error:?}"
        );
        // The text of the message decides nothing.
        let told = Error { detail: None, ..no_files(&glob) };
        assert_eq!(explain_missing(told.clone(), &datasource), told);
    }

    #[test]
    fn a_hint_tells_of_nothing_outside() {
        use crate::source::{LocalSettings, Policy, resolve};
        let dir = tempfile::tempdir().unwrap();
        let folder = dir.path().canonicalize().unwrap().join("g/reports");
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(folder.join("query_perf_weekly_202601.parquet"), b"").unwrap();
        std::fs::write(dir.path().join("secret.parquet"), b"").unwrap();
        std::fs::write(dir.path().join("g/secret.parquet"), b"").unwrap();
        std::os::unix::fs::symlink(dir.path(), folder.join("out")).unwrap();
        let json = serde_json::json!({ "path": folder }).to_string();
        let datasource =
            resolve(&LocalSettings::parse(json.as_bytes(), "").unwrap(), &Policy::default()).unwrap();
        let hint = |pattern: &str| explain_missing(no_files(pattern), &datasource).hint;
        for pattern in ["g/reports/query_perf_weekly_*.parquet", "./reports/*_202601.parquet"] {
            assert!(
                hint(pattern).is_some_and(|hint| hint.contains("set \"Base path\" (`basePath`)")),
                "{pattern}"
            );
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
            // The hint is the same whether or not the file exists.
            let looked = format!("It was looked for at `{}/{pattern}`: check the name", folder.display());
            let told = hint(pattern).unwrap_or_default();
            assert!(told.starts_with(&looked) && !told.contains("matches from"), "{pattern}: {told}");
        }
    }
}
