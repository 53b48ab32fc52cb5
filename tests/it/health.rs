//! The health check reads like a diagnosis: each failure has its own sentence and remedy.

use std::os::unix::fs::PermissionsExt;

use serde_json::json;

use crate::confined::open_copy;
use crate::support::{Host, demo, duckdb, reports, settings};

#[tokio::test(flavor = "multi_thread")]
async fn a_good_folder() {
    let host = Host::start(&reports(), &json!({})).await;
    let health = host.plugin.health(&host.settings).await.unwrap();
    assert!(health.ok, "{health:?}");
    for part in ["DuckDB Perf 0.1.0 with DuckDB v2.0.0", "60 reports", "2026-W53"] {
        assert!(health.message.contains(part), "{}", health.message);
    }
    assert_eq!(health.details["reports"], 60);
    host.stop().await;
}

/// Files of one's own are no failure; whoever expects dashboards learns why they are empty.
#[tokio::test(flavor = "multi_thread")]
async fn columns_that_the_views_cannot_use_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let mut host = Host::start(&reports(), &json!({})).await;
    for (name, columns, said) in [
        (
            "without",
            "'a' AS pattern, 1.5 AS p95_ms",
            "No column `week` in `query_perf_weekly_202701.parquet`: ",
        ),
        ("iso", "'2027-W01' AS week, 'a' AS pattern, 1.5 AS p95_ms", "`week` is VARCHAR in "),
        ("bytes", "202701 AS week, 'a'::BLOB AS pattern, 1.5 AS p95_ms", "`pattern` is BLOB in "),
    ] {
        let own = folder.path().join(name);
        std::fs::create_dir(&own).unwrap();
        let file = own.join("query_perf_weekly_202701.parquet");
        duckdb(&format!("COPY (SELECT {columns}) TO '{}' (FORMAT parquet)", file.display()));
        host.settings = settings(&own, &json!({}));
        let health = host.plugin.health(&host.settings).await.unwrap();
        assert!(health.ok && health.message.contains(said), "{health:?}");
    }
    host.stop().await;
}

/// Jobs write it as text or as 0 and 1, too.
#[tokio::test(flavor = "multi_thread")]
async fn a_slow_flag_is_read_as_whatever_it_was_written() {
    for (written, read) in [("'true'", "true"), ("'false'", "false"), ("1", "true"), ("0::TINYINT", "false")]
    {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("query_perf_weekly_202701.parquet");
        duckdb(&format!(
            "COPY (SELECT 202701 AS week, 'a' AS pattern, 1 AS samples, 1.5 AS p95_ms, {written} AS slow_flag) TO '{}' (FORMAT parquet)",
            file.display()
        ));
        let host = Host::start(folder.path(), &json!({})).await;
        assert_eq!(host.rows("SELECT slow_flag FROM perf_all_weeks").await, [read], "{written}");
        assert_eq!(host.rows("SELECT bool_or(slow_flag) FROM perf_all_weeks").await, [read], "{written}");
        host.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn each_failure_has_its_sentence() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    for name in ["empty", "other", "broken", "foreign"] {
        std::fs::create_dir(at(name)).unwrap();
    }
    std::fs::write(at("file.txt"), "x").unwrap();
    std::fs::create_dir_all(at("deep/2026")).unwrap();
    demo(&at("deep/2026"), 2, 5);
    duckdb(&format!("COPY (SELECT 1 AS a) TO '{}' (FORMAT parquet)", at("other/daily.parquet").display()));
    demo(&at("broken"), 2, 10);
    let good = std::fs::read(at("broken/query_perf_weekly_202653.parquet")).unwrap();
    std::fs::write(at("broken/query_perf_weekly_202701.parquet"), &good[..good.len() - 20]).unwrap();
    std::fs::write(at("foreign/query_perf_weekly_202701.parquet"), "week,pattern\n1,a\n").unwrap();
    std::fs::write(at("junk.duckdb"), "not a database, but long enough to be read as one: ".repeat(400))
        .unwrap();

    let mut host = Host::start(&reports(), &json!({})).await;
    for (path, message, remedy) in [
        (at("nowhere/deep"), "There is no folder", "exists, what follows does not"),
        (at("file.txt"), "is not a folder", "\"Path\" (`path`) is a folder of reports"),
        (
            at("empty"),
            "holds no report that matches `query_perf_weekly_*.parquet`",
            "There is no Parquet file",
        ),
        (at("other"), "holds no report", "such as `daily.parquet`: set \"Report files\" (`reports`)"),
        (
            at("deep"),
            "holds no report",
            "2 reports in folders below, such as `2026/query_perf_weekly_202652.parquet`: set \"Report files\" (`reports`) in the datasource's settings to `**/query_perf_weekly_*.parquet`",
        ),
        (at("broken"), "`query_perf_weekly_202701.parquet` cannot be read", "half-written"),
        (at("foreign"), "`query_perf_weekly_202701.parquet` cannot be read", "half-written or not Parquet"),
        (
            at("junk.duckdb"),
            "not a valid DuckDB database file",
            "damaged, half-copied or not a DuckDB database",
        ),
        (at("missing.duckdb"), "There is no file", ""),
        ("/etc".into(), "belongs to Grafana or the system", "allowed_paths"),
        ("/".into(), "belongs to Grafana or the system", "allowed_paths"),
    ] {
        host.settings = settings(&path, &json!({}));
        let health = host.plugin.health(&host.settings).await.unwrap();
        let verbose = health.details["verboseMessage"].as_str().unwrap_or_default();
        assert!(!health.ok && health.message.contains(message), "{}: {}", path.display(), health.message);
        assert!(verbose.contains(remedy), "{}: {verbose}", path.display());
    }
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn differing_weeks_are_named_and_not_an_error() {
    let folder = tempfile::tempdir().unwrap();
    demo(folder.path(), 3, 10);
    duckdb(&format!(
        "COPY (SELECT 202701 AS week, 'a' AS pattern, 'db1' AS agent) TO '{}' (FORMAT parquet)",
        folder.path().join("query_perf_weekly_202701.parquet").display()
    ));
    let host = Host::start(folder.path(), &json!({})).await;
    let health = host.plugin.health(&host.settings).await.unwrap();
    assert!(
        health.ok
            && health.message.contains("The weeks differ in their columns")
            && health.message.contains("with `agent VARCHAR`"),
        "{}",
        health.message
    );
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_path_outside_the_policy() {
    let allowed = tempfile::tempdir().unwrap();
    let env = [("GF_PLUGIN_ALLOWED_PATHS", allowed.path().to_str().unwrap())];
    let host = Host::start_with(&reports(), &json!({}), &env).await;
    let health = host.plugin.health(&host.settings).await.unwrap();
    assert!(
        !health.ok && health.message.contains("outside the folders that the server's policy allows"),
        "{health:?}"
    );
    host.stop().await;
}

/// What other datasources spill lies in the temp folder; a folder of reports in it is a folder of reports.
#[tokio::test(flavor = "multi_thread")]
async fn the_plugins_temp_folder() {
    let temp = tempfile::tempdir().unwrap();
    let demo_folder = temp.path().join("demo");
    std::fs::create_dir(&demo_folder).unwrap();
    demo(&demo_folder, 2, 10);
    let mut host =
        Host::start_with(&demo_folder, &json!({}), &[("TMPDIR", temp.path().to_str().unwrap())]).await;
    assert!(host.plugin.health(&host.settings).await.unwrap().ok);
    let its =
        |path: &std::path::Path| path.file_name().unwrap().to_string_lossy().starts_with("duckdb-perf-");
    let entries = std::fs::read_dir(temp.path()).unwrap().map(|entry| entry.unwrap().path());
    let own: Vec<_> = entries.filter(|path| its(path)).collect();
    assert_eq!(own.len(), 2, "one for the socket, one for the workers: {own:?}");
    for path in own.iter().map(std::path::PathBuf::as_path).chain([temp.path()]) {
        host.settings = settings(path, &json!({}));
        let health = host.plugin.health(&host.settings).await.unwrap();
        let verbose = health.details["verboseMessage"].as_str().unwrap_or_default();
        assert!(!health.ok && health.message.contains("keeps its temp folders there"), "{health:?}");
        assert!(verbose.contains("`temp_dir`") && verbose.contains("folder of their own"), "{verbose}");
    }
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn missing_permission_names_the_user_in_the_log_only() {
    if rustix::process::geteuid().is_root() {
        // Root may read everything; the message is made by the same code as for a missing folder.
        let error = std::process::Command::new("sh").args(["-c", "command -v setpriv"]).output().unwrap();
        if !error.status.success() {
            eprintln!("skipped: root without setpriv");
            return;
        }
    }
    let folder = tempfile::tempdir().unwrap();
    let closed = folder.path().join("closed");
    std::fs::create_dir(&closed).unwrap();
    std::fs::set_permissions(&closed, std::fs::Permissions::from_mode(0o700)).unwrap();
    // The command line asks the same health check's code as another user.
    let executable = open_copy(folder.path());
    let mut command = if rustix::process::geteuid().is_root() {
        let mut command = std::process::Command::new("setpriv");
        command.args(["--reuid=65534", "--regid=65534", "--clear-groups"]).arg(&executable);
        command
    } else {
        std::fs::set_permissions(&closed, std::fs::Permissions::from_mode(0o000)).unwrap();
        std::process::Command::new(&executable)
    };
    let output =
        command.args(["query", "SELECT 1", "--path"]).arg(&closed).current_dir("/").output().unwrap();
    let error = String::from_utf8_lossy(&output.stderr).into_owned();
    let with = |part: &str| error.lines().filter(|line| line.contains(part)).collect::<Vec<_>>();
    let (answer, log) = (with("may not list"), with("the plugin runs as the user "));
    assert!(!output.status.success() && answer.len() == 1 && log.len() == 1, "{error}");
    assert!(log[0].contains("uid ") && log[0].contains("WARN"), "{error}");
    // What Viewers see, too.
    assert!(!answer[0].contains("uid") && !error.replace(log[0], "").contains("nobody"), "{error}");
}
