//! What passes and what is refused, with the real parser.

use super::*;

fn verdict(sql: &str) -> Result<Verdict> {
    check(&Connection::open_in_memory().unwrap(), sql)
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
    ] {
        assert!(verdict(sql).is_ok(), "{sql}: {:?}", verdict(sql));
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
        ("WITH c AS (COPY (SELECT 1) TO 'a') FROM c", "`COPY` is not allowed in a query", None),
        (
            "WITH c AS (INSERT INTO t VALUES (1) RETURNING *) FROM c",
            "`INSERT` is not allowed in a query",
            None,
        ),
        (
            "SELECT (WITH c AS (DELETE FROM t RETURNING *) SELECT 1 FROM c)",
            "`DELETE` is not allowed in a query",
            None,
        ),
        (
            "WITH c AS (COPY (SELECT 1) TO 'a') PIVOT c ON a USING sum(b)",
            "`COPY` is not allowed in a query",
            None,
        ),
        ("SELECT * FROM query('SELECT 1')", "the function `query` is not allowed in a query", None),
        ("SELECT * FROM QUERY_TABLE('t')", "the function `query_table` is not allowed in a query", None),
        ("SELECT pg_sleep(1)", "the function `pg_sleep` is not allowed in a query", Some(7)),
        ("FROM checkpoint()", "the function `checkpoint` is not allowed in a query", None),
        (
            "FROM json_execute_serialized_sql('x')",
            "the function `json_execute_serialized_sql` is not allowed in a query",
            None,
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
        let error = verdict(sql).expect_err(sql);
        assert_eq!(error.message, message, "{sql}");
        if position.is_some() {
            assert_eq!(error.position, position, "{sql}");
        }
    }
}

#[test]
fn a_verdict_says_what_the_statement_names() {
    let seen = verdict("SELECT * FROM perf_all_weeks a JOIN 'x.parquet' b USING (week)").unwrap();
    assert_eq!(
        (seen.tables, seen.lists_catalog, seen.is_subquery),
        (vec!["perf_all_weeks".into(), "x.parquet".into()], false, true)
    );
    assert!(verdict("SHOW TABLES").unwrap().lists_catalog);
    assert!(verdict("FROM duckdb_views()").unwrap().lists_catalog);
    assert!(!verdict("EXPLAIN SELECT 1").unwrap().is_subquery);
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
