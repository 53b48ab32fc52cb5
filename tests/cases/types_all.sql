-- Every type of DuckDB, smallest, largest and null.
FROM test_all_types()
