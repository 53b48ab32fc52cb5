//! Fixed-size arrays and comparisons called by name, with which DuckDB 2.0.0 reads memory outside its
//! operands.

use super::*;

/// DuckDB 2.0.0 reads beyond the end of an array if it takes it for one of another size.
#[test]
fn no_array_of_fixed_size_comes_into_being() {
    for sql in [
        "SELECT [array_value(1, 2, 3, 4)] || [array_value(9)]",
        "SELECT ARRAY_VALUE(1)",
        "SELECT a.array_value(2) FROM t",
        "SELECT [1]::INTEGER[1]",
        "SELECT [[1]]::INTEGER[1][]",
        "SELECT [[1]]::INTEGER[][1]",
        "SELECT x::STRUCT(a INTEGER[2]) FROM t",
        "SELECT TRY_CAST(x AS MAP(VARCHAR, INTEGER[2])) FROM t",
        "SELECT CAST(x AS INTEGER ARRAY[3]) FROM t",
        "SELECT x::UNION(a INT, b INT[2]) FROM t",
        "SELECT cast_to_type(x, NULL::INTEGER[3]) FROM t",
        "SELECT INTEGER[2] '[1, 2]'",
        "PIVOT (SELECT [1]::INTEGER[1] AS a) ON a",
        "EXPLAIN ANALYZE SELECT [1]::INTEGER[1]",
        "SELECT from_json(x, '\"INTEGER[3]\"') FROM t",
        "SELECT from_json_strict(x, '{\"a\": \"INTEGER[ 3 ]\"}') FROM t",
        "SELECT json_transform(x, '\"INTEGER\\u005b3]\"') FROM t",
        "SELECT x.json_transform('\"INTEGER[3]\"') FROM t",
        "SELECT json_transform_strict(x, '\"ARRAY(INTEGER, 3)\"') FROM t",
        "SELECT json_transform(x, '\"INTEGER' || '[3]\"') FROM t",
        "SELECT json_transform(x, (SELECT 'x')) FROM t",
        "FROM read_csv('a.csv', columns = {'a': 'INTEGER[3]'})",
        "FROM read_csv('a.csv', columns = {'a': 'INTEGER' || '[3]'})",
        "FROM read_csv('a.csv', types = ['INTEGER', 'INTEGER[/**/3]'])",
        "FROM read_csv('a.csv', dtypes = {'a': concat('INTEGER', '[3]')})",
        "FROM read_csv('a.csv', column_types := {'a': 'INTEGER['\n'3]'})",
        "FROM read_csv('a.csv', types = ['xINTEGER[3]'[2:]])",
        "FROM read_csv('a.csv', types = [e'INTEGER\\x5b3]'])",
        "FROM read_csv('a.csv', types = [$$INTEGER[3]$$])",
        "FROM read_csv('a.csv', types = (SELECT ['INTEGER']))",
        "FROM read_json('a.json', columns = {a: 'STRUCT(b INTEGER[3])'})",
        "FROM read_ndjson('a.json', columns = {a: 'ARRAY(INTEGER, 3)'})",
        "FROM read_parquet('a.parquet', schema = MAP {1: {name: 'a', type: 'INTEGER[3]', default_value: NULL}})",
        "FROM read_csv('a.csv', columns = {'b': 'INTEGER'}), read_csv('b.csv', columns = {'a': 'INTEGER[3]'})",
        "FROM read_csv('a.csv', columns = {'b': 'INTEGER'}), read_json('b.json', columns = {a: 'INTEGER[3]'})",
        "FROM read_json('a.json', columns = {b: 'INTEGER'}), \"read_csv\"('b.csv', types = ['INTEGER[3]'])",
    ] {
        let error = verdict(sql).expect_err(sql);
        let said = error.clone().full_text();
        let says = ["fixed size", "written out"].iter().any(|words| said.contains(words));
        assert!(error.kind == Kind::Forbidden && says, "{sql}: {error:?}");
    }
    for sql in [
        "SELECT [1, 2]::INTEGER[], ARRAY[1, 2], array_length([1]), array_agg(a) FROM t",
        "SELECT x::DECIMAL(18, 3)[] FROM t",
        "SELECT from_json(x, '{\"a\": [\"DECIMAL(18,3)\"], \"b\": \"INTEGER[]\"}') FROM t",
        "SELECT json_transform(replace(x, 'a', 'b'), '[\"INTEGER\"]') FROM t",
        "FROM read_csv('data_[0-9].csv', columns = {'a': 'INTEGER[]', 'b': 'STRUCT(c DECIMAL(10,2))'}, header = true)",
        "FROM read_csv(['a.csv', 'b.csv'], types = MAP {'a': 'BIGINT'}, delim = ';')",
        "SELECT 'a' || a FROM read_json('a.json', columns = {a: 'VARCHAR'}) WHERE a = 'INTEGER[3]'",
        "SELECT columns('a') FROM read_parquet('a.parquet')",
    ] {
        verdict(sql).unwrap_or_else(|error| panic!("{sql}: {error:?}"));
    }
}

/// Called by name, DuckDB's comparisons take operands of any two types and compare their memory.
#[test]
fn comparisons_are_no_functions() {
    for sql in [
        "SELECT \"=\"({'a': 1}, 1)",
        "SELECT system.main.\"=\"({'a': 1}, 1)",
        "SELECT {'a': 1}.\"!=\"(1)",
        "SELECT {'a': 1} OPERATOR(=) 1",
        "SELECT {'a': 1} OPERATOR(main.=) 1",
        "SELECT \"IS DISTINCT FROM\"(1::VARIANT, 1)",
        "SELECT list_transform([1], lambda x: \"<=\"(x, 'a'))",
    ] {
        let error = verdict(sql).expect_err(sql);
        assert!(
            error.kind == Kind::Forbidden && error.message.contains("is not allowed"),
            "{sql}: {error:?}"
        );
    }
    verdict(
        "SELECT a = b, a != b, a < b, a IS DISTINCT FROM b, a <= ALL (SELECT 1) FROM t WHERE (a, b) = (1, 2)",
    )
    .unwrap();
}
