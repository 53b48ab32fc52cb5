//! What `duckdb-perf views` writes gives plain `DuckDB` what the plugin's own views give, or says where it
//! does not.

use std::path::Path;
use std::process::{Command, Output, Stdio};

use serde_json::Value;

use crate::support::{duckdb, executable};

const ROWS: &str = "SELECT week::VARCHAR AS week, pattern, p95_ms::VARCHAR AS p95, slow_flag::VARCHAR AS slow FROM perf_all_weeks ORDER BY ALL";

fn run(arguments: &[&str]) -> Output {
    Command::new(executable()).args(arguments).env("NO_COLOR", "1").stdin(Stdio::null()).output().unwrap()
}

fn good(arguments: &[&str]) -> (String, String) {
    let output = run(arguments);
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(0), "{stderr}");
    (String::from_utf8(output.stdout).unwrap(), stderr)
}

/// The rows that the plugin gives.
fn of_the_plugin(folder: &str) -> Vec<Vec<Option<String>>> {
    let (text, _) = good(&["query", "--format", "json", "--path", folder, "--reports", "**/*.parquet", ROWS]);
    let rows: Vec<Value> = serde_json::from_str(&text).unwrap();
    let columns = ["week", "pattern", "p95", "slow"];
    rows.iter().map(|row| columns.map(|name| row[name].as_str().map(str::to_owned)).to_vec()).collect()
}

/// The rows that plain `DuckDB` gives.
fn of_the_text(sql: &str) -> Vec<Vec<Option<String>>> {
    let connection = duckdb::Connection::open_in_memory().unwrap();
    connection.execute_batch(sql).unwrap();
    let mut statement = connection.prepare(ROWS).unwrap();
    let rows = statement.query_map([], |row| (0..4).map(|at| row.get(at)).collect()).unwrap();
    rows.collect::<Result<_, _>>().unwrap()
}

fn write(file: &Path, columns: &str) {
    std::fs::create_dir_all(file.parent().unwrap()).unwrap();
    duckdb(&format!("COPY (SELECT {columns}) TO '{}' (FORMAT parquet)", file.display()));
}

/// The reports of each folder, and whether later ones are in the views, too.
#[test]
fn written_views_read_as_the_plugin_does() {
    for (name, reports, are_later_read) in [
        ("weeks below", &[("week=2026-W01/r.parquet", "'a' AS pattern, 5.0 AS p95_ms")][..], true),
        (
            "weeks as text",
            &[
                ("1.parquet", "'2026-W01' AS week, 'a' AS pattern, 5.0 AS p95_ms"),
                ("2.parquet", "'2026-W02' AS week, 'a' AS pattern, 6.0 AS p95_ms"),
            ],
            true,
        ),
        (
            "weeks as dates",
            &[("1.parquet", "DATE '2026-01-05' AS week, 'a' AS pattern, 5.0 AS p95_ms")],
            true,
        ),
        (
            "weeks of two kinds",
            &[
                ("1.parquet", "202601 AS week, 'a' AS pattern, 5.0 AS p95_ms"),
                ("2.parquet", "'2026-W02' AS week, 'a' AS pattern, 6.0 AS p95_ms"),
            ],
            false,
        ),
        (
            "flags",
            &[
                ("1.parquet", "202601 AS week, 'a' AS pattern, 5.0 AS p95_ms, '1' AS slow_flag"),
                ("2.parquet", "202602 AS week, 'a' AS pattern, 5.0 AS p95_ms, 1.0::DOUBLE AS slow_flag"),
                ("3.parquet", "202603 AS week, 'a' AS pattern, 500.0 AS p95_ms, 0.0::DOUBLE AS slow_flag"),
                ("4.parquet", "202604 AS week, 'a' AS pattern, 500.0 AS p95_ms, false AS slow_flag"),
            ],
            false,
        ),
    ] {
        let folder = tempfile::tempdir().unwrap();
        for (file, columns) in reports {
            write(&folder.path().join(file), columns);
        }
        let path = folder.path().to_str().unwrap();
        let (sql, told) = good(&["views", "--path", path, "--reports", "**/*.parquet"]);
        let rows = of_the_text(&sql);
        assert_eq!(rows, of_the_plugin(path), "{name}: {told}");
        assert!(rows.len() == reports.len() && rows.iter().all(|row| row[0].is_some()), "{name}: {rows:?}");
        assert_eq!(
            !told.contains("reports that come later are not in them"),
            are_later_read,
            "{name}: {told}"
        );
        assert!(!told.contains("otherwise than the plugin"), "{name}: {told}");
    }
}

/// A link beside its report counts once, and a file without columns and a report that is a folder stop
/// nothing.
#[test]
fn links_empty_files_and_folders_are_read_as_the_plugin_reads_them() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let columns = "202601 AS week, 'a' AS pattern, 5.0 AS p95_ms";
    write(&at("query_perf_weekly_202601.parquet"), columns);
    write(&at("query_perf_weekly_202602.parquet/part-0.parquet"), &columns.replace("202601", "202602"));
    std::os::unix::fs::symlink(
        at("query_perf_weekly_202601.parquet"),
        at("query_perf_weekly_latest.parquet"),
    )
    .unwrap();
    let path = folder.path().to_str().unwrap();
    let (sql, told) = good(&["views", "--path", path, "--print"]);
    assert_eq!(of_the_text(&sql).len(), 2, "{told}");
    assert!(told.contains("reports that come later are not in them"), "{told}");
}

#[test]
fn what_is_written_says_how_it_is_used() {
    let folder = tempfile::tempdir().unwrap();
    let reports = folder.path().join("reports");
    write(&reports.join("query_perf_weekly_202601.parquet"), "202601 AS week, 'a' AS pattern, 5.0 AS p95_ms");
    let (file, path) = (folder.path().join("v.duckdb"), reports.to_str().unwrap());
    let file = file.to_str().unwrap();
    let (_, told) = good(&["views", file, "--path", path]);
    assert!(told.contains(&format!("--path {file} --path {path}")) && !told.contains("notice:"), "{told}");
    let sql = "SELECT week FROM perf_all_weeks";
    let (rows, _) = good(&["query", "--format", "csv", "--path", file, "--path", path, sql]);
    assert_eq!(rows, "week\r\n202601\r\n");
    let refused = run(&["query", "--path", file, sql]);
    let told = String::from_utf8(refused.stderr).unwrap();
    assert!(told.contains("under `--path`") && !told.contains("Save & test"), "{told}");
}
