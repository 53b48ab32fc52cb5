-- Writes inside something that looks like reading.

-- name: CTE with copy
WITH c AS (COPY (SELECT 1) TO '{folder}/hidden.csv' (FORMAT csv)) FROM c

-- name: explain analyze a CTE with copy
EXPLAIN ANALYZE WITH c AS (COPY (SELECT 1) TO '{folder}/hidden.csv' (FORMAT csv)) FROM c

-- name: CTE with copy over the database
WITH c AS (COPY (SELECT 1) TO '{db}' (FORMAT csv, USE_TMP_FILE false)) FROM c

-- name: explain analyze a CTE with copy over the database
EXPLAIN ANALYZE WITH c AS (COPY (SELECT 1) TO '{db}' (FORMAT csv, USE_TMP_FILE false)) FROM c

-- name: CTE with copy outside
WITH c AS (COPY (SELECT 1) TO '{outside}/hidden.csv') FROM c

-- name: explain analyze a CTE with copy outside
EXPLAIN ANALYZE WITH c AS (COPY (SELECT 1) TO '{outside}/hidden.csv') FROM c

-- name: CTE with insert
WITH c AS (INSERT INTO t VALUES (99) RETURNING *) FROM c

-- name: explain analyze a CTE with insert
EXPLAIN ANALYZE WITH c AS (INSERT INTO t VALUES (99) RETURNING *) FROM c

-- name: CTE with update
WITH c AS (UPDATE t SET a = 99 RETURNING *) FROM c

-- name: explain analyze a CTE with update
EXPLAIN ANALYZE WITH c AS (UPDATE t SET a = 99 RETURNING *) FROM c

-- name: CTE with delete
WITH c AS (DELETE FROM t RETURNING *) FROM c

-- name: explain analyze a CTE with delete
EXPLAIN ANALYZE WITH c AS (DELETE FROM t RETURNING *) FROM c

-- name: CTE with merge
WITH c AS (MERGE INTO t USING (SELECT 1 AS a) s ON t.a = s.a WHEN MATCHED THEN DELETE RETURNING *) FROM c

-- name: explain analyze a CTE with merge
EXPLAIN ANALYZE WITH c AS (MERGE INTO t USING (SELECT 1 AS a) s ON t.a = s.a WHEN MATCHED THEN DELETE RETURNING *) FROM c

-- name: explain analyze copy
EXPLAIN ANALYZE COPY (SELECT 1) TO '{folder}/hidden.csv' (FORMAT csv)

-- name: explain with options
EXPLAIN (ANALYZE, FORMAT json) COPY (SELECT 1) TO '{folder}/hidden.csv' (FORMAT csv)

-- name: explain analyze insert
EXPLAIN ANALYZE INSERT INTO t VALUES (99)

-- name: explain analyze create
EXPLAIN ANALYZE CREATE TABLE perf.evil AS SELECT 1 AS a

-- name: explain an explain
EXPLAIN EXPLAIN ANALYZE COPY (SELECT 1) TO '{folder}/hidden.csv' (FORMAT csv)

-- name: materialised CTE
WITH c AS MATERIALIZED (COPY (SELECT 1) TO '{folder}/hidden.csv' (FORMAT csv)) FROM c

-- name: not materialised CTE
WITH c AS NOT MATERIALIZED (COPY (SELECT 1) TO '{folder}/hidden.csv' (FORMAT csv)) FROM c

-- name: recursive CTE
WITH RECURSIVE r AS (SELECT 1 UNION ALL (COPY (SELECT 1) TO '{folder}/hidden.csv' (FORMAT csv))) FROM r

-- name: CTE in a subquery
SELECT (WITH c AS (COPY (SELECT 1) TO '{folder}/hidden.csv' (FORMAT csv)) SELECT 1 FROM c)

-- name: CTE in FROM
SELECT * FROM (WITH c AS (COPY (SELECT 1) TO '{folder}/hidden.csv' (FORMAT csv)) FROM c)

-- name: CTE deep down
SELECT * FROM (SELECT * FROM (SELECT * FROM (WITH c AS (COPY (SELECT 1) TO '{folder}/hidden.csv' (FORMAT csv)) FROM c)))

-- name: CTE in EXISTS
SELECT 1 WHERE EXISTS (WITH c AS (COPY (SELECT 1) TO '{folder}/hidden.csv' (FORMAT csv)) FROM c)

-- name: CTE in a lateral join
SELECT * FROM range(1) r, LATERAL (WITH c AS (COPY (SELECT 1) TO '{folder}/hidden.csv' (FORMAT csv)) FROM c)

-- name: CTE in a CASE
SELECT CASE WHEN true THEN (WITH c AS (COPY (SELECT 1) TO '{folder}/hidden.csv' (FORMAT csv)) SELECT count(*) FROM c) END

-- name: CTE in ORDER BY
SELECT 1 ORDER BY (WITH c AS (COPY (SELECT 1) TO '{folder}/hidden.csv' (FORMAT csv)) SELECT count(*) FROM c)

-- name: CTE in LIMIT
SELECT 1 LIMIT (WITH c AS (COPY (SELECT 1) TO '{folder}/hidden.csv' (FORMAT csv)) SELECT count(*) FROM c)

-- name: CTE in UNION
SELECT 1 UNION ALL (WITH c AS (COPY (SELECT 1) TO '{folder}/hidden.csv' (FORMAT csv)) FROM c)

-- name: CTE in PIVOT
PIVOT (WITH c AS (COPY (SELECT 1) TO '{folder}/hidden.csv' (FORMAT csv)) FROM c) ON a USING sum(b)

-- name: CTE before PIVOT
WITH c AS (COPY (SELECT 1) TO '{folder}/hidden.csv' (FORMAT csv)) PIVOT c ON column0 USING count(*)

-- name: CTE in PIVOT's list
PIVOT (SELECT 1 AS a, 2 AS b) ON a IN (SELECT count(*) FROM (WITH c AS (COPY (SELECT 1) TO '{folder}/hidden.csv' (FORMAT csv)) FROM c)) USING sum(b)

-- name: CTE in a window
SELECT sum(1) OVER (ORDER BY (WITH c AS (COPY (SELECT 1) TO '{folder}/hidden.csv' (FORMAT csv)) SELECT count(*) FROM c))

-- name: CTE in DESCRIBE
DESCRIBE (WITH c AS (COPY (SELECT 1) TO '{folder}/hidden.csv' (FORMAT csv)) FROM c)

-- name: CTE in SUMMARIZE
SUMMARIZE (WITH c AS (COPY (SELECT 1) TO '{folder}/hidden.csv' (FORMAT csv)) FROM c)

-- name: CTE in a list comprehension
SELECT [x + (WITH c AS (COPY (SELECT 1) TO '{folder}/hidden.csv' (FORMAT csv)) SELECT count(*) FROM c) FOR x IN [1]]

-- name: CTE in an argument
FROM range((WITH c AS (COPY (SELECT 1) TO '{folder}/hidden.csv' (FORMAT csv)) SELECT count(*) FROM c))

-- name: two CTEs
WITH a AS (SELECT 1), c AS (COPY (SELECT 1) TO '{folder}/hidden.csv' (FORMAT csv)) SELECT * FROM a

-- name: unused CTE
WITH c AS (COPY (SELECT 1) TO '{folder}/hidden.csv' (FORMAT csv)) SELECT 1

-- name: CTE with a statement name
WITH "copy" AS (COPY (SELECT 1) TO '{folder}/hidden.csv' (FORMAT csv)) FROM "copy"

-- name: statement before DML
WITH a AS (SELECT 99 AS a) INSERT INTO t FROM a

-- name: query()
FROM query('COPY (SELECT 1) TO ''{folder}/hidden.csv'' (FORMAT csv)')

-- name: query() with a CTE
FROM query('WITH c AS (COPY (SELECT 1) TO ''{folder}/hidden.csv'' (FORMAT csv)) FROM c')

-- name: query() by an expression
FROM query('WITH c AS (CO' || 'PY (SELECT 1) TO ''{folder}/q.csv'') FROM c')

-- name: query_table()
FROM query_table('{folder}/query_perf_weekly_202652.parquet')

-- name: serialised SQL
SELECT * FROM json_execute_serialized_sql(json_serialize_sql('WITH c AS (COPY (SELECT 1) TO ''{folder}/hidden.csv'' (FORMAT csv)) FROM c'))

-- name: serialised SQL deep down
SELECT * FROM range(1), LATERAL (SELECT * FROM json_execute_serialized_sql(json_serialize_sql('WITH c AS (COPY (SELECT 1) TO ''{folder}/hidden.csv'' (FORMAT csv)) FROM c')))

-- name: serialised SQL by a pragma
PRAGMA json_execute_serialized_sql(json_serialize_sql('WITH c AS (COPY (SELECT 1) TO ''{folder}/hidden.csv'' (FORMAT csv)) FROM c'))

-- name: qualified name
FROM system.main.json_execute_serialized_sql(json_serialize_sql('WITH c AS (COPY (SELECT 1) TO ''{folder}/hidden.csv'' (FORMAT csv)) FROM c'))

-- name: quoted name in capitals
FROM "JSON_EXECUTE_SERIALIZED_SQL"(json_serialize_sql('WITH c AS (COPY (SELECT 1) TO ''{folder}/hidden.csv'' (FORMAT csv)) FROM c'))

-- name: planned SQL
SELECT json_serialize_plan('WITH c AS (COPY (SELECT 1) TO ''{folder}/hidden.csv'' (FORMAT csv)) FROM c')

-- name: checkpoint as a function
FROM checkpoint('perf')

-- name: force checkpoint as a function
FROM force_checkpoint('perf')

-- name: logging as a function
FROM enable_logging(storage='file', storage_path='{folder}/logs')

-- name: profiling as a function
FROM enable_profiling(save_location='{folder}/profile.json')

-- name: write a log
SELECT write_log('evil')

-- name: external resource
FROM create_external_resource('x')

-- name: truncate the logs
FROM truncate_duckdb_logs()

-- name: prepare and execute
PREPARE p AS COPY (SELECT 1) TO '{folder}/hidden.csv' (FORMAT csv); EXECUTE p

-- name: call
CALL force_checkpoint('perf')

-- name: sequence
SELECT nextval('perf.s')

-- name: set a sequence
SELECT setval('perf.s', 5)

-- name: a log in the lists of PIVOT
PIVOT t ON write_log(a::VARCHAR) USING sum(a)

-- name: a log in a list of PIVOT
PIVOT t ON a IN (write_log('x'), 1) USING sum(a)

-- name: a log in PIVOT of PIVOT
FROM (PIVOT (PIVOT t ON a, write_log('x') USING sum(a)) ON a USING sum(a))

-- name: a checkpoint in the source of PIVOT
PIVOT (SELECT 1 AS a FROM checkpoint('perf')) ON a USING count(*)

-- name: a log in a time
SELECT * FROM t AT (VERSION => write_log('x'))

-- name: CTE with copy in the source of PIVOT
PIVOT (WITH c AS (COPY (SELECT 1) TO '{folder}/hidden.csv' (FORMAT csv)) FROM c) ON "Count" USING count(*)

-- name: a log in the columns of UNPIVOT
UNPIVOT t ON COLUMNS(lambda c: write_log(c) IS NULL) INTO NAME n VALUE v

-- name: explain to SQL
EXPLAIN (SQL) COPY (SELECT 1) TO '{folder}/hidden.csv' (FORMAT csv)
