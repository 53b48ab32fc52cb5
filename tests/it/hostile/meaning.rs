//! What the gate lets through means what was written: where it judges a text of another form than the one
//! that was sent, as for `EXPLAIN` and `PIVOT`, the answer is the one that DuckDB gives to the text itself.

use duckdb_perf::protocol::Walls;

use super::attacks::Attack;
use super::sandbox::Sandbox;
use super::target::Target;
use super::{Run, ask, rebuilding};

/// Harmless texts, most of them odd.
const TEXTS: &[&str] = &[
    // A quote in a comment, behind which DuckDB takes an odd space for a part of a name.
    "/* it's */ SELECT 1 AS\u{a0}a",
    "SELECT /* it's */ 1 AS\u{a0}a",
    "-- it's\nSELECT\u{2003}1 AS a",
    // PIVOT, in every form and place.
    "PIVOT t ON a",
    "PIVOT t ON a USING sum(a)",
    "PIVOT t ON a IN (0, 2) USING sum(a) AS s, count(*) AS n",
    "PIVOT t ON a % 2 USING count(*) ORDER BY ALL",
    "PIVOT (SELECT a, a % 2 AS b FROM t) ON a, b USING max(a) ORDER BY ALL",
    "PIVOT (SELECT a, a % 2 AS b FROM t) ON (a, b) IN ((0, 0), (1, 1)) USING count(*)",
    "PIVOT (SELECT a, a % 2 AS b FROM t) ON a || '_' || b USING count(*)",
    "PIVOT (SELECT a, a % 2 AS b FROM t) ON b USING sum(a) GROUP BY a ORDER BY a DESC LIMIT 2",
    "PIVOT (SELECT a, a % 2 AS b FROM t) ON b IN (SELECT 0) USING sum(a) GROUP BY a ORDER BY a",
    "PIVOT (SELECT a, 'x' AS b FROM t) ON b IN ('x', 'y', NULL) GROUP BY a ORDER BY a",
    "PIVOT_WIDER t ON a USING first(a)",
    "PIVOT t USING sum(a)",
    "PIVOT t USING sum(a) GROUP BY a ORDER BY ALL",
    "PIVOT t GROUP BY a ORDER BY ALL",
    "WITH c AS (SELECT a, a + 1 AS b FROM t) PIVOT c ON a USING sum(b)",
    "WITH c AS (PIVOT t ON a USING sum(a)) SELECT * FROM c",
    "SELECT * FROM (PIVOT t ON a USING sum(a)) p",
    "FROM (PIVOT t ON a), (PIVOT t ON a USING sum(a)) q",
    "SELECT (SELECT count(*) FROM (PIVOT t ON a)) AS n",
    "(PIVOT t ON a) UNION ALL (PIVOT t ON a USING sum(a))",
    "PIVOT t ON a UNION ALL PIVOT t ON a USING sum(a)",
    "PIVOT (PIVOT t ON a USING sum(a)) ON \"0\"",
    "PIVOT (FROM t JOIN t u USING (a)) ON a USING count(*)",
    "PIVOT t JOIN t u USING (a) ON a USING count(*)",
    "FROM t PIVOT (sum(a) FOR a IN (0, 1))",
    "FROM t PIVOT (sum(a) AS s FOR a IN (0 AS zero, 1 AS one)) AS p",
    "FROM t UNPIVOT (v FOR n IN (a))",
    "UNPIVOT t ON a INTO NAME n VALUE v",
    "UNPIVOT (SELECT 1 AS x, 2 AS y) ON COLUMNS(*) INTO NAME n VALUE v",
    "PIVOT_LONGER (SELECT 1 AS x, 2 AS y) ON x, y",
    "PIVOT (SELECT week, pattern, p95_ms FROM perf_all_weeks) ON week USING sum(p95_ms) ORDER BY pattern",
    "PIVOT (SELECT DATE '2026-01-01' + a::INT AS d, a FROM t) ON d USING sum(a)",
    "PIVOT (SELECT {'x': a} AS s, a FROM t) ON s USING sum(a)",
    "PIVOT (SELECT [a] AS s, 1 AS n FROM t) ON s USING sum(n)",
    "PIVOT (SELECT a::UHUGEINT AS u, a FROM t) ON a USING sum(u)",
    "PIVOT (SELECT 'b''c' AS q, 1 AS n) ON q USING sum(n)",
    "PIVOT (SELECT 'x' AS \"ON\", 1 AS \"USING\") ON \"ON\" USING sum(\"USING\")",
    "PIVOT (SELECT 'x' AS `a\"b`, 1 AS n) ON `a\"b` USING sum(n)",
    "PIVOT (SELECT 1 AS a) \"on\" ON a",
    "pivot t on a using sum(a) filter (where a > 0)",
    "PIVOT /* ON x */ t -- ON y\n ON /* ' */ a",
    "PIVOT (SELECT E'it\\'s' AS a, 1 AS n) ON a USING sum(n)",
    "PIVOT (SELECT $q$a'b$q$ AS a, 1 AS n) ON a USING sum(n)",
    "PIVOT (SELECT 'a\u{a0}b' AS a, 1 AS n) ON a USING sum(n)",
    "PIVOT\u{a0}(SELECT 'k' AS a,\u{3000}1 AS n)\u{2003}ON a\u{feff}USING sum(n)",
    "/* ' */ PIVOT (SELECT 1 AS a) ON a",
    "PIVOT (SELECT 1 AS a$__q$, 2 AS b) ON a$__q$ USING sum(b)",
    "PIVOT (SELECT 1 AS x\u{1}, 2 AS b) ON x\u{1} USING sum(b)",
    "PIVOT (SELECT 1 AS ü, 2 AS b) ON ü USING sum(b)",
    ";; PIVOT t ON a ;;",
    // EXPLAIN, without what it measures.
    "EXPLAIN SELECT a FROM t WHERE a > 1",
    "EXPLAIN (FORMAT json) SELECT a FROM t",
    "EXPLAIN (FORMAT 'json') SELECT a FROM t",
    "EXPLAIN (FORMAT html) SELECT a FROM t",
    "EXPLAIN (FORMAT graphviz) SELECT a FROM t",
    "EXPLAIN (FORMAT yaml) SELECT a FROM t",
    "EXPLAIN (FORMAT text) (SELECT a FROM t)",
    "EXPLAIN (FORMAT default) SELECT a FROM t",
    "EXPLAIN (SQL) SELECT a FROM t",
    "explain(format json)select 1",
    "EXPLAIN (\"format\" json) FROM t",
    "EXPLAIN/* ( */FROM t",
    "EXPLAIN FROM t",
    "EXPLAIN (SELECT 1)",
    "EXPLAIN (FROM t)",
    "EXPLAIN VALUES (1), (2)",
    "EXPLAIN WITH c AS (FROM t) FROM c",
    "EXPLAIN DESCRIBE t",
    "EXPLAIN TABLE t",
    "EXPLAIN SELECT 'a\u{a0}b', E'\\'', $$;$$, \"a\" FROM t",
    "EXPLAIN SELECT 1 AS x\u{1}, 2 AS y$__a$",
    "EXPLAIN PIVOT t ON a IN (1) USING sum(a)",
    "EXPLAIN UNPIVOT t ON a",
    // And what is like them.
    "DESCRIBE PIVOT t ON a IN (1) USING sum(a)",
    "DESCRIBE SELECT a, a::VARCHAR AS \"b;c\" FROM t",
    "SUMMARIZE SELECT 7 AS a",
    "SUMMARIZE t",
    "SHOW (SELECT 1 AS a)",
    "DESC t",
    "TABLE t",
    "(SELECT 1) UNION (SELECT 2) ORDER BY 1",
    "FROM t SELECT a + 1 AS \"a;b\" ORDER BY ALL; -- ; '",
    "SELECT 'a'\n'b' AS s, E'c'\n'd' AS e",
    "SELECT 1 AS a /* ; */;/* ; */;",
    "\u{feff}SELECT\u{a0}1 AS a\u{3000};",
];

#[tokio::test(flavor = "multi_thread")]
async fn the_answer_is_the_one_to_the_text_that_was_sent() {
    let sandbox = Sandbox::new();
    let gated = Target::app(&sandbox, Walls::default());
    let open = Target::app(&sandbox, Walls { gate: false, ..Walls::default() });
    let (mut breaches, mut refused) = (Vec::new(), Vec::new());
    let written = TEXTS.iter().map(|sql| (*sql).to_owned());
    // What is measured would differ.
    let made = rebuilding::all().into_iter().step_by(8).map(|attack| attack.sql);
    for sql in written.chain(made.filter(|sql| !sql.contains("ANALYZE"))) {
        let attack = Attack::new("meaning", String::new(), sql);
        let (expected, found) = (ask(Run::Both, &open, &attack).await, ask(Run::Both, &gated, &attack).await);
        let sql = &attack.sql;
        match (expected.error, found.error) {
            (None, None) if expected.frames == found.frames => {}
            (None, None) => breaches.push(format!("{sql:?}: another answer")),
            (None, Some(error)) => refused.push(format!("{sql:?}: {error}")),
            (Some(_), Some(_)) => {}
            (Some(error), None) => breaches.push(format!("{sql:?} is answered, and is an error: {error}")),
        }
    }
    println!("refused, and harmless:\n{}", refused.join("\n"));
    assert!(breaches.is_empty(), "{}", breaches.join("\n"));
    let of_ours = refused.iter().filter(|sql| !sql.contains("witness")).count();
    assert!(of_ours <= 6, "too much that is harmless is refused:\n{}", refused.join("\n"));
}

/// What is measured differs from run to run; that it is measured must not.
#[tokio::test(flavor = "multi_thread")]
async fn explain_analyze_runs_and_measures() {
    let sandbox = Sandbox::new();
    let target = Target::app(&sandbox, Walls::default());
    for sql in [
        "EXPLAIN ANALYZE SELECT sum(a) FROM t",
        "EXPLAIN ANALYSE SELECT sum(a) FROM t",
        "EXPLAIN (ANALYZE) SELECT sum(a) FROM t",
        "EXPLAIN (ANALYZE, FORMAT json) SELECT sum(a) FROM t",
        "EXPLAIN ANALYZE (FORMAT json) SELECT sum(a) FROM t",
        "EXPLAIN ANALYZE PIVOT t ON a IN (1) USING sum(a)",
    ] {
        let answer = target.ask(&Attack::new("meaning", String::new(), sql.to_owned())).await;
        assert_eq!(answer.error, None, "{sql}");
        let text = answer.texts().concat().to_lowercase();
        assert!(
            ["latency", "total time", "\"timing\""].iter().any(|figure| text.contains(figure)),
            "{sql}: {text}"
        );
    }
}
