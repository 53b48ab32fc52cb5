//! Of a database file's folder the reports may be read and nothing else, by whatever name, whether it is
//! there or not. Either wall keeps this alone.

use std::path::PathBuf;

use duckdb_perf::app::{App, InstanceSettings};
use duckdb_perf::broker::use_executable;
use duckdb_perf::protocol::Walls;
use duckdb_perf::source::Policy;

use crate::documents::Repository;
use crate::support::{executable, query, report_name, rows};

/// Ways to read what is no report; `{}` is the name of a file that is there or is not.
const WAYS: &[&str] = &[
    "FROM '{reports}/{}.csv'",
    "FROM '{reports}/{}.parquet'",
    "FROM '{reports}/{}*.parquet'",
    "FROM '{reports}/[ab{}]*.parquet'",
    "FROM '{reports}/*.parquet'",
    "FROM '{reports}/**/*{}.csv'",
    "FROM '{reports}'",
    "FROM '{reports}/./{}.json'",
    "FROM 'file:{reports}/{}.csv'",
    "FROM read_csv('{}.csv')",
    "FROM read_text('g/reports/{}.csv')",
    "FROM read_text('./{}.csv')",
    "FROM read_blob('{}.parquet')",
    "FROM '{}.csv'",
    "FROM {}.json",
    "FROM '{}.parquet'",
    "FROM '{}?.parquet'",
    "FROM '*.parquet'",
    "FROM '**/query_perf_weekly_*.parquet'",
    "FROM 'sub/query_perf_weekly_202501.parquet'",
    "FROM 'g/reports/sub/query_perf_weekly_*.parquet'",
    "FROM 'g/query_perf_weekly_202501.parquet'",
    "FROM 'g/*/query_perf_weekly_202545.parquet'",
    "FROM '*/reports/query_perf_weekly_202545.parquet'",
    "FROM '../{}.csv'",
    "FROM '../../{}.csv'",
    "FROM 'g/{}.csv'",
    "FROM 'g/reports/../{}.csv'",
    "FROM '{root}/{}.csv'",
    "FROM '{root}/*/{}.csv'",
    "FROM glob('{reports}/*')",
    "FROM glob('{}*')",
    "FROM glob('g/reports/{}*')",
    "FROM glob('*')",
    "FROM '{reports}/other.duckdb'",
    "FROM 'other.duckdb'",
    "FROM read_duckdb('other.duckdb', table_name = 't')",
    "FROM parquet_schema('{}.parquet')",
    "FROM parquet_metadata('g/reports/{}*')",
    "FROM sniff_csv('{}.csv')",
    "FROM read_parquet(['g/reports/query_perf_weekly_202545.parquet', '{}.parquet'])",
];

/// In every file that is no report.
const SECRET: &str = "d2f1c0ffee";

/// The repository with files beside and above its reports that hold the secret.
fn planted() -> Repository {
    let repository = Repository::new();
    let reports = repository.reports();
    std::fs::create_dir_all(reports.join("sub")).unwrap();
    for name in
        ["secret.csv", "secret.json", "sub/query_perf_weekly_202501.csv", "../secret.csv", "../../secret.csv"]
    {
        std::fs::write(reports.join(name), format!("a,{SECRET}\n1,{SECRET}\n")).unwrap();
    }
    let rows = format!("SELECT '{SECRET}' AS pattern, 1 AS week");
    for name in
        ["secret.parquet", "sub/query_perf_weekly_202501.parquet", "../query_perf_weekly_202501.parquet"]
    {
        crate::support::duckdb(&format!("COPY ({rows}) TO '{}'", reports.join(name).display()));
    }
    std::os::unix::fs::symlink("secret.parquet", reports.join("query_perf_weekly_202500.parquet")).unwrap();
    repository.attach("other.duckdb", &format!("CREATE TABLE t AS {rows}"));
    repository.attach(
        "perf.duckdb",
        "CREATE TABLE csv AS SELECT 7 AS a; CREATE VIEW peeks AS SELECT * FROM perf_all_weeks",
    );
    repository
}

fn filled(way: &str, repository: &Repository, name: &str) -> String {
    way.replace("{root}", repository.path().to_str().unwrap())
        .replace("{reports}", repository.reports().to_str().unwrap())
        .replace("{}", name)
}

#[tokio::test(flavor = "multi_thread")]
async fn only_reports_are_read() {
    let repository = planted();
    let mut host = repository.host().await;
    for way in WAYS {
        let mut told = Vec::new();
        for name in ["secret", "nosuch"] {
            told.push(host.error(&filled(way, &repository, name)).await.replace(name, "{}"));
        }
        let is_refused = [
            "is not the name of a report",
            "may match more than reports",
            "names no report",
            "is outside of the datasource",
            "is not allowed",
        ]
        .iter()
        .any(|refusal| told[0].contains(refusal));
        assert!(is_refused && !told[0].contains(SECRET), "{way}: {told:?}");
        assert_eq!(told[0], told[1], "{way}: tells whether a file is there");
    }
    // A pattern that leads through folders opens no more: only files that match it, not what may lie on the
    // way to them.
    let settings = repository.settings();
    for reports in ["**/x_*.parquet", "*/x_*.parquet", "sub/**/x.parquet", "**/sub/x.parquet"] {
        let mut json: serde_json::Value = serde_json::from_slice(&settings.json_data).unwrap();
        json["reports"] = reports.into();
        host.settings = InstanceSettings { json_data: json.to_string().into(), ..settings.clone() };
        let sizes = [
            "SELECT size FROM read_blob('{}.csv')",
            "FROM read_csv('{reports}/sub')",
            "FROM read_text('{}')",
        ];
        for way in WAYS.iter().chain(&sizes) {
            let mut told = Vec::new();
            for name in ["secret", "nosuch"] {
                let answer = host.ask(&filled(way, &repository, name), "table").await;
                let rows = answer.frames.first().map(|_| rows(&answer));
                told.push(format!("{:?} {rows:?}", answer.error).replace(name, "{}"));
            }
            assert!(!told[0].contains(SECRET), "{reports}: {way}: {told:?}");
            assert_eq!(told[0], told[1], "{reports}: {way}: tells whether a file is there");
        }
    }
    host.settings = settings;
    // A link to what is no report is told; without it the others are read.
    let link: PathBuf = repository.reports().join(report_name(202_500));
    let all = "SELECT count(*) > 0 FROM 'query_perf_weekly_2025*.parquet'";
    assert!(host.error(all).await.contains("query_perf_weekly_202500.parquet` is a link that leads out"));
    std::fs::remove_file(link).unwrap();
    assert_eq!(host.rows(all).await, ["true"]);
    // What the file itself has is as before.
    assert_eq!(host.rows("FROM perf.csv").await, ["7"]);
    assert_eq!(host.rows("SELECT count(DISTINCT week) FROM peeks").await, ["8"]);
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn each_wall_keeps_it_alone() {
    let repository = planted();
    use_executable(executable());
    let temp = tempfile::tempdir().unwrap();
    for walls in [Walls { jail: false, ..Walls::default() }, Walls { gate: false, ..Walls::default() }] {
        let policy = Policy { temp_dir: Some(temp.path().to_owned()), ..Policy::default() };
        let app = App::new(Ok(policy)).with_walls(walls);
        let mut answered = 0;
        for way in WAYS {
            let outcome = app
                .query_on_the_wire(
                    &repository.settings(),
                    query("A", &filled(way, &repository, "secret"), "table"),
                    (),
                )
                .await;
            let told = outcome.error.as_ref().map(duckdb_perf::error::Error::full_text).unwrap_or_default();
            let holds = |bytes: &[u8]| bytes.windows(SECRET.len()).any(|part| part == SECRET.as_bytes());
            let frame = outcome.frame.as_ref();
            assert!(!told.contains(SECRET) && !holds(frame), "{walls:?}: {way}: {told}");
            answered += usize::from(outcome.error.is_none());
        }
        // Without the gate names are listed.
        assert!(answered == 0 || !walls.gate, "{answered} ways are open");
        let _ = std::fs::remove_file(repository.reports().join(report_name(202_500)));
        let reports = "SELECT pattern FROM perf_all_weeks LIMIT 1";
        let outcome = app.query_on_the_wire(&repository.settings(), query("A", reports, "table"), ()).await;
        assert!(outcome.error.is_none() || !walls.gate, "{:?}", outcome.error);
        app.shutdown().await;
    }
}
