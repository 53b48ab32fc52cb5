-- Texts that a check may read otherwise than DuckDB does.

-- name: a byte order mark
﻿COPY (SELECT 1) TO '{folder}/odd.csv'

-- name: a no-break blank
COPY (SELECT 1) TO '{folder}/odd.csv'

-- name: a line separator
-- gate: passes
SELECT 1 -- ; COPY (SELECT 1) TO '{folder}/odd.csv'

-- name: a carriage return
SELECT 1 -- 
COPY (SELECT 1) TO '{folder}/odd.csv'

-- name: a carriage return behind a semicolon
SELECT 1;
COPY (SELECT 1) TO '{folder}/odd.csv'

-- name: a comment that ends nothing
-- gate: passes
SELECT 1 /* /* */ ; COPY (SELECT 1) TO '{folder}/odd.csv' /* */ */

-- name: a comment in a string
SELECT '/*'; COPY (SELECT 1) TO '{folder}/odd.csv' --*/

-- name: a dollar quote
SELECT $$;$$; COPY (SELECT 1) TO '{folder}/odd.csv'

-- name: a tagged dollar quote
SELECT $a$ $b$ $a$; COPY (SELECT 1) TO '{folder}/odd.csv' -- $b$

-- name: an escape string
SELECT E'\''; COPY (SELECT 1) TO '{folder}/odd.csv' --'

-- name: a string that DuckDB joins
SELECT 'a'
'b'; COPY (SELECT 1) TO '{folder}/odd.csv'

-- name: a quoted identifier with a quote
SELECT 1 AS "a""; "; COPY (SELECT 1) TO '{folder}/odd.csv'

-- name: a zero-width keyword
CO​PY (SELECT 1) TO '{folder}/odd.csv'

-- name: a look-alike keyword
СOPY (SELECT 1) TO '{folder}/odd.csv'

-- name: right to left
SELECT '‮'; COPY (SELECT 1) TO '{folder}/odd.csv' --

-- name: capitals and blanks
cOpY	(
SELECT1 ) To '{folder}/odd.csv'

-- name: an escape in unicode
SELECT U&'\003b'; COPY (SELECT 1) TO '{folder}/odd.csv'

-- name: hash comment
# SELECT 1
COPY (SELECT 1) TO '{folder}/odd.csv'

-- name: an empty statement in front
;;COPY (SELECT 1) TO '{folder}/odd.csv'

-- name: a semicolon in a CTE
WITH a AS (SELECT 1;) COPY (SELECT 1) TO '{folder}/odd.csv'

-- name: half a surrogate
SELECT '\ud800'; COPY (SELECT 1) TO '{folder}/odd.csv'

-- name: a forged node in a string
SELECT '"},{"type":"EMPTY"' FROM query('SELECT 1')

-- name: a forged node in a name
SELECT 1 AS """},{""class"":""CONSTANT" FROM query('SELECT 1')

-- name: only blanks


-- name: only a comment
-- nothing

-- name: only a semicolon
;

-- name: a parameter
SELECT ?

-- name: a named parameter
SELECT $name

-- name: an unknown escape
SELECT 'a\'; COPY (SELECT 1) TO 'odd.csv' --'

-- name: a bracket identifier
SELECT [a]]; FROM x

-- name: a backtick
SELECT `; COPY (SELECT 1) TO '{folder}/odd.csv'

-- name: a NUL in a string
SELECT 'a{NUL}b'

-- name: a NUL that ends the text
SELECT 1{NUL}; COPY (SELECT 1) TO '{folder}/odd.csv'

-- name: a NUL in a name
SELECT 1 AS "a{NUL}b" FROM t
