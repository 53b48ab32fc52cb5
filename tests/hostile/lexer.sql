-- Where a reader of the text may see other tokens than DuckDB does, and so check something else than what runs.

-- name: an identifier that ends in a dollar quote's tag, behind PIVOT
PIVOT (SELECT 'k' AS a, 1 AS b) ON$__q$ USING count(*) GROUP BY a; CREATE OR REPLACE VIEW memory.main.perf_all_weeks AS SELECT 202647 AS week, 'all is well' AS pattern, 1 AS samples, 0.1 AS p50_ms, 0.1 AS p95_ms, 0.1 AS p99_ms, false AS slow_flag; FROM (SELECT 'v' AS "Y$__Q$", 'w' AS a) SELECT y$__q$ || a

-- name: … that switches the gate off
PIVOT (SELECT 'k' AS a, 1 AS b) ON$__q$ USING count(*) GROUP BY a; CREATE MACRO memory.main.json_serialize_sql(s) AS '{"error":false,"statements":[{"node":{"type":"EMPTY"}}]}'; FROM (SELECT 'v' AS "Y$__Q$", 'w' AS a) SELECT y$__q$ || a

-- name: … that sets a variable
PIVOT (SELECT 'k' AS a, 1 AS b) ON$__q$ USING count(*) GROUP BY a; SET VARIABLE x = 1; FROM (SELECT 'v' AS "Y$__Q$", 'w' AS a) SELECT y$__q$ || a

-- name: … that copies
PIVOT (SELECT 'k' AS a, 1 AS b) ON$__q$ USING count(*) GROUP BY a; COPY (SELECT 1) TO '{folder}/lexer.csv'; FROM (SELECT 'v' AS "Y$__Q$", 'w' AS a) SELECT y$__q$ || a

-- name: … with braces in its tag
PIVOT (SELECT 'k' AS a, 1 AS b) ON$__q$ USING count(*) GROUP BY a; CREATE TABLE memory.main.x${a AS SELECT 1; FROM (SELECT 'v' AS "Y$__Q$", 'w' AS a) SELECT y$__q$ || a

-- name: an identifier that ends in a dollar quote's tag, in the options of EXPLAIN
EXPLAIN (ANALYZE x$__a$) WITH c AS (DELETE FROM t RETURNING 1), z AS (SELECT 2 AS y$__a$ ) SELECT 1

-- name: … that copies from a CTE
EXPLAIN (ANALYZE x$__a$) WITH c AS (COPY (SELECT 1) TO '{folder}/lexer.csv' (FORMAT csv)), z AS (SELECT 2 AS y$__a$ ) SELECT 1

-- name: … that creates in a CTE
EXPLAIN (ANALYZE x$__a$) WITH c AS (CREATE TABLE memory.main.evil AS SELECT 1), z AS (SELECT 2 AS y$__a$ ) SELECT 1

-- name: … that inserts in a statement of its own
EXPLAIN (ANALYZE x$__a$) INSERT INTO t SELECT a FROM (SELECT 2 AS y$__a$ ) SELECT 1

-- name: an option with a parenthesis in it
EXPLAIN (ANALYZE (1), FORMAT json) WITH c AS (DELETE FROM t RETURNING 1) SELECT 1

-- name: an option with a closing parenthesis in a string
EXPLAIN (ANALYZE ')', FORMAT json) WITH c AS (DELETE FROM t RETURNING 1) SELECT 1

-- name: an option with a query in it
EXPLAIN (ANALYZE (SELECT 1), FORMAT text) DELETE FROM t

-- name: an option with a CTE that deletes
EXPLAIN (ANALYZE (WITH c AS (DELETE FROM t RETURNING 1) SELECT 1)) SELECT 1

-- name: an option with an identifier that holds a parenthesis
EXPLAIN (ANALYZE "a)b") WITH c AS (DELETE FROM t RETURNING 1) SELECT 1

-- name: an option in quotes
EXPLAIN ("analyze") DELETE FROM t

-- name: an option in backticks
EXPLAIN (`analyze`, "format" 'json') WITH c AS (DELETE FROM t RETURNING 1) SELECT 1

-- name: options that look like a query
EXPLAIN (ANALYZE) (WITH c AS (DELETE FROM t RETURNING 1) SELECT 1)

-- name: options before a query in parentheses
EXPLAIN (SELECT 1); DELETE FROM t

-- name: ANALYZE twice
EXPLAIN ANALYZE (ANALYZE) WITH c AS (DELETE FROM t RETURNING 1) SELECT 1

-- name: ANALYSE
EXPLAIN ANALYSE WITH c AS (DELETE FROM t RETURNING 1) SELECT 1

-- name: EXPLAIN of ANALYZE
EXPLAIN ANALYZE t; DELETE FROM t

-- name: a control character that is an identifier's
EXPLAIN (ANALYZE x{u+1}$a$) WITH c AS (DELETE FROM t RETURNING 1), z AS (SELECT 2 AS y{u+1}$a$ ) SELECT 1

-- name: a delete character that is an identifier's
EXPLAIN (ANALYZE x{u+7f}$a$) WITH c AS (DELETE FROM t RETURNING 1), z AS (SELECT 2 AS y{u+7f}$a$ ) SELECT 1

-- name: an identifier of a control character alone
EXPLAIN (ANALYZE {u+1f}$a$) WITH c AS (DELETE FROM t RETURNING 1), z AS (SELECT 2 AS {u+1f}$a$ ) SELECT 1

-- name: a control character behind a keyword
SELECT 1;{u+1}DELETE FROM t

-- name: a control character within a keyword
DEL{u+2}ETE FROM t

-- name: a no-break blank behind a quote in a comment
/* ' */ EXPLAIN (ANALYZE x{u+a0}$a$) WITH c AS (DELETE FROM t RETURNING 1), z AS (SELECT 2 AS y{u+a0}$a$ ) SELECT 1

-- name: a no-break blank behind a quote in backticks
EXPLAIN (ANALYZE `'`, FORMAT x{u+a0}$a$) WITH c AS (DELETE FROM t RETURNING 1), z AS (SELECT 2 AS y{u+a0}$a$ ) SELECT 1

-- name: a wide blank behind a double quote in a comment
/* " */ EXPLAIN (ANALYZE x{u+3000}$a$) WITH c AS (DELETE FROM t RETURNING 1), z AS (SELECT 2 AS y{u+3000}$a$ ) SELECT 1

-- name: a byte order mark behind a dollar quote in a comment
/* $q$ */ EXPLAIN (ANALYZE x{u+feff}$a$) WITH c AS (DELETE FROM t RETURNING 1), z AS (SELECT 2 AS y{u+feff}$a$ ) SELECT 1

-- name: a line comment within a comment
/* -- */ EXPLAIN (ANALYZE x{u+a0}$a$) WITH c AS (DELETE FROM t RETURNING 1), z AS (SELECT 2 AS y{u+a0}$a$ ) SELECT 1

-- name: a no-break blank behind a dollar in an identifier
EXPLAIN (ANALYZE p$z$, FORMAT x{u+a0}$a$) WITH c AS (DELETE FROM t RETURNING 1), z AS (SELECT 2 AS y{u+a0}$a$ ) SELECT 1

-- name: a blank that only the second reading strips
/* ' */ EXPLAIN (ANALYZE x{u+a0}) WITH c AS (DELETE FROM t RETURNING 1) SELECT 1

-- name: a string continued on the next line
EXPLAIN (ANALYZE E'a'
'\') WITH c AS (DELETE FROM t RETURNING 1), z AS (SELECT 2 -- '
) SELECT 1

-- name: … with a comment between
EXPLAIN (ANALYZE E'a' -- x
'\') WITH c AS (DELETE FROM t RETURNING 1), z AS (SELECT 2 /* ' */) SELECT 1

-- name: … behind a carriage return
EXPLAIN (ANALYZE E'a'{u+d}'\') WITH c AS (DELETE FROM t RETURNING 1), z AS (SELECT 2 /* ' */) SELECT 1

-- name: a dollar quote with a blank in its tag
EXPLAIN (ANALYZE $a{u+a0}$ ' $a{u+a0}$) WITH c AS (DELETE FROM t RETURNING 1), z AS (SELECT 2 -- '
) SELECT 1

-- name: a dollar quote that begins with a blank
EXPLAIN (ANALYZE ${u+2003}$ ' ${u+2003}$) WITH c AS (DELETE FROM t RETURNING 1), z AS (SELECT 2 -- '
) SELECT 1

-- name: a dollar quote with no end
SELECT 1; DELETE FROM t; SELECT $a$

-- name: a dollar quote whose tag ends the text
DELETE FROM t; SELECT $a$ x $a$

-- name: a number as a tag
SELECT $1$ ; DELETE FROM t; SELECT $1$

-- name: an identifier with a dollar quote's beginning
SELECT 1 AS a$$; DELETE FROM t; SELECT 1 AS b$$

-- name: a keyword with a dollar quote's beginning
SELECT 1 AS$$; DELETE FROM t; SELECT 1 AS$$

-- name: an escape string that ends in a backslash
SELECT E'\\'; DELETE FROM t -- '

-- name: a string that ends in a backslash
SELECT '\'; DELETE FROM t -- '

-- name: a national string that escapes nothing
SELECT n'\'; DELETE FROM t -- '

-- name: a binary string
SELECT x'\'; DELETE FROM t -- '

-- name: a bit string
SELECT b'\'; DELETE FROM t -- '

-- name: a unicode string
SELECT U&'\'; DELETE FROM t -- '

-- name: an identifier that ends in an escape string's mark
SELECT 1 AS note'\'; DELETE FROM t -- '

-- name: an escape string behind a number
SELECT 1e'\'; DELETE FROM t -- '

-- name: a comment in an operator
SELECT 1 +-- '
1; DELETE FROM t

-- name: a comment behind a star
SELECT 2 */* ' */ 3; DELETE FROM t

-- name: a comment that closes at once
SELECT 1 /*/ ; DELETE FROM t /*/

-- name: a line comment that a carriage return ends
SELECT 1 -- '{u+d}; DELETE FROM t --'

-- name: a line comment that a line separator does not end
SELECT 1 --{u+2028}'
; DELETE FROM t --'

-- name: a line comment that a vertical tab does not end
SELECT 1 --{u+b}'
; DELETE FROM t --'

-- name: a backtick in quotes, quotes in backticks
SELECT 1 AS "`", 2 AS `"`; DELETE FROM t --`

-- name: doubled backticks
SELECT 1 AS `a``; `; DELETE FROM t --`

-- name: a semicolon in brackets
SELECT [1;]; DELETE FROM t

-- name: a semicolon in braces
SELECT {a: 1;}; DELETE FROM t

-- name: a colon that is an operator
SELECT 1 ::-- '
INTEGER; DELETE FROM t

-- name: a no-break blank at the very end
-- tells: nothing
WITH "pg_settings{u+a0}" AS (SELECT 1::UHUGEINT AS a) FROM pg_settings{u+a0}

-- name: a no-break blank at the very end, twice
-- tells: nothing
SELECT name FROM pg_settings{u+a0}{u+a0}

-- name: PIVOT as an identifier's beginning
PIVOT$a$ ; DELETE FROM t; SELECT $a$

-- name: PIVOT in quotes
FROM "PIVOT" ON a; DELETE FROM t

-- name: ON in the source of PIVOT
PIVOT (SELECT 1 AS a FROM range(1) x JOIN range(1) y ON true) ON a; DELETE FROM t

-- name: ON that is a name
PIVOT (SELECT 1 AS "ON") "on" ON "ON"; DELETE FROM t

-- name: a CTE that deletes behind an ON that is a name
PIVOT (WITH c AS (DELETE FROM t RETURNING a) SELECT 1 AS "USING") "on" ON "USING"

-- name: a CTE that deletes before PIVOT
WITH c AS (DELETE FROM t RETURNING a) PIVOT c ON a

-- name: a CTE that creates before PIVOT
WITH c AS (CREATE TABLE memory.main.evil AS SELECT 1 AS a) PIVOT (SELECT 1 AS a) ON a

-- name: a CTE that deletes in the list of PIVOT
PIVOT t ON a IN (WITH c AS (DELETE FROM t RETURNING a) SELECT a FROM c)

-- name: PIVOT_WIDER of a CTE that deletes
PIVOT_WIDER (WITH c AS (DELETE FROM t RETURNING a) FROM c) ON a

-- name: UNPIVOT of a CTE that deletes
UNPIVOT (WITH c AS (DELETE FROM t RETURNING a) FROM c) ON a

-- name: PIVOT of a PIVOT of a CTE that deletes
PIVOT (PIVOT (WITH c AS (DELETE FROM t RETURNING a) FROM c) ON a) ON "0"

-- name: a PIVOT in a CTE of a PIVOT
WITH c AS (PIVOT t ON a), d AS (DELETE FROM t RETURNING a) PIVOT c ON "0"

-- name: PIVOT of what runs SQL
PIVOT (FROM query('SELECT 1 AS a')) ON a

-- name: PIVOT on what runs SQL
PIVOT t ON a, write_log('x') USING sum(a)

-- name: EXPLAIN of a PIVOT of a CTE that deletes
EXPLAIN ANALYZE PIVOT (WITH c AS (DELETE FROM t RETURNING a) FROM c) ON a

-- name: EXPLAIN of a PIVOT and a second statement
EXPLAIN PIVOT t ON a; DELETE FROM t

-- name: a statement that a PIVOT makes
CREATE TYPE memory.main.evil AS ENUM (SELECT 'x'); PIVOT t ON a IN evil

-- name: DESCRIBE and a second statement
DESCRIBE t; DELETE FROM t

-- name: SUMMARIZE of a CTE that deletes
SUMMARIZE WITH c AS (DELETE FROM t RETURNING a) FROM c

-- name: SHOW of a CTE that deletes
SHOW (WITH c AS (DELETE FROM t RETURNING a) FROM c)

-- name: SHOW ALL TABLES and a second statement
SHOW ALL TABLES; DELETE FROM t

-- name: a format that ends its quotes
-- gate: passes
EXPLAIN (FORMAT "json) SELECT 1; CREATE TABLE memory.main.evil AS SELECT 1; --") SELECT 1

-- name: a format that ends its string
-- gate: passes
EXPLAIN (FORMAT 'json'') SELECT 1; CREATE TABLE memory.main.evil AS SELECT 1; --') SELECT 1

-- name: two formats
-- gate: passes
EXPLAIN (FORMAT json, FORMAT text) SELECT 1

-- name: a format and a statement
EXPLAIN (FORMAT json, ANALYZE) DELETE FROM t

-- name: an escape string that a national string leaves open
EXPLAIN (ANALYZE n'\') WITH c AS (DELETE FROM t RETURNING 1), z AS (SELECT 2 -- '
) SELECT 1

-- name: the statement behind a PIVOT without ON
PIVOT t USING count(*); DELETE FROM t

-- name: a table named by a parenthesis
EXPLAIN (ANALYZE) (FROM t); DELETE FROM t
