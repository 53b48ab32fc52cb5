//! What one user may try to leave behind, and what the next one asks.

/// What a statement is to leave behind, each for everybody on the same worker. `{folder}` is the
/// datasource's.
pub(super) const LEAVINGS: &[(&str, &str)] = &[
    (
        "a forged view",
        "CREATE OR REPLACE VIEW memory.main.perf_all_weeks AS SELECT 202647 AS week, 'all is well' AS pattern, 1 AS samples, 0.1 AS p50_ms, 0.1 AS p95_ms, 0.1 AS p99_ms, false AS slow_flag",
    ),
    (
        "a forged view over a view",
        "CREATE OR REPLACE VIEW memory.main.perf_slow_patterns AS SELECT * FROM perf_all_weeks LIMIT 1",
    ),
    (
        "a forged view by its bare name",
        "CREATE OR REPLACE VIEW perf_top_patterns AS SELECT 1 AS place, 1 AS week",
    ),
    ("a temporary view", "CREATE OR REPLACE TEMP VIEW perf_all_weeks AS SELECT 1 AS week"),
    ("no view", "DROP VIEW memory.main.perf_top_patterns"),
    ("no schema", "DROP SCHEMA memory.main CASCADE"),
    ("a view of another name", "ALTER VIEW memory.main.perf_slow_patterns RENAME TO slow"),
    ("a new view", "CREATE VIEW memory.main.v AS SELECT 99 AS a"),
    ("a comment on a view", "COMMENT ON VIEW memory.main.perf_all_weeks IS 'left behind'"),
    ("a comment on a column", "COMMENT ON COLUMN memory.main.perf_all_weeks.week IS 'left behind'"),
    ("a table", "CREATE TABLE memory.main.t AS SELECT 99 AS a"),
    ("a temporary table", "CREATE TEMP TABLE t AS SELECT 99 AS a"),
    ("a temporary table over a view", "CREATE TEMP TABLE perf_all_weeks AS SELECT 1 AS week"),
    (
        "a table with a report's name",
        "CREATE TABLE memory.main.\"query_perf_weekly_202653.parquet\" AS SELECT 99 AS week, 99 AS samples",
    ),
    ("an index", "CREATE TABLE memory.main.t AS SELECT 99 AS a; CREATE INDEX i ON memory.main.t (a)"),
    ("a schema", "CREATE SCHEMA memory.evil; CREATE VIEW memory.evil.v AS SELECT 99 AS a"),
    (
        "a schema of the engine's name",
        "CREATE SCHEMA memory.information_schema; CREATE VIEW memory.information_schema.tables AS SELECT 'x' AS table_name",
    ),
    ("a sequence", "CREATE SEQUENCE memory.main.s START 5"),
    ("an enum", "CREATE TYPE memory.main.week AS ENUM ('a')"),
    (
        "a type that shadows one",
        "CREATE TYPE memory.main.place AS BIGINT; CREATE TYPE memory.main.\"DATE\" AS VARCHAR",
    ),
    ("a macro", "CREATE MACRO memory.main.evil(x) AS 99"),
    ("a table macro", "CREATE MACRO memory.main.evil_rows() AS TABLE SELECT 99 AS a"),
    ("a temporary macro", "CREATE TEMP MACRO sum(x) AS 99"),
    (
        "a gate that says yes",
        "CREATE MACRO memory.main.json_serialize_sql(s) AS '{\"error\":false,\"statements\":[{\"node\":{\"type\":\"EMPTY\"}}]}'",
    ),
    ("a macro over count", "CREATE MACRO memory.main.count(x) AS 99"),
    ("a macro over max", "CREATE MACRO memory.main.max(x) AS 99"),
    ("a macro over lower", "CREATE MACRO memory.main.lower(x) AS 'left behind'"),
    ("a macro over coalesce's kin", "CREATE MACRO memory.main.ifnull(a, b) AS 99"),
    ("a macro over round", "CREATE MACRO memory.main.round(x, n) AS 99"),
    ("a macro over string_agg", "CREATE MACRO memory.main.string_agg(a, b) AS 'left behind'"),
    ("a macro over now", "CREATE MACRO memory.main.now() AS TIMESTAMPTZ '1999-01-01'"),
    ("another day", "CREATE OR REPLACE MACRO memory.main.today() AS DATE '1999-01-01'"),
    ("another current_date", "CREATE OR REPLACE MACRO memory.main.\"current_date\"() AS DATE '1999-01-01'"),
    ("another part of a date", "CREATE OR REPLACE MACRO memory.main.date_part(p, d) AS 1999"),
    ("no day", "DROP MACRO memory.main.today"),
    ("a macro over a sum", "CREATE MACRO memory.main.\"+\"(a, b) AS 99"),
    ("a macro over a comparison", "CREATE MACRO memory.main.\">\"(a, b) AS true"),
    ("a macro over a concatenation", "CREATE MACRO memory.main.\"||\"(a, b) AS 'left behind'"),
    ("a macro over LIKE", "CREATE MACRO memory.main.\"~~\"(a, b) AS true"),
    ("a macro over glob", "CREATE MACRO memory.main.glob(p) AS TABLE SELECT 'left behind' AS file"),
    (
        "a macro over read_parquet",
        "CREATE MACRO memory.main.read_parquet(p, union_by_name := false) AS TABLE SELECT 1 AS week",
    ),
    (
        "a macro over duckdb_columns",
        "CREATE MACRO memory.main.duckdb_columns() AS TABLE SELECT 'left behind' AS database_name",
    ),
    (
        "a macro over duckdb_views",
        "CREATE MACRO memory.main.duckdb_views() AS TABLE SELECT false AS internal, 'x' AS sql",
    ),
    ("a macro over range", "CREATE MACRO memory.main.range(n) AS TABLE SELECT 99 AS range"),
    ("a variable", "SET VARIABLE x = 'left behind'"),
    ("the order of rows", "SET GLOBAL default_order = 'DESC'"),
    ("the order of NULLs", "SET GLOBAL default_null_order = 'NULLS_FIRST'"),
    ("the collation", "SET GLOBAL default_collation = 'nocase'"),
    ("the time zone", "SET GLOBAL TimeZone = 'Asia/Tokyo'"),
    ("the threads", "SET GLOBAL threads = 1"),
    ("the memory", "SET GLOBAL memory_limit = '1MB'"),
    ("the way of dividing", "SET GLOBAL integer_division = true"),
    ("fewer optimizers", "SET GLOBAL disabled_optimizers = 'statistics_propagation,filter_pushdown'"),
    ("other error texts", "SET GLOBAL errors_as_json = false"),
    ("a read-only mode of its own", "SET GLOBAL access_mode = 'READ_ONLY'"),
    ("everything reset", "RESET ALL"),
    (
        "a schema in front",
        "CREATE SCHEMA memory.evil; CREATE VIEW memory.evil.perf_all_weeks AS SELECT 1 AS week; SET GLOBAL search_path = 'memory.evil'",
    ),
    ("another schema", "USE temp"),
    ("an attached database", "ATTACH ':memory:' AS evil; CREATE TABLE evil.t AS SELECT 99 AS a; USE evil"),
    ("a detached database", "ATTACH ':memory:' AS evil; USE evil; DETACH memory"),
    ("a prepared statement", "PREPARE p AS SELECT 99 AS a"),
    ("a secret", "CREATE SECRET evil (TYPE http, BEARER_TOKEN 'left behind')"),
    ("an open transaction", "BEGIN TRANSACTION; CREATE TABLE memory.main.t AS SELECT 99 AS a"),
    ("an open transaction that drops", "BEGIN TRANSACTION; DROP VIEW memory.main.perf_top_patterns"),
    (
        "an aborted transaction",
        "BEGIN TRANSACTION; CREATE TABLE memory.main.t AS SELECT 99 AS a; SELECT error('aborted')",
    ),
    ("a committed transaction", "BEGIN TRANSACTION; CREATE TABLE memory.main.t AS SELECT 99 AS a; COMMIT"),
    ("a profile", "PRAGMA enable_profiling = 'json'; PRAGMA profiling_output = '{folder}/profile.json'"),
    ("a log", "CALL enable_logging('QueryLog')"),
    ("a progress bar", "PRAGMA enable_progress_bar"),
    ("a verification", "PRAGMA enable_verification"),
    ("a checkpoint", "CHECKPOINT memory"),
    ("statistics", "ANALYZE"),
    (
        "rejected lines",
        "FROM read_csv('{folder}/notes.txt', columns = {'a': 'INT'}, store_rejects = true, rejects_table = 'evil')",
    ),
    ("a seed", "SELECT setseed(0.5)"),
    (
        "a file in the folder",
        "COPY (SELECT 202701 AS week, 'left behind' AS pattern) TO '{folder}/query_perf_weekly_202701.parquet'",
    ),
    ("an external resource", "CREATE EXTERNAL RESOURCE 'evil' AS e"),
    (
        "a trigger",
        "CREATE TABLE memory.main.t AS SELECT 99 AS a; CREATE TRIGGER g AFTER INSERT ON memory.main.t FOR EACH ROW DELETE FROM memory.main.t",
    ),
    ("an extension", "LOAD icu"),
];

/// Reading that may leave something behind all the same.
pub(super) const READINGS: &[&str] = &[
    "PIVOT (SELECT week, pattern, p95_ms FROM perf_all_weeks) ON pattern USING sum(p95_ms)",
    "PIVOT (SELECT 1 AS a, error('in the middle') AS b) ON a USING sum(b)",
    "PIVOT (SELECT error('at the start') AS a) ON a",
    "PIVOT perf_all_weeks ON nothing",
    "EXPLAIN ANALYZE PIVOT (SELECT 1 AS a) ON a",
    "FROM (PIVOT (SELECT 1 AS a) ON a), (PIVOT (SELECT 2 AS a) ON a)",
    "EXPLAIN ANALYZE WITH c AS (CREATE TABLE memory.main.t AS SELECT 99 AS a) SELECT 1",
    "WITH c AS (CREATE TABLE memory.main.t AS SELECT 99 AS a) SELECT 1",
    "WITH c AS (CREATE OR REPLACE VIEW memory.main.perf_all_weeks AS SELECT 1 AS week) SELECT 1",
    "WITH c AS (SET VARIABLE x = 1) SELECT 1",
    "EXPLAIN ANALYZE CREATE OR REPLACE VIEW memory.main.perf_all_weeks AS SELECT 1 AS week",
    "EXPLAIN (ANALYZE x$__a$) WITH c AS (CREATE TABLE memory.main.t AS SELECT 99 AS a), z AS (SELECT 2 AS y$__a$ ) SELECT 1",
    "SELECT error('{\"exception_type\":\"INTERNAL\",\"exception_message\":\"x\"}')",
    "SELECT error('TransactionContext Error: Current transaction is aborted (please ROLLBACK)')",
    "SELECT * FROM perf_all_weeks, perf_all_weeks b, perf_all_weeks c, range(1000000) ORDER BY ALL",
    "SELECT repeat('x', 1000000000)",
    "SELECT count(*) FROM (SELECT md5(range::VARCHAR) AS a FROM range(3000000) ORDER BY a)",
    "SELECT nope FROM perf_all_weeks",
    "SELECT 1 FROM 'query_perf_weekly_000000.parquet'",
    "SELECT $$ unfinished",
    "SUMMARIZE perf_all_weeks",
    "SELECT getvariable('x')",
];

/// What the next user asks, with its format. Each answer is the same every time.
pub(super) const ORDINARY: &[(&str, &str)] = &[
    // The panels of a dashboard.
    (
        "time_series",
        "SELECT $__weekTime(week) AS time, pattern, p95_ms FROM perf_all_weeks WHERE $__weekFilter(week) ORDER BY 1, 2",
    ),
    (
        "table",
        "SELECT week, count(*) AS n, count(*) FILTER (WHERE slow_flag) AS slow FROM perf_all_weeks GROUP BY ALL ORDER BY ALL",
    ),
    (
        "table",
        "SELECT * FROM perf_top_patterns WHERE place <= 3 AND week = (SELECT max(week) FROM perf_all_weeks) ORDER BY place",
    ),
    (
        "table",
        "SELECT lower(pattern) AS p, max(p95_ms) AS m, round(avg(p50_ms), 6) AS a FROM perf_slow_patterns GROUP BY ALL ORDER BY ALL",
    ),
    (
        "table",
        "SELECT week, sum(samples) AS s, string_agg(pattern, ', ' ORDER BY pattern) AS all_of_them FROM perf_all_weeks GROUP BY week ORDER BY week",
    ),
    // An alert rule.
    (
        "table",
        "SELECT pattern, max(p95_ms) AS value FROM perf_all_weeks WHERE week = 202653 GROUP BY pattern ORDER BY pattern",
    ),
    // By names and patterns of files.
    ("table", "SELECT count(*), sum(samples) FROM 'query_perf_weekly_2026*.parquet'"),
    ("table", "SELECT week, samples FROM 'query_perf_weekly_202653.parquet' ORDER BY ALL"),
    ("table", "SELECT parse_filename(file) FROM glob('*.parquet') ORDER BY ALL"),
    ("table", "SELECT column0, count(*) FROM read_csv('notes.txt', header = false) GROUP BY ALL"),
    // What there is.
    ("table", "SHOW TABLES"),
    ("table", "SHOW ALL TABLES"),
    ("table", "SHOW DATABASES"),
    ("table", "DESCRIBE perf_all_weeks"),
    (
        "table",
        "SELECT * EXCLUDE (database_oid, schema_oid, table_oid) FROM duckdb_columns() WHERE NOT internal ORDER BY ALL",
    ),
    ("table", "SELECT view_name, sql, comment FROM duckdb_views() WHERE NOT internal ORDER BY ALL"),
    ("table", "SELECT table_catalog, table_schema, table_name FROM information_schema.tables ORDER BY ALL"),
    (
        "table",
        "SELECT function_name, macro_definition FROM duckdb_functions() WHERE NOT internal ORDER BY ALL",
    ),
    ("table", "SELECT type_name FROM duckdb_types() WHERE NOT internal ORDER BY ALL"),
    (
        "table",
        "SELECT (SELECT list(name) FROM duckdb_variables()), (SELECT list(name) FROM duckdb_prepared_statements() WHERE name NOT LIKE 'duckdb_prepare_internal_%'), (SELECT list(sequence_name) FROM duckdb_sequences()), (SELECT list(index_name) FROM duckdb_indexes())",
    ),
    // What a name, an operator, an order, a setting means.
    (
        "table",
        "SELECT current_date = today(), date_part('year', TIMESTAMP '2026-05-05'), year(now()) > 2020, ifnull(NULL, 7)",
    ),
    ("table", "SELECT 1 + 1, 5 > 7, 'a' || 'b', 'a' LIKE 'B', 'a' = 'A', 7 / 2, -7 % 3"),
    ("table", "SELECT a FROM (VALUES (2), (NULL), (1)) v(a) ORDER BY a"),
    (
        "table",
        "SELECT TIMESTAMPTZ '2026-05-05 12:00:00+00', TIMESTAMPTZ '2026-05-05 12:00:00+00'::VARCHAR, DATE '2026-05-05' + 1",
    ),
    (
        "table",
        "SELECT current_setting('threads'), getvariable('x'), (SELECT count(*) FROM range(5)), current_schema(), current_database()",
    ),
    (
        "table",
        "PIVOT (SELECT week, pattern, p95_ms FROM perf_all_weeks) ON week USING sum(p95_ms) ORDER BY pattern",
    ),
    ("table", "EXPLAIN SELECT max(p95_ms) FROM perf_all_weeks WHERE week > 202650"),
    // What is not there.
    ("table", "FROM t"),
    ("table", "FROM v"),
    ("table", "SELECT evil(1)"),
    ("table", "FROM evil_rows()"),
    ("table", "SELECT nope FROM perf_all_weeks"),
];
