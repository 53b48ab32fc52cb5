//! What a statement may be made of: parse-tree nodes by an allow-list, functions by a table in which every function of
//! the engine is judged (`functions.tsv`). The tests here fail when a new DuckDB brings something nobody has judged.

use std::collections::{HashMap, HashSet};
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

/// Every function of the engine, one a line: name and verdict; for a denied one why, and `changes` for one that may give
/// something else the next time although nothing it is given has changed.
const FUNCTIONS: &str = include_str!("functions.tsv");

/// What is known of a function.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It only reads what it is given.
    Reads,
    /// Its first argument names files.
    ReadsFiles,
    /// It is refused, for this reason: a word of `functions.tsv`.
    Denied(&'static str),
}

/// The verdict on a function; names do not count case. One that the engine does not have is left to its error.
pub(super) fn verdict(function: &str) -> Verdict {
    static SPECIAL: OnceLock<HashMap<&str, Verdict>> = OnceLock::new();
    let special = SPECIAL.get_or_init(|| {
        FUNCTIONS
            .lines()
            .filter_map(|line| {
                let mut fields = line.split('\t');
                let name = fields.next()?;
                match (fields.next()?, fields.next()) {
                    ("denied", reason) => Some((name, Verdict::Denied(reason.unwrap_or_default()))),
                    ("files", _) => Some((name, Verdict::ReadsFiles)),
                    _ => None,
                }
            })
            .collect()
    });
    special.get(function.to_ascii_lowercase().as_str()).copied().unwrap_or(Verdict::Reads)
}

/// Whether a function may give something else the next time although nothing it is given has changed.
pub(super) fn is_restless(function: &str) -> bool {
    static RESTLESS: OnceLock<HashSet<&str>> = OnceLock::new();
    let restless = RESTLESS.get_or_init(|| {
        FUNCTIONS.lines().filter_map(|line| line.strip_suffix("\tchanges")?.split('\t').next()).collect()
    });
    restless.contains(function.to_ascii_lowercase().as_str())
}

/// Whether a function opens database files, and keeps their writers out.
pub(super) fn opens_database(function: &str) -> bool {
    function.eq_ignore_ascii_case("read_duckdb")
}

/// Whether DuckDB opens a table of this name as a database file, where there is no such table.
pub(super) fn is_database(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    [".db", ".ddb", ".duckdb"].iter().any(|end| name.ends_with(end) || name.contains(&format!("{end}?")))
}

/// Words of the text that may make a result change by itself and need not be a function in the parse tree:
/// `current_date` without parentheses is a column to the parser, a sample is no node, `'now'` may be cast.
pub(super) const RESTLESS_WORDS: &[&str] = &[
    "current_date",
    "current_time",
    "current_timestamp",
    "localtime",
    "localtimestamp",
    "now",
    "sample",
    "tablesample",
    "today",
    "tomorrow",
    "yesterday",
];

/// Functions that are a harmless aggregate, and in FROM a macro that takes a table's name as a text.
pub(super) const DENIED_IN_FROM: &[&str] = &["histogram"];

/// Whether a path goes up again behind a folder's name (`a/../b`). Where the name is a link, the file system ends up
/// elsewhere than DuckDB's own check believes.
pub(super) fn climbs(path: &str) -> bool {
    let mut parts =
        path.split('/').filter(|part| !part.is_empty() && *part != ".").skip_while(|part| *part == "..");
    parts.any(|part| part == "..")
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
