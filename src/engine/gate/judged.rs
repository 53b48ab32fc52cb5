//! What a statement may be made of: parse-tree nodes by an allow-list, functions by a table in which every function of
//! the engine is judged (`functions.tsv`). The tests here fail when a new DuckDB brings something nobody has judged.

use std::collections::HashMap;
use std::sync::OnceLock;

/// Query nodes, table references, modifiers and orders that only read.
pub(super) const NODES: &[&str] = &[
    "SELECT_NODE",
    "SET_OPERATION_NODE",
    "RECURSIVE_CTE_NODE",
    "CTE_NODE", //
    "BASE_TABLE",
    "SUBQUERY",
    "JOIN",
    "TABLE_FUNCTION",
    "EXPRESSION_LIST",
    "EMPTY",
    "PIVOT",
    "SHOW_REF", //
    "LIMIT_MODIFIER",
    "ORDER_MODIFIER",
    "DISTINCT_MODIFIER", //
    "ORDER_DEFAULT",
    "ASCENDING",
    "DESCENDING",
];

/// Classes of expressions, none of which acts by itself; functions are judged by name.
pub(super) const CLASSES: &[&str] = &[
    "BETWEEN",
    "CASE",
    "CAST",
    "COLLATE",
    "COLUMN_REF",
    "COMPARISON",
    "CONJUNCTION",
    "CONSTANT",
    "DEFAULT",
    "FUNCTION",
    "LAMBDA",
    "LAMBDA_REF",
    "OPERATOR",
    "POSITIONAL_REFERENCE",
    "STAR",
    "SUBQUERY",
    "TYPE",
    "WINDOW",
];

/// Settings of DuckDB that a query may ask for. The others tell of the machine or of other datasources.
pub(super) const SETTINGS: &[&str] = &[
    "access_mode",
    "default_collation",
    "default_null_order",
    "default_order",
    "enable_external_access",
    "error_on_division_by_zero",
    "ieee_floating_point_ops",
    "integer_division",
    "lock_configuration",
    "max_memory",
    "memory_limit",
    "null_order",
    "pivot_limit",
    "preserve_insertion_order",
    "schema",
    "search_path",
    "threads",
    "timezone",
    "worker_threads",
];

/// Every function of the engine, one a line: name, verdict, and for a denied one why.
const FUNCTIONS: &str = include_str!("functions.tsv");

/// Why the function is denied, as a word of `functions.tsv`; `None` when it only reads. Names do not count case.
pub(super) fn denial(function: &str) -> Option<&'static str> {
    static DENIED: OnceLock<HashMap<&str, &str>> = OnceLock::new();
    let denied = DENIED.get_or_init(|| {
        FUNCTIONS
            .lines()
            .filter_map(|line| {
                let mut fields = line.split('\t');
                let name = fields.next()?;
                fields.next().filter(|verdict| *verdict == "denied")?;
                Some((name, fields.next().unwrap_or_default()))
            })
            .collect()
    });
    denied.get(function.to_ascii_lowercase().as_str()).copied()
}

/// What to do instead of calling a function that was denied for `reason`.
pub(super) fn instead(reason: &str) -> &'static str {
    match reason {
        "hides" => "It hides SQL from the check: write that SQL itself",
        "host" => {
            "It tells of the machine, not of the data; what a query may name is listed by SHOW ALL TABLES, DESCRIBE and duckdb_columns()"
        }
        "waits" => "A query that only waits keeps others from running",
        "raw" => "It takes DuckDB's own memory formats, which are not checked",
        _ => super::ONLY_READS,
    }
}

#[cfg(test)]
#[path = "judged_tests.rs"]
mod tests;
