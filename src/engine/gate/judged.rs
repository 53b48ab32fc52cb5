//! What a statement may consist of: an allow-list of parse-tree nodes, and tables that list every function,
//! argument and view of the engine with a verdict (`functions.tsv`, `arguments.tsv`, `views.tsv`). Tests fail
//! if a new DuckDB has one that is not listed.

use std::collections::{HashMap, HashSet};
use std::sync::OnceLock;

/// The hint about statements that do more than read.
pub(super) const ONLY_READS: &str = "A datasource query only reads: use SELECT, FROM, WITH, VALUES, DESCRIBE, SUMMARIZE, SHOW, PIVOT or EXPLAIN";

/// The hint about fixed-size arrays. If a function takes two arrays, DuckDB 2.0.0 accepts different sizes and
/// reads beyond the end of the shorter one: memory of the worker, with data of other queries.
pub(super) const NO_ARRAYS: &str =
    "DuckDB 2.0.0 reads beyond the end of arrays of fixed size: use a list, as in `INTEGER[]` or `[1, 2, 3]`";

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

/// Classes of expressions, none of which has side effects; functions are checked by name.
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

/// DuckDB settings that a query may read. The others reveal facts about the machine or other datasources.
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

/// Every function of the engine, one per line: name and verdict; for a denied function the reason; and
/// `changes` if its result may differ between calls with the same input.
const FUNCTIONS: &str = include_str!("functions.tsv");

/// The verdict on a function.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It only reads its arguments.
    Reads,
    /// Its first argument names files.
    ReadsFiles,
    /// It is refused, for this reason: a word of `functions.tsv`.
    Denied(&'static str),
}

/// Returns the verdict on a function, ignoring case. A function that the engine does not have passes, and
/// DuckDB reports the error.
pub(super) fn verdict(function: &str) -> Verdict {
    static SPECIAL: OnceLock<HashMap<String, Verdict>> = OnceLock::new();
    let special = SPECIAL.get_or_init(|| {
        FUNCTIONS
            .lines()
            .filter_map(|line| {
                let mut fields = line.split('\t');
                let name = fields.next()?.to_ascii_lowercase();
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

/// Returns whether the engine has a function of that name, which DuckDB may call by itself.
pub(in crate::engine) fn is_function_of_the_engine(name: &str) -> bool {
    static NAMES: OnceLock<HashSet<&str>> = OnceLock::new();
    let names = NAMES.get_or_init(|| FUNCTIONS.lines().filter_map(|line| line.split('\t').next()).collect());
    names.contains(name.to_ascii_lowercase().as_str())
}

/// Functions whose first argument is the name of a table or view.
pub(super) const NAME_A_TABLE: &[&str] = &["pragma_show", "pragma_storage_info", "pragma_table_info"];

/// Every built-in view of the engine, one per line: name and verdict; for a denied view the reason.
const VIEWS: &str = include_str!("views.tsv");

/// Returns the verdict on a built-in view, in any catalog and schema; `None` for other tables.
pub(super) fn view(name: &str) -> Option<Verdict> {
    static KNOWN: OnceLock<HashMap<&str, Verdict>> = OnceLock::new();
    let known = KNOWN.get_or_init(|| {
        VIEWS
            .lines()
            .filter_map(|line| {
                let mut fields = line.split('\t');
                let name = fields.next()?;
                match (fields.next()?, fields.next()) {
                    ("reads", _) => Some((name, Verdict::Reads)),
                    (_, reason) => Some((name, Verdict::Denied(reason.unwrap_or_default()))),
                }
            })
            .collect()
    });
    known.get(name.to_ascii_lowercase().as_str()).copied()
}

/// Every named argument of the functions that read files, one per line: name and verdict; for a denied
/// argument the reason.
const ARGUMENTS: &str = include_str!("arguments.tsv");

/// Returns why functions that read files may not take an argument of that name, if so.
pub(super) fn argument(name: &str) -> Option<&'static str> {
    ARGUMENTS
        .lines()
        .filter_map(|line| line.split_once("\tdenied\t"))
        .find_map(|(known, reason)| known.eq_ignore_ascii_case(name).then_some(reason))
}

/// Arguments whose texts name types.
pub(super) const NAME_TYPES: &[&str] =
    &["columns", "column_types", "dtypes", "hive_types", "schema", "types"];

/// Functions whose second argument names types in its text.
pub(super) const TAKE_A_STRUCTURE: &[&str] =
    &["from_json", "from_json_strict", "json_transform", "json_transform_strict"];

/// Every setting of the engine, one per line: name, and the value that the plugin relies on or `-`.
const ENGINE_SETTINGS: &str = include_str!("settings.tsv");

/// Returns whether the engine has a setting of that name.
pub(super) fn is_setting(name: &str) -> bool {
    ENGINE_SETTINGS
        .lines()
        .filter_map(|line| line.split('\t').next())
        .any(|known| known.eq_ignore_ascii_case(name))
}

/// Returns the names of the functions that are refused.
#[cfg(test)]
pub(super) fn denied_functions() -> impl Iterator<Item = &'static str> {
    FUNCTIONS.lines().filter_map(|line| line.split_once("\tdenied\t")).map(|(name, _)| name)
}

/// Returns whether a function's result may differ between calls with the same input.
pub(super) fn is_restless(function: &str) -> bool {
    static RESTLESS: OnceLock<HashSet<&str>> = OnceLock::new();
    let restless = RESTLESS.get_or_init(|| {
        FUNCTIONS.lines().filter_map(|line| line.strip_suffix("\tchanges")?.split('\t').next()).collect()
    });
    restless.contains(function.to_ascii_lowercase().as_str())
}

/// Returns whether a function opens database files, which blocks their writers.
pub(super) fn opens_database(function: &str) -> bool {
    function.eq_ignore_ascii_case("read_duckdb")
}

/// Words that may make a result change by itself and do not always appear as a function in the parse tree:
/// `current_date` without parentheses is parsed as a column, a sample has no node, and `'now'` may be cast.
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

/// Functions that are harmless aggregates, but in FROM are macros that take a table's name as text.
pub(super) const DENIED_IN_FROM: &[&str] = &["histogram"];

/// Names of the first argument of functions that read files.
pub(super) const PATHS: &[&str] = &["path", "paths", "pattern"];

/// Functions that call the aggregate named by their second argument, `function_name`.
pub(super) const CALLS_AN_AGGREGATE: &[&str] =
    &["aggregate", "array_aggr", "array_aggregate", "list_aggr", "list_aggregate"];

/// Endings of files that DuckDB reads as tables, and of database files, part of whose content is in a
/// write-ahead log beside them.
const FILES: &[&str] = &["csv", "geojson", "geojsonl", "json", "jsonl", "ndjson", "parquet", "tsv"];
const DATABASES: &[&str] = &["db", "ddb", "duckdb"];

/// Returns whether a table's name may be that of a file or a pattern: DuckDB searches for a file if no table
/// has the name.
pub(super) fn may_be_file(name: &str) -> bool {
    name.contains(['/', '*']) || ends_in(name, FILES) || ends_in(name, DATABASES)
}

/// Returns whether a table's name may be that of a database file.
pub(super) fn is_database(name: &str) -> bool {
    ends_in(name, DATABASES)
}

/// Returns whether a table's name may be that of a Parquet file, or a pattern for Parquet files.
pub(super) fn is_parquet(name: &str) -> bool {
    ends_in(name, &["parquet"])
}

/// Returns whether a name has one of `endings` as DuckDB sees it: with or without a compression suffix or
/// `?…`.
fn ends_in(name: &str, endings: &[&str]) -> bool {
    let name = name.to_ascii_lowercase();
    let plain = name.strip_suffix(".gz").or_else(|| name.strip_suffix(".zst")).unwrap_or(&name);
    endings.iter().any(|ending| {
        plain.strip_suffix(ending).is_some_and(|stem| stem.ends_with('.'))
            || name.contains(&format!(".{ending}?"))
    })
}

/// Returns whether a path goes up again after a folder's name (`a/../b`). If the name is a link, the file
/// system ends up elsewhere than DuckDB's own check assumes.
pub(super) fn climbs(path: &str) -> bool {
    let mut parts =
        path.split('/').filter(|part| !part.is_empty() && *part != ".").skip_while(|part| *part == "..");
    parts.any(|part| part == "..")
}

/// Returns the hint for a function that was denied for `reason`.
pub(super) fn instead(reason: &str) -> &'static str {
    match reason {
        "hides" => "It hides SQL from the check: write that SQL itself",
        "host" => {
            "It tells of the machine, not of the data; what a query may name is listed by SHOW ALL TABLES, DESCRIBE and duckdb_columns()"
        }
        "rejects" => {
            "It would leave tables for later queries: leave it away, or read the file with ignore_errors = true"
        }
        "unchecked" => "DuckDB would believe it without looking into the file: leave it away",
        "waits" => "A query that only waits keeps others from running",
        "memory" => {
            "It takes memory that DuckDB neither counts nor asks for twice: use quantile_cont or approx_quantile"
        }
        "arrays" => NO_ARRAYS,
        "compares" => {
            "By its name it compares without a look at the types: write it between what it compares, as in `a = b`"
        }
        "breaks" => {
            "DuckDB uses it inside, and stops working over some filters on it: use read_parquet, read_csv or read_json"
        }
        "raw" => "It takes DuckDB's own memory formats, which are not checked",
        _ => ONLY_READS,
    }
}

#[cfg(test)]
#[path = "judged_tests.rs"]
mod tests;
