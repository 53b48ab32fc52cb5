//! Compares the engine's own lists with the judged ones.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;

use super::super::super::open;
use super::*;
use crate::source::{LocalSettings, Policy, resolve};

#[path = "judged_views_tests.rs"]
mod views;

/// Node types in the engine's source that are refused, by enumeration.
const REFUSED: &[(&str, &[&str])] = &[
    (
        "QueryNodeType",
        &[
            "BOUND_SUBQUERY_NODE",
            "STATEMENT_NODE",
            "UPDATE_QUERY_NODE",
            "DELETE_QUERY_NODE",
            "INSERT_QUERY_NODE",
            "MERGE_QUERY_NODE",
            "COPY_QUERY_NODE",
        ],
    ),
    ("TableReferenceType", &["INVALID", "CTE", "COLUMN_DATA", "DELIM_GET", "BOUND_TABLE_REF"]),
    ("ResultModifierType", &["LEGACY_LIMIT_PERCENT_MODIFIER"]),
    // The last three are alternative spellings that the serialiser does not write.
    ("OrderType", &["INVALID", "ASC", "DEFAULT", "DESC"]),
    (
        "ExpressionClass",
        &[
            "INVALID",
            "AGGREGATE",
            "PARAMETER",
            "BOUND_AGGREGATE",
            "BOUND_CASE",
            "LEGACY_BOUND_CAST",
            "BOUND_COLUMN_REF",
            "LEGACY_BOUND_COMPARISON",
            "BOUND_CONJUNCTION",
            "BOUND_CONSTANT",
            "BOUND_DEFAULT",
            "BOUND_FUNCTION",
            "BOUND_OPERATOR",
            "BOUND_PARAMETER",
            "BOUND_REF",
            "BOUND_SUBQUERY",
            "BOUND_WINDOW",
            "LEGACY_BOUND_BETWEEN",
            "BOUND_UNNEST",
            "BOUND_LAMBDA",
            "BOUND_LAMBDA_REF",
            "BOUND_EXPANDED",
        ],
    ),
];

/// Statements that DuckDB parses. SELECT passes; EXPLAIN and MULTI (PIVOT without IN) pass depending on their
/// content; the serialiser refuses all others.
const STATEMENTS: &[&str] = &[
    "INVALID_STATEMENT",
    "SELECT_STATEMENT",
    "INSERT_STATEMENT",
    "UPDATE_STATEMENT",
    "CREATE_STATEMENT",
    "DELETE_STATEMENT",
    "PREPARE_STATEMENT",
    "EXECUTE_STATEMENT",
    "ALTER_STATEMENT",
    "TRANSACTION_STATEMENT",
    "COPY_STATEMENT",
    "ANALYZE_STATEMENT",
    "VARIABLE_SET_STATEMENT",
    "CREATE_FUNC_STATEMENT",
    "EXPLAIN_STATEMENT",
    "DROP_STATEMENT",
    "EXPORT_STATEMENT",
    "PRAGMA_STATEMENT",
    "VACUUM_STATEMENT",
    "CALL_STATEMENT",
    "SET_STATEMENT",
    "LOAD_STATEMENT",
    "RELATION_STATEMENT",
    "EXTENSION_STATEMENT",
    "LOGICAL_PLAN_STATEMENT",
    "ATTACH_STATEMENT",
    "DETACH_STATEMENT",
    "MULTI_STATEMENT",
    "COPY_DATABASE_STATEMENT",
    "UPDATE_EXTENSIONS_STATEMENT",
    "MERGE_INTO_STATEMENT",
    "CONNECT_STATEMENT",
    "DISCONNECT_STATEMENT",
    "EXTERNAL_RESOURCE_STATEMENT",
    "PASSTHROUGH_STATEMENT",
    "ENUM_SIZE",
];

/// Opens DuckDB as a worker does, over an empty folder.
fn engine(temp: &Path) -> (open::Database, duckdb::Connection) {
    let json = serde_json::json!({ "path": temp }).to_string();
    let datasource =
        resolve(&LocalSettings::parse(json.as_bytes(), "").unwrap(), &Policy::default()).unwrap();
    let database = open::open(&datasource, temp, true).unwrap();
    let connection = database.connect().unwrap();
    (database, connection)
}

fn table(text: &str) -> BTreeMap<&str, &str> {
    text.lines().map(|line| line.split_once('\t').unwrap_or((line, ""))).collect()
}

fn compare<'a>(
    what: &str,
    of_engine: impl IntoIterator<Item = &'a str>,
    judged: impl IntoIterator<Item = &'a str>,
) {
    let (engine, judged): (BTreeSet<_>, BTreeSet<_>) =
        (of_engine.into_iter().collect(), judged.into_iter().collect());
    let new: Vec<_> = engine.difference(&judged).collect();
    let gone: Vec<_> = judged.difference(&engine).collect();
    assert!(new.is_empty(), "{what} that nobody has judged: {new:?}");
    assert!(gone.is_empty(), "{what} that are judged but not there any more: {gone:?}");
}

#[test]
fn every_function_is_judged() {
    let temp = tempfile::tempdir().unwrap();
    let (_database, connection) = engine(temp.path());
    let mut statement = connection.prepare("SELECT DISTINCT function_name FROM duckdb_functions()").unwrap();
    let names: Vec<String> = statement.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect();
    assert!(names.len() > 800);
    compare("functions", names.iter().map(String::as_str), table(FUNCTIONS).into_keys());
    for (name, verdict) in table(FUNCTIONS) {
        let expected = match verdict.split_once('\t') {
            Some(("denied", reason)) => Verdict::Denied(reason),
            Some(("files", "changes")) => Verdict::ReadsFiles,
            Some(("reads", "changes")) => Verdict::Reads,
            None if verdict == "files" => Verdict::ReadsFiles,
            None if verdict == "reads" => Verdict::Reads,
            _ => panic!("{name}: {verdict}"),
        };
        assert_eq!(super::verdict(&name.to_uppercase()), expected, "{name}");
    }
    for name in ["query", "checkpoint", "sleep_ms", "write_log", "setseed", "arrow_scan", "duckdb_settings"] {
        assert!(matches!(super::verdict(name), Verdict::Denied(_)), "{name}");
    }
}

/// Every function whose result is not fixed by its arguments, according to the engine, must be marked in our
/// list.
#[test]
fn functions_that_change_by_themselves_are_known() {
    let temp = tempfile::tempdir().unwrap();
    let (_database, connection) = engine(temp.path());
    let names = |condition: &str| -> Vec<String> {
        let sql =
            format!("SELECT DISTINCT function_name FROM duckdb_functions() WHERE {condition} ORDER BY ALL");
        let mut statement = connection.prepare(&sql).unwrap();
        statement.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect()
    };
    let unstable = names("stability IS NOT NULL AND stability <> 'CONSISTENT'");
    assert!(unstable.len() > 10, "{unstable:?}");
    let missed: Vec<_> = unstable
        .iter()
        .filter(|name| !matches!(verdict(name), Verdict::Denied(_)) && !is_restless(name))
        .collect();
    assert!(missed.is_empty(), "not marked as `changes`: {missed:?}");
    // The engine gives no stability for these kinds. Macros are checked by what they call, table functions by
    // what they list.
    let macros = names(
        "macro_definition IS NOT NULL AND regexp_matches(macro_definition, '(now|today|random|uuid|getvariable)\\(|current_(date|time)|localtime')",
    );
    let missed: Vec<_> = macros.iter().filter(|name| !is_restless(name)).collect();
    assert!(missed.is_empty(), "macros not marked as `changes`: {missed:?}");
    let tables: Vec<_> = names("function_type = 'table'")
        .into_iter()
        .filter(|name| verdict(name) == Verdict::Reads && !is_restless(name) && !name.starts_with("duckdb_"))
        .collect();
    assert_eq!(tables, TABLE_FUNCTIONS, "new table functions: do they list what is the engine's?");
    for name in ["NOW", "Random", "current_date", "age", "today", "read_duckdb"] {
        assert!(is_restless(name), "{name}");
    }
    for name in ["count", "week", "read_parquet", "hash", ""] {
        assert!(!is_restless(name), "{name}");
    }
}

/// Table functions whose rows depend only on their arguments, and constants.
const TABLE_FUNCTIONS: &[&str] = &[
    "generate_series",
    "json_each",
    "json_tree",
    "pragma_collations",
    "pragma_platform",
    "pragma_user_agent",
    "pragma_version",
    "range",
    "repeat",
    "repeat_row",
    "summary",
    "test_all_types",
    "test_vector_types",
    "unnest",
];

#[test]
fn every_setting_is_judged_and_has_the_value_we_rely_on() {
    let temp = tempfile::tempdir().unwrap();
    let (_database, connection) = engine(temp.path());
    let mut statement = connection.prepare("SELECT name, value FROM duckdb_settings()").unwrap();
    let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?))).unwrap();
    let settings: BTreeMap<String, Option<String>> = rows.map(Result::unwrap).collect();
    let judged = table(ENGINE_SETTINGS);
    compare("settings", settings.keys().map(String::as_str), judged.keys().copied());
    for (name, expected) in judged.into_iter().filter(|(_, expected)| *expected != "-") {
        assert_eq!(settings[name].as_deref().unwrap_or_default(), expected, "{name}");
    }
    for name in SETTINGS {
        assert!(settings.keys().any(|known| known.eq_ignore_ascii_case(name)), "{name} is no setting");
    }
    for text in ["SET threads = 1", "RESET memory_limit", "SET GLOBAL allowed_directories = ['/']"] {
        let error = connection.execute_batch(text).unwrap_err().to_string();
        assert!(error.contains("locked"), "{text}: {error}");
    }
}

#[test]
fn only_paths_that_go_up_behind_a_name_climb() {
    for (path, expected) in [
        ("a.parquet", false),
        ("../a.parquet", false),
        ("./../../a/b", false),
        ("a..b/..c/d..", false),
        ("a/../b", true),
        ("/a/../b", true),
        ("../a/./..", true),
        ("*/../b", true),
        ("a//..//b", true),
    ] {
        assert_eq!(climbs(path), expected, "{path}");
    }
}

/// Reads a file of the engine's source from the archive in the `libduckdb-sys` crate.
fn engine_source(path: &str) -> String {
    let metadata = Command::new(env!("CARGO"))
        .args(["metadata", "--offline", "--format-version", "1", "--manifest-path"])
        .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("Cargo.toml"))
        // Crates for other systems may not have been fetched.
        .args(["--filter-platform", &format!("{}-unknown-linux-gnu", std::env::consts::ARCH)])
        .output()
        .unwrap();
    let metadata: serde_json::Value = serde_json::from_slice(&metadata.stdout).unwrap();
    let package =
        metadata["packages"].as_array().unwrap().iter().find(|p| p["name"] == "libduckdb-sys").unwrap();
    let archive = PathBuf::from(package["manifest_path"].as_str().unwrap()).with_file_name("duckdb.tar.gz");
    let file = Command::new("tar").arg("-xzOf").arg(archive).arg(path).output().unwrap();
    assert!(file.status.success(), "{}", String::from_utf8_lossy(&file.stderr));
    String::from_utf8(file.stdout).unwrap()
}

#[test]
fn every_node_type_is_judged() {
    let source = engine_source("duckdb/src/common/enum_util.cpp");
    let members = |name: &str| -> Vec<&str> {
        let start = source.find(&format!("Get{name}Values() {{")).unwrap_or_else(|| panic!("no {name}"));
        let body = &source[start..start + source[start..].find("return values;").unwrap()];
        body.lines()
            .filter_map(|line| Some(line.rsplit_once("::")?.1.split_once(", \"")?.1.split_once('"')?.0))
            .collect()
    };
    let mut allowed = Vec::new();
    for (name, refused) in REFUSED {
        let list = if *name == "ExpressionClass" { CLASSES } else { NODES };
        let members = members(name);
        let known: Vec<&str> = list.iter().copied().filter(|node| members.contains(node)).collect();
        allowed.extend(known.iter().copied());
        compare(name, members, known.into_iter().chain(refused.iter().copied()));
    }
    compare("nodes that are allowed", allowed, NODES.iter().chain(CLASSES).copied());
    compare("statements", members("StatementType"), STATEMENTS.iter().copied());
}
