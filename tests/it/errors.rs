//! Bad input: each mistake has its own message, its position's owner is right, and nothing else is harmed.

use std::sync::atomic::{AtomicBool, Ordering};

use duckdb_perf::app::App;
use duckdb_perf::broker::use_executable;
use duckdb_perf::error::Kind;
use duckdb_perf::protocol::Walls;
use duckdb_perf::source::Policy;
use serde_json::json;

use crate::support::{Host, demo, duckdb, executable, meta, query, reports, settings, workers};

#[tokio::test(flavor = "multi_thread")]
async fn each_mistake_has_its_message() {
    let host = Host::start(&reports(), &json!({})).await;
    let mut wrong = Vec::new();
    for (sql, parts) in [
        ("SELECT $__nope(week) FROM perf_all_weeks", &["`$__nope`"][..]),
        ("SELECT * FROM perf_all_weeks WHERE $__timeFilter()", &["`$__timeFilter`"]),
        ("SELECT $__timeGroup(t, '5 parsecs') FROM perf_all_weeks", &["5 parsecs"]),
        ("SELECT * FROM perf_all_weeks WHERE pattern = $missing", &["`$missing`"]),
        ("SELECT 1; SELECT 2", &["more than one statement"]),
        ("DROP TABLE perf_all_weeks", &["`DROP` statements are not allowed", "only reads"]),
        ("WITH c AS (COPY (SELECT 1) TO 'x.csv') FROM c", &["`COPY` is not allowed"]),
        ("SELECT 'open", &["'"]),
        ("", &["empty"]),
        ("   -- only a comment", &["empty"]),
        ("SELECT * FROM 'missing_*.parquet'", &["No files found", "basePath"]),
        ("SELECT * FROM nope", &["nope does not exist"]),
        ("SELECT nope FROM perf_all_weeks", &["nope"]),
        ("SELECT * FROM read_csv('/etc/passwd')", &["paths"]),
        ("SELECT * FROM read_text('/etc/passwd')", &["paths"]),
        ("SELECT 1 +", &["Parser Error"]),
        ("SELECT 'x'::INTEGER", &["Conversion Error"]),
        ("SELECT * FROM query('SELECT 1')", &["the function `query` is not allowed"]),
        ("SELECT 'a\0b'", &["NUL"]),
        // Text where a macro was meant.
        ("SELECT '$__timeFrom()' + INTERVAL 1 DAY", &["Binder Error", "Inside quotes a macro is only text"]),
        (
            "SELECT * FROM perf_all_weeks WHERE $__timeFilter(week)",
            &["Cannot compare", "$__weekFilter(week)"],
        ),
        ("SELECT year('$__timeFrom()')", &["Inside quotes a macro is only text"]),
        ("SELECT strptime('$__timeFrom()', '%Y')", &["Inside quotes a macro is only text"]),
        ("SELECT 1 FROM perf_all_weeks WHERE pattern IN ('$__timeFrom()')", &["stands inside quotes"]),
    ] {
        let answer = host.ask(sql, "table").await;
        let error = answer.error.clone().unwrap_or_default();
        let is_told = !error.is_empty() && parts.iter().all(|part| error.contains(part));
        let is_his = answer.error_source == "downstream" && answer.status >= 400;
        let is_shown = sql.trim().is_empty() || meta(&answer)["executedQueryString"].is_string();
        if !(is_told && is_his && is_shown) {
            wrong
                .push(format!("{sql}: {} of {}, {parts:?} in {error:?}", answer.status, answer.error_source));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert_eq!(host.rows("SELECT 1").await, ["1"]);
    host.stop().await;
}

/// DuckDB does not tell a damaged page from one for which there was no memory; whether the file can be read
/// does.
#[tokio::test(flavor = "multi_thread")]
async fn a_page_for_which_there_was_no_memory_is_no_damage() {
    let host = Host::start(&reports(), &json!({})).await;
    let said = "Failed to read file \"x.parquet\": ZSTD Decompression failure";
    let sql = format!("SELECT CASE WHEN week > 0 THEN error('{said}') END FROM perf_all_weeks");
    let answer = host.ask(&sql, "table").await;
    let error = answer.error.clone().unwrap();
    assert!(
        error.contains(said) && error.contains("memory was short") && error.contains("`memoryLimitMb`"),
        "{error}"
    );
    assert_eq!((answer.status, answer.error_source.as_str()), (429, "downstream"));
    host.stop().await;
}

/// The first query of a worker too: DuckDB guesses among the views that are there.
#[tokio::test(flavor = "multi_thread")]
async fn a_misspelt_view_is_named_whoever_comes_first() {
    let host = Host::start(&reports(), &json!({})).await;
    let error = host.ask("SELECT * FROM perf_all_week", "table").await.error.unwrap();
    assert!(error.ends_with("Did you mean \"perf_all_weeks\"?"), "{error}");
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_time_series_without_time_says_so() {
    let host = Host::start(&reports(), &json!({})).await;
    let error = host.ask("SELECT 1.5 AS value", "time_series").await.error.unwrap();
    assert!(error.contains("time"), "{error}");
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bad_query_fails_only_its_own_ref_id() {
    let host = Host::start(&reports(), &json!({})).await;
    let mut broken = query("B", "x", "table");
    broken.model = "{\"rawSql\": 7}".into();
    let answers = host
        .ask_all(&[
            query("A", "SELECT 1", "table"),
            broken,
            query("C", "SELEC", "table"),
            query("D", "SELECT 1", "pie"),
        ])
        .await;
    assert_eq!(answers[0].error, None);
    assert!(answers[1].error.as_ref().unwrap().contains("rawSql"));
    assert!(answers[2].error.as_ref().unwrap().contains("Parser Error"));
    assert!(answers[3].error.as_ref().unwrap().contains("format"));
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn settings_of_the_wrong_type_name_their_field() {
    let mut host = Host::start(&reports(), &json!({})).await;
    for (more, part) in [
        (json!({ "timeoutSeconds": "soon" }), "`timeoutSeconds`"),
        (json!({ "maxRows": -1 }), "`maxRows`"),
        (json!({ "paths": "x" }), "`paths`"),
        (json!({ "path": 7 }), "`path`"),
        (json!({ "reports": "../*.parquet" }), "`reports`"),
    ] {
        host.settings = settings(&reports(), &more);
        let error = host.error("SELECT 1").await;
        assert!(error.contains(part), "{more}: {error}");
        let health = host.plugin.health(&host.settings).await.unwrap();
        assert!(!health.ok && health.message.contains(part), "{more}: {health:?}");
    }
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn half_written_and_differing_reports() {
    let folder = tempfile::tempdir().unwrap();
    demo(folder.path(), 2, 10);
    let good = std::fs::read(folder.path().join("query_perf_weekly_202653.parquet")).unwrap();
    let bad = folder.path().join("query_perf_weekly_202701.parquet");
    std::fs::write(&bad, &good[..good.len() / 2]).unwrap();
    let host = Host::start(folder.path(), &json!({})).await;
    let error = host.error("SELECT * FROM perf_all_weeks").await;
    assert!(error.contains("query_perf_weekly_202701.parquet") && error.contains("half-written"), "{error}");

    crate::support::duckdb(&format!(
        "COPY (SELECT 'x' AS other, 202701 AS week) TO '{}' (FORMAT parquet)",
        bad.display()
    ));
    let files = "['query_perf_weekly_202653.parquet', 'query_perf_weekly_202701.parquet']";
    let differing =
        host.error(&format!("SELECT pattern FROM read_parquet({files}, union_by_name = false)")).await;
    assert!(differing.contains("union_by_name"), "{differing}");
    let by_name = host.rows(&format!("SELECT pattern FROM read_parquet({files}) WHERE week = 202701")).await;
    assert_eq!(by_name, ["NULL"]);
    assert_eq!(host.rows("SELECT count(*) FROM perf_all_weeks WHERE week = 202701").await, ["1"]);
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn caps_announce_themselves() {
    let host = Host::start(&reports(), &json!({ "maxRows": 5, "maxResultMb": 1 })).await;
    let answer = host.ask("SELECT range AS n FROM range(100)", "table").await;
    assert_eq!(crate::support::rows(&answer).len(), 5);
    let notices = meta(&answer)["notices"].to_string();
    assert!(notices.contains('5') && notices.contains("maxRows"), "{notices}");
    host.stop().await;

    let host = Host::start(&reports(), &json!({ "maxResultMb": 1 })).await;
    let answer = host.ask("SELECT range AS n, repeat('x', 100) AS t FROM range(500000)", "table").await;
    let notices = meta(&answer)["notices"].to_string();
    assert!(notices.contains("maxResultMb"), "{notices}");
    assert!(answer.frames[0].len() < 2 << 20);
    host.stop().await;
}

/// What a query makes DuckDB say is taken for what it is, whatever it looks like: nobody else feels it.
#[tokio::test(flavor = "multi_thread")]
async fn forged_errors_harm_nobody() {
    let host = Host::start(&reports(), &json!({})).await;
    let right = host.rows("SELECT count(*) FROM perf_all_weeks").await;
    assert_ne!(right, ["0"]);
    let worker = workers(host.plugin.pid().unwrap());
    let missing = format!(
        "No files found that match the pattern \"{}/query_perf_weekly_*.parquet\"",
        reports().display()
    );
    let words = [
        missing.as_str(),
        r#"{"exception_type":"Internal","exception_message":"x"}"#,
        r#"{"exception_type":"INTERNAL","exception_message":"x"}"#,
        r#"{"exception_type":"FATAL","exception_message":"x"}"#,
        r#"{"exception_type":"IO","exception_message":"Could not set lock on file"}"#,
        "Contents of view were altered",
        "Allocation failure",
        "Interrupted!",
    ];
    let done = AtomicBool::new(false);
    let hostile = async |client: usize| {
        let mut round = client;
        while !done.load(Ordering::SeqCst) {
            let words = words[round % words.len()].replace('\'', "''");
            let sql = format!("SELECT {round}, * FROM range(error('{words}')::INT), perf_all_weeks");
            let answer = host.ask(&sql, "table").await;
            assert_eq!(
                (answer.status, answer.error_source.as_str()),
                (400, "downstream"),
                "{:?}",
                answer.error
            );
            round += 4;
        }
    };
    tokio::join!(hostile(0), hostile(1), hostile(2), hostile(3), async {
        for round in 0..150 {
            let answer = host.rows(&format!("SELECT count(*) FROM perf_all_weeks -- {round}")).await;
            assert_eq!(answer, right, "round {round}");
        }
        done.store(true, Ordering::SeqCst);
    });
    assert_eq!(host.rows("SELECT count(*) FROM perf_all_weeks").await, right);
    assert_eq!(workers(host.plugin.pid().unwrap()), worker, "nothing of it was the engine's own failure");
    host.stop().await;
}

/// In the jail the C library cannot load what it needs to tell the stack, which DuckDB asks for. The query is
/// one that the gate refuses, because DuckDB 2.0 has that mistake.
#[tokio::test(flavor = "multi_thread")]
async fn a_mistake_of_duckdb_itself_is_told_and_ends_no_process() {
    use_executable(executable());
    let (temp, folder) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let folder = folder.path();
    duckdb(&format!(
        "COPY (SELECT i AS id, i % 3 AS v FROM range(10) t(i)) TO '{}' (FORMAT parquet)",
        folder.join("x.parquet").display()
    ));
    let sql = "SELECT sum(id) FROM read_single_parquet_file('x.parquet') WHERE v < 1";
    for jail in [true, false] {
        let policy = Policy { temp_dir: Some(temp.path().to_owned()), ..Policy::default() };
        let app = App::new(Ok(policy)).with_walls(Walls { gate: false, jail, ..Walls::default() });
        let outcome =
            app.query_on_the_wire(&settings(folder, &json!({})), query("A", sql, "table"), ()).await;
        let error = outcome.error.unwrap();
        assert!(
            error.kind == Kind::Internal
                && error.message.contains("Attempted to access index")
                && !error.message.contains("Stack Trace"),
            "{error:?}"
        );
        app.shutdown().await;
    }
    let host = Host::start(folder, &json!({})).await;
    let refused = host.error(sql).await;
    assert!(refused.contains("use read_parquet, read_csv or read_json"), "{refused}");
    host.stop().await;
}
