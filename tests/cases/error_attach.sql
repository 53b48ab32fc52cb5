-- error: `ATTACH` statements are not allowed
ATTACH '/tmp/x.duckdb'
