-- Reading what lies outside of the datasource: content, names, sizes. `tells: nothing` means that no row may come back.

-- name: read_text
-- tells: nothing
FROM read_text('{outside}/secret.txt')

-- name: read_blob
-- tells: nothing
FROM read_blob('{outside}/secret.txt')

-- name: read_csv
-- tells: nothing
FROM read_csv('{outside}/secret.csv')

-- name: read_csv_auto
-- tells: nothing
FROM read_csv_auto('{outside}/secret.csv')

-- name: read_json
-- tells: nothing
FROM read_json('{outside}/secret.json')

-- name: read_json_auto
-- tells: nothing
FROM read_json_auto('{outside}/secret.json')

-- name: read_json_objects
-- tells: nothing
FROM read_json_objects('{outside}/secret.json')

-- name: read_ndjson
-- tells: nothing
FROM read_ndjson('{outside}/secret.json')

-- name: read_ndjson_objects
-- tells: nothing
FROM read_ndjson_objects('{outside}/secret.json')

-- name: read_parquet
-- tells: nothing
FROM read_parquet('{outside}/secret.parquet')

-- name: parquet_scan
-- tells: nothing
FROM parquet_scan('{outside}/secret.parquet')

-- name: parquet_schema
-- tells: nothing
FROM parquet_schema('{outside}/secret.parquet')

-- name: parquet_metadata
-- tells: nothing
FROM parquet_metadata('{outside}/secret.parquet')

-- name: parquet_full_metadata
-- tells: nothing
FROM parquet_full_metadata('{outside}/secret.parquet')

-- name: parquet_file_metadata
-- tells: nothing
FROM parquet_file_metadata('{outside}/secret.parquet')

-- name: parquet_kv_metadata
-- tells: nothing
FROM parquet_kv_metadata('{outside}/secret.parquet')

-- name: sniff_csv
-- tells: nothing
FROM sniff_csv('{outside}/secret.csv')

-- name: read_duckdb
-- tells: nothing
FROM read_duckdb('{outside}/secret.duckdb')

-- name: read_single_parquet_file
-- tells: nothing
FROM read_single_parquet_file('{outside}/secret.parquet')

-- name: read_single_csv_file
-- tells: nothing
FROM read_single_csv_file('{outside}/secret.csv')

-- name: read_single_json_file
-- tells: nothing
FROM read_single_json_file('{outside}/secret.json')

-- name: bloom probe
-- tells: nothing
FROM parquet_bloom_probe('{outside}/secret.parquet', 'a', 1)

-- name: a path as a table
-- tells: nothing
FROM '{outside}/secret.parquet'

-- name: a csv as a table
-- tells: nothing
FROM '{outside}/secret.csv'

-- name: a json as a table
-- tells: nothing
FROM '{outside}/secret.json'

-- name: a database as a table
-- tells: nothing
FROM '{outside}/secret.duckdb'

-- name: a quoted path as a table
-- tells: nothing
FROM "{outside}/secret.csv"

-- name: a text as csv
-- tells: nothing
FROM read_csv('{outside}/secret.txt', header = false, all_varchar = true)

-- name: through a link to a folder
-- tells: nothing
FROM read_text('{folder}/link_out/secret.txt')

-- name: through a link to a file
-- tells: nothing
FROM read_text('{folder}/link_secret.txt')

-- name: through a link to a parquet
-- tells: nothing
FROM '{folder}/link_secret.parquet'

-- name: through a link and back
-- tells: nothing
FROM read_text('{folder}/link_out/../outside/secret.txt')

-- name: through a link and back in a list
-- tells: nothing
FROM read_text(['{folder}/notes.txt', '{folder}/link_out/../outside/secret.txt'])

-- name: through a link and back as a table
-- tells: nothing
FROM '{folder}/link_out/../outside/secret.csv'

-- name: through a link and back, relative
-- tells: nothing
FROM read_text('link_out/../outside/secret.txt')

-- name: through a link and back by an expression
-- tells: nothing
FROM read_text('{folder}/link_out/.' || './outside/secret.txt')

-- name: through a link and back by a glob
-- tells: nothing
FROM read_text('{folder}/link_o*/../outside/secret.txt')

-- name: through a link and back by a macro
-- tells: nothing
FROM histogram('{folder}/link_out/../outside/secret.csv', '1')

-- name: through a link and back by values
-- tells: nothing
FROM histogram_values('{folder}/link_out/../outside/secret.csv', 1)

-- name: upward
-- tells: nothing
FROM read_text('{folder}/../../outside/secret.txt')

-- name: upward, relative
-- tells: nothing
FROM read_text('../../outside/secret.txt')

-- name: upward in a glob
-- tells: nothing
FROM read_text('{folder}/../../*/secret.txt')

-- name: upward as a table
-- tells: nothing
FROM '../../outside/secret.csv'

-- name: doubled slashes
-- tells: nothing
FROM read_text('/{outside}//secret.txt')

-- name: dots
-- tells: nothing
FROM read_text('{outside}/./secret.txt')

-- name: a file address
-- tells: nothing
FROM read_text('file://{outside}/secret.txt')

-- name: a file address with a host
-- tells: nothing
FROM read_text('file://localhost{outside}/secret.txt')

-- name: a short file address
-- tells: nothing
FROM read_text('file:{outside}/secret.txt')

-- name: a list with one outside
-- tells: nothing
FROM read_parquet(['{folder}/query_perf_weekly_202652.parquet', '{outside}/secret.parquet'], union_by_name = true)

-- name: a list of texts
-- tells: nothing
FROM read_text(['{folder}/notes.txt', '{outside}/secret.txt'])

-- name: a glob with braces
-- tells: nothing
FROM read_text('{outside}/{secret,x}.txt')

-- name: a glob of everything
-- tells: nothing
FROM read_text('/**/secret.txt')

-- name: a glob in the middle
-- tells: nothing
FROM read_text('{outside}/../*/secret.tx?')

-- name: a path of an expression
-- tells: nothing
FROM read_text('{outside}' || '/secret' || chr(46) || 'txt')

-- name: a path of a subquery
-- tells: nothing
FROM range(1) r, LATERAL (FROM read_text((SELECT '{outside}/secret.txt')))

-- name: a path of a column
-- tells: nothing
SELECT (SELECT content FROM read_text(p)) FROM (VALUES ('{outside}/secret.txt')) v(p)

-- name: a path with a NUL by chr
FROM read_text('{folder}/notes.txt' || chr(0) || '/../../../outside/secret.txt')

-- name: summarize
-- tells: nothing
SUMMARIZE '{outside}/secret.csv'

-- name: describe
-- tells: nothing
DESCRIBE FROM '{outside}/secret.parquet'

-- name: explain analyze
EXPLAIN ANALYZE FROM read_text('{outside}/secret.txt')

-- name: pivot
-- tells: nothing
PIVOT (FROM read_csv('{outside}/secret.csv', header = false, all_varchar = true)) ON column0 USING count(*)

-- name: a join
-- tells: nothing
SELECT * FROM t JOIN read_text('{outside}/secret.txt') s ON true

-- name: an error that quotes the content
-- tells: nothing
SELECT content::INT FROM read_text('{outside}/secret.txt')

-- name: an error() of the content
-- tells: nothing
SELECT error((SELECT content FROM read_text('{outside}/secret.txt')))

-- name: a csv error that quotes a line
-- tells: nothing
FROM read_csv('{outside}/secret.txt', columns = {'a': 'INT'})

-- name: a json error that quotes the content
-- tells: nothing
FROM read_json('{outside}/secret.txt', format = 'array')

-- name: attach outside read-only
-- tells: nothing
ATTACH '{outside}/secret.duckdb' AS s (READ_ONLY); FROM s.t

-- name: attach a linked database
-- tells: nothing
ATTACH '{folder}/link_secret.duckdb' AS s (READ_ONLY); FROM s.t

-- name: import outside
-- tells: nothing
IMPORT DATABASE '{outside}'

-- name: copy from outside
-- tells: nothing
CREATE TEMP TABLE x (a VARCHAR); COPY x FROM '{outside}/secret.txt' (HEADER false, DELIM '|'); FROM x

-- name: glob outside
-- by: stat
-- tells: nothing
FROM glob('{outside}/*')

-- name: glob one file
-- by: stat
-- tells: nothing
FROM glob('{outside}/secret.txt')

-- name: glob the root
-- by: stat
-- tells: nothing
FROM glob('/*')

-- name: glob the host's settings
-- by: stat
-- tells: nothing
FROM glob('/etc/passwd')

-- name: glob upward
-- by: stat
-- tells: nothing
FROM glob('{folder}/../../outside/*')

-- name: glob a link
-- by: stat
-- tells: nothing
FROM glob('{folder}/link_out/*')

-- name: size of a file outside
-- by: stat
-- tells: nothing
SELECT size FROM read_blob('{outside}/secret.txt')

-- name: time of a file outside
-- by: stat
-- tells: nothing
SELECT last_modified FROM read_text('{outside}/secret.txt')

-- name: name of a file outside
-- by: stat
-- tells: nothing
SELECT filename FROM read_text('{outside}/*')

-- name: count of lines outside
-- tells: nothing
SELECT count(*) FROM read_csv('{outside}/secret.csv', header = false)

-- name: filename column of a list
-- tells: nothing
SELECT DISTINCT filename FROM read_parquet(['{outside}/secret.parquet'], filename = true)

-- name: hive partitions outside
-- tells: nothing
FROM read_parquet('{outside}/*.parquet', hive_partitioning = true)

-- name: passwd
-- tells: nothing
FROM read_text('/etc/passwd')

-- name: passwd as csv
-- tells: nothing
FROM read_csv('/etc/passwd', delim = ':', header = false)

-- name: shadow
-- tells: nothing
FROM read_blob('/etc/shadow')

-- name: own environment
-- tells: nothing
FROM read_blob('/proc/self/environ')

-- name: own command line
-- tells: nothing
FROM read_text('/proc/self/cmdline')

-- name: own maps
-- tells: nothing
FROM read_text('/proc/self/maps')

-- name: own memory
-- tells: nothing
FROM read_blob('/proc/self/mem')

-- name: own mounts
-- tells: nothing
FROM read_text('/proc/self/mountinfo')

-- name: own descriptors
-- by: stat
-- tells: nothing
FROM glob('/proc/self/fd/*')

-- name: own input
-- tells: nothing
FROM read_text('/proc/self/fd/0')

-- name: own executable
-- by: stat
-- tells: nothing
SELECT size FROM read_blob('/proc/self/exe')

-- name: own status
-- tells: nothing
FROM read_text('/proc/self/status')

-- name: the broker's environment
-- tells: nothing
FROM read_blob('/proc/{broker}/environ')

-- name: the broker's command line
-- tells: nothing
FROM read_text('/proc/{broker}/cmdline')

-- name: the broker's working folder
-- tells: nothing
FROM read_text('/proc/{broker}/cwd/Cargo.toml')

-- name: the broker's root
-- tells: nothing
FROM read_text('/proc/{broker}/root{outside}/secret.txt')

-- name: own root
-- tells: nothing
FROM read_text('/proc/self/root{outside}/secret.txt')

-- name: own working folder
-- tells: nothing
FROM read_text('/proc/self/cwd/../../outside/secret.txt')

-- name: a thread's root
-- tells: nothing
FROM read_text('/proc/thread-self/root{outside}/secret.txt')

-- name: the first process
-- tells: nothing
FROM read_text('/proc/1/cmdline')

-- name: the kernel
-- tells: nothing
FROM read_text('/proc/version')

-- name: the machine's name
-- tells: nothing
FROM read_text('/proc/sys/kernel/hostname')

-- name: the standard input
-- tells: nothing
FROM read_text('/dev/stdin')

-- name: a device
-- by: stat
-- tells: nothing
SELECT size FROM read_blob('/dev/zero')

-- name: the temp folder
-- by: stat
-- tells: nothing
FROM glob('{temp}/**')

-- name: the temp folder's parent
-- by: stat
-- tells: nothing
FROM glob('{temp}/../*')

-- name: home
-- tells: nothing
FROM read_text('{home}/.pgpass')

-- name: home by a tilde
-- tells: nothing
FROM read_text('~/.pgpass')

-- name: http
-- tells: nothing
FROM read_text('http://127.0.0.1:{port}/x')

-- name: https
-- tells: nothing
FROM read_csv('https://127.0.0.1:{port}/x.csv')

-- name: http parquet
-- tells: nothing
FROM 'http://127.0.0.1:{port}/x.parquet'

-- name: s3
-- tells: nothing
FROM 's3://127.0.0.1:{port}/x.parquet'

-- name: hugging face
-- tells: nothing
FROM 'hf://datasets/x/y.parquet'

-- name: gcs
-- tells: nothing
FROM read_parquet('gcs://x/y.parquet')

-- name: azure
-- tells: nothing
FROM read_parquet('azure://x/y.parquet')

-- name: a network share
-- tells: nothing
FROM read_text('\\\\127.0.0.1\\share\\x')

-- name: case of the path
-- tells: nothing
FROM read_text(upper('{outside}/secret.txt'))

-- name: a composed character
-- tells: nothing
FROM read_text('{outside}/sécret.txt')

-- name: a blank behind
-- tells: nothing
FROM read_text('{outside}/secret.txt ')

-- name: a slash behind
-- tells: nothing
FROM read_text('{outside}/secret.txt/')

-- name: percent signs
-- tells: nothing
FROM read_text('{outside}/secret%2Etxt')

-- name: search path of files
-- tells: nothing
SET file_search_path='{outside}'; FROM 'secret.csv'

-- name: allowed folders
-- tells: nothing
SET allowed_directories=['/']; FROM read_text('{outside}/secret.txt')

-- name: external access
-- tells: nothing
SET enable_external_access=true; FROM read_text('{outside}/secret.txt')

-- name: through a link and back by a qualified name
-- tells: nothing
FROM "{folder}/link_out/../outside/secret".csv

-- name: through a link and back by a qualified name, relative
-- tells: nothing
FROM "link_out/../outside/secret".parquet

-- name: through a link and back by the dot of a name
-- tells: nothing
FROM "{folder}/link_out/."."/outside/secret".csv

-- name: through a link and back by a deep name
-- tells: nothing
SELECT * FROM "{folder}/link_out"."".""."/".""."/outside/secret".json

-- name: through a link and back by a name, as JSON
-- tells: nothing
FROM "{folder}/link_out/../outside/secret".json

-- name: through a link and back by a name, as a database
-- tells: nothing
FROM "{folder}/link_out/../outside/secret".duckdb

-- name: through a link and back by a name, summarized
-- tells: nothing
SUMMARIZE "link_out/../outside/secret".csv

-- name: through a link and back by a name, described
-- tells: nothing
DESCRIBE "link_out/../outside/secret".parquet

-- name: through a link and back by a name, shown
-- tells: nothing
SHOW "link_out/../outside/secret".parquet

-- name: through a link and back by a name, pivoted
-- tells: nothing
PIVOT "link_out/../outside/secret".parquet ON a USING count(*)

-- name: through a link and back by a name and a glob
-- tells: nothing
FROM "link_out/../outside/s*t".csv

-- name: through a link and back by a name and a glob of folders
-- tells: nothing
FROM "l?nk_out/../../outside/*".csv

-- name: outside by a qualified name
-- tells: nothing
FROM "{outside}/secret".csv

-- name: a pattern that finds a link
-- by: stat
-- tells: nothing
FROM glob('{folder}/l?nk_out/*')

-- name: a pattern that finds a link, relative
-- by: stat
-- tells: nothing
FROM glob('*/s*')

-- name: a pattern that finds a link and crawls
-- by: stat
-- tells: nothing
FROM glob('link_ou[t]/**')

-- name: a pattern that finds a link and a file's name
-- by: stat
-- tells: nothing
FROM glob('link_o*/secret.txt')

-- name: a pattern that finds a link by an address
-- by: stat
-- tells: nothing
FROM glob('file://{folder}/[l]ink_out/*')

-- name: names of files behind a link that a pattern finds
-- by: stat
-- tells: nothing
SELECT filename FROM read_text('l*nk_out/*')

-- name: content of files behind a link that a pattern finds
-- tells: nothing
FROM read_text('l*nk_out/*.txt')

-- name: a table behind a link that a pattern finds
-- tells: nothing
FROM 'l*nk_out/*.csv'

-- name: dots in brackets
-- tells: nothing
FROM read_text('{folder}/link_out/[.][.]/outside/secret.txt')

-- name: a dot by a question mark
-- tells: nothing
FROM read_text('{folder}/link_out/.?/outside/secret.txt')

-- name: dots behind backslashes
-- tells: nothing
FROM read_text('{folder}/link_out/\.\./outside/secr?t.txt')

-- name: dots in percent signs
-- tells: nothing
FROM read_text('file://{folder}/link_out/%2e%2e/outside/secret.txt')

-- name: dots in an escape string
-- tells: nothing
FROM read_text(E'{folder}/link_out/\x2e\x2e/outside/secret.txt')

-- name: dots in hive partitions
-- tells: nothing
FROM read_parquet('{folder}/link_out/year=*/../../outside/*.parquet', hive_partitioning = true)

-- name: a database through a link and back
-- tells: nothing
FROM read_duckdb('{folder}/link_out/../outside/secret.duckdb', table_name = 't')

-- name: a path by its name
-- tells: nothing
FROM read_text(path := '{folder}/link_out/../outside/secret.txt')

-- name: a path behind an option
-- tells: nothing
FROM read_text(allow_empty := true, '{folder}/link_out/../outside/secret.txt')

-- name: a path in a structure
-- tells: nothing
FROM read_text({'path': '{folder}/link_out/../outside/secret.txt'})

-- name: a path as a VARIANT
-- tells: nothing
FROM read_text('{folder}/link_out/../outside/secret.txt'::VARIANT)

-- name: a list with nothing
-- tells: nothing
FROM read_text([NULL, '{outside}/secret.txt'])

-- name: columns of a file as a table's
-- tells: nothing
FROM pragma_table_info('{outside}/secret.csv')

-- name: a sample of a file as a table's
-- tells: nothing
FROM duckdb_table_sample('{folder}/link_out/../outside/secret.parquet')

-- name: a file in memory
-- tells: nothing
FROM 'memory:{outside}/secret.csv'

-- name: a file at another time
-- tells: nothing
FROM '{outside}/secret.parquet' AT (VERSION => 1)

-- name: a file in a MERGE
-- tells: nothing
MERGE INTO t USING '{outside}/secret.csv' s ON true WHEN MATCHED THEN DO NOTHING RETURNING *
