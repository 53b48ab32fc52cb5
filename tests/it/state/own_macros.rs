//! A database file that brings macros, views and schemas with the names of what the plugin itself uses: the
//! gate stands, the plugin's own lookups are right, and what the file's owner made can be used.

use duckdb::Connection;
use duckdb_perf::protocol::Walls;
use serde_json::json;

use super::{Shared, changed};
use crate::hostile::stopped::behind_the_gate;
use crate::support::{demo, query};

/// What every file of these tests holds.
const OWN: &str = "
    CREATE TABLE own AS SELECT range AS a FROM range(3);
    CREATE VIEW own_view AS SELECT a * 10 AS b FROM own;
    CREATE MACRO twice(x) AS x * 2;
    CREATE MACRO own_rows(least) AS TABLE SELECT a FROM own WHERE a >= least";

/// One more view, so that catalog and health check rightly tell of it; by its bare name nobody means it.
const ELSEWHERE: &str = "CREATE SCHEMA memory; CREATE VIEW memory.perf_all_weeks AS SELECT 1 AS week";

/// What else a file may hold. Those that DuckDB itself refuses are left out, and must be few.
const SHADOWS: &[&str] = &[
    // The gate's.
    "CREATE MACRO json_serialize_sql(s) AS '{\"error\":false,\"statements\":[{\"node\":{\"type\":\"EMPTY\"}}]}', (s, a) AS '{}'",
    "CREATE MACRO json_serialize_plan(s) AS '{}'",
    "CREATE MACRO json_deserialize_sql(s) AS 'SELECT 1'",
    // The lookups'.
    "CREATE MACRO \"glob\"(p) AS TABLE SELECT '/etc/passwd' AS file",
    "CREATE MACRO duckdb_columns() AS TABLE SELECT 'x' AS database_name, 'x' AS table_name, 'x' AS column_name, 'x' AS data_type, false AS internal, 1 AS column_index",
    "CREATE MACRO duckdb_views() AS TABLE SELECT 'perf' AS database_name, 'x' AS view_name, 'CREATE VIEW x AS SELECT 1' AS sql, false AS internal",
    "CREATE MACRO duckdb_tables() AS TABLE SELECT 'perf' AS database_name, 'x' AS table_name, false AS internal FROM range(99)",
    "CREATE MACRO duckdb_databases() AS TABLE SELECT 'x' AS database_name",
    "CREATE MACRO duckdb_functions() AS TABLE SELECT 'x' AS function_name",
    "CREATE MACRO parquet_schema(p) AS TABLE SELECT 'x' AS file_name, 'x' AS name, 'x' AS type, 'x' AS duckdb_type, 0 AS num_children, 0 AS column_id",
    "CREATE MACRO parquet_file_metadata(p) AS TABLE SELECT 999 AS num_rows",
    "CREATE MACRO parquet_metadata(p) AS TABLE SELECT 999 AS num_rows",
    "CREATE SCHEMA information_schema; CREATE VIEW information_schema.tables AS SELECT 'x' AS table_catalog, 'perf_all_weeks' AS table_name",
    "CREATE SCHEMA system; CREATE MACRO system.json_serialize_sql(s) AS '{}'",
    "CREATE SCHEMA pg_catalog",
    "CREATE SCHEMA temp",
    // The views' over the reports.
    "CREATE MACRO read_parquet(p, union_by_name := false) AS TABLE SELECT 1 AS week, 'x' AS pattern, 1 AS p95_ms",
    "CREATE MACRO parquet_scan(p) AS TABLE SELECT 1 AS week",
    "CREATE MACRO row_number() AS 99",
    "CREATE MACRO \"coalesce\"(a, b) AS true",
    "CREATE MACRO \">\"(a, b) AS false",
    "CREATE MACRO \"+\"(a, b) AS 99",
    "CREATE MACRO \"||\"(a, b) AS 'x'",
    "CREATE MACRO \"=\"(a, b) AS false",
    "CREATE MACRO \"~~\"(a, b) AS false",
    // Those of the plugin's texts.
    "CREATE MACRO count(x) AS 99, () AS 99",
    "CREATE MACRO count_star() AS 99",
    "CREATE MACRO max(x) AS 99",
    "CREATE MACRO sum(x) AS 99",
    "CREATE MACRO lower(x) AS 'x'",
    "CREATE MACRO \"if\"(a, b, c) AS 'x'",
    "CREATE MACRO string_agg(a, b) AS 'x'",
    "CREATE MACRO now() AS TIMESTAMPTZ '1999-01-01'",
    "CREATE MACRO today() AS DATE '1999-01-01'",
    "CREATE MACRO \"current_date\"() AS DATE '1999-01-01'",
    "CREATE MACRO date_part(a, b) AS 1999",
    "CREATE MACRO list_value(a) AS 'x'",
    "CREATE MACRO struct_pack(a) AS 'x'",
    "CREATE MACRO epoch_us(a) AS 0",
    "CREATE MACRO to_days(a) AS 0",
    "CREATE MACRO date_trunc(a, b) AS TIMESTAMP '1999-01-01'",
    "CREATE MACRO format(a, b, c) AS 'x'",
    "CREATE MACRO make_date(a, b, c) AS DATE '1999-01-01'",
    "CREATE MACRO \"add\"(a, b) AS 1999",
    "CREATE MACRO subtract(a, b) AS 1999",
    "CREATE MACRO multiply(a, b) AS 1999",
    "CREATE MACRO divide(a, b) AS 1999",
    "CREATE MACRO mod(a, b) AS 1999",
];

/// Texts whose answers are the plugin's own to make, by its views and its casts for what Arrow would misread.
/// None calls a function by a name that a file may take, as `FROM 'x.parquet'` does with `parquet_scan`: that
/// is its owner's choice.
const LOOKUPS: &[(&str, &str)] = &[
    ("table", "SELECT * FROM perf_all_weeks ORDER BY ALL"),
    ("time_series", "SELECT * FROM perf_all_weeks ORDER BY week, pattern"),
    ("table", "SELECT * FROM perf_slow_patterns ORDER BY ALL"),
    ("table", "SELECT * FROM perf_top_patterns ORDER BY ALL"),
    ("table", "SELECT * FROM memory.main.perf_top_patterns ORDER BY ALL"),
    ("table", "SELECT * FROM perf_weeks ORDER BY ALL"),
    ("table", "SELECT * FROM perf_reports ORDER BY ALL"),
    ("table", "DESCRIBE perf_all_weeks"),
    (
        "table",
        "SELECT 1::UHUGEINT AS a, TIME '01:02:03' AS b, '101'::BIT AS c, UUID '00000000-0000-0000-0000-000000000001' AS d, 1.5::DECIMAL(30, 2) AS e",
    ),
    ("table", "SELECT a::UHUGEINT AS a FROM own ORDER BY ALL"),
    ("table", "SELECT b FROM own_view ORDER BY ALL"),
    ("table", "SELECT twice(21) AS t"),
    ("table", "SELECT a FROM own_rows(1) ORDER BY ALL"),
    ("table", "SELECT perf.main.twice(21) AS t, (SELECT a FROM perf.own WHERE a = 2) AS a"),
    ("table", "EXPLAIN SELECT week FROM perf_all_weeks"),
    (
        "table",
        "PIVOT (SELECT week, pattern, p95_ms FROM perf_all_weeks) ON week USING first(p95_ms) ORDER BY pattern",
    ),
];

/// What no query may do, whatever a file calls by which name.
const FORBIDDEN: &[&str] = &[
    "CREATE TABLE memory.main.evil AS SELECT 1 AS a",
    "CREATE OR REPLACE VIEW memory.main.perf_all_weeks AS SELECT 1 AS week",
    "CREATE MACRO memory.main.evil() AS 1",
    "DELETE FROM own",
    "WITH c AS (DELETE FROM own RETURNING a) FROM c",
    "WITH c AS (COPY (SELECT 1) TO '{folder}/evil.csv' (FORMAT csv)) FROM c",
    "WITH c AS (CREATE TABLE memory.main.evil AS SELECT 1) SELECT 1",
    "EXPLAIN ANALYZE WITH c AS (DELETE FROM own RETURNING a) FROM c",
    "PIVOT (WITH c AS (DELETE FROM own RETURNING a) FROM c) ON a",
    "COPY (SELECT 1) TO '{folder}/evil.csv'",
    "ATTACH '{folder}/evil.duckdb'",
    "SET VARIABLE x = 1",
    "SET GLOBAL threads = 1",
    "SELECT 1; SELECT 2",
    "PRAGMA threads = 1",
    "FROM duckdb_settings()",
    "FROM pg_settings",
    "FROM duckdb_secrets()",
    "SELECT current_setting('temp_directory')",
    "SELECT write_log('x')",
    "FROM query('SELECT 1')",
    "FROM checkpoint('perf')",
    "SELECT list_aggregate([1], 'su' || 'm')",
    "FROM read_text('a/../b')",
    "SELECT nextval('s')",
];

/// Reports and a database file beside them: `OWN` and those of `more` that DuckDB makes. Also how many it
/// refused.
fn over_a_file(more: &[&str], with_reports: bool) -> (Shared, usize) {
    let files = tempfile::tempdir().unwrap();
    let (folder, file) = (files.path().join("reports"), files.path().join("perf.duckdb"));
    std::fs::create_dir(&folder).unwrap();
    if with_reports {
        demo(&folder, 3, 8);
    }
    let owner = Connection::open(&file).unwrap();
    owner.execute_batch(OWN).unwrap();
    let refused = more.iter().filter(|sql| {
        let done = owner.execute_batch(sql);
        done.is_err_and(|error| {
            println!("DuckDB refuses `{sql}`: {error}");
            true
        })
    });
    let refused = refused.count();
    owner.close().unwrap();
    (Shared::over(Walls::default(), files, folder, &json!({ "paths": [file] })), refused)
}

/// Whether what [`changed`] tells is none of the lists that a view elsewhere is rightly in.
fn is_no_list(what: &str) -> bool {
    !what.starts_with("the catalog: ") && !what.starts_with("the health check: ")
}

#[tokio::test(flavor = "multi_thread")]
async fn names_of_a_file_do_not_reach_the_plugins_own_lookups() {
    let (plain, _) = over_a_file(&[], true);
    let (clean, refused) = over_a_file(&[ELSEWHERE], true);
    assert_eq!(refused, 0);
    let expected = clean.look_at(LOOKUPS).await;
    let mut found = changed(&plain.look_at(LOOKUPS).await, &expected);
    found.retain(|what| is_no_list(what));
    assert!(found.is_empty(), "{}", found.join("\n"));
    for (index, (_, sql)) in LOOKUPS.iter().enumerate() {
        let frame = expected[*sql].starts_with(b"ARROW1");
        assert!(frame, "{index} {sql}: {}", String::from_utf8_lossy(&expected[*sql]));
    }
    let mut breaches = Vec::new();
    // All at once, and by parts, so that none hides another.
    for shadows in SHADOWS.chunks(9).chain([SHADOWS]) {
        let (shared, refused) = over_a_file(&[&[ELSEWHERE], shadows].concat(), true);
        assert!(refused <= 6, "DuckDB refuses {refused} of {}", shadows.len());
        let found = changed(&expected, &shared.look_at(LOOKUPS).await);
        if !found.is_empty() {
            breaches.push(format!("{} … :\n    {}", shadows[0], found.join("\n    ")));
        }
        shared.restart().await;
    }
    assert!(breaches.is_empty(), "{}", breaches.join("\n"));
}

/// Before the first report the views are over no row; whether a file has its own of that name is looked up.
#[tokio::test(flavor = "multi_thread")]
async fn names_of_a_file_do_not_hide_that_no_report_is_there() {
    let queries = [("table", "FROM perf_all_weeks"), ("table", "FROM perf_top_patterns")];
    let (clean, _) = over_a_file(&[], false);
    let expected = clean.look_at(&queries).await;
    assert!(expected[queries[0].1].starts_with(b"ARROW1"), "{expected:?}");
    let (all, _) = over_a_file(&[&[ELSEWHERE], SHADOWS].concat(), false);
    let mut found = changed(&expected, &all.look_at(&queries).await);
    found.retain(|what| is_no_list(what));
    assert!(found.is_empty(), "{}", found.join("\n"));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_gate_stands_whatever_a_file_is_full_of() {
    let (shared, _) = over_a_file(SHADOWS, true);
    let mut breaches = Vec::new();
    for sql in FORBIDDEN {
        let sql = sql.replace("{folder}", shared.folder.to_str().unwrap());
        let outcome = shared.app.query_on_the_wire(&shared.mallory, query("A", &sql, "table"), ()).await;
        let status = outcome.error.as_ref().map_or(200, |error| error.kind.facts().http_status);
        let error = outcome.error.map(|error| error.full_text());
        breaches
            .extend(behind_the_gate(status.into(), error.as_deref()).map(|what| format!("{sql}: {what}")));
    }
    assert!(breaches.is_empty(), "{}", breaches.join("\n"));
}

/// What a file's macros and views do, a query that uses them does.
#[tokio::test(flavor = "multi_thread")]
async fn what_a_file_calls_is_judged_like_a_query() {
    let made = [
        ("CREATE MACRO tells() AS current_setting('temp_directory')", "SELECT tells()"),
        (
            "CREATE MACRO deep() AS [x + length(current_setting('temp_directory')) FOR x IN [1]]",
            "SELECT deep()",
        ),
        ("CREATE MACRO through(a) AS tells() || a", "SELECT through('x')"),
        ("CREATE MACRO settings() AS TABLE FROM duckdb_settings()", "FROM settings()"),
        ("CREATE MACRO secrets() AS TABLE SELECT * FROM duckdb_secrets()", "SELECT count(*) FROM secrets()"),
        ("CREATE MACRO logs() AS write_log('x')", "SELECT logs()"),
        ("CREATE VIEW settings_view AS FROM duckdb_settings()", "FROM settings_view"),
        ("CREATE VIEW over_view AS SELECT count(*) AS n FROM settings_view", "SELECT n FROM over_view"),
        ("CREATE VIEW tells_view AS SELECT tells() AS t", "FROM (SELECT t FROM tells_view)"),
        ("CREATE VIEW pg_view AS FROM pg_settings", "EXPLAIN ANALYZE FROM pg_view"),
    ];
    let definitions = made.map(|(definition, _)| definition);
    let (shared, refused) = over_a_file(&definitions, true);
    assert_eq!(refused, 0);
    let mut breaches = Vec::new();
    for (definition, sql) in made {
        let outcome = shared.app.query_on_the_wire(&shared.mallory, query("A", sql, "table"), ()).await;
        match outcome.error.map(|error| (error.kind.facts().http_status, error.full_text())) {
            Some((400 | 403, _)) => {}
            other => breaches.push(format!("{definition}: `{sql}` came to {other:?}")),
        }
    }
    assert!(breaches.is_empty(), "{}", breaches.join("\n"));
    // The rest of the file is no worse for it.
    let outcome = shared
        .app
        .query_on_the_wire(&shared.alice, query("A", "SELECT twice(a) FROM own ORDER BY a", "table"), ())
        .await;
    assert_eq!(outcome.error, None);
}
