//! The text that runs is the one that was checked: one statement, composed from checked parts if it is not
//! the sent text itself.

use super::*;

/// Each attack hides a second statement, or one of another kind, behind what another lexer might take for a
/// literal, a comment or a blank.
#[test]
fn what_runs_is_what_was_judged() {
    let forged = "CREATE OR REPLACE VIEW memory.main.perf_all_weeks AS SELECT 1 AS week";
    let mut attacks = vec![
        format!(
            "PIVOT (SELECT 'k' AS a, 1 AS b) ON$__q$ USING count(*) GROUP BY a; {forged}; FROM (SELECT 'v' AS \"Y$__Q$\", 'w' AS a) SELECT y$__q$ || a"
        ),
        "EXPLAIN (ANALYZE x$__a$) WITH c AS (DELETE FROM t RETURNING 1), z AS (SELECT 2 AS y$__a$ ) SELECT 1"
            .to_owned(),
    ];
    let glues = [
        "$__q$",
        "${q}$q$",
        "\u{1}$q$",
        "\u{7f}$q$",
        "/*'*/\u{a0}",
        "`'`\u{2003}",
        "E'\\'\n'\\'",
        "$q",
        "$1$q$",
    ];
    let bodies = [
        "DELETE FROM t",
        "COPY t TO 'x'",
        "ATTACH 'x'",
        forged,
        "SET threads = 1",
        "CHECKPOINT",
        "INSERT INTO t VALUES (1)",
    ];
    for glue in glues {
        for body in bodies {
            for shape in [
                format!("PIVOT t ON a{glue} USING count(*); {body}; SELECT 1 AS x{glue}"),
                format!("PIVOT t ON{glue} USING count(*) GROUP BY a; {body}; SELECT 1{glue}"),
                format!("PIVOT t ON a IN{glue} (1) USING count(*); {body}"),
                format!("EXPLAIN (ANALYZE{glue}) {body}"),
                format!("EXPLAIN (FORMAT{glue} json) WITH c AS ({body}) SELECT 1"),
                format!("EXPLAIN{glue} {body}"),
                format!("EXPLAIN ANALYZE{glue} {body}"),
                format!("SELECT 1 AS a{glue}; {body}; SELECT 2 AS b{glue}"),
                format!("SELECT 1{glue}; {body} --{glue}"),
                format!("DESCRIBE SELECT 1 AS x{glue}; {body}"),
            ] {
                attacks.push(shape);
            }
        }
    }
    for sql in attacks {
        let error = verdict(&sql).expect_err(&sql);
        assert!(matches!(error.kind, Kind::Forbidden | Kind::BadQuery), "{sql}: {error:?}");
        assert!(error.position.is_none_or(|at| at <= sql.len()), "{sql}: {error:?}");
    }
}

#[test]
fn explain_and_pivot_are_put_together_anew() {
    for (sql, runs) in [
        ("EXPLAIN SELECT 1", "EXPLAIN (FORMAT default) SELECT 1"),
        ("explain analyse (SELECT 1) ; -- x", "EXPLAIN (ANALYZE, FORMAT default) (SELECT 1)"),
        ("EXPLAIN /* a */ ( analyze , FORMAT 'JSON' ) FROM t", "EXPLAIN (ANALYZE, FORMAT json) FROM t"),
        ("EXPLAIN (FROM t)", "EXPLAIN (FORMAT default) (FROM t)"),
        ("PIVOT t ON year USING sum(a);", "PIVOT t ON (year) USING sum(a)"),
        (
            "PIVOT t ON a || b, c IN (1, 2), [d, e] GROUP BY f",
            "PIVOT t ON (a || b), c IN (1, 2), ([d, e]) GROUP BY f",
        ),
        ("PIVOT t ON a || b IN ('x'), c", "PIVOT t ON (a || b IN ('x')), (c)"),
        (
            "PIVOT t ON a NOT IN (1), b::INT IN (1, 2), f(c) IN (3)",
            "PIVOT t ON (a NOT IN (1)), b::INT IN (1, 2), f(c) IN (3)",
        ),
        ("PIVOT t ON CASE WHEN a IN (1) THEN b END", "PIVOT t ON (CASE WHEN a IN (1) THEN b END)"),
        (
            "FROM (PIVOT (PIVOT t ON a) ON c USING sum(d))",
            "FROM (PIVOT (PIVOT t ON (a)) ON (c) USING sum(d))",
        ),
        ("PIVOT (FROM t JOIN u ON t.a = u.a) ON a", "PIVOT (FROM t JOIN u ON t.a = u.a) ON (a)"),
        ("PIVOT t JOIN u ON t.a = u.a ON b", "PIVOT t JOIN u ON t.a = u.a ON (b)"),
        ("\u{a0}SELECT\u{2003}1 ;", "SELECT 1"),
    ] {
        assert_eq!(verdict(sql).map(|verdict| verdict.sql), Ok(runs.to_owned()), "{sql}");
    }
    for (sql, message, position) in [
        // The list belongs to a pivot, and nobody can write its value beforehand.
        (
            "SELECT * FROM (PIVOT t ON a) q, t PIVOT (sum(a) FOR b IN (E'pivote\\x64')) p JOIN t u ON u.a = 1",
            "the query is written in a way that cannot be checked",
            0,
        ),
        ("EXPLAIN (SQL) SELECT 1", "`EXPLAIN` takes the options `ANALYZE` and `FORMAT` only", 9),
        ("EXPLAIN (ANALYZE false) SELECT 1", "`EXPLAIN` takes the options `ANALYZE` and `FORMAT` only", 17),
        ("EXPLAIN (FORMAT nothing) SELECT 1", "`EXPLAIN` has no such format", 16),
        ("EXPLAIN ANALYZE PIVOT t ON write_log(a)", "the function `write_log` is not allowed in a query", 27),
        ("PIVOT t ON a, write_log(b) USING sum(c)", "the function `write_log` is not allowed in a query", 14),
        ("\u{a0}SELECT\u{2003}write_log(1)", "the function `write_log` is not allowed in a query", 11),
        ("/* \u{a0} */ SELECT 1;\u{3000}DROP TABLE t", "the query holds more than one statement", 21),
    ] {
        assert_refused(sql, message, Some(position).filter(|position| *position > 0));
    }
}

#[test]
fn positions_lead_back_to_the_text_that_came() {
    for (sql, runs_at, came_from) in [
        ("-- x\nSELECT 1", "1", "1"),
        ("EXPLAIN ANALYZE SELECT nothing", "nothing", "nothing"),
        ("PIVOT t ON year, month USING sum(a)", "sum", "sum"),
        ("PIVOT t ON year, month USING sum(a)", "month", "month"),
        ("\u{a0}SELECT\u{2003}'ä', nothing", "nothing", "nothing"),
    ] {
        let verdict = verdict(sql).unwrap();
        let at = verdict.sql.find(runs_at).unwrap();
        assert_eq!(Some(verdict.place_of(at)), sql.find(came_from), "{sql}");
    }
}
