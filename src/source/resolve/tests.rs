//! What settings resolve to, and what is refused.

use super::*;
use crate::limits::MB;

fn resolved(json: &str) -> Result<Datasource> {
    resolve(&LocalSettings::parse(json.as_bytes(), "")?, &Policy::default())
}

#[test]
fn folders_databases_and_what_is_neither() {
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path().canonicalize().unwrap();
    std::fs::write(root.join("perf.duckdb"), b"x").unwrap();
    std::fs::write(root.join("notes.txt"), b"x").unwrap();
    let at = |name: &str| format!(r#"{{"path":"{}"}}"#, root.join(name).display());

    let folder = resolved(&at("")).unwrap();
    assert_eq!((&folder.folders[..], &folder.base_path), (&[root.clone()][..], &root));
    let file = resolved(&at("perf.duckdb")).unwrap();
    assert_eq!((file.databases.len(), &file.base_path), (1, &root));
    assert_eq!(resolved(&at("nix")).unwrap_err().kind, Kind::NotFound);
    assert!(resolved(&at("notes.txt")).unwrap_err().message.ends_with("(path) is not a folder"));
    assert!(resolved(r#"{"path":"reports"}"#).unwrap_err().message.contains("absolute"));
    assert!(resolved("{}").unwrap_err().message.contains("`path` is empty"));
}

/// Viewers read this message, too.
#[test]
fn a_refusal_says_the_link_and_not_where_it_leads() {
    let (dir, outside) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (root, outside) = (dir.path().canonicalize().unwrap(), outside.path().canonicalize().unwrap());
    let link = root.join("reports");
    std::os::unix::fs::symlink(&outside, &link).unwrap();
    let settings =
        LocalSettings::parse(serde_json::json!({ "path": link }).to_string().as_bytes(), "").unwrap();
    let policy = Policy { allowed_paths: vec![root], ..Policy::default() };
    let error = resolve(&settings, &policy).unwrap_err();
    let text = error.full_text();
    assert_eq!(error.kind, Kind::Forbidden, "{text}");
    assert!(text.starts_with(&format!("`{}` is outside", link.display())), "{text}");
    assert!(!text.contains(outside.to_str().unwrap()), "{text}");
}

#[test]
fn limits_take_the_smaller() {
    let dir = tempfile::tempdir().unwrap();
    let json = serde_json::json!({ "path": dir.path(), "timeoutSeconds": 60, "memoryLimitMb": 64 });
    let settings = LocalSettings::parse(json.to_string().as_bytes(), "").unwrap();
    let policy = Policy { timeout_seconds: Some(10), ..Policy::default() };
    let limits = resolve(&settings, &policy).unwrap().common.limits;
    assert_eq!((limits.timeout.as_secs(), limits.memory_bytes), (10, 64 * MB));
}

#[test]
fn a_glob_that_leaves_the_folder_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::create_dir(dir.path().join("a\\b")).unwrap();
    let json = serde_json::json!({ "path": dir.path().join("a\\b") }).to_string();
    assert!(resolved(&json).unwrap_err().full_text().contains("has a backslash in a name"));
    let json = serde_json::json!({ "path": dir.path(), "reports": "../*.parquet" }).to_string();
    assert!(resolved(&json).unwrap_err().message.contains("`reports`"));
}
