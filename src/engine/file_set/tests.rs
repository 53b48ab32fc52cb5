//! Compares our listing with that of DuckDB.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::PathBuf;

use duckdb::Connection;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

use super::super::sql_text;
use crate::source::{LocalSettings, Policy, Reach, resolve};

fn reach(folder: &std::path::Path) -> Reach {
    let json = serde_json::json!({ "path": folder }).to_string();
    Reach::of(&resolve(&LocalSettings::parse(json.as_bytes(), "").unwrap(), &Policy::default()).unwrap())
}

/// Returns the files that match `pattern`, as DuckDB lists them.
fn listed(connection: &Connection, pattern: &str) -> Vec<PathBuf> {
    let sql = format!("SELECT file FROM glob({}) ORDER BY file", sql_text(pattern));
    let mut statement = connection.prepare(&sql).unwrap();
    let files = statement.query_map([], |row| row.get::<_, String>(0)).unwrap();
    files.map(|file| file.unwrap().into()).collect()
}

fn found(reach: &Reach, pattern: &str) -> Vec<PathBuf> {
    let findings = reach.find(pattern).unwrap();
    assert!(findings.astray.iter().all(|astray| !astray.is_forbidden()), "{pattern}: {findings:?}");
    assert!(findings.files.iter().all(|file| file.look.is_some()), "{pattern}");
    let mut files: Vec<_> = findings.files.into_iter().map(|file| file.path).collect();
    files.sort_unstable_by(|one, other| one.as_os_str().cmp(other.as_os_str()));
    files
}

/// Every file that DuckDB lists must be in our listing, otherwise a mixture of old and new files could go
/// unnoticed.
#[test]
fn we_list_what_duckdb_lists() {
    let root = tempfile::tempdir().unwrap();
    let folder = root.path().canonicalize().unwrap().join("f");
    for inner in ["", "d", "d/d", "a", "[a]", "d/ab"] {
        fs::create_dir_all(folder.join(inner)).unwrap();
        for name in [
            "a.csv", "b.csv", ".c.csv", "ä.csv", "a.CSV", "a.csv.gz", "*.csv", "x y.csv", "aab.csv", "-",
            "]", "[b].csv", "!", "a-c",
        ] {
            fs::write(folder.join(inner).join(name), "").unwrap();
        }
    }
    fs::create_dir(folder.join("e.csv")).unwrap();
    for (name, target) in [
        ("link.csv", "a.csv"),
        ("l", "d"),
        ("d/up", ".."),
        ("lost.csv", "none"),
        ("o.csv", "o.csv"),
        ("l.csv", "d"),
    ] {
        symlink(target, folder.join(name)).unwrap();
    }
    let reach = reach(&folder);
    let connection = Connection::open_in_memory().unwrap();
    let same = |pattern: &str| {
        let path = format!("{}/{pattern}", folder.display());
        assert_eq!(found(&reach, &path), listed(&connection, &path), "{pattern}");
    };
    for pattern in [
        "*.csv",
        "?.csv",
        "*",
        "a*",
        "*a*",
        "a?b*",
        "??.csv",
        "*.*",
        "*.csv*",
        "*b.c?v",
        "?",
        "*?",
        "none*",
        "aa*b*",
        "[ab].csv",
        "[!a].csv",
        "[]]",
        "[]-a]",
        "[a-c].csv",
        "[!]",
        "[",
        "a[",
        "[[]b].csv",
        "[a-",
        "[--a]",
        "**",
        "**/*",
        "**/a.csv",
        "d/**",
        "d/**/a*",
        "*/**/a.csv",
        "*/a.csv",
        "*/*",
        "*/*/*",
        "l*/a.csv",
        "d/*/a.csv",
        "d/up/*",
        "*/up/*/a.csv",
        "[a]/*",
        "[a]/a.csv",
        "*/../a.csv",
        "./*.csv",
        "d//*.csv",
        "a**b",
        "**.csv",
        "*/",
        "e.csv/*",
        "l.csv/*",
        "**/up/a.csv",
        "*/none",
    ] {
        same(pattern);
    }
    // Without `..`, which the gate refuses after a name.
    let part = prop::sample::select(vec![
        "*", "?", "**", "a*", "*.csv", "[a-d]", "[!d]*", "d", "l", "up", ".", "a.csv", "[]a]*", "?*", "[a",
    ]);
    let patterns = prop::collection::vec(part, 1..5);
    let mut runner = TestRunner::new(Config { cases: 400, failure_persistence: None, ..Config::default() });
    runner
        .run(&patterns, |parts| {
            // DuckDB refuses a pattern with two `**`.
            let crawls = parts.iter().filter(|part| **part == "**").count();
            let is_pattern = parts.iter().any(|part| part.contains(['*', '?', '[']));
            if is_pattern && crawls < 2 {
                same(&parts.join("/"));
            }
            Ok(())
        })
        .unwrap();
}

/// Prints what one file set costs; each query takes two. No time is asserted, because machines differ.
#[test]
fn five_years_of_reports_are_all_looked_at() {
    let folder = tempfile::tempdir().unwrap();
    for week in 0..260 {
        fs::write(folder.path().join(format!("query_perf_weekly_{week}.parquet")), "").unwrap();
    }
    let folder = folder.path().canonicalize().unwrap();
    let path = format!("{}/query_perf_weekly_*.parquet", folder.display());
    let reach = reach(&folder);
    let quickest = (0..50).map(|_| {
        let since = std::time::Instant::now();
        assert_eq!(reach.find(&path).unwrap().files.len(), 260);
        since.elapsed()
    });
    let quickest = quickest.min().unwrap();
    println!("260 reports: {quickest:?}");
}
