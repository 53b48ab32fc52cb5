-- Queries that would never end, take all memory, fill the disk or crash the engine. `{N*text}` is the text N times.

-- name: one huge text
SELECT repeat('x', 4000000000)

-- name: many huge texts
SELECT repeat('x', 100000000) || range FROM range(1000)

-- name: padding
SELECT lpad('x', 2000000000, 'y')

-- name: a huge list
SELECT list(range(500000000))

-- name: a huge range
SELECT range(1000000000)

-- name: a resized list
SELECT list_resize([]::INT[], 500000000, 1)

-- name: a list of lists
SELECT list(list_resize([1], 1000000, 1)) FROM range(1000)

-- name: an aggregated text
SELECT string_agg(repeat('x', 1000), '') FROM range(3000000)

-- name: a cross join
SELECT sum(hash(a.range, b.range)) FROM range(1000000) a, range(1000000) b

-- name: four cross joins
SELECT count(*) FROM range(100000) a, range(100000) b, range(100000) c, range(100000) d WHERE hash(a.range, b.range, c.range, d.range) = 1

-- name: an endless recursion
WITH RECURSIVE r AS (SELECT 1 AS x UNION ALL SELECT x + 1 FROM r) SELECT max(x) FROM r

-- name: a doubling recursion
WITH RECURSIVE r AS (SELECT 1 AS x UNION ALL SELECT a.x + b.x FROM r a, r b) SELECT count(*) FROM r

-- name: a deaf planner
SELECT 1{20000* UNION ALL SELECT 1}

-- name: unclosed CTEs
{9*WITH a AS (}

-- name: more unclosed CTEs
{60*WITH a AS (}SELECT 1

-- name: closed CTEs with an error
{8*WITH a AS (}SELEC 1{8*) SELECT 1}

-- name: a deep JSON as VARIANT
SELECT (repeat('[', 20000) || '1' || repeat(']', 20000))::JSON::VARIANT::VARCHAR

-- name: a deeper JSON as VARIANT
SELECT (repeat('[', 2000000) || '1' || repeat(']', 2000000))::JSON::VARIANT::VARCHAR

-- name: a deep JSON structure
SELECT json_structure(repeat('[', 100000) || repeat(']', 100000))

-- name: a deep JSON transformed
SELECT from_json(repeat('{"a":', 50000) || '1' || repeat('}', 50000), '{"a":"JSON"}')

-- name: deep parentheses
SELECT {20000*(}1{20000*)}

-- name: deep lists
SELECT {5000*[}1{5000*]}

-- name: deep subqueries
{500*SELECT * FROM (}SELECT 1{500*)}

-- name: deep functions
SELECT {5000*abs(}1{5000*)}

-- name: deep NOT
SELECT {20000*NOT }true

-- name: deep minus
SELECT {20000*- }1

-- name: deep addition
SELECT 1{50000* + 1}

-- name: deep concatenation
SELECT ''{20000* || 'x'}

-- name: deep CASE
SELECT {2000*CASE WHEN true THEN }1{2000* END}

-- name: deep casts
SELECT 1{5000*::INT}

-- name: a deep type
SELECT NULL::{1000*STRUCT(a }INT{1000*)}

-- name: a deep list type
SELECT NULL::INT{10000*[]}

-- name: a long IN list
SELECT 1 WHERE 1 IN (0{200000*,1})

-- name: many columns
SELECT 1{20000*,1}

-- name: a wide table
SELECT * FROM (SELECT 1{2000*,1}) a, range(100000)

-- name: many joins
SELECT count(*) FROM range(2) t0{200*, range(2)}

-- name: many CTEs
WITH a AS (SELECT 1){2000*, b AS (SELECT 1)} SELECT 1

-- name: a long literal
SELECT '{2000000*x}'

-- name: a long identifier
SELECT 1 AS "{2000000*x}"

-- name: a long comment
SELECT 1 /* {2000000*x} */

-- name: nested comments
{20000*/*} SELECT 1

-- name: garbage
{200000*$#@!(}

-- name: a slow regular expression
SELECT regexp_matches(repeat('a', 100000), '(a*)*(a*)*(a*)*(a*)*b')

-- name: a huge regular expression
SELECT regexp_matches('a', repeat('(a|b)', 100000))

-- name: a bounded repeat
SELECT regexp_matches('a', '((((a{1000}){1000}){1000}){1000})')

-- name: a slow LIKE
SELECT count(*) FROM range(100000) WHERE repeat('a', 10000) LIKE '%a%a%a%a%a%a%a%b'

-- name: a huge result
SELECT range, repeat('x', 100) FROM range(100000000)

-- name: a wide result
SELECT repeat('x', 10000000) FROM range(1000)

-- name: a huge sort
SELECT * FROM (SELECT hash(range) AS h, repeat('x', 100) AS x FROM range(20000000)) ORDER BY h LIMIT 1 OFFSET 19999999

-- name: a huge group
SELECT count(*) FROM (SELECT hash(range) AS h, list(range) FROM range(20000000) GROUP BY h)

-- name: a huge window
SELECT max(x) FROM (SELECT sum(range) OVER (ORDER BY hash(range) ROWS BETWEEN 1000000 PRECEDING AND CURRENT ROW) AS x FROM range(10000000))

-- name: a long series
SELECT count(*) FROM generate_series(1, 1000000000000)

-- name: a series of moments
SELECT count(*) FROM range(TIMESTAMP '0001-01-01', TIMESTAMP '9999-01-01', INTERVAL 1 MICROSECOND)

-- name: a product in a list
SELECT len(list_transform(range(100000), lambda x: list_sum(range(x))))

-- name: a huge factorial
SELECT factorial(33), pow(1e308, 1e308), 2::HUGEINT ** 126

-- name: a huge number
SELECT 1{100000*0}::BIGNUM * 1{100000*0}::BIGNUM

-- name: a wide pivot
PIVOT (SELECT range AS a, 1 AS b FROM range(1000000)) ON a USING sum(b)

-- name: a pivot of many lists
PIVOT (SELECT range % 90 AS a, range % 91 AS b, range % 89 AS c FROM range(100000)) ON a, b, c USING count(*)

-- name: a self join of patterns
SELECT count(*) FROM perf_all_weeks a, perf_all_weeks b, perf_all_weeks c, perf_all_weeks d WHERE levenshtein(a.pattern, b.pattern) + levenshtein(c.pattern, d.pattern) < 3

-- name: all the functions of a list
SELECT list_sort(range(30000000))

-- name: an explain of it all
EXPLAIN ANALYZE SELECT count(*) FROM range(1000000) a, range(1000000) b WHERE hash(a.range, b.range) = 1

-- name: an empty division
SELECT 1 // 0

-- name: an error of the person's
SELECT error('boom')

-- name: a big error
SELECT error(repeat('x', 100000000))

-- name: a huge CSV buffer
FROM read_csv('{folder}/notes.txt', header = false, buffer_size = 900000000000)

-- name: a huge CSV line
FROM read_csv('{folder}/notes.txt', header = false, max_line_size = 4000000000)

-- name: a huge JSON object
FROM read_json('{folder}/notes.txt', maximum_object_size = 4000000000)

-- name: a name of many parts
FROM a{5000*.a}.csv

-- name: many patterns of folders
FROM read_text(['a'{5000*, '*/*/*'}])

-- name: an error that looks like the end of the engine
SELECT error('{"exception_type":"FATAL","exception_message":"x","position":"3"}')

-- name: an error that says there are no reports
SELECT * FROM range(error('No files found that match the pattern "query_perf_weekly_*.parquet"')::INT), perf_all_weeks

-- name: an error that says there is no memory
SELECT error('Out of Memory Error: failed to allocate data of size 1.0 GiB')

-- name: an error that says a writer has the file
SELECT error('IO Error: Could not set lock on file "perf.duckdb": Conflicting lock is held')
