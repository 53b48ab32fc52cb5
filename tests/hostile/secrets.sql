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
