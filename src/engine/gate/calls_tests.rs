//! Functions that call an aggregate by its name, however the call is spelled.

use duckdb::Connection;

use super::super::judged::CALLS_AN_AGGREGATE;
use super::verdict;
use crate::error::Kind;

/// A refused aggregate that accepts the values of a list.
const DENIED: &str = "reservoir_quantile";

/// Calls of `list_aggregate` and similar functions over `FROM (SELECT [1, 2] AS l) t`; `{f}` is the function,
/// `{a}` the aggregate.
const SPELLINGS: &[&str] = &[
    "{f}(l, '{a}', 0.5)",
    "{f}([1, 2], '{a}')",
    "{f}(l, E'{a}')",
    "{f}(l, $${a}$$)",
    "{f}(l, '{a}', 0.5, 100)",
    "{f}(l, function_name := '{a}')",
    "{f}(l, function_name => '{a}')",
    "{f}(l, FUNCTION_NAME := '{a}')",
    "{f}(l, \"function_name\" := '{a}')",
    "{f}(list := l, function_name := '{a}')",
    "{f}(function_name := '{a}', list := l)",
    "{f}(function_name => '{a}', list => l)",
    "l.{f}('{a}')",
    "l.{f}('{a}', 0.5)",
    "l.{f}(function_name := '{a}')",
    "t.l.{f}('{a}')",
    "t.l.{f}('{a}', 0.5, 100)",
    "(l).{f}('{a}')",
    "[1, 2].{f}('{a}')",
    "[1, 2].{f}(function_name := '{a}')",
    "main.{f}(l, '{a}')",
    "system.main.{f}(l, '{a}', 0.5)",
    "system.main.{f}(list := l, function_name := '{a}')",
    "\"{f}\"(l, '{a}')",
    "{f}(l, '{a}') OVER ()",
    "l.list_transform(lambda x: {f}([x], '{a}'))",
    "[{f}([x], '{a}') FOR x IN l]",
];

fn spelled(spelling: &str, function: &str, aggregate: &str) -> String {
    let call = spelling.replace("{f}", function).replace("{a}", aggregate);
    format!("SELECT {call} FROM (SELECT [1, 2] AS l) t")
}

#[test]
fn a_refused_aggregate_is_found_in_every_spelling() {
    for function in CALLS_AN_AGGREGATE.iter().copied().chain(["List_Aggr"]) {
        for (spelling, aggregate) in SPELLINGS.iter().flat_map(|it| [(it, DENIED), (it, "Combine_Aggr")]) {
            let sql = spelled(spelling, function, aggregate);
            let error = verdict(&sql).expect_err(&sql);
            let said = format!("the function `{}` is not allowed in a query", aggregate.to_lowercase());
            assert_eq!((error.kind, error.message.as_str()), (Kind::Forbidden, said.as_str()), "{sql}");
        }
    }
}

/// The engine must accept the spellings: one that only looks like a call would test nothing.
#[test]
fn other_aggregates_pass_and_the_engine_takes_most_spellings() {
    let connection = Connection::open_in_memory().unwrap();
    let mut taken = 0;
    for spelling in SPELLINGS {
        let sql = spelled(&spelling.replace(", 0.5, 100", "").replace(", 0.5", ""), "list_aggregate", "sum");
        assert!(verdict(&sql).is_ok(), "{sql}: {:?}", verdict(&sql));
        match connection.prepare(&sql) {
            Ok(_) => taken += 1,
            Err(error) => println!("{sql}: {error}"),
        }
    }
    assert!(taken >= 20, "{taken}");
}

#[test]
fn a_name_that_is_not_written_out_is_refused() {
    for call in [
        "list_aggregate(l, 'su' || 'm')",
        "list_aggregate(l, n)",
        "list_aggregate(l, (SELECT 'sum'))",
        "list_aggregate(l, 'sum'::VARCHAR)",
        "list_aggregate(l, 'sum' COLLATE nocase)",
        "list_aggregate(l, lower('SUM'))",
        "list_aggregate(l, function_name := 'su' || 'm')",
        "list_aggregate(function_name := lower('SUM'), list := l)",
        "l.list_aggregate('su' || 'm')",
        "t.l.list_aggr(n)",
        "l.aggregate(function_name => n)",
        "[1, 2].list_aggregate(n)",
    ] {
        let sql = format!("SELECT {call} FROM (SELECT [1, 2] AS l, 'sum' AS n) t");
        let error = verdict(&sql).expect_err(&sql);
        assert!(
            error.message.contains("takes the name of its aggregate as a text, written out"),
            "{sql}: {error}"
        );
    }
}

/// The functions with a parameter `function_name`, as the engine lists them.
#[test]
fn all_that_call_an_aggregate_are_known() {
    let connection = Connection::open_in_memory().unwrap();
    let sql = "SELECT DISTINCT function_name FROM duckdb_functions() WHERE list_contains(parameters, 'function_name') ORDER BY ALL";
    let mut statement = connection.prepare(sql).unwrap();
    let names: Vec<String> = statement.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect();
    assert_eq!(names, CALLS_AN_AGGREGATE);
}
