-- Secrets, the environment, and what tells of the machine.

-- name: secrets
-- tells: nothing
FROM duckdb_secrets(redact = false)

-- name: redacted secrets
-- tells: nothing
FROM duckdb_secrets()

-- name: which secret
-- tells: nothing
FROM which_secret('s3://x', 's3')

-- name: settings
-- tells: nothing
FROM duckdb_settings()

-- name: settings by a join
-- tells: nothing
SELECT s.value FROM t, duckdb_settings() s

-- name: settings in a subquery
-- tells: nothing
SELECT (SELECT list(value) FROM duckdb_settings())

-- name: one setting
-- tells: nothing
SELECT current_setting('temp_directory')

-- name: another setting
-- tells: nothing
SELECT current_setting('secret_directory')

-- name: a setting by parts
-- tells: nothing
SELECT current_setting('temp' || '_directory')

-- name: a setting of a column
-- tells: nothing
SELECT current_setting(n) FROM (VALUES ('temp_directory')) v(n)

-- name: temporary files
-- tells: nothing
FROM duckdb_temporary_files()

-- name: environment
-- tells: nothing
SELECT getenv('CANARY')

-- name: environment in braces
SELECT '${CANARY}'

-- name: environment as a variable
SELECT '$__env{CANARY}', '$CANARY'

-- name: a file by provisioning's way
SELECT '$__file{/etc/passwd}'

-- name: query text of others
-- tells: nothing
SELECT query FROM pg_stat_activity

-- name: show a secret setting
SHOW ALL

-- name: password setting
-- tells: nothing
SELECT current_setting('password')

-- name: proxy password
-- tells: nothing
SELECT current_setting('http_proxy_password')

-- name: own query
SELECT current_query()

-- name: user
SELECT current_user, session_user, current_database()

-- name: prepared statements
FROM duckdb_prepared_statements()

-- name: variables
FROM duckdb_variables()

-- name: databases
-- tells: nothing
SELECT path FROM duckdb_databases() WHERE path LIKE '%worker%'

-- name: external cache
-- tells: nothing
FROM duckdb_external_file_cache()

-- name: profiling settings
-- tells: nothing
FROM duckdb_profiling_settings()

-- name: no setting among all tables
-- tells: nothing
FROM (SHOW ALL) WHERE name IN ('temp_directory', 'threads', 'secret_directory')

-- name: settings as postgres has them
-- tells: nothing
SELECT setting FROM pg_catalog.pg_settings WHERE name = 'temp_directory'

-- name: settings without a schema
-- tells: nothing
FROM pg_settings

-- name: settings of the system catalog
-- tells: nothing
FROM system."pg_catalog"."PG_SETTINGS"

-- name: settings of a catalog alone
-- tells: nothing
TABLE system.pg_settings

-- name: settings summarized
-- tells: nothing
SUMMARIZE pg_settings

-- name: settings described
-- tells: nothing
DESCRIBE pg_catalog.pg_settings

-- name: settings pivoted
-- tells: nothing
PIVOT pg_settings ON name USING first(setting)

-- name: settings by a semi join
-- tells: nothing
SELECT * FROM t SEMI JOIN pg_settings s ON s.name = 'temp_directory' AND s.setting LIKE '/%'

-- name: settings by a nearest join
-- tells: nothing
SELECT setting FROM t JOIN pg_settings s APPROX NEAREST 1 BY DISTANCE t.a

-- name: settings as a table's argument
-- tells: nothing
FROM summary((FROM pg_settings))

-- name: settings by a macro over tables
-- tells: nothing
FROM histogram('pg_settings', 'setting')

-- name: settings by a named table
-- tells: nothing
FROM query_table(['pg_settings'])

-- name: settings in a CTE of their own name
-- tells: nothing
WITH s AS MATERIALIZED (TABLE pg_settings) SELECT s FROM s

-- name: a setting by SHOW
-- tells: nothing
SHOW temp_directory

-- name: a setting by SHOW in a query
-- tells: nothing
SELECT * FROM (SHOW "Temp_Directory")

-- name: a setting by SHOW of a text
-- tells: nothing
FROM (SHOW 'allowed_directories')

-- name: a setting by SHOW deep down
-- tells: nothing
SELECT (SELECT s FROM (SHOW secret_directory) s)

-- name: the logs as a view
-- tells: nothing
FROM duckdb_logs

-- name: the logs of the system catalog
-- tells: nothing
SELECT count(*) FROM system.main."DUCKDB_LOGS"

-- name: where extensions are
-- tells: nothing
FROM duckdb_extensions()

-- name: paths of extensions
-- tells: nothing
SELECT * FROM duckdb_extensions() e WHERE e::VARCHAR LIKE '%/%'

-- name: where extensions come from
-- tells: nothing
FROM duckdb_extension_repositories()

-- name: paths of databases
-- tells: nothing
FROM duckdb_databases() d WHERE path IS NOT NULL AND path <> '{db}'

-- name: paths of databases as a pragma lists them
-- tells: nothing
FROM pragma_database_list WHERE file IS NOT NULL AND file <> '{db}'

-- name: paths in the text of views
-- tells: nothing
FROM duckdb_views() WHERE sql LIKE '%/%' AND sql NOT LIKE '%{folder}/%' AND NOT internal

-- name: a setting in the name of a variable
-- tells: nothing
SELECT getvariable('temp_directory') AS v WHERE v IS NOT NULL

-- name: a setting in a time
SELECT * FROM t AT (VERSION => current_setting('temp_directory'))
