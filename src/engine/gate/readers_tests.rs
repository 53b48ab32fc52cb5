//! Tests where statements read Parquet files, and how they are recomposed.

use super::super::Gate;
use super::super::Put;
use crate::error::{Error, Kind, Result};

fn put(arguments: &str) -> Put {
    Put { arguments: arguments.to_owned(), paths: Vec::new() }
}

/// Returns `sql` as it runs if each reader gets an argument.
fn composed(sql: &str) -> Result<String> {
    let gate = Gate::open()?;
    let verdict = gate.check(sql)?;
    let arguments = vec![Some(put("can_have_nan = true")); verdict.readers.len()];
    Ok(gate.with_arguments(&verdict, &arguments)?.sql)
}

/// Calls; each `@` marks where the argument goes.
const CALLS: &[&str] = &[
    "FROM read_parquet('a'@)",
    "FROM READ_PARQUET(['a', 'b']@) AS t",
    "FROM \"read_parquet\"('a', union_by_name = (1 = 1)@)",
    "FROM t: read_parquet('a'@)",
    "FROM t : system.main.parquet_scan('a'@)",
    "FROM system.main.\"parquet_scan\"('a'@) WITH ORDINALITY",
    "FROM main.parquet_scan('a'@)",
    "FROM `read_parquet`($$a$$, `union_by_name` := true@)",
    "SELECT * FROM a, read_parquet('a'@) x, LATERAL (FROM read_parquet('b'@)) JOIN parquet_scan('c'@) USING (i)",
    "FROM a UNION ALL BY NAME (FROM read_parquet('b'@))",
    "WITH c AS (FROM read_parquet('a'@)) FROM c WHERE EXISTS (FROM read_parquet('b'@) WHERE b = c.b)",
    "SELECT (SELECT max(a) FROM read_parquet('a'@)) AS \"read_parquet('a')\"",
    "EXPLAIN SELECT * FROM read_parquet('a'@)",
    "PIVOT read_parquet('a'@) ON a IN (1, 2) USING sum(b)",
    "PIVOT read_parquet('a'@) ON a USING sum(b)",
    "UNPIVOT read_parquet('a'@) ON a, b INTO NAME n VALUE v",
    "SUMMARIZE FROM read_parquet('a'@)",
    "FROM (DESCRIBE FROM read_parquet('a'@))",
    // Aliases and names that look like calls.
    "SELECT a AS read_parquet FROM read_parquet('a'@) AS read_parquet(a, b)",
    "WITH read_parquet(a) AS (SELECT 1) FROM read_parquet, parquet_scan('x'@)",
    "SELECT 'read_parquet(''a'')', \"parquet_scan\" FROM t",
    "FROM \"read_parquet\"",
];

#[test]
fn calls_get_their_arguments() {
    for call in CALLS {
        let given = composed(&call.replace('@', "")).unwrap_or_else(|error| panic!("{call}: {error:?}"));
        let expected = call.replace('@', ", can_have_nan = true");
        let query = expected.strip_prefix("EXPLAIN ").unwrap_or(&expected);
        let given = given.replace("ON (a)", "ON a");
        assert!(given.ends_with(query), "{call}: {given}");
    }
}

#[test]
fn files_in_the_place_of_tables_become_calls() {
    let of = |path: &str| format!("system.main.parquet_scan('{path}', can_have_nan = true)");
    for (sql, expected) in [
        ("FROM 'x/a.parquet'", format!("FROM  {} AS \"a\" ", of("x/a.parquet"))),
        ("FROM 'a.parquet' AS t WHERE t.b", format!("FROM  {}  AS t WHERE t.b", of("a.parquet"))),
        ("FROM t: 'a.parquet'", format!("FROM t:  {} ", of("a.parquet"))),
        ("FROM \"it's\".parquet", format!("FROM  {} AS \"it's\" ", of("it''s.parquet"))),
        ("(TABLE 'a.parquet')", format!("(FROM  {} AS \"a\" )", of("a.parquet"))),
        ("DESCRIBE 'a.parquet'", format!("DESCRIBE  FROM {} AS \"a\" ", of("a.parquet"))),
        (
            "FROM 'b.parquet', (DESCRIBE 'a.parquet'), (DESCRIBE 'b.parquet')",
            format!(
                "FROM  {b} AS \"b\" , (DESCRIBE  FROM {a} AS \"a\" ), (DESCRIBE  FROM {b} AS \"b\" )",
                a = of("a.parquet"),
                b = of("b.parquet")
            ),
        ),
        ("FROM `n`.`parquet`", format!("FROM  {} AS \"n\" ", of("n.parquet"))),
        ("SUMMARIZE `n.parquet`", format!("SUMMARIZE  FROM {} AS \"n\" ", of("n.parquet"))),
        ("SHOW n.parquet", format!("DESCRIBE FROM  {} AS \"n\" ", of("n.parquet"))),
        // `SHOW` describes the table without reading it.
        ("FROM (SHOW 'n.parquet')", "FROM (SHOW 'n.parquet')".to_owned()),
        ("FROM 'n.parquet' AT (VERSION => 1)", "FROM 'n.parquet' AT (VERSION => 1)".to_owned()),
    ] {
        assert_eq!(composed(sql).map_err(|error| error.message), Ok(expected), "{sql}");
    }
}

#[test]
fn other_paths_take_the_place_of_those_that_are_written() {
    let gate = Gate::open().unwrap();
    let paths = vec!["a/it's.parquet".to_owned(), "a/b.parquet".to_owned()];
    let put = [Some(Put { arguments: "can_have_nan = true".to_owned(), paths })];
    let list = "['a/it''s.parquet', 'a/b.parquet']";
    for (sql, expected) in [
        ("FROM read_parquet('a')", format!("FROM read_parquet({list}, can_have_nan = true)")),
        (
            "FROM read_parquet(['a', 'b'], union_by_name = true) AS t",
            format!("FROM read_parquet({list}, union_by_name = true, can_have_nan = true) AS t"),
        ),
        (
            "FROM 'a.parquet'",
            format!("FROM  system.main.parquet_scan({list}, can_have_nan = true) AS \"a\" "),
        ),
    ] {
        let verdict = gate.check(sql).unwrap();
        assert_eq!(gate.with_arguments(&verdict, &put).unwrap().sql, expected, "{sql}");
    }
    let verdict = gate.check("SELECT (SELECT 1 FROM read_parquet('a'))").unwrap();
    let name =
        "(SELECT 1 FROM read_parquet(list_value('a/it''s.parquet', 'a/b.parquet'), (can_have_nan = true)))";
    assert_eq!(verdict.as_written(&put, name), "(SELECT 1 FROM read_parquet('a'))");
}

#[test]
fn no_spelling_promises_that_nothing_is_nan() {
    for promise in [
        "can_have_nan = false",
        "can_have_nan := false",
        "CAN_HAVE_NAN => 0",
        "\"can_have_nan\" = false",
        "(can_have_nan = false)",
        "((can_have_nan) = false)",
        "(can_have_nan) = false",
        "(can_have_nan) = true",
        "(\"Can_Have_NaN\" = false)",
        "can_have_nan = true, (can_have_nan = false)",
        "can_have_nan = CAST('false' AS BOOLEAN)",
        "false AS can_have_nan",
    ] {
        for call in ["read_parquet", "system.main.parquet_scan", "\"READ_PARQUET\""] {
            let sql = format!("FROM {call}('a', {promise})");
            let refused = composed(&sql).map_err(|Error { kind, .. }| kind);
            assert!(matches!(refused, Err(Kind::Forbidden | Kind::BadQuery)), "{sql}: {refused:?}");
        }
    }
}

#[test]
fn what_is_put_in_cannot_make_another_statement() {
    let gate = Gate::open().unwrap();
    let verdict = gate.check("FROM read_parquet('a')").unwrap();
    for argument in [
        "can_have_nan = true); DROP TABLE t; --",
        "can_have_nan = true), read_parquet('b'",
        "a = (SELECT 1)) FROM read_csv('b'",
    ] {
        let refused = gate.with_arguments(&verdict, &[Some(put(argument))]).map(|it| it.sql);
        assert!(refused.is_err(), "{argument}: {refused:?}");
    }
}

#[test]
fn names_that_a_person_chose_stay() {
    let gate = Gate::open().unwrap();
    let sql = "SELECT 1 AS \"x, (can_have_nan = true)\" FROM read_parquet('a')";
    let verdict = gate.check(sql).unwrap();
    let arguments = [Some(put("can_have_nan = true"))];
    let name = "x, (can_have_nan = true)";
    assert_eq!(verdict.as_written(&arguments, name), name);
    let verdict = gate.check("SELECT (SELECT 1 FROM read_parquet('a'))").unwrap();
    let name = "(SELECT 1 FROM read_parquet('a', (can_have_nan = true)))";
    assert_eq!(verdict.as_written(&arguments, name), "(SELECT 1 FROM read_parquet('a'))");
    let message =
        "No function matches 'read_parquet(STRING_LITERAL, \"x\" := INTEGER, \"can_have_nan\" := BOOLEAN)'";
    let told = "No function matches 'read_parquet(STRING_LITERAL, \"x\" := INTEGER)'";
    assert_eq!(verdict.as_written(&arguments, message), told);
}

#[test]
fn names_and_arguments_are_read_however_they_are_quoted() {
    let gate = Gate::open().unwrap();
    let given = |name| move |verdict: &super::Reader| verdict.given(name);
    for (sql, parts, path, union_by_name) in [
        ("FROM read_parquet('a')", &["read_parquet"][..], "a", None),
        ("FROM \"MAIN\".`Parquet_Scan`($$a/k=1$$)", &["MAIN", "Parquet_Scan"], "a/k=1", None),
        ("FROM perf.main.read_parquet(E'a\\x3d1')", &["perf", "main", "read_parquet"], "a=1", None),
        (
            "FROM read_parquet($x$it's$x$, `union_by_name` = false)",
            &["read_parquet"],
            "it's",
            Some(Some(false)),
        ),
        ("FROM read_parquet('a', union_by_name := 'false')", &["read_parquet"], "a", Some(Some(false))),
        ("FROM read_parquet('a', \"UNION_by_name\" => 1)", &["read_parquet"], "a", Some(Some(true))),
        ("FROM read_parquet('a', (union_by_name) = true)", &["read_parquet"], "a", Some(None)),
        ("FROM read_parquet('a', union_by_name = (1 = 1))", &["read_parquet"], "a", Some(None)),
    ] {
        let verdict = gate.check(sql).unwrap_or_else(|error| panic!("{sql}: {error:?}"));
        let [reader] = verdict.readers.as_slice() else { panic!("{sql}: {:?}", verdict.readers) };
        assert_eq!(
            (reader.parts.as_slice(), reader.paths.as_slice()),
            (&parts.iter().map(|part| (*part).to_owned()).collect::<Vec<_>>()[..], &[path.to_owned()][..]),
            "{sql}"
        );
        assert_eq!(given("union_by_name")(reader), union_by_name, "{sql}");
    }
    for promise in [
        "can_have_nan = true",
        "can_have_nan := true",
        "`can_have_nan` => 'true'",
        "can_have_nan = 1",
        "(can_have_nan = true)",
    ] {
        let verdict = gate.check(&format!("FROM read_parquet('a', {promise})")).unwrap();
        assert_eq!(verdict.readers[0].given("can_have_nan"), Some(Some(true)), "{promise}");
    }
}

#[test]
fn a_file_and_a_cte_of_one_name_are_told_apart_by_nobody() {
    let gate = Gate::open().unwrap();
    for sql in [
        "WITH \"n.parquet\" AS (FROM 'n.parquet') SELECT count(*) FROM \"n.parquet\" WHERE v > 10",
        "SELECT count(*) FROM 'n.parquet' WHERE v > (WITH \"N.parquet\" AS (SELECT 10 AS t) SELECT max(t) FROM \"n.parquet\")",
        "WITH \"a.parquet\" AS (SELECT 1) FROM \"a.parquet\"",
    ] {
        let error = gate.check(sql).unwrap_err();
        assert!(error.message.contains("may be the CTE of that name or the file"), "{sql}: {error:?}");
        assert!(
            sql[error.position.unwrap()..][1..]
                .to_lowercase()
                .starts_with(&error.message[1..8].to_lowercase()),
            "{sql}"
        );
    }
    assert!(gate.check("WITH n AS (FROM 'n.parquet') FROM n").is_ok());
}

/// All places must be found in one pass over the text.
#[test]
fn thousands_of_places_are_found() {
    let places: Vec<String> =
        (0..3_000).map(|i| format!("(DESCRIBE 'f{i}.parquet'), read_parquet('g{i}') g{i}")).collect();
    let gate = Gate::open().unwrap();
    assert_eq!(gate.check(&format!("FROM {}", places.join(", "))).unwrap().readers.len(), 6_000);
}
