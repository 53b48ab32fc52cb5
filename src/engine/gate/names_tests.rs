//! Constructs that are refused by name: views, settings, paths in parts, arguments, aggregates in a text,
//! calls in lists of PIVOT.

use super::*;

#[test]
fn views_that_tell_of_the_machine_are_refused_by_any_name() {
    let settings = "the view `pg_settings` is not allowed in a query";
    for (sql, message, position) in [
        ("FROM pg_settings", settings, 5),
        ("SELECT setting FROM pg_catalog.pg_settings", settings, 20),
        ("SELECT 1 FROM system.\"pg_catalog\".\"PG_Settings\"", settings, 14),
        ("FROM system.pg_settings", settings, 5),
        ("TABLE pg_settings", settings, 6),
        ("DESCRIBE pg_settings", settings, 9),
        ("SUMMARIZE pg_catalog.pg_settings", settings, 10),
        ("SHOW pg_settings", settings, 5),
        ("SELECT (SELECT setting FROM pg_settings LIMIT 1)", settings, 28),
        ("PIVOT pg_settings ON name USING first(setting)", settings, 6),
        ("EXPLAIN ANALYZE FROM duckdb_logs", "the view `duckdb_logs` is not allowed in a query", 21),
        (
            "FROM duckdb_extension_repositories()",
            "the function `duckdb_extension_repositories` is not allowed in a query",
            5,
        ),
        ("FROM duckdb_extensions()", "the function `duckdb_extensions` is not allowed in a query", 5),
        (
            "SHOW temp_directory",
            "`SHOW temp_directory` is not allowed in a query: it would tell of a setting",
            5,
        ),
        ("FROM (SHOW 'threads')", "`SHOW threads` is not allowed in a query: it would tell of a setting", 11),
    ] {
        assert_refused(sql, message, Some(position));
    }
}

#[test]
fn a_path_is_read_as_duckdb_joins_the_parts_of_a_name() {
    let climbs = "`..` behind a folder's name is not allowed in a path";
    for (sql, position) in [
        ("FROM \"link/../secret\".parquet", 5),
        ("FROM \"link/.\".\"/secret\".csv", 5),
        ("FROM a.\"/b/.\".\"/secret\".\"x\".json", 5),
        ("SUMMARIZE \"link/../secret\".csv", 10),
        ("DESCRIBE \"link/../secret\".\"csv\"", 9),
        ("SHOW \"link/../secret\".csv", 5),
    ] {
        assert_refused(sql, climbs, Some(position));
    }
    let files = |sql: &str| verdict(sql).unwrap().reads.files;
    assert_eq!(
        files("FROM 'a.parquet' UNION ALL FROM b.parquet UNION ALL FROM c.d.\"e/f\".\"JSON\""),
        ["a.parquet", "b.parquet", "c.d.e/f.JSON"]
    );
    assert_eq!(files("FROM x.csv.gz, x.y.z, main.t, \"a/*\", read_text('n')"), ["x.csv.gz", "a/*", "n"]);
    assert_eq!(verdict("FROM a.b.\"C\", \"x.csv\"").unwrap().reads.tables, ["C", "x.csv"]);
}

#[test]
fn arguments_that_leave_something_or_are_believed_are_refused_however_written() {
    let refused = |name: &str, function: &str| {
        format!("the argument `{name}` of `{function}` is not allowed in a query")
    };
    for (sql, name, function) in [
        ("FROM read_csv('a.csv', store_rejects = true)", "store_rejects", "read_csv"),
        ("FROM read_csv('a.csv', (\"Store_Rejects\" == true))", "store_rejects", "read_csv"),
        (
            "FROM read_csv(['a.csv', 'b.csv'], header = true, rejects_table := 'x')",
            "rejects_table",
            "read_csv",
        ),
        ("SELECT (FROM read_csv_auto('a.csv', REJECTS_SCAN => 'x'))", "rejects_scan", "read_csv_auto"),
        ("SUMMARIZE FROM sniff_csv('a.csv', rejects_limit = 1 + 1)", "rejects_limit", "sniff_csv"),
        (
            "FROM parquet_scan('a.parquet', column_statistics = MAP {'a': MAP {'min': '0'}})",
            "column_statistics",
            "parquet_scan",
        ),
    ] {
        assert_refused(sql, &refused(name, function), None);
    }
}

#[test]
fn an_aggregate_called_by_its_name_is_judged_by_it() {
    for (sql, message) in [
        (
            "SELECT list_aggregate([1], 'combine_aggr')",
            "the function `combine_aggr` is not allowed in a query",
        ),
        ("SELECT [1].LIST_AGGR('Combine_Aggr')", "the function `combine_aggr` is not allowed in a query"),
        (
            "SELECT aggregate([1], 'combine' || '_aggr')",
            "`aggregate` takes the name of its aggregate as a text, written out",
        ),
        (
            "SELECT array_aggr([1], n) FROM t",
            "`array_aggr` takes the name of its aggregate as a text, written out",
        ),
    ] {
        assert_refused(sql, message, Some(if sql.contains("].") { 11 } else { 7 }));
    }
}

#[test]
fn a_function_in_the_lists_of_pivot_is_found_with_its_position() {
    for (sql, position) in [
        ("PIVOT t ON write_log(a::VARCHAR) USING sum(a)", 11),
        ("PIVOT t ON a, Write_Log(b) USING sum(c) GROUP BY d", 14),
        ("FROM (PIVOT t ON a USING sum(write_log(b)))", 29),
        ("PIVOT t ON a IN ('x', write_log('y')) USING sum(b)", 22),
    ] {
        assert_refused(sql, "the function `write_log` is not allowed in a query", Some(position));
    }
}
