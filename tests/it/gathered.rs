//! What counts as a report: folders of parts, links, files whose names end otherwise. None is missing without
//! a word.

use std::os::unix::fs::symlink;
use std::path::Path;

use serde_json::json;
use tempfile::TempDir;

use crate::export::get;
use crate::support::{Host, duckdb, encode, meta, report_name, rows, settings};

const WEEKS: &str =
    "SELECT string_agg(DISTINCT week::VARCHAR, ',' ORDER BY week::VARCHAR) FROM perf_all_weeks";

/// Writes a report of one row at `path` below `folder`.
fn write(folder: &Path, path: &str, week: u32) {
    let file = folder.join(path);
    std::fs::create_dir_all(file.parent().unwrap()).unwrap();
    let aside = folder.join(".aside");
    duckdb(&format!(
        "COPY (SELECT {week}::INTEGER AS week, 'a' AS pattern, 5::BIGINT AS samples, 1.5::DOUBLE AS p95_ms) TO '{}' (FORMAT parquet)",
        aside.display()
    ));
    std::fs::rename(aside, file).unwrap();
}

fn part(week: u32, name: &str) -> String {
    format!("{}/{name}", report_name(week))
}

/// The rows and the notices of an answer.
async fn ask(host: &Host, sql: &str) -> (Vec<String>, String) {
    let answer = host.ask(sql, "table").await;
    assert_eq!(answer.error, None, "{sql}");
    let notices = meta(&answer)["notices"].as_array().cloned().unwrap_or_default();
    let texts: Vec<&str> = notices.iter().map(|notice| notice["text"].as_str().unwrap()).collect();
    (rows(&answer), texts.join("\n"))
}

async fn health(host: &Host) -> (bool, String) {
    let health = host.plugin.health(&host.settings).await.unwrap();
    (
        health.ok,
        format!("{} {}", health.message, health.details["verboseMessage"].as_str().unwrap_or_default()),
    )
}

fn folder() -> TempDir {
    tempfile::tempdir().unwrap()
}

/// As Spark, dask and parallel writers of DuckDB make them.
#[tokio::test(flavor = "multi_thread")]
async fn a_folder_in_a_reports_place_is_read() {
    for with_a_file in [false, true] {
        let folder = folder();
        let at = folder.path();
        write(at, &part(202_601, "part-0.parquet"), 202_601);
        write(at, &part(202_601, "part-1.snappy.parquet"), 202_601);
        write(at, &part(202_602, "deep/er/data_0.PARQUET"), 202_602);
        // What writers leave beside their parts.
        for name in ["_SUCCESS", "_metadata", "._SUCCESS.crc", ".part-0.parquet.crc", "notes.txt"] {
            std::fs::write(at.join(part(202_601, name)), "x").unwrap();
        }
        write(at, &part(202_601, "_temporary/0/part-9.parquet"), 202_609);
        write(at, &part(202_601, ".hidden/part-9.parquet"), 202_609);
        let mut expected = "202601,202602".to_owned();
        if with_a_file {
            write(at, &report_name(202_603), 202_603);
            expected.push_str(",202603");
        }
        let host = Host::start(at, &json!({})).await;
        assert_eq!(ask(&host, WEEKS).await, (vec![expected.clone()], String::new()));
        let counted = "SELECT count(*) FROM perf_all_weeks WHERE week = 202601";
        assert_eq!(ask(&host, counted).await.0, ["2"]);
        let (ok, said) = health(&host).await;
        assert!(ok && said.contains(&format!("{} reports", if with_a_file { 4 } else { 3 })), "{said}");
        // By its name it is the same report.
        for source in
            ["'@'", "read_parquet('@')", "parquet_scan(['@'])", "read_parquet('@', union_by_name = true)"]
        {
            let source = source.replace('@', &report_name(202_601));
            let own = format!("SELECT string_agg(DISTINCT week::VARCHAR, ','), count(*) FROM {source}");
            let answer = host.ask(&own, "table").await;
            assert_eq!(
                (answer.error.clone(), rows(&answer)),
                (None, vec!["202601 | 2".to_owned()]),
                "{source}"
            );
        }
        // A pattern of a person's own matches no folder, and says so.
        let own = "SELECT count(*) FROM read_parquet('query_*.parquet')";
        let told = host.ask(own, "table").await;
        let told = told.error.clone().unwrap_or_else(|| meta(&told)["notices"].to_string());
        if with_a_file {
            assert!(told.contains("202601.parquet` is a folder, and a pattern matches no folder"), "{told}");
        } else {
            assert!(told.contains("No files found"), "{told}");
        }
        // Another part shows in the next query, from a cache, too.
        for number in 2..4 {
            write(at, &part(202_602, &format!("deep/er/data_{number}.parquet")), 202_610 + number);
            expected = format!("{expected},{}", 202_610 + number);
            assert_eq!(ask(&host, WEEKS).await, (vec![expected.clone()], String::new()));
        }
        let (status, body) =
            get(&host, &format!("export.csv?sql={}", encode("SELECT DISTINCT week FROM perf_all_weeks")))
                .await;
        assert_eq!((status, body.lines().count()), (200, expected.split(',').count() + 1), "{body}");
        host.stop().await;
    }
}

/// Each part once, however the pattern gets there; and nothing of a folder that merely matches `*`.
#[tokio::test(flavor = "multi_thread")]
async fn patterns_over_folders_of_parts() {
    let folder = folder();
    let at = folder.path();
    write(at, &part(202_601, "part-0.parquet"), 202_601);
    write(at, &format!("2025/{}", part(202_552, "part-0.parquet")), 202_552);
    write(at, "archive/old.parquet", 202_501);
    write(at, "one[1]/x.parquet/part-0.parquet", 202_401);
    let mut host = Host::start(at, &json!({})).await;
    for (pattern, weeks) in [
        ("query_perf_weekly_*.parquet", "202601"),
        ("query_perf_weekly_*.parquet/*.parquet", "202601"),
        ("**/*.parquet", "202401,202501,202552,202601"),
        ("**/query_perf_weekly_*", "202552,202601"),
        ("*/query_perf_weekly_*.parquet", "202552"),
        ("query_perf_weekly_202601.parquet", "202601"),
        ("one[[]1]/x*", "202401"),
    ] {
        host.settings = settings(at, &json!({ "reports": pattern }));
        let (found, notices) = ask(&host, WEEKS).await;
        assert_eq!((found, notices), (vec![weeks.to_owned()], String::new()), "{pattern}");
        let (_, said) = health(&host).await;
        assert!(said.contains(&format!(" {} report", weeks.split(',').count())), "{pattern}: {said}");
        let counted = "SELECT count(*) = count(DISTINCT week) FROM perf_all_weeks";
        assert_eq!(ask(&host, counted).await.0, ["true"], "{pattern}");
    }
    host.settings = settings(at, &json!({ "reports": "*" }));
    assert!(ask(&host, WEEKS).await.1.contains("holds no report"));
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_folder_without_parts_is_told() {
    let folder = folder();
    let at = folder.path();
    write(at, &report_name(202_602), 202_602);
    std::fs::create_dir(at.join(report_name(202_601))).unwrap();
    std::fs::write(at.join(part(202_601, "_SUCCESS")), "").unwrap();
    let host = Host::start(at, &json!({})).await;
    let (found, notices) = ask(&host, WEEKS).await;
    assert_eq!(found, ["202602"]);
    let says = "query_perf_weekly_202601.parquet` is a folder without a Parquet file";
    assert!(notices.contains(says) && notices.contains("Write the report into it"), "{notices}");
    let (ok, said) = health(&host).await;
    assert!(ok && said.contains(says), "{said}");
    host.stop().await;
}

/// Health's advice where nothing matches: the pattern that it names finds the reports.
#[tokio::test(flavor = "multi_thread")]
async fn the_pattern_that_health_proposes_matches() {
    let mut host = Host::start(Path::new("/nowhere"), &json!({})).await;
    for name in [
        "weekly_202601.parquet",
        "2026/weekly_202601.parquet",
        "a/b/c/x.parquet",
        "x.pq",
        "weekly_202601/part-0.parquet",
        "weekly.parquet/part-0.parquet",
    ] {
        let folder = folder();
        write(folder.path(), name, 202_601);
        host.settings = settings(folder.path(), &json!({}));
        let (ok, said) = health(&host).await;
        assert!(!ok && said.contains(&format!("such as `{name}`")), "{name}: {said}");
        let pattern =
            said.split("a pattern that matches them, such as `").nth(1).unwrap().split('`').next().unwrap();
        host.settings = settings(folder.path(), &json!({ "reports": pattern }));
        assert_eq!(ask(&host, WEEKS).await, (vec!["202601".to_owned()], String::new()), "{name}: {pattern}");
    }
    host.stop().await;
}

/// A link that is not read is told, with what to do; the reports beside it answer.
#[tokio::test(flavor = "multi_thread")]
async fn links_among_the_reports_are_read_or_told() {
    let root = folder();
    let (at, elsewhere) = (root.path().join("reports"), root.path().join("elsewhere"));
    write(&at, &report_name(202_602), 202_602);
    write(&at, "kept/2026.parquet", 202_603);
    write(&elsewhere, &report_name(202_601), 202_601);
    let outside = elsewhere.join(report_name(202_601));
    let link = at.join(report_name(202_601));
    let host = Host::start(&at, &json!({})).await;
    let named =
        format!("`{}` is a link that ", at.canonicalize().unwrap().join(report_name(202_601)).display());
    for (target, is_read, says) in [
        (Path::new("kept/2026.parquet"), true, ""),
        (Path::new("kept"), true, ""),
        (Path::new("nothing.parquet"), false, "leads to no file: nothing is at `"),
        (Path::new(&report_name(202_601)), false, "leads in a circle and to no file"),
        (Path::new("/nowhere/x.parquet"), false, "leads out of the datasource's folders"),
        (
            outside.as_path(),
            false,
            "name the folder behind the link under \"Add a folder or file\" (`paths`)",
        ),
        (elsewhere.as_path(), false, "leads out of the datasource's folders"),
    ] {
        symlink(target, &link).unwrap();
        let (found, notices) = ask(&host, WEEKS).await;
        let (ok, said) = health(&host).await;
        assert!(ok, "{said}");
        if is_read {
            assert_eq!((found, notices), (vec!["202602,202603".to_owned()], String::new()), "{target:?}");
        } else {
            assert_eq!(found, ["202602"], "{target:?}");
            assert!(notices.contains(&named) && notices.contains(says), "{target:?}: {notices}");
            assert!(said.contains(&named) && said.contains("log tells where it leads"), "{target:?}: {said}");
            let foreign = elsewhere.canonicalize().unwrap().display().to_string();
            assert!(!format!("{notices}{said}").contains(&foreign), "{notices} {said}");
            let pattern = "FROM 'query_perf_weekly_*.parquet'";
            let answer = host.ask(pattern, "table").await;
            let told = answer.error.clone().unwrap_or_else(|| meta(&answer)["notices"].to_string());
            assert!(told.contains("query_perf_weekly_202601.parquet` is a link that "), "{target:?}: {told}");
        }
        std::fs::remove_file(&link).unwrap();
    }
    // With the other folder among its own, the link is followed.
    symlink(&outside, &link).unwrap();
    let both = Host::start(&at, &json!({ "paths": [&elsewhere], "reports": "query_*_202601.parquet" })).await;
    assert_eq!(ask(&both, WEEKS).await, (vec!["202601".to_owned()], String::new()));
    both.stop().await;
    host.stop().await;
}

/// `**` follows no links, and says so where something is missed for it.
#[tokio::test(flavor = "multi_thread")]
async fn linked_folders_under_a_pattern_are_told() {
    let root = folder();
    let at = root.path().join("reports");
    write(&at, "in/now.parquet", 202_602);
    write(&at, "aside/then.parquet", 202_603);
    write(&root.path().join("archive"), "old.parquet", 202_501);
    let mut host = Host::start(&at, &json!({})).await;
    for (link, target, pattern, missed) in [
        ("in/old", "../../archive", "**/*.parquet", true),
        ("in/old", "../../nothing", "**/*.parquet", true),
        ("in/old", "../aside", "in/**/*.parquet", true),
        ("in/old", "../aside", "**/*.parquet", false),
        ("in/loop", ".", "**/*.parquet", false),
        ("in/notes.txt", "../../notes.txt", "**/*.parquet", false),
        ("in/.hidden", "../../archive", "**/*.parquet", false),
        ("old", "../archive", "*/*.parquet", true),
        ("loop", "loop", "*/*.parquet", true),
    ] {
        symlink(target, at.join(link)).unwrap();
        host.settings = settings(&at, &json!({ "reports": pattern }));
        let asked = format!("{link} -> {target}, {pattern}");
        let (found, notices) = ask(&host, WEEKS).await;
        assert!(found[0].contains("202602"), "{asked}: {found:?}");
        let name = format!("{}`", at.canonicalize().unwrap().join(link).display());
        assert_eq!(notices.contains(&name), missed, "{asked}: {notices}");
        assert_eq!(health(&host).await.1.contains(&name), missed, "{asked}");
        std::fs::remove_file(at.join(link)).unwrap();
    }
    host.stop().await;
}
