//! Compares the engine's own views, arguments and file endings with the judged ones, and checks what the
//! allowed ones reveal.

use super::*;

#[test]
fn every_view_is_judged() {
    let temp = tempfile::tempdir().unwrap();
    let (_database, connection) = engine(temp.path());
    let mut statement = connection
        .prepare("SELECT lower(view_name), sql FROM duckdb_views() WHERE internal ORDER BY ALL")
        .unwrap();
    let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?))).unwrap();
    let views: BTreeMap<String, String> = rows.map(Result::unwrap).collect();
    assert!(views.len() > 40, "{views:?}");
    compare("views", views.keys().map(String::as_str), table(VIEWS).into_keys());
    let denied = |verdict: Verdict| matches!(verdict, Verdict::Denied(_));
    // A view must not reveal more than the functions in it may.
    for (name, sql) in &views {
        let called = sql
            .split('(')
            .filter_map(|before| before.rsplit(|c: char| !c.is_alphanumeric() && c != '_').next());
        let worst: Vec<&str> = called.filter(|function| denied(verdict(function))).collect();
        let found = view(&name.to_uppercase()).unwrap();
        assert_eq!(denied(found), !worst.is_empty(), "{name} calls {worst:?}: {sql}");
    }
    assert_eq!(
        (view("pg_settings"), view("pg_class")),
        (Some(Verdict::Denied("host")), Some(Verdict::Reads))
    );
    assert_eq!(view("perf_all_weeks"), None);
}

/// No view or function of the engine may reveal where a worker keeps its files, or facts about the machine.
#[test]
fn no_view_that_is_allowed_tells_of_a_place_outside() {
    let temp = tempfile::tempdir().unwrap();
    let reports = temp.path().join("reports");
    std::fs::create_dir(&reports).unwrap();
    let json = serde_json::json!({ "path": reports }).to_string();
    let datasource =
        resolve(&LocalSettings::parse(json.as_bytes(), "").unwrap(), &Policy::default()).unwrap();
    let spill = temp.path().join("spill");
    std::fs::create_dir(&spill).unwrap();
    let database = open::open(&datasource, &spill, true).unwrap();
    let connection = database.connect().unwrap();
    let list = |sql: &str| -> Vec<String> {
        let mut statement = connection.prepare(sql).unwrap();
        statement.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect()
    };
    let views = list(
        "SELECT format('\"{}\".\"{}\"', schema_name, view_name) FROM duckdb_views() WHERE internal ORDER BY ALL",
    );
    let functions = list(
        "SELECT DISTINCT function_name || '()' FROM duckdb_functions() WHERE function_type LIKE 'table%' AND len(parameters) = 0 ORDER BY ALL",
    );
    let mut asked = 0;
    for source in views.iter().chain(&functions) {
        let name = source.trim_end_matches("()").rsplit('.').next().unwrap().trim_matches('"');
        let judged = if source.ends_with("()") { Some(verdict(name)) } else { view(name) };
        if judged != Some(Verdict::Reads) {
            continue;
        }
        // Some functions need arguments that the engine does not list.
        let rows: duckdb::Result<Vec<String>> = connection
            .prepare(&format!("SELECT everything::VARCHAR FROM {source} AS everything"))
            .and_then(|mut statement| statement.query_map([], |row| row.get(0))?.collect());
        let text = match rows {
            Ok(rows) => rows.join("\n"),
            Err(error) => error.to_string(),
        };
        asked += 1;
        for place in [temp.path().to_str().unwrap(), "/root", "/home", "/.duckdb", "/proc", "/usr", "/var"] {
            assert!(!text.contains(place), "{source} tells of {place}: {text}");
        }
    }
    assert!(asked > 70, "only {asked} were asked");
}

#[test]
fn every_argument_of_a_function_that_reads_files_is_judged() {
    let temp = tempfile::tempdir().unwrap();
    let (_database, connection) = engine(temp.path());
    let mut statement = connection
        .prepare("SELECT DISTINCT function_name, unnest(parameters) FROM duckdb_functions() WHERE function_type LIKE 'table%'")
        .unwrap();
    let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?))).unwrap();
    let all: Vec<(String, String)> = rows.map(Result::unwrap).collect();
    let names = all.iter().filter(|(function, _)| verdict(function) == Verdict::ReadsFiles);
    compare("arguments", names.map(|(_, name)| name.as_str()), table(ARGUMENTS).into_keys());
    let mut statement = connection
        .prepare("SELECT DISTINCT function_name, parameters[1] FROM duckdb_functions() WHERE function_type LIKE 'table%'")
        .unwrap();
    let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get::<_, Option<String>>(1)?))).unwrap();
    let first: Vec<(String, Option<String>)> = rows.map(Result::unwrap).collect();
    let first = first.iter().filter(|(function, _)| verdict(function) == Verdict::ReadsFiles);
    compare("first arguments", first.filter_map(|(_, name)| name.as_deref()), PATHS.iter().copied());
    for name in ["store_rejects", "REJECTS_TABLE", "Column_Statistics"] {
        assert!(argument(name).is_some(), "{name}");
    }
    for name in ["header", "union_by_name", ""] {
        assert_eq!(argument(name), None, "{name}");
    }
    // Arguments of the other table functions.
    let others: BTreeSet<&str> = all
        .iter()
        .filter(|(function, _)| verdict(function) == Verdict::Reads)
        .map(|(_, name)| name.as_str())
        .collect();
    assert_eq!(others.into_iter().collect::<Vec<_>>(), OTHER_ARGUMENTS, "arguments that nobody has judged");
}

/// Arguments of table functions that read no files: values, numbers, and names of tables in a catalog.
const OTHER_ARGUMENTS: &[&str] = &[
    "all_flat",
    "bin_count",
    "col_name",
    "column",
    "count",
    "database",
    "include_segment_info",
    "input",
    "json",
    "list",
    "loaded_segments_only",
    "num_rows",
    "path",
    "source",
    "start",
    "step",
    "stop",
    "table_name",
    "technique",
    "use_large_bignum",
    "use_large_enum",
    "value",
];

/// The endings by which DuckDB reads a file if no table has the name, from its source.
#[test]
fn every_ending_of_a_file_is_known() {
    let mut endings = BTreeSet::new();
    for path in [
        "src/function/table/read_csv.cpp",
        "src/function/table/read_duckdb.cpp",
        "extension/json/json_functions.cpp",
        "extension/parquet/parquet_extension.cpp",
    ] {
        let source = engine_source(&format!("duckdb/{path}"));
        let before = endings.len();
        // Matches `EndsWith(lower_name, ".csv")`, and `CanReplace(table_name, {"json", "jsonl"})`.
        let ends = source.split("EndsWith(lower_name, \".").skip(1).filter_map(|rest| rest.split('"').next());
        let lists =
            source.split("CanReplace(table_name, {").skip(1).filter_map(|rest| rest.split('}').next());
        let listed = lists.flat_map(|list| list.split('"').skip(1).step_by(2));
        endings.extend(ends.chain(listed).map(str::to_owned));
        assert!(endings.len() > before, "{path} has no ending");
    }
    let known = FILES.iter().chain(DATABASES).copied();
    compare("endings of files", endings.iter().map(String::as_str), known);
    let temp = tempfile::tempdir().unwrap();
    let (_database, connection) = engine(temp.path());
    for ending in &endings {
        let name = temp.path().join("none").display().to_string();
        let error = connection.prepare(&format!("FROM \"{name}\".{ending}")).unwrap_err().to_string();
        assert!(error.contains(&format!("{name}.{ending}")) && !error.contains("Catalog"), "{error}");
        for text in
            [format!("a.{ending}"), format!("a.{}.gz", ending.to_uppercase()), format!("a.{ending}?b")]
        {
            assert!(may_be_file(&text), "{text}");
        }
        assert!(!may_be_file(ending) && !may_be_file(&format!("{ending}.a")), "{ending}");
    }
}
