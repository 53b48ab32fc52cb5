//! Settings of a database file that are nearly right, folders with odd names above it, and what is said of
//! each: what was looked for, where, and what to do.

use std::path::{Path, PathBuf};

use duckdb_perf::app::InstanceSettings;
use serde_json::{Value, json};

use crate::documents::Repository;
use crate::support::{Host, demo, duckdb, report_name};

/// The document's settings with others among them.
fn with(settings: &InstanceSettings, more: &Value) -> InstanceSettings {
    let mut json: Value = serde_json::from_slice(&settings.json_data).unwrap();
    json.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    InstanceSettings { json_data: json.to_string().into(), ..settings.clone() }
}

/// A folder of the document below one of this name, with two reports.
fn below(root: &Path, name: &str) -> PathBuf {
    // DuckDB cannot write a database below each of the names.
    let plain = root.join("plain");
    let made = plain.join("repository");
    std::fs::create_dir_all(made.join("g/reports")).unwrap();
    demo(&made.join("g/reports"), 2, 5);
    duckdb(&format!(
        "SET file_search_path = '{made}'; ATTACH '{made}/g/reports/perf.duckdb' AS made; USE made; {}",
        include_str!("../document/create_views.sql"),
        made = made.display(),
    ));
    std::fs::rename(plain, root.join(name)).unwrap();
    root.join(name).join("repository")
}

#[tokio::test(flavor = "multi_thread")]
async fn folders_above_may_have_any_name() {
    let root = tempfile::tempdir().unwrap();
    let path = root.path().canonicalize().unwrap();
    let mut host = Host::start(&path, &json!({})).await;
    for name in [
        "a,b", "a#b", "a%20b", "a&b=c", "~", "a:b", "$x", "br[2026]", "br[!x]", "st*r", "q?x", "{x,y}",
        "it's", "a b;c", "ü\"q\"",
    ] {
        let repository = below(&path, name);
        // Whatever the name would match as a pattern.
        for twin in ["br2", "bra", "star", "qax"] {
            let twin = path.join(twin).join("repository/g/reports");
            std::fs::create_dir_all(&twin).unwrap();
            demo(&twin, 3, 7);
        }
        let reports = repository.join("g/reports");
        for settings in [json!({ "path": reports.join("perf.duckdb") }), json!({ "path": reports })] {
            let is_file = settings["path"].as_str().unwrap().ends_with("duckdb");
            host.settings = InstanceSettings {
                uid: settings.to_string(),
                org_id: 1,
                json_data: settings.to_string().into(),
                ..InstanceSettings::default()
            };
            // DuckDB would look elsewhere for its write-ahead log.
            if is_file && name.contains('?') {
                let error = host.error("SELECT 1").await;
                assert!(error.contains("has a `?` in a name") && error.contains("rename"), "{error}");
                continue;
            }
            let weeks = "SELECT count(DISTINCT week), count(*) FROM perf_all_weeks";
            assert_eq!(host.rows(weeks).await, ["2 | 8"], "{settings}");
            let relative = "SELECT count(*) FROM 'query_perf_weekly_*.parquet'";
            assert_eq!(host.rows(relative).await, ["8"], "{settings}");
            if is_file {
                let above = "SELECT count(*) FROM 'g/reports/query_perf_weekly_*.parquet'";
                assert_eq!(host.rows(above).await, ["8"], "{settings}");
            }
            let health = host.plugin.health(&host.settings).await.unwrap();
            assert!(health.ok && health.message.contains("2 reports, 8 rows"), "{settings}: {health:?}");
        }
    }
    host.stop().await;
}

/// DuckDB has no way to name this folder from there: the remedy is told.
#[tokio::test(flavor = "multi_thread")]
async fn a_comma_that_cannot_be_gone_around_is_told() {
    let root = tempfile::tempdir().unwrap();
    let path = root.path().canonicalize().unwrap();
    let repository = below(&path, "a,b");
    let other = path.join("other");
    std::fs::create_dir(&other).unwrap();
    demo(&other, 1, 3);
    let host = Host::start(&other, &json!({ "paths": [repository.join("g/reports/perf.duckdb")] })).await;
    let error = host.error("FROM 'g/reports/query_perf_weekly_*.parquet'").await;
    let wanted =
        format!("et \"Base path\" (`basePath`) in the datasource's settings to `{}`", repository.display());
    assert!(error.contains(&wanted) && !error.contains("leave it empty"), "{error}");
    let health = host.plugin.health(&host.settings).await.unwrap();
    let wanted = format!("set \"Base path\" (`basePath`) to `{}`.", repository.display());
    assert!(!health.ok && health.message.contains(&wanted), "{health:?}");
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_base_path_is_told_with_the_right_one() {
    let repository = Repository::new();
    let elsewhere = tempfile::tempdir().unwrap();
    let mut host = repository.host().await;
    let right = format!("to `{}`, or leave it empty", repository.path().display());
    let beside = format!("to `{}`, or leave it empty", repository.reports().display());
    for base in [elsewhere.path().to_owned(), repository.path().join("g"), PathBuf::from("/")] {
        let base = base.canonicalize().unwrap();
        host.settings = with(&repository.settings(), &json!({ "basePath": base }));
        for (sql, wanted) in [
            ("FROM perf_all_weeks", &right),
            ("FROM 'g/reports/query_perf_weekly_*.parquet'", &right),
            ("FROM 'query_perf_weekly_*.parquet'", &beside),
            ("FROM 'query_perf_weekly_202545.parquet'", &beside),
            ("FROM read_parquet(['query_perf_weekly_202545.parquet'])", &beside),
        ] {
            let error = host.error(sql).await;
            assert!(error.contains(wanted) && error.contains("\"Base path\" (`basePath`)"), "{sql}: {error}");
            assert!(error.contains(&format!("`{}`", base.display())), "{sql}: {error}");
            assert!(!error.contains("Permission Error"), "{sql}: {error}");
        }
        let health = host.plugin.health(&host.settings).await.unwrap();
        assert!(!health.ok && health.message.contains(&right), "{health:?}");
    }
    // What is not there is not told to be elsewhere.
    for sql in
        ["FROM 'secret.csv'", "FROM 'g/reports/secret.parquet'", "FROM 'query_perf_weekly_203001.parquet'"]
    {
        let error = host.error(sql).await;
        assert!(
            !error.contains("Permission Error") && !error.contains(", or leave it empty"),
            "{sql}: {error}"
        );
        assert!(error.contains("relative paths start at `/`"), "{sql}: {error}");
    }
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_policy_that_names_only_the_file_is_told() {
    let repository = Repository::new();
    let file = repository.reports().join("perf.duckdb");
    let allowed = [("GF_PLUGIN_ALLOWED_PATHS", file.to_str().unwrap())];
    let mut host = Host::start_with(&file, &json!({}), &allowed).await;
    host.settings = repository.settings();
    let wanted =
        format!("A server administrator can add `{}` to `allowed_paths`", repository.reports().display());
    for sql in [
        "FROM perf_all_weeks".to_owned(),
        "FROM 'g/reports/query_perf_weekly_*.parquet'".to_owned(),
        "FROM 'query_perf_weekly_*.parquet'".to_owned(),
        "FROM 'query_perf_weekly_202545.parquet'".to_owned(),
        format!("FROM '{}/query_perf_weekly_*.parquet'", repository.reports().display()),
    ] {
        let error = host.error(&sql).await;
        assert!(error.contains(&wanted) && !error.contains("`paths`"), "{sql}: {error}");
    }
    let health = host.plugin.health(&host.settings).await.unwrap();
    assert!(!health.ok && health.message.contains(&wanted), "{health:?}");
    assert!(!health.message.contains("`paths`"), "{health:?}");
    host.stop().await;
}

/// One sentence for each cause.
#[tokio::test(flavor = "multi_thread")]
async fn each_cause_has_its_own_words() {
    let repository = Repository::new();
    let host = repository.host().await;
    let reports = repository.reports();
    let only = format!("only files `query_perf_weekly_*.parquet` in `{}` are read", reports.display());
    let missing = reports.join(report_name(202_599));
    for (sql, parts) in [
        ("FROM 'secret.csv'", &["`secret.csv` is not the name of a report: ", &only][..]),
        ("FROM '*.parquet'", &["`*.parquet` may match more than reports: ", &only]),
        ("FROM 'g/*/query_perf_weekly_*.parquet'", &["names no report, neither from", &only]),
        ("FROM 'far/x.parquet'", &["`far/x.parquet` is not the name of a report: ", &only]),
        ("FROM 'g/reports'", &["`g/reports` may match more than reports: ", &only, "; 8 are there"]),
        (
            "FROM 'g/reports/query_perf_weekly_202599.parquet'",
            &[
                "No files found that match the pattern",
                &format!("It was looked for at `{}`", missing.display()),
            ],
        ),
        (
            "FROM 'query_perf_weekly_202599.parquet'",
            &[
                "No files found that match the pattern",
                &format!("It was looked for at `{}`", missing.display()),
            ],
        ),
    ] {
        let error = host.error(sql).await;
        for part in parts {
            assert!(error.contains(part), "{sql}: {error}");
        }
    }
    // The caret of both kinds of errors is at the quote.
    for sql in ["SELECT * FROM       'secret.csv'", "SELECT * FROM       'query_perf_weekly_202599.parquet'"]
    {
        let answer = host.ask(sql, "table").await;
        assert!(answer.error.unwrap().contains("(line 1, column 21)"), "{sql}");
    }
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_places_and_two_files_are_told_by_their_paths() {
    let (one, other) = (Repository::new(), Repository::new());
    let file = other.reports().join("second.duckdb");
    std::fs::rename(other.reports().join("perf.duckdb"), &file).unwrap();
    let mut host = one.host().await;
    host.settings = with(&one.settings(), &json!({ "paths": [file] }));
    let error = host.error("FROM 'g/reports/query_perf_weekly_202545.parquet'").await;
    for place in [one.path(), other.path()] {
        assert!(error.contains(&format!("`{}`", place.display())), "{error}");
    }
    for name in ["perf.duckdb", "PERF.ddb"] {
        let twin = other.reports().join(name);
        std::fs::rename(&file, &twin).unwrap();
        host.settings = with(&one.settings(), &json!({ "paths": [twin] }));
        let error = host.error("SELECT 1").await;
        for file in [one.reports().join("perf.duckdb"), twin.clone()] {
            assert!(error.contains(&format!("`{}`", file.display())), "{error}");
        }
        std::fs::rename(&twin, &file).unwrap();
    }
    host.settings = with(&one.settings(), &json!({ "paths": [one.reports().join("perf.duckdb")] }));
    assert!(host.error("SELECT 1").await.contains("is named twice"));
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_health_check_says_whose_the_views_are() {
    let repository = Repository::new();
    let mut host = repository.host().await;
    let views = "`perf_all_weeks`, `perf_slow_patterns` and `perf_top_patterns` are the file's own and not the plugin's";
    let health = host.plugin.health(&host.settings).await.unwrap();
    assert!(health.ok && health.message.contains(views), "{health:?}");
    assert!(!health.message.contains("slowMs"), "{health:?}");
    host.settings = with(&repository.settings(), &json!({ "slowMs": 250 }));
    let health = host.plugin.health(&host.settings).await.unwrap();
    assert!(
        health.ok && health.message.contains("\"Slow above\" (`slowMs`) changes `$__slowMs` in SQL and not"),
        "{health:?}"
    );
    repository.attach(
        "perf.duckdb",
        "DROP VIEW perf_slow_patterns; DROP VIEW perf_top_patterns; DROP VIEW perf_all_weeks",
    );
    let health = host.plugin.health(&host.settings).await.unwrap();
    assert!(health.ok && !health.message.contains("the file's own"), "{health:?}");
    host.stop().await;
}
