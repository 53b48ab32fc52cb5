//! The document that started the project runs as written: its datasource of a database file and nothing else,
//! its views over relative paths, its queries.

use std::path::{Path, PathBuf};

use duckdb_perf::app::InstanceSettings;
use serde_json::{Value, json};

use crate::support::{Host, demo, duckdb, query, report_name, rows};

/// The repository of the document: reports in `g/reports`, and beside them the database file with its views.
pub(crate) struct Repository {
    root: tempfile::TempDir,
}

impl Repository {
    pub(crate) fn new() -> Self {
        let root = tempfile::tempdir().unwrap();
        let reports = root.path().join("g/reports");
        std::fs::create_dir_all(&reports).unwrap();
        let until = "202545".parse().unwrap();
        let options = duckdb_perf::reports::DemoOptions { weeks: 8, patterns: 20, seed: 1, until };
        let made = duckdb_perf::reports::generate(&options).unwrap();
        duckdb_perf::engine::write_reports(made.reports(), &reports, || {}).unwrap();
        let repository = Self { root };
        repository.attach("perf.duckdb", include_str!("../document/create_views.sql"));
        repository
    }

    /// As `duckdb g/reports/NAME < …` does it from the repository's root.
    pub(crate) fn attach(&self, name: &str, statements: &str) {
        duckdb(&format!(
            "SET file_search_path = '{}'; ATTACH '{}' AS made; USE made; {statements}",
            self.root.path().display(),
            self.reports().join(name).display()
        ));
    }

    pub(crate) fn path(&self) -> PathBuf {
        self.root.path().canonicalize().unwrap()
    }

    pub(crate) fn reports(&self) -> PathBuf {
        self.path().join("g/reports")
    }

    /// The document's own provisioning file, for this place.
    pub(crate) fn settings(&self) -> InstanceSettings {
        let text =
            include_str!("../document/datasource.yaml").replace("/repository", self.path().to_str().unwrap());
        let file: Value = serde_saphyr::from_str(&text).unwrap();
        let datasource = &file["datasources"][0];
        InstanceSettings {
            uid: "document".to_owned(),
            org_id: 1,
            url: datasource["url"].as_str().unwrap().to_owned(),
            json_data: datasource["jsonData"].to_string().into(),
            ..InstanceSettings::default()
        }
    }

    pub(crate) async fn host(&self) -> Host {
        let mut host = Host::start(&self.reports(), &json!({})).await;
        host.settings = self.settings();
        host
    }
}

/// The document's queries: format and text.
fn queries() -> Vec<(&'static str, &'static str)> {
    let texts =
        include_str!("../document/queries.sql").split(";\n").map(str::trim).filter(|text| !text.is_empty());
    texts
        .map(|text| {
            let (title, sql) = text.split_once('\n').unwrap();
            (title.strip_prefix("-- ").unwrap().split_once(':').unwrap().0, sql)
        })
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_query_runs_with_the_documents_settings() {
    let repository = Repository::new();
    let host = repository.host().await;
    let queries = queries();
    assert_eq!(queries.len(), 10);
    for (format, sql) in queries {
        let answer = host.ask(sql, format).await;
        assert_eq!(answer.error, None, "{sql}");
        // No pattern need be new.
        assert!(sql.contains("NOT IN") || !rows(&answer).is_empty(), "{sql}");
    }
    let trend = host.ask(queries_of("slowest patterns"), "time_series").await;
    assert_eq!(rows(&trend).len(), 8, "one row per week");
    let count = |sql: &'static str| host.rows(sql);
    assert_eq!(count("SELECT count(DISTINCT week) FROM perf_all_weeks").await, ["8"]);
    assert_eq!(
        count("SELECT count(*) FROM perf_all_weeks").await,
        count("SELECT count(*) FROM 'query_perf_weekly_*.parquet'").await,
        "relative paths start at the file's own folder, too"
    );
    // A report that comes later is in the next query.
    let (first, next) = (report_name(202_545), report_name(202_546));
    std::fs::copy(repository.reports().join(first), repository.reports().join(next)).unwrap();
    assert_eq!(count("SELECT count(DISTINCT filename) FROM read_parquet('g/reports/query_perf_weekly_*.parquet', filename = true)").await, ["9"]);
    let health = host.plugin.health(&host.settings).await.unwrap();
    let from = format!("its views read 9 files, relative paths from `{}`", repository.path().display());
    assert!(health.ok && health.message.contains(&from), "{health:?}");
    assert!(health.message.contains("9 reports"), "{health:?}");
    host.stop().await;
}

/// The text of one query of the document.
fn queries_of(title: &str) -> &'static str {
    let all = include_str!("../document/queries.sql");
    let (_, from) = all.split_once(title).unwrap();
    from.split_once('\n').unwrap().1.split_once(";\n").unwrap().0
}

/// A view over a place that the settings do not open does not work, and the health check says what would make
/// it.
#[tokio::test(flavor = "multi_thread")]
async fn the_health_check_says_which_settings_would_make_the_views_work() {
    let repository = Repository::new();
    let (elsewhere, far) = (repository.path().join("elsewhere"), repository.path().join("far/reports"));
    for folder in [&elsewhere, &far] {
        std::fs::create_dir_all(folder).unwrap();
        demo(folder, 2, 5);
    }
    repository.attach(
        "perf.duckdb",
        &format!(
            "CREATE VIEW a AS FROM read_parquet('{}/*.parquet'); CREATE VIEW b AS FROM read_parquet('far/reports/*.parquet'); CREATE VIEW c AS FROM a",
            elsewhere.display()
        ),
    );
    let mut host = repository.host().await;
    let health = host.plugin.health(&host.settings).await.unwrap();
    let wanted = format!(
        "3 of 6 views of `{}` cannot be queried: `a`, `b`, `c`. In the datasource's settings name `{}`, `{}` under \"Add a folder or file\" (`paths`).",
        repository.reports().join("perf.duckdb").display(),
        elsewhere.display(),
        far.display()
    );
    assert!(!health.ok && health.message.contains(&wanted), "{health:?}");
    let mut json: Value = serde_json::from_slice(&host.settings.json_data).unwrap();
    json["paths"] = json!([elsewhere, far]);
    host.settings.json_data = json.to_string().into();
    let health = host.plugin.health(&host.settings).await.unwrap();
    assert!(health.ok, "{health:?}");
    for view in ["a", "b", "c", "perf_all_weeks"] {
        assert!(!host.rows(&format!("SELECT week FROM {view}")).await.is_empty(), "{view}");
    }
    host.stop().await;
}

/// Two files with views over the same relative path, each with its own reports: no view reads the other's.
#[tokio::test(flavor = "multi_thread")]
async fn relative_paths_that_two_files_could_mean_are_refused() {
    let (one, other) = (Repository::new(), Repository::new());
    std::fs::rename(other.reports().join("perf.duckdb"), other.reports().join("second.duckdb")).unwrap();
    let mut host = one.host().await;
    let mut json: Value = serde_json::from_slice(&host.settings.json_data).unwrap();
    json["paths"] = json!([other.reports().join("second.duckdb")]);
    host.settings.json_data = json.to_string().into();
    for sql in [
        "FROM second.main.perf_all_weeks",
        "FROM perf.main.perf_all_weeks",
        "FROM 'g/reports/query_perf_weekly_202545.parquet'",
    ] {
        let error = host.error(sql).await;
        assert!(error.contains("may start at") && error.contains("`basePath`"), "{sql}: {error}");
    }
    let health = host.plugin.health(&host.settings).await.unwrap();
    assert!(!health.ok && health.message.contains("6 of 6 views"), "{health:?}");
    json["basePath"] = json!(one.path());
    host.settings.json_data = json.to_string().into();
    assert_eq!(host.rows("SELECT count(DISTINCT week) FROM perf.main.perf_all_weeks").await, ["8"]);
    host.stop().await;
}

/// Before the first report, or while they are replaced.
#[tokio::test(flavor = "multi_thread")]
async fn without_reports_the_document_hears_that_none_is_there() {
    let repository = Repository::new();
    for file in std::fs::read_dir(repository.reports()).unwrap().map(Result::unwrap) {
        if file.path().extension().is_some_and(|extension| extension == "parquet") {
            std::fs::remove_file(file.path()).unwrap();
        }
    }
    let host = repository.host().await;
    for sql in ["FROM perf_all_weeks", "FROM 'g/reports/query_perf_weekly_*.parquet'"] {
        let error = host.error(sql).await;
        assert!(error.contains("No files found that match the pattern"), "{sql}: {error}");
    }
    let health = host.plugin.health(&host.settings).await.unwrap();
    let says = format!("{} {}", health.message, health.details);
    assert!(!health.ok && says.contains("No files found") && !says.contains("(`paths`)"), "{says}");
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn queries_as_written_from_a_base_path() {
    let repository = Repository::new();
    let mut host = repository.host().await;
    let mut json: Value = serde_json::from_slice(&host.settings.json_data).unwrap();
    json["basePath"] = json!(repository.path());
    host.settings.json_data = json.to_string().into();
    for (format, sql) in queries() {
        assert_eq!(host.ask(sql, format).await.error, None, "{sql}");
    }
    // Of a folder of reports, with one more, whose values a variable chooses.
    host.settings =
        crate::support::settings(&repository.reports(), &json!({ "basePath": repository.path() }));
    for (format, sql) in queries().into_iter().filter(|(_, sql)| sql.contains("g/reports")) {
        assert_eq!(host.ask(sql, format).await.error, None, "{sql}");
    }
    let mut selected = query(
        "A",
        "SELECT week, pattern, SUM(samples) AS samples FROM 'g/reports/query_perf_weekly_*.parquet' \
         WHERE pattern IN ($selected_patterns) GROUP BY week, pattern ORDER BY week ASC",
        "time_series",
    );
    let patterns = host.rows("SELECT DISTINCT pattern FROM perf_all_weeks ORDER BY 1 LIMIT 2").await;
    let mut model: Value = serde_json::from_slice(&selected.model).unwrap();
    model["variables"] = json!({ "selected_patterns": patterns });
    selected.model = model.to_string().into();
    let answer = host.ask_all(&[selected]).await.remove(0);
    assert_eq!(answer.error, None);
    assert_eq!(rows(&answer)[0].split(" | ").count(), 3, "the week and two patterns");
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_relative_glob_says_from_where_it_would_match() {
    let repository = Repository::new();
    let host = Host::start(&repository.reports(), &json!({})).await;
    let error = host.error("FROM 'g/reports/query_perf_weekly_*.parquet'").await;
    assert!(
        error.contains(&format!("matches from `{}`", repository.path().display()))
            && error.contains("`basePath`"),
        "{error}"
    );
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn provisioning_of_the_other_plugin_opens_unchanged() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("perf.duckdb");
    duckdb(&format!(
        "ATTACH '{}' AS f; CREATE TABLE f.runs AS SELECT 202601 AS week, 'a' AS pattern, 5.0 AS p95_ms",
        file.display()
    ));
    let mut host = Host::start(Path::new(folder.path()), &json!({})).await;
    for (json_data, url) in [
        (json!({ "path": file }).to_string(), String::new()),
        ("{}".to_owned(), format!("file://{}", file.display())),
    ] {
        host.settings = InstanceSettings {
            uid: url.clone(),
            org_id: 1,
            url,
            json_data: json_data.into(),
            ..Default::default()
        };
        assert_eq!(host.rows("SELECT pattern FROM runs").await, ["a"]);
        assert_eq!(host.rows("SELECT pattern FROM perf.runs").await, ["a"]);
    }
    host.stop().await;
}
