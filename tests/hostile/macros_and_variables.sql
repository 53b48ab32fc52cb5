-- Macros and template variables as the way in.

-- name: a value that closes its quotes
-- variables: {"v": "x'; COPY (SELECT 1) TO '{folder}/var.csv'; --"}
SELECT '$v'

-- name: a value in the open
-- variables: {"v": "x'; COPY (SELECT 1) TO '{folder}/var.csv'; --"}
SELECT $v

-- name: a value in brackets
-- variables: {"v": "x'; COPY (SELECT 1) TO '{folder}/var.csv'; --"}
SELECT [[v]]

-- name: a value in double quotes
-- variables: {"v": "x\"; COPY (SELECT 1) TO '{folder}/var.csv'; --"}
SELECT 1 AS "$v"

-- name: a value in a comment
-- variables: {"v": "*/; COPY (SELECT 1) TO '{folder}/var.csv' /*"}
SELECT 1 /* $v */

-- name: a value in a line comment
-- variables: {"v": "\n; COPY (SELECT 1) TO '{folder}/var.csv'"}
SELECT 1 -- $v

-- name: a value in dollar quotes
-- variables: {"v": "$$; COPY (SELECT 1) TO '{folder}/var.csv'; --"}
SELECT $$ $v $$

-- name: a raw value
-- variables: {"v": "1; COPY (SELECT 1) TO '{folder}/var.csv'"}
SELECT ${v:raw}

-- name: a csv value
-- variables: {"v": ["1", "1; COPY (SELECT 1) TO '{folder}/var.csv'"]}
SELECT ${v:csv}

-- name: a piped value
-- variables: {"v": ["x'; COPY (SELECT 1) TO '{folder}/var.csv'; --", "x'; COPY (SELECT 1) TO '{folder}/var.csv'; --"]}
SELECT '${v:pipe}'

-- name: a doubled quote value
-- variables: {"v": "\"; --"}
SELECT ${v:doublequote}

-- name: a glob value
-- variables: {"v": ["x'; COPY (SELECT 1) TO '{folder}/var.csv'; --"]}
SELECT ${v:glob}

-- name: a regex value
-- variables: {"v": ["x'; COPY (SELECT 1) TO '{folder}/var.csv'; --"]}
SELECT '${v:regex}'

-- name: a text value
-- variables: {"v": "x'; COPY (SELECT 1) TO '{folder}/var.csv'; --"}
SELECT ${v:text}

-- name: a json value
-- variables: {"v": "x'; COPY (SELECT 1) TO '{folder}/var.csv'; --"}
SELECT ${v:json}

-- name: a percent-encoded value
-- variables: {"v": "x'; COPY (SELECT 1) TO '{folder}/var.csv'; --"}
SELECT ${v:percentencode}

-- name: a list of values
-- variables: {"v": ["a'", "x'; COPY (SELECT 1) TO '{folder}/var.csv'; --"]}
SELECT 1 WHERE 'x' IN ($v)

-- name: a value that is a macro
-- variables: {"v": "$__timeFrom()"}
SELECT '$v'

-- name: a value that is a variable
-- variables: {"v": "${w}", "w": "x'; COPY (SELECT 1) TO '{folder}/var.csv'; --"}
SELECT '$v'

-- name: a value as a function
-- variables: {"v": "read_text"}
SELECT $v('{outside}/secret.txt')

-- name: a path in a value
-- variables: {"v": "{outside}/secret.txt"}
FROM read_text('$v')

-- name: a path in a value in the open
-- variables: {"v": "{outside}/secret.txt"}
FROM read_text($v)

-- name: a table in a value
-- variables: {"v": "{outside}/secret.csv"}
FROM '$v'

-- name: a name of a variable
-- variables: {"v": "1"}
SELECT ${v};COPY}

-- name: conditionalAll's first argument
-- variables: {"v": "x"}
SELECT $__conditionalAll(1); COPY (SELECT 1) TO '{folder}/var.csv'; --, $v)

-- name: a search filter
-- variables: {"__searchFilter": "x'; COPY (SELECT 1) TO '{folder}/var.csv'; --"}
SELECT '$__searchFilter'

-- name: a bare search filter
-- variables: {"__searchFilter": "x'; COPY (SELECT 1) TO '{folder}/var.csv'; --"}
SELECT $__searchFilter

-- name: a number that is text
-- variables: {"v": "1e9999"}
SELECT $v

-- name: an empty list
-- variables: {"v": []}
SELECT 1 WHERE 'x' IN ($v)

-- name: timeFilter with a statement
SELECT 1 WHERE $__timeFilter(a); COPY (SELECT 1) TO '{folder}/macro.csv'; --)

-- name: timeFilter with a subquery
SELECT 1 WHERE $__timeFilter((SELECT content FROM read_text('{outside}/secret.txt'))::TIMESTAMP)

-- name: timeFilter that hides a CTE
SELECT 1 WHERE $__timeFilter((WITH c AS (COPY (SELECT 1) TO '{folder}/macro.csv') SELECT now() FROM c))

-- name: timeGroup's interval
SELECT $__timeGroup(now(), '1m''); COPY (SELECT 1) TO ''{folder}/macro.csv''; --')

-- name: timeGroup's fill
SELECT $__timeGroup(now(), '1m', NULL); COPY (SELECT 1) TO '{folder}/macro.csv'

-- name: timeGroup's huge fill
SELECT $__timeGroup(range * INTERVAL 1 YEAR + TIMESTAMP '2026-01-01', '1ms', 0) AS time, 1 FROM range(50)

-- name: an alias macro
SELECT $__time(a AS b); DROP TABLE t; --)

-- name: weekFilter
SELECT 1 WHERE $__weekFilter(1) OR query('x')

-- name: an unclosed macro
SELECT $__timeFilter(

-- name: nested macros
SELECT $__timeFilter($__timeFilter($__time(a)))

-- name: deep macros
SELECT {2000*$__timeFilter(}a{2000*)}

-- name: many macros
SELECT 1 WHERE true{5000* AND $__timeFilter(now())}

-- name: a macro in a string
SELECT '$__timeFilter(a); COPY'

-- name: an unknown macro
SELECT $__evil(1)
