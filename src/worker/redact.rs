//! Removes from messages what a Viewer must not learn: paths that are neither the datasource's nor in the
//! query itself.

use std::path::{Path, PathBuf};

use crate::error::{Detail, Error};
use crate::source::{Datasource, OPENED_BY_SAVE_AND_TEST};

const ELSEWHERE: &str = "(a path outside the datasource)";

/// Returns `error` with foreign paths in message, hint and detail replaced. `query` is the text that its
/// sender wrote, so the paths in it are known to the sender.
pub(super) fn redact(error: Error, datasource: &Datasource, query: &str) -> Error {
    let above = datasource.above();
    let known = |path: &str| {
        let mut roots = datasource.folders.iter().chain(&datasource.databases);
        // Relative paths start at the base path, but not everything below it belongs to the datasource.
        query.contains(path)
            || above.iter().chain([&datasource.base_path]).any(|base| base == Path::new(path))
            || roots.any(|root: &PathBuf| belongs(path, root))
            || datasource.is_beside(Path::new(path))
    };
    let message = without_foreign_paths(&error.message, &known);
    let hint = error.hint.map(|hint| without_foreign_paths(&hint, &known));
    let shown = |path: &str| without_foreign_paths(&format!("`{path}`"), &known).trim_matches('`').to_owned();
    let detail = error.detail.map(|detail| match detail {
        Detail::NoFiles { pattern } => Detail::NoFiles { pattern: shown(&pattern) },
        Detail::Refused { path } => Detail::Refused { path: shown(&path) },
        Detail::NoTable { name } => Detail::NoTable { name: shown(&name) },
        other @ (Detail::ViewAltered | Detail::RangeEnd(_)) => other,
    });
    // The path comes from a view, and its sender did not write it.
    if let Some(rest) = message.strip_prefix(&format!("`{ELSEWHERE}` is outside")) {
        let message = format!("a path that a view of the database file reads is outside{rest}");
        return Error { message, hint: Some(OPENED_BY_SAVE_AND_TEST.to_owned()), detail, ..error };
    }
    Error { message, hint, detail, ..error }
}

/// Returns whether `path` is `root`, below it, or a file beside it such as a database's write-ahead log.
fn belongs(path: &str, root: &Path) -> bool {
    let root = root.to_string_lossy();
    let lies = root.trim_end_matches('/');
    path.strip_prefix(lies)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with('/') || rest.starts_with(".wal"))
        && !Path::new(path).components().any(|part| part == std::path::Component::ParentDir)
}

/// Returns `text` with every absolute path replaced that is not `known`. A path starts with `/` at the start
/// of a word. It ends at the quotation mark with which it began, or with the word.
fn without_foreign_paths(text: &str, known: &impl Fn(&str) -> bool) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('/') {
        let (before, from) = rest.split_at(at);
        out.push_str(before);
        let previous = out.chars().next_back();
        let is_address =
            ["http:", "https:"].iter().any(|scheme| out.ends_with(scheme)) && from.starts_with("//");
        let starts = !is_address && previous.is_none_or(|c| c.is_whitespace() || "\"'`([=:,".contains(c));
        let quote = previous.filter(|c| "\"'`".contains(*c));
        let end = match quote {
            Some(quote) => from.find(quote),
            None => from.find(|c: char| c.is_whitespace() || "\"'`)],;".contains(c)),
        };
        let path = from.get(..end.unwrap_or(from.len())).unwrap_or(from);
        let bare = path.trim_end_matches(['.', ':']);
        if !starts || !bare.contains(|c: char| c.is_alphanumeric()) || known(bare) {
            out.push('/');
            rest = from.get(1..).unwrap_or_default();
            // The rest of a known path is not looked at again.
            if starts {
                out.push_str(path.get(1..).unwrap_or_default());
                rest = from.get(path.len().max(1)..).unwrap_or_default();
            }
            continue;
        }
        out.push_str(ELSEWHERE);
        rest = from.get(bare.len()..).unwrap_or_default();
    }
    out.push_str(rest);
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::{LocalSettings, Policy, resolve};

    /// Relative paths may start at the base path, but the files there are foreign all the same.
    #[test]
    fn a_base_path_makes_nothing_known_but_itself() {
        let folder = tempfile::tempdir().unwrap();
        let reports = folder.path().canonicalize().unwrap();
        for base in ["/", "/usr"] {
            let json = serde_json::json!({ "path": reports, "basePath": base }).to_string();
            let settings = LocalSettings::parse(json.as_bytes(), "").unwrap();
            let datasource = resolve(&settings, &Policy::default()).unwrap();
            let text = format!("\"/usr/x\" and {}/a.parquet from {base}", reports.display());
            let error = redact(Error::bad_query(text.clone()).hint("Look at `/usr/y`"), &datasource, "");
            assert_eq!(error.message, text.replace("/usr/x", ELSEWHERE), "{base}");
            assert_eq!(error.hint.unwrap(), format!("Look at `{ELSEWHERE}`"), "{base}");
        }
    }

    #[test]
    fn a_path_that_only_a_view_names_is_told_as_one() {
        let folder = tempfile::tempdir().unwrap();
        let json = serde_json::json!({ "path": folder.path() }).to_string();
        let datasource =
            resolve(&LocalSettings::parse(json.as_bytes(), "").unwrap(), &Policy::default()).unwrap();
        let error = Error::from(crate::source::Reach::of(&datasource).why_outside("/far/x.parquet"));
        let told = redact(error.clone(), &datasource, "FROM v");
        assert_eq!(
            told.message,
            "a path that a view of the database file reads is outside of the datasource's folders and files"
        );
        assert!(told.hint.unwrap().contains("Save & test"));
        assert_eq!(redact(error.clone(), &datasource, "FROM '/far/x.parquet'"), error);
    }

    /// The broker makes sentences from the detail.
    #[test]
    fn a_foreign_path_is_replaced_in_the_detail_too() {
        let folder = tempfile::tempdir().unwrap();
        let json = serde_json::json!({ "path": folder.path() }).to_string();
        let datasource =
            resolve(&LocalSettings::parse(json.as_bytes(), "").unwrap(), &Policy::default()).unwrap();
        for (path, shown) in [("/far/x y.parquet", ELSEWHERE), ("near/x.parquet", "near/x.parquet")] {
            for detail in [
                |path: &str| Detail::NoFiles { pattern: path.to_owned() },
                |path: &str| Detail::Refused { path: path.to_owned() },
            ] {
                let error = Error::bad_query("no").detail(detail(path));
                assert_eq!(redact(error.clone(), &datasource, "FROM v").detail, Some(detail(shown)));
                assert_eq!(redact(error, &datasource, &format!("FROM '{path}'")).detail, Some(detail(path)));
            }
        }
    }

    /// Only the reports in a database file's folder belong to the datasource.
    #[test]
    fn beside_a_database_file_only_reports_are_named() {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path().canonicalize().unwrap();
        std::fs::write(folder.join("perf.duckdb"), "").unwrap();
        let json = serde_json::json!({ "path": folder.join("perf.duckdb") }).to_string();
        let datasource =
            resolve(&LocalSettings::parse(json.as_bytes(), "").unwrap(), &Policy::default()).unwrap();
        for (name, is_named) in [
            ("query_perf_weekly_202601.parquet", true),
            ("query_perf_weekly_*.parquet", true),
            ("perf.duckdb.wal", true),
            ("tmp_perf.duckdb", false),
            ("secret.csv", false),
            ("sub/query_perf_weekly_202601.parquet", false),
        ] {
            let text = format!("Cannot open \"{}\"", folder.join(name).display());
            let told = redact(Error::bad_query(text.clone()), &datasource, "").message;
            assert_eq!(told == text, is_named, "{told}");
        }
    }

    #[test]
    fn only_foreign_paths_are_replaced() {
        let known = |path: &str| belongs(path, Path::new("/data/reports")) || path == "/asked/for";
        for (text, expected) in [
            (
                "IO Error: Cannot open \"/tmp/duckdb-perf-7/w/x.tmp\": No space",
                "IO Error: Cannot open \"(a path outside the datasource)\": No space",
            ),
            ("Cannot access \"/asked/for\"", "Cannot access \"/asked/for\""),
            ("no file /data/reports/a.parquet here", "no file /data/reports/a.parquet here"),
            ("`/data/reports/../x`", "`(a path outside the datasource)`"),
            ("/data/reports2 or /data", "(a path outside the datasource) or (a path outside the datasource)"),
            (
                "See also https://duckdb.org/docs, (/x)",
                "See also https://duckdb.org/docs, ((a path outside the datasource))",
            ),
            ("1/2 and a / b and application/json", "1/2 and a / b and application/json"),
            ("path: /home/x y.", "path: (a path outside the datasource) y."),
            ("with blanks '/home/my files/x'!", "with blanks '(a path outside the datasource)'!"),
        ] {
            assert_eq!(without_foreign_paths(text, &known), expected);
        }
    }
}
