//! Folders called `key=value`: above the datasource's folder they say where it is kept; below it they tell
//! columns, but none that the reports have themselves.

use std::path::Path;

use serde_json::{Value, json};

use super::{health, notices, reports};
use crate::support::{Host, duckdb};

const ROWS: &str = "SELECT 202601::INTEGER AS week, unnest(['a', 'b']) AS pattern, unnest(['web', 'batch']) AS agent, unnest([1.0, 200.0])::DOUBLE AS p95_ms";

async fn over(folder: &Path, more: &Value) -> Host {
    Host::start(folder, more).await
}

fn write(folder: &Path, select: &str) {
    std::fs::create_dir_all(folder).unwrap();
    duckdb(&format!("COPY ({select}) TO '{}/part-0.parquet' (FORMAT parquet)", folder.display()));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_above_the_folder_says_nothing_of_the_reports() {
    let root = tempfile::tempdir().unwrap();
    for key in ["week=202610", "agent=all", "pattern=x", "p95_ms=7", "env=prod", "WEEK=1/agent=2"] {
        let folder = root.path().canonicalize().unwrap().join(key).join("reports");
        reports(&folder, &[(202_601, ROWS), (202_602, &ROWS.replace("202601", "202602"))]);
        let host = over(&folder, &json!({})).await;
        let expected = [
            "202601 | a | web | 1.0",
            "202601 | b | batch | 200.0",
            "202602 | a | web | 1.0",
            "202602 | b | batch | 200.0",
        ];
        for source in [
            "perf_all_weeks".to_owned(),
            format!("'{}/*.parquet'", folder.display()),
            format!("read_parquet('{}/*.parquet')", folder.display()),
            format!(
                "read_parquet(['{0}/query_perf_weekly_202601.parquet', '{0}/query_perf_weekly_202602.parquet'])",
                folder.display()
            ),
            "'*.parquet'".to_owned(),
        ] {
            let sql = format!("SELECT week, pattern, agent, p95_ms FROM {source} ORDER BY ALL");
            assert_eq!(host.rows(&sql).await, expected, "{key}: {sql}");
            let columns = format!("SELECT count(*) FROM (DESCRIBE FROM {source})");
            let count = if source == "perf_all_weeks" { "8" } else { "4" };
            assert_eq!(host.rows(&columns).await, [count], "{key}: {columns}");
        }
        let said = health(&host).await;
        assert!(!said.contains("names of folders"), "{said}");
        // A person's wish is done, and told of.
        let sql = format!(
            "FROM read_parquet('{}/*.parquet', hive_partitioning = true) WHERE true",
            folder.display()
        );
        let answer = host.ask(&sql, "table").await;
        let told =
            notices(&answer).iter().any(|notice| notice.contains("is what the names of the folders say"));
        assert_eq!(told, key != "env=prod", "{key}: {:?}", notices(&answer));
        host.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_below_tells_columns_that_the_reports_lack() {
    let root = tempfile::tempdir().unwrap();
    let folder = root.path().canonicalize().unwrap().join("env=above").join("reports");
    for (env, day, week) in [
        ("prod", "2026-01-05", 202_601),
        ("de%20v", "2026-01-06", 202_602),
        ("__HIVE_DEFAULT_PARTITION__", "2026-01-07", 202_603),
    ] {
        write(
            &folder.join(format!("env={env}/day={day}/n={week}")),
            &ROWS.replace("202601", &week.to_string()),
        );
    }
    let host = over(&folder, &json!({ "reports": "**/*.parquet" })).await;
    let rows = host.rows("SELECT DISTINCT week, env, day::VARCHAR, n, typeof(n), typeof(day) FROM perf_all_weeks ORDER BY week").await;
    assert_eq!(
        rows,
        [
            "202601 | prod | 2026-01-05 | 202601 | BIGINT | DATE",
            "202602 | de v | 2026-01-06 | 202602 | BIGINT | DATE",
            "202603 | NULL | 2026-01-07 | 202603 | BIGINT | DATE",
        ]
    );
    for condition in ["env = 'prod'", "n = 202601", "day = '2026-01-05'", "week = 202601"] {
        let rows = host
            .rows(&format!("SELECT pattern, p95_ms FROM perf_all_weeks WHERE {condition} ORDER BY 1"))
            .await;
        assert_eq!(rows, ["a | 1.0", "b | 200.0"], "{condition}");
    }
    // A report that comes later is read as the others are.
    write(&folder.join("env=new/day=2026-01-08/n=202604"), &ROWS.replace("202601", "202604"));
    assert_eq!(host.rows("SELECT DISTINCT week FROM perf_all_weeks WHERE env = 'new'").await, ["202604"]);
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_reports_own_columns_win() {
    let root = tempfile::tempdir().unwrap();
    let folder = root.path().canonicalize().unwrap();
    write(&folder.join("week=2026-W01"), ROWS);
    write(&folder.join("week=2026-W02"), &ROWS.replace("202601", "202602"));
    let host = over(&folder, &json!({ "reports": "week=*/part-*.parquet" })).await;
    let expected = ["202601 | a", "202601 | b", "202602 | a", "202602 | b"];
    for source in [
        "perf_all_weeks",
        "'*/*.parquet'",
        "read_parquet('week=*/*.parquet')",
        "read_parquet('**/*.parquet')",
    ] {
        let answer = host.ask(&format!("SELECT week, pattern FROM {source} ORDER BY ALL"), "table").await;
        assert_eq!(answer.error, None, "{source}");
        assert_eq!(crate::support::rows(&answer), expected, "{source}");
        let told = notices(&answer).iter().any(|notice| notice.contains("`week=…`"));
        assert_eq!(told, source != "perf_all_weeks", "{source}: {:?}", notices(&answer));
    }
    let said = health(&host).await;
    assert!(said.contains("`week=` in the names of folders is not read for reports that have a column `week` themselves, such as `week=2026-W01/part-0.parquet`"), "{said}");
    let asked = host
        .rows("SELECT DISTINCT week FROM read_parquet('*/*.parquet', hive_partitioning = true) ORDER BY 1")
        .await;
    assert_eq!(asked, ["2026-W01", "2026-W02"]);
    host.stop().await;
}

/// Spark leaves the columns that folders tell out of the files.
#[tokio::test(flavor = "multi_thread")]
async fn a_week_that_only_the_folder_tells() {
    let root = tempfile::tempdir().unwrap();
    let folder = root.path().canonicalize().unwrap();
    write(&folder.join("week=202601"), "SELECT 'a' AS pattern, 1.0::DOUBLE AS p95_ms");
    write(&folder.join("week=202602"), "SELECT 'b' AS pattern, 2.0::DOUBLE AS p95_ms");
    let host = over(&folder, &json!({ "reports": "*/*.parquet" })).await;
    let sql = "SELECT week, pattern, typeof(week) FROM perf_all_weeks ORDER BY week";
    assert_eq!(host.rows(sql).await, ["202601 | a | INTEGER", "202602 | b | INTEGER"]);
    let own = "SELECT week, pattern FROM '*/*.parquet' ORDER BY week";
    assert_eq!(host.rows(own).await, ["202601 | a", "202602 | b"]);
    // One report has it itself.
    write(&folder.join("week=202603"), "SELECT 202613 AS week, 'c' AS pattern, 3.0::DOUBLE AS p95_ms");
    assert_eq!(
        host.rows(sql).await,
        ["202601 | a | INTEGER", "202602 | b | INTEGER", "202613 | c | INTEGER"]
    );
    host.stop().await;
}

/// However it is written, a folder is one, and so is a folder in it where the pattern goes through any depth.
#[tokio::test(flavor = "multi_thread")]
async fn a_report_counts_once_however_often_its_folder_is_named() {
    let root = tempfile::tempdir().unwrap();
    let root = root.path().canonicalize().unwrap();
    let (folder, below, link) = (root.join("a"), root.join("a/below"), root.join("link"));
    reports(&folder, &[(202_601, ROWS)]);
    reports(&below, &[(202_602, ROWS.replace("202601", "202602").as_str())]);
    std::os::unix::fs::symlink(&folder, &link).unwrap();
    for (more, expected) in [
        (json!({ "paths": [folder, format!("{}/./", folder.display()), link] }), "2"),
        (json!({ "paths": [below, link], "reports": "**/query_perf_weekly_*.parquet" }), "4"),
        (json!({ "paths": [below] }), "4"),
    ] {
        let host = over(&folder, &more).await;
        assert_eq!(host.rows("SELECT count(*) FROM perf_all_weeks").await, [expected], "{more}");
        host.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_folder_tells_a_column_in_any_case() {
    let root = tempfile::tempdir().unwrap();
    for (folder, pattern) in [("week=202601/Agent=web", "a"), ("WEEK=2026-W02/agent=batch", "b")] {
        write(&root.path().join(folder), &format!("SELECT '{pattern}' AS pattern, 1.5 AS p95_ms"));
    }
    let host = over(root.path(), &json!({ "reports": "**/*.parquet" })).await;
    let rows = host.rows("SELECT week, agent, pattern FROM perf_all_weeks ORDER BY 1").await;
    assert_eq!(rows, ["202601 | web | a", "202602 | batch | b"]);
    host.stop().await;
}
