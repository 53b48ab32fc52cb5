//! Statements that pass and that are refused, with the real parser.

use super::*;

#[path = "arrays_tests.rs"]
mod arrays;
#[path = "calls_tests.rs"]
mod calls;
#[path = "names_tests.rs"]
mod names;
#[path = "run_tests.rs"]
mod runs;

/// Returns one gate for all tests, because each gate opens a DuckDB.
fn gate() -> &'static Gate {
    static GATE: std::sync::OnceLock<Gate> = std::sync::OnceLock::new();
    GATE.get_or_init(|| Gate::open().unwrap())
}

fn verdict(sql: &str) -> Result<Verdict> {
    gate().check(sql).map(Arc::unwrap_or_clone)
}

#[test]
fn readers_pass() {
    for sql in [
        "SELECT 1",
        "  -- a comment\n SELECT 1 ; -- and the end",
        "FROM 'g/reports/*.parquet'",
        "VALUES (1), (2)",
        "TABLE t",
        "DESCRIBE t",
        "DESCRIBE SELECT 1",
        "SUMMARIZE t",
        "SHOW TABLES",
        "SHOW ALL TABLES",
        "PIVOT t ON year USING sum(a)",
        "PIVOT t ON year IN (1, 2) USING sum(a) GROUP BY b",
        "PIVOT t ON a || b, f(c, d) USING sum(x), max(y) GROUP BY z ORDER BY z LIMIT 3",
        "PIVOT t ON a || b IN ('x'), c",
        "FROM (PIVOT (PIVOT t ON a USING sum(b)) ON c USING sum(d))",
        "WITH p AS (PIVOT t ON a USING sum(b)) FROM p",
        "UNPIVOT t ON a, b INTO NAME n VALUE v",
        "EXPLAIN SELECT 1",
        "EXPLAIN ANALYZE SELECT 1",
        "EXPLAIN (FORMAT json) SELECT 1",
        "EXPLAIN (SELECT 1)",
        "WITH RECURSIVE r AS (SELECT 1 x UNION ALL SELECT x + 1 FROM r WHERE x < 3) FROM r",
        "SELECT a, sum(b) OVER (PARTITION BY c), [x FOR x IN l], list_filter(l, lambda x: x > 1), {'a': 1}, COLUMNS('a.*') FROM t",
        "SELECT * EXCLUDE (a) REPLACE (b + 1 AS b) FROM t TABLESAMPLE 10% WHERE EXISTS (SELECT 1) QUALIFY row_number() OVER () = 1",
        "SELECT x FROM t ASOF JOIN u USING (a) POSITIONAL JOIN v, LATERAL (SELECT 1)",
        "SELECT 1 UNION BY NAME SELECT 2 ORDER BY ALL LIMIT 10%",
        "SELECT now() - INTERVAL 7 DAY, current_date, a AT TIME ZONE 'x', CASE a WHEN 1 THEN 2 END, a COLLATE nocase FROM t",
        "SELECT 'DROP TABLE t; --', \"insert\" FROM t",
        "FROM read_parquet(['../a.parquet', 'b/*.parquet'], filename = true, union_by_name = true)",
        "SELECT 'a/../b', path_join('a/..', x) FROM 'a..b.parquet'",
        "SELECT current_setting('threads'), current_setting('TimeZone'), current_setting('MEMORY_LIMIT')",
        "SELECT 'current_setting(x)', [1, 2].list_aggregate('sum'), histogram(a) FROM t",
        "FROM read_csv('a.csv', delim = ';', ignore_errors := true, types => {'a': 'INT'})",
        "SELECT a = store_rejects, struct_pack(rejects_table := 1) FROM t",
        "FROM information_schema.tables, pg_catalog.pg_class, duckdb_views, sqlite_master",
        "SHOW perf_all_weeks",
        "SHOW main.threads",
        "DESCRIBE threads",
    ] {
        assert!(verdict(sql).is_ok(), "{sql}: {:?}", verdict(sql));
    }
}

#[test]
fn what_may_change_by_itself_is_known() {
    for (sql, expected) in [
        ("SELECT week, max(p95_ms) FROM perf_all_weeks WHERE week > 202601 GROUP BY ALL ORDER BY 1", true),
        ("WITH a AS (FROM 'x.parquet') SELECT count(*) FROM a JOIN read_csv('b/*.csv') USING (k)", true),
        ("SELECT age, stats, \"user\", random FROM t", true),
        ("SELECT random() FROM t", false),
        ("SELECT RANDOM() FROM t", false),
        ("SELECT a FROM t WHERE b IN (SELECT uuid() FROM u)", false),
        ("SELECT [1].list_transform(lambda x: x + random())", false),
        ("SELECT now()", false),
        ("SELECT current_date FROM t", false),
        ("SELECT CURRENT_TIMESTAMP, 1 FROM t", false),
        ("SELECT \"localtime\" FROM t", false),
        ("SELECT 'now'::TIMESTAMP FROM t", false),
        ("SELECT age(t) FROM x", false),
        ("SELECT t AT TIME ZONE 'Europe/Vienna' FROM x", false),
        ("FROM t USING SAMPLE 3", false),
        ("FROM t TABLESAMPLE reservoir(10)", false),
        ("SELECT current_setting('threads') FROM t", false),
        ("FROM read_duckdb('x.duckdb')", false),
        // New data may be only in the file's write-ahead log.
        ("FROM 'x.duckdb'", false),
        ("SHOW TABLES", false),
        ("DESCRIBE t", false),
        ("FROM duckdb_tables()", false),
        ("SELECT count(*) FROM information_schema.\"TABLES\"", false),
        ("FROM system.pg_catalog.pg_class", false),
        ("FROM 'x.duckdb'", false),
        ("FROM x.DB", false),
        ("FROM a.parquet JOIN memory.main.perf_all_weeks USING (week)", true),
        ("EXPLAIN SELECT a FROM t", false),
        ("EXPLAIN ANALYZE SELECT a FROM t", false),
        ("PIVOT t ON year USING sum(a)", false),
    ] {
        assert_eq!(verdict(sql).unwrap().is_repeatable, expected, "{sql}");
    }
}

#[test]
fn database_files_that_are_read_by_their_path_are_known() {
    for (sql, expected) in [
        ("FROM 'x.duckdb'", true),
        ("FROM 'a/X.DB'", true),
        ("FROM \"a/*.ddb\"", true),
        ("FROM x.duckdb", true),
        ("FROM \"a/b\".x.db", true),
        ("FROM read_duckdb('x', table_name = 't')", true),
        ("SELECT (SELECT count(*) FROM Read_DuckDB(['x.y'])) FROM t", true),
        ("WITH a AS (FROM 'x.duckdb') PIVOT a ON year USING sum(n)", true),
        ("EXPLAIN ANALYZE FROM 'x.duckdb'", true),
        ("FROM 'x.parquet'", false),
        ("FROM duckdb", false),
        ("FROM db.main.t", false),
        ("SELECT 'x.duckdb' FROM t", false),
        ("FROM read_text('x.duckdb')", false),
    ] {
        assert_eq!(!verdict(sql).unwrap().databases.is_empty(), expected, "{sql}");
    }
}

#[test]
fn a_path_in_parts_does_not_climb_either() {
    for sql in ["FROM 'a/../b.parquet'", "FROM \"a/../b\".parquet"] {
        let error = verdict(sql).unwrap_err();
        assert!(error.message.contains("`..` behind a folder's name"), "{sql}: {error}");
    }
}

#[test]
fn writers_and_hiders_are_refused_with_their_position() {
    for (sql, message, position) in [
        ("DROP TABLE t", "`DROP` statements are not allowed", Some(0)),
        ("  INSERT INTO t VALUES (1)", "`INSERT` statements are not allowed", Some(2)),
        ("COPY t TO 'x'", "`COPY` statements are not allowed", Some(0)),
        ("EXPLAIN ANALYZE COPY t TO 'x'", "`COPY` statements are not allowed", Some(16)),
        ("ATTACH 'x'", "`ATTACH` statements are not allowed", Some(0)),
        ("SET threads = 1", "`SET` statements are not allowed", Some(0)),
        ("PRAGMA version", "`PRAGMA` statements are not allowed", Some(0)),
        ("CALL range(1)", "`CALL` statements are not allowed", Some(0)),
        ("CREATE TABLE p AS PIVOT t ON a USING sum(b)", "`CREATE` statements are not allowed", Some(0)),
        ("SELECT 1; DROP TABLE t", "the query holds more than one statement", Some(10)),
        ("SELECT 1;;SELECT 2", "the query holds more than one statement", Some(10)),
        ("WITH c AS (COPY (SELECT 1) TO 'a') FROM c", "`COPY` is not allowed in a query", Some(11)),
        (
            "WITH c AS (INSERT INTO t VALUES (1) RETURNING *) FROM c",
            "`INSERT` is not allowed in a query",
            Some(11),
        ),
        (
            "SELECT (WITH delete AS (DELETE FROM t RETURNING *) SELECT 1 FROM delete)",
            "`DELETE` is not allowed in a query",
            Some(24),
        ),
        (
            "EXPLAIN ANALYZE WITH c AS MATERIALIZED (COPY (SELECT 1) TO 'a') PIVOT c ON a USING sum(b)",
            "`COPY` is not allowed in a query",
            Some(40),
        ),
    ] {
        assert_refused(sql, message, position);
    }
}

/// Asserts that the text is refused with the message and a hint, and at the position if one is expected.
fn assert_refused(sql: &str, message: &str, position: Option<usize>) {
    let error = verdict(sql).expect_err(sql);
    assert_eq!(error.message, message, "{sql}");
    assert!(error.hint.is_some() || error.message.starts_with("Parser Error"), "{sql}: no remedy");
    if position.is_some() {
        assert_eq!(error.position, position, "{sql}");
    }
}

#[test]
fn functions_that_act_or_hide_are_refused_wherever_they_stand() {
    for (sql, message, position) in [
        ("SELECT * FROM query('SELECT 1')", "the function `query` is not allowed in a query", Some(14)),
        (
            "SELECT * FROM t, LATERAL QUERY_TABLE('t')",
            "the function `query_table` is not allowed in a query",
            Some(17),
        ),
        (
            "SELECT * FROM system.main.\"Query\"('x')",
            "the function `query` is not allowed in a query",
            Some(14),
        ),
        ("SELECT 'x'.write_log()", "the function `write_log` is not allowed in a query", Some(11)),
        ("SUMMARIZE SELECT pg_sleep(1)", "the function `pg_sleep` is not allowed in a query", Some(17)),
        (
            "DESCRIBE (FROM (SELECT [1].list_transform(lambda x: sleep_ms(x))))",
            "the function `sleep_ms` is not allowed in a query",
            None,
        ),
        (
            "SELECT COLUMNS(lambda c: write_log(c)) FROM t",
            "the function `write_log` is not allowed in a query",
            None,
        ),
        ("FROM read_text('a/../b')", "`..` behind a folder's name is not allowed in a path", Some(5)),
        (
            "FROM read_parquet(['x', '/a/b/../c'], union_by_name = true)",
            "`..` behind a folder's name is not allowed in a path",
            Some(5),
        ),
        ("SELECT * FROM 'a/../b.parquet'", "`..` behind a folder's name is not allowed in a path", Some(14)),
        ("SUMMARIZE 'a/../b.parquet'", "`..` behind a folder's name is not allowed in a path", None),
        (
            "FROM glob('a/' || '..')",
            "`glob` takes its path as a text or a list of texts, written out",
            Some(5),
        ),
        (
            "FROM read_text(['a', 'b' || 'c'])",
            "`read_text` takes its path as a text or a list of texts, written out",
            Some(5),
        ),
        (
            "FROM range(1) r, LATERAL (FROM read_csv((SELECT 'x')))",
            "`read_csv` takes its path as a text or a list of texts, written out",
            None,
        ),
        ("SELECT 1 ORDER BY setseed(0.5)", "the function `setseed` is not allowed in a query", Some(18)),
        ("FROM range((SELECT nextval('s')))", "the function `nextval` is not allowed in a query", None),
        ("SELECT sum(a) EXPORT_STATE FROM t", "`EXPORT_STATE` is not allowed in a query", Some(7)),
        ("FROM duckdb_settings()", "the function `duckdb_settings` is not allowed in a query", Some(5)),
        (
            "SELECT current_setting('temp_directory')",
            "`current_setting` tells only of settings that say nothing about the machine",
            Some(7),
        ),
        (
            "SELECT current_setting('temp_' || 'directory')",
            "`current_setting` tells only of settings that say nothing about the machine",
            Some(7),
        ),
        (
            "SELECT current_setting(n) FROM (VALUES ('threads'), ('temp_directory')) t(n)",
            "`current_setting` tells only of settings that say nothing about the machine",
            Some(7),
        ),
        ("SELECT pg_sleep(1)", "the function `pg_sleep` is not allowed in a query", Some(7)),
        ("FROM checkpoint()", "the function `checkpoint` is not allowed in a query", Some(5)),
        (
            "FROM json_execute_serialized_sql('x')",
            "the function `json_execute_serialized_sql` is not allowed in a query",
            Some(5),
        ),
        ("SELECT ?", "the query holds a parameter (`?`, `$1` or `$name`)", Some(7)),
        ("SELEC 1", "Parser Error: syntax error at or near \"SELEC\"", Some(0)),
        ("SELECT 1 +", "Parser Error: syntax error at or near \"+\"", Some(9)),
        (
            "PIVOT t ON a IN (SELECT b FROM checkpoint()) USING sum(x)",
            "a subquery in the `ON` list of `PIVOT` is not supported",
            None,
        ),
        (
            "PIVOT t ON (SELECT 1 FROM query('x')) USING sum(x)",
            "a subquery in the `ON` list of `PIVOT` is not supported",
            None,
        ),
        (" -- nothing", "the query is empty", None),
        ("SELECT '\0'", "the query holds a NUL character", Some(8)),
    ] {
        assert_refused(sql, message, position);
    }
}

#[test]
fn a_verdict_says_what_the_statement_names() {
    let seen = verdict("SELECT * FROM perf_all_weeks a JOIN 'x.parquet' b USING (week)").unwrap();
    assert_eq!(
        (seen.reads.tables, seen.lists_catalog, seen.form),
        (vec!["perf_all_weeks".into(), "x.parquet".into()], false, Form::Subquery)
    );
    assert_eq!(seen.reads.files, ["x.parquet"]);
    assert!(verdict("SHOW TABLES").unwrap().lists_catalog);
    assert!(verdict("SELECT count(*) FROM information_schema.tables").unwrap().lists_catalog);
    assert!(verdict("FROM duckdb_views()").unwrap().lists_catalog);
    assert_eq!(verdict("EXPLAIN SELECT 1").unwrap().form, Form::Alone);
    assert_eq!(verdict("PIVOT t ON a").unwrap().form, Form::Multiple);
}

#[test]
fn a_deep_tree_is_read_without_recursion() {
    let sql = format!("SELECT {}1", "1 + ".repeat(900));
    std::thread::Builder::new()
        .stack_size(32 << 20)
        .spawn(move || assert!(verdict(&sql).is_ok()))
        .unwrap()
        .join()
        .unwrap();
}

/// Collects the nodes with a plain JSON reader.
fn plainly(json: &serde_json::Value, found: &mut Vec<(String, String, String, String)>) {
    match json {
        serde_json::Value::Object(object) => {
            object.values().for_each(|value| plainly(value, found));
            let text =
                |key: &str| object.get(key).and_then(|value| value.as_str()).unwrap_or_default().to_owned();
            let parts = object.get("qualified_name").and_then(|name| name["path"].as_array());
            let parts: Vec<_> = parts.into_iter().flatten().filter_map(|part| part.as_str()).collect();
            let node = (text("type"), text("class"), text("function_name"), parts.join("."));
            if !node.0.is_empty() || !node.1.is_empty() {
                found.push(node);
            }
        }
        serde_json::Value::Array(items) => items.iter().for_each(|item| plainly(item, found)),
        _ => {}
    }
}

#[test]
fn the_tree_is_read_as_a_plain_reader_reads_it() {
    for sql in [
        "SELECT 1",
        "SELECT 'x\"},{\"type\":\"COPY_QUERY_NODE\"', \"a\"\"b\\\", 'ü💥\u{2028}' AS \"class\"\":\" FROM \"type\"",
        "WITH a AS (SELECT 1), b AS MATERIALIZED (FROM a) SELECT * FROM b JOIN a ON true, range(3) t(x) WHERE x IN (1, 2) ORDER BY ALL",
        "WITH c AS (COPY (SELECT 1) TO 'x') FROM c",
        "SELECT x::INT[], CAST(y AS STRUCT(\"type\" VARCHAR, class INT)), {'function_name': 'query'}, MAP {'type': 'x'} FROM t",
        "FROM (PIVOT t ON a IN ('x', 'y') USING sum(b)) UNION ALL BY NAME FROM 'a.parquet' TABLESAMPLE 10%",
        "SELECT sum(a) FILTER (WHERE b) OVER (PARTITION BY c ORDER BY d ROWS BETWEEN 1 PRECEDING AND CURRENT ROW), COLUMNS(lambda c: c LIKE 'x') FROM t",
        "DESCRIBE SELECT current_setting('threads') FROM system.main.query('SELECT 1')",
        "FROM a.\"b.c\".\"d/e\".parquet AT (VERSION => f.g.h('path')), x.y WHERE {'path': ['qualified_name']} = z.w",
    ] {
        let json = gate().parser.tree(sql).unwrap();
        let mut plain = Vec::new();
        plainly(&serde_json::from_str(&json).unwrap(), &mut plain);
        let mut ours: Vec<_> = tree::read(&json)
            .unwrap()
            .nodes
            .into_iter()
            .map(|node| (node.kind, node.class, node.function, node.path.join(".")))
            .collect();
        plain.sort();
        ours.sort();
        assert!(!ours.is_empty());
        assert_eq!(ours, plain, "{sql}");
    }
}
