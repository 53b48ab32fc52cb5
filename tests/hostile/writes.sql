-- Writes to the database, its log, a report, a new file in the folder, and outside.

-- name: copy over a report
COPY (SELECT 1) TO '{folder}/query_perf_weekly_202652.parquet'

-- name: copy over a report in place
COPY (SELECT 1) TO '{folder}/query_perf_weekly_202652.parquet' (FORMAT csv, USE_TMP_FILE false)

-- name: copy a new report
COPY (SELECT 202701 AS week, 'x' AS pattern) TO '{folder}/query_perf_weekly_202701.parquet' (FORMAT parquet)

-- name: copy a new csv
COPY (SELECT 1) TO '{folder}/new.csv'

-- name: copy a new json
COPY (SELECT 1 AS a) TO '{folder}/new.json' (FORMAT json)

-- name: copy by relative path
COPY (SELECT 1) TO 'relative.csv'

-- name: copy upward
COPY (SELECT 1) TO '../upward.csv'

-- name: copy outside
COPY (SELECT 1) TO '{outside}/new.csv'

-- name: copy over the secret
COPY (SELECT 1) TO '{outside}/secret.txt' (FORMAT csv, USE_TMP_FILE false)

-- name: copy home
COPY (SELECT 1) TO '{home}/.duckdbrc' (FORMAT csv)

-- name: copy over the database
COPY (SELECT 1) TO '{db}' (FORMAT csv, USE_TMP_FILE false)

-- name: copy over the database by a temp file
COPY (SELECT 1) TO '{db}' (FORMAT csv, USE_TMP_FILE true)

-- name: copy a write-ahead log
COPY (SELECT 1) TO '{db}.wal' (FORMAT csv, USE_TMP_FILE false)

-- name: copy a checkpoint log
COPY (SELECT 1) TO '{db}.wal.checkpoint' (FORMAT csv, USE_TMP_FILE false)

-- name: copy a recovery log
COPY (SELECT 1) TO '{db}.wal.recovery' (FORMAT csv, USE_TMP_FILE false)

-- name: copy partitions
COPY (SELECT range AS a, range % 2 AS p FROM range(4)) TO '{folder}/parts' (FORMAT parquet, PARTITION_BY (p), OVERWRITE_OR_IGNORE)

-- name: copy per thread
COPY (FROM range(4)) TO '{folder}/threads' (FORMAT csv, PER_THREAD_OUTPUT)

-- name: copy with overwrite of the folder
COPY (SELECT range AS a, range % 2 AS p FROM range(4)) TO '{folder}' (FORMAT parquet, PARTITION_BY (p), OVERWRITE)

-- name: copy by file size
COPY (FROM range(4)) TO '{folder}/sized' (FORMAT csv, FILE_SIZE_BYTES 1)

-- name: copy with a quoted path
COPY (SELECT 1) TO '{folder}/it''s.csv'

-- name: copy through a link
COPY (SELECT 1) TO '{folder}/link_out/new.csv'

-- name: copy by a file address
COPY (SELECT 1) TO 'file://{folder}/address.csv'

-- name: copy with doubled slashes
COPY (SELECT 1) TO '{folder}//./new.csv'

-- name: copy to the standard output
COPY (SELECT 'x') TO '/dev/stdout' (FORMAT csv)

-- name: copy to a descriptor
COPY (SELECT 'x') TO '/proc/self/fd/0' (FORMAT csv, USE_TMP_FILE false)

-- name: copy to the log
COPY (SELECT 'x') TO '/dev/stderr' (FORMAT csv, USE_TMP_FILE false)

-- name: export the database
EXPORT DATABASE '{folder}/export'

-- name: export as parquet
EXPORT DATABASE '{outside}/export' (FORMAT parquet)

-- name: import a database
IMPORT DATABASE '{folder}'

-- name: attach a new database
ATTACH '{folder}/new.duckdb'

-- name: attach and fill a new database
ATTACH '{folder}/new2.duckdb' AS n; CREATE TABLE n.t AS SELECT 1 AS a; SELECT 1

-- name: attach outside
ATTACH '{outside}/new.duckdb' AS n; CREATE TABLE n.t AS SELECT 1 AS a; SELECT 1

-- name: attach the database for writing
DETACH perf; ATTACH '{db}' AS perf (READ_WRITE); CREATE TABLE perf.evil AS SELECT 1 AS a; SELECT 1

-- name: attach the database twice
ATTACH '{db}' AS again (READ_WRITE); CREATE TABLE again.evil AS SELECT 1 AS a; SELECT 1

-- name: attach the outside database for writing
ATTACH '{outside}/secret.duckdb' AS s; DELETE FROM s.t; SELECT 1

-- name: attach in memory
ATTACH ':memory:' AS m; CREATE TABLE m.t AS SELECT 1; SELECT 1

-- name: attach another engine
ATTACH '{folder}/x.sqlite' (TYPE sqlite)

-- name: attach over the network
ATTACH 'http://127.0.0.1:{port}/x.duckdb' AS h (READ_ONLY)

-- name: attach postgres
ATTACH 'host=127.0.0.1 port={port}' AS p (TYPE postgres)

-- name: attach motherduck
ATTACH 'md:x'

-- name: attach a quack server
ATTACH 'quack:127.0.0.1:{port}' AS q

-- name: detach the database
DETACH perf

-- name: insert
INSERT INTO t VALUES (99)

-- name: insert by select
INSERT INTO perf.main.t SELECT 99

-- name: insert returning
INSERT INTO t VALUES (99) RETURNING *

-- name: from-first insert
FROM (SELECT 99) INSERT INTO t

-- name: update
UPDATE t SET a = 99

-- name: delete
DELETE FROM t

-- name: truncate
TRUNCATE t

-- name: merge
MERGE INTO t USING (SELECT 1 AS a) s ON t.a = s.a WHEN MATCHED THEN DELETE

-- name: upsert
INSERT OR REPLACE INTO t VALUES (1)

-- name: create a table
CREATE TABLE perf.evil AS SELECT 1 AS a

-- name: create or replace
CREATE OR REPLACE TABLE perf.t AS SELECT 99 AS a

-- name: create a view
CREATE VIEW perf.evil AS SELECT 1

-- name: create a macro
CREATE MACRO perf.evil() AS 1

-- name: create a sequence
CREATE SEQUENCE perf.s

-- name: create a schema
CREATE SCHEMA perf.evil

-- name: create a type
CREATE TYPE perf.evil AS ENUM ('a')

-- name: create an index
CREATE INDEX i ON t (a)

-- name: create a trigger
CREATE TRIGGER g AFTER INSERT ON t BEGIN DELETE FROM t; END

-- name: drop the table
DROP TABLE t

-- name: drop the schema
DROP SCHEMA perf.main CASCADE

-- name: alter
ALTER TABLE t ADD COLUMN b INT

-- name: rename
ALTER TABLE t RENAME TO gone

-- name: comment
COMMENT ON TABLE t IS 'evil'

-- name: checkpoint
CHECKPOINT perf

-- name: force a checkpoint
FORCE CHECKPOINT perf

-- name: vacuum
VACUUM ANALYZE

-- name: analyze
ANALYZE

-- name: copy a database
ATTACH '{folder}/copy.duckdb' AS c; COPY FROM DATABASE perf TO c; SELECT 1

-- name: set a profile file
PRAGMA enable_profiling='json'; PRAGMA profiling_output='{folder}/profile.json'; SELECT 1

-- name: set a query log
SET log_query_path='{folder}/queries.log'; SELECT 1; SELECT 2

-- name: log to files
CALL enable_logging(storage='file', storage_path='{folder}/logs'); SELECT 1; SELECT 2

-- name: call a logger
CALL enable_logging('QueryLog', storage='stdout')

-- name: persist a secret
SET secret_directory='{folder}/secrets'; CREATE PERSISTENT SECRET s (TYPE http, BEARER_TOKEN 'x'); SELECT 1

-- name: move the temp folder
SET temp_directory='{folder}/spill'; SELECT count(*) FROM (SELECT * FROM range(3000000) ORDER BY hash(range))

-- name: move the home
SET home_directory='{folder}'; INSTALL icu; SELECT 1

-- name: move the extensions
SET extension_directory='{folder}/ext'; INSTALL icu; SELECT 1

-- name: install over the network
INSTALL evil FROM 'http://127.0.0.1:{port}'

-- name: install a file
INSTALL '{folder}/evil.duckdb_extension'

-- name: force install
FORCE INSTALL icu

-- name: load a file
LOAD '{folder}/evil.duckdb_extension'

-- name: load outside
LOAD '{outside}/evil.duckdb_extension'

-- name: load by name
LOAD httpfs

-- name: update extensions
UPDATE EXTENSIONS

-- name: open the network by settings
SET enable_external_access=true; SET allow_unsigned_extensions=true; SELECT 1

-- name: a transaction
BEGIN; INSERT INTO t VALUES (99); COMMIT; SELECT 1

-- name: a pragma that writes
PRAGMA force_checkpoint

-- name: import through a pragma
PRAGMA import_database('{folder}')

-- name: parquet key
PRAGMA add_parquet_key('k', '0123456789012345')

-- name: encrypt a new database
ATTACH '{folder}/enc.duckdb' AS e (ENCRYPTION_KEY 'x'); CREATE TABLE e.t AS SELECT 1; SELECT 1

-- name: a second statement behind a comment
SELECT 1 /* ; */ ; COPY (SELECT 1) TO '{folder}/second.csv'

-- name: a statement in front
COPY (SELECT 1) TO '{folder}/first.csv'; SELECT 1

-- name: many statements
SELECT 1; SELECT 2; COPY (SELECT 1) TO '{folder}/third.csv'; SELECT 3
