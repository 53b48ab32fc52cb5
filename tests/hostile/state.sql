-- What would outlive its query.

-- name: a temp table
CREATE TEMP TABLE t AS SELECT 99 AS a

-- name: a temp view
CREATE TEMP VIEW t AS SELECT 99 AS a

-- name: a view over the views
CREATE OR REPLACE VIEW perf_all_weeks AS SELECT 99 AS week

-- name: a view in memory
CREATE VIEW memory.main.perf_all_weeks AS SELECT 99 AS week

-- name: a replaced view in memory
CREATE OR REPLACE VIEW memory.main.perf_all_weeks AS SELECT 99 AS week; SELECT 1

-- name: a table in memory
CREATE TABLE memory.main.t AS SELECT 99 AS a; SELECT 1

-- name: a macro over a function
CREATE MACRO memory.main.count(x) AS 99; SELECT 1

-- name: a temp macro
CREATE TEMP MACRO sum(x) AS 99

-- name: a schema in front
CREATE SCHEMA memory.evil; SET search_path='memory.evil'; SELECT 1

-- name: a variable
SET VARIABLE x = 1; SELECT getvariable('x')

-- name: use
USE memory; SELECT 1

-- name: set the schema
SET schema='memory.main'; SELECT 1

-- name: set the search path
SET search_path='temp'; SELECT 1

-- name: set global threads
SET GLOBAL threads=1; SELECT 1

-- name: set the memory
SET GLOBAL memory_limit='1MB'; SELECT 1

-- name: set the order
SET GLOBAL default_order='DESC'; SELECT 1

-- name: set the time zone
SET GLOBAL TimeZone='Asia/Tokyo'; SELECT 1

-- name: set the collation
SET GLOBAL default_collation='nocase'; SELECT 1

-- name: set the optimizers
SET GLOBAL disabled_optimizers='filter_pushdown'; SELECT 1

-- name: reset everything
RESET ALL

-- name: reset one
RESET memory_limit

-- name: pragma settings
PRAGMA threads=1; SELECT 1

-- name: pragma verification
PRAGMA enable_verification; SELECT 1

-- name: progress bar
PRAGMA enable_progress_bar; PRAGMA enable_print_progress_bar; SELECT 1

-- name: prepare
PREPARE p AS SELECT 1

-- name: execute
EXECUTE p

-- name: deallocate
DEALLOCATE p

-- name: begin
BEGIN TRANSACTION; SELECT 1

-- name: commit
COMMIT

-- name: rollback
ROLLBACK

-- name: seed
SELECT setseed(0.5)

-- name: sleep
SELECT sleep_ms(100000)

-- name: sleep as postgres does
SELECT pg_sleep(100)

-- name: sleep in a lambda
SELECT [100000].list_transform(lambda x: sleep_ms(x))

-- name: enable logging
FROM enable_logging('QueryLog'); SELECT 1

-- name: read the logs
-- tells: nothing
FROM duckdb_logs()

-- name: parsed logs
-- tells: nothing
FROM duckdb_logs_parsed('QueryLog')

-- name: connect elsewhere
CONNECT 'postgres:host=127.0.0.1 port={port}'

-- name: disconnect
DISCONNECT

-- name: disable checkpoints
PRAGMA disable_checkpoint_on_shutdown; SELECT 1

-- name: object cache
PRAGMA enable_object_cache; SELECT 1

-- name: a secret
CREATE SECRET s (TYPE http, BEARER_TOKEN 'x')

-- name: drop a secret
DROP SECRET s

-- name: a raw pointer
FROM arrow_scan(1::UBIGINT, 1::UBIGINT, 1::UBIGINT)

-- name: a raw state
SELECT finalize('x'::BLOB)

-- name: export a state
SELECT sum(1) EXPORT_STATE

-- name: rejected lines kept
-- tells: nothing
FROM read_csv('{folder}/notes.txt', header = false, columns = {'a': 'INT'}, store_rejects = true)

-- name: rejected lines kept under a name
-- tells: nothing
FROM read_csv('{folder}/notes.txt', header = false, rejects_table := '{100000*x}')

-- name: rejected lines kept by a comparison
-- tells: nothing
FROM read_csv_auto('{folder}/notes.txt', header = false, ("Rejects_Scan" == 't'))

-- name: rejected lines kept by a list
-- tells: nothing
SELECT * FROM t, read_csv(['{folder}/notes.txt'], header = false, rejects_limit => 1)

-- name: statistics that lie
-- tells: nothing
SELECT samples, count(*) FROM read_parquet('{folder}/*.parquet', column_statistics = MAP {'samples': MAP {'min': '0', 'max': '3'}}) GROUP BY ALL

-- name: statistics that lie to a sort
-- tells: nothing
SELECT pattern FROM parquet_scan('{folder}/*.parquet', column_statistics = MAP {'pattern': MAP {'min': '', 'max': 'a'}}) ORDER BY pattern

-- name: a schema that lies
-- tells: nothing
FROM read_parquet('{folder}/query_perf_weekly_202652.parquet', hive_partitioning = false, bound_schema = {'pattern': 'BIGINT'})

-- name: text that nobody checks
-- tells: nothing
FROM read_parquet('{folder}/*.parquet', binary_as_string = true, utf8_validation = 'off')

-- name: an aggregate's state in a list
-- tells: nothing
SELECT list_aggregate([repeat('x', 1000)::BLOB], 'combine_aggr')

-- name: an aggregate's state by parts
-- tells: nothing
SELECT ['x'::BLOB].list_aggr('combine' || '_aggr')

-- name: an aggregate's state of a type
SELECT list_aggregate(['\x00'::BLOB::VARCHAR], 'COMBINE_AGGR')

-- name: a positional parameter
SELECT $1, ?2

-- name: a sequence's state in a lambda
SELECT [1].list_transform(lambda x: nextval('perf.s'))

-- name: a table of the logs by a method
SELECT 'QueryLog'.enable_logging()

-- name: the database once more as a file
-- gate: passes
SELECT * FROM read_duckdb('{db}', table_name = 't') a, read_duckdb('{db}', table_name = 't') b

-- name: the database once more as a table
-- gate: passes
FROM '{db}'
