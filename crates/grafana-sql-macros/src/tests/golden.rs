//! Compares the expansions of the same queries in each dialect with the files `golden/<dialect>.sql`.
//! `UPDATE_GOLDEN=1 cargo test -p grafana-sql-macros golden` rewrites the files. `golden/run.py` runs them in
//! the databases and compares the results with those in `golden/queries.sql`.

use std::path::Path;

use super::*;

/// Returns the sections of `golden/queries.sql`: name, query and expected result.
fn queries() -> Vec<String> {
    let text = include_str!("../../golden/queries.sql");
    text.split("\n\n").map(|query| query.trim().to_owned()).filter(|query| !query.is_empty()).collect()
}

fn context(dialect: Dialect, variables: &Variables) -> Context<'_> {
    Context {
        dialect,
        range: TimeRange {
            from: "2025-12-22T00:00:00Z".parse().unwrap(),
            to: "2026-03-15T23:59:59.999Z".parse().unwrap(),
        },
        interval: Duration::from_mins(5),
        max_data_points: 1_000,
        variables,
        slow_ms: 100.0,
    }
}

#[test]
fn every_dialect_writes_what_its_database_was_tried_with() {
    let variables: Variables =
        serde_json::from_value(serde_json::json!({"one": "it's", "many": ["a", "b\\"], "all": "$__all"}))
            .unwrap();
    let mut differs = Vec::new();
    for dialect in Dialect::ALL.iter().copied() {
        let made: Vec<String> = queries()
            .iter()
            .map(|query| {
                prepare(query, &context(dialect, &variables))
                    .map_or_else(|error| panic!("{query}: {error}"), |done| done.sql)
            })
            .collect();
        let made = format!("{}\n", made.join("\n\n"));
        let path =
            Path::new(env!("CARGO_MANIFEST_DIR")).join("golden").join(format!("{}.sql", dialect.as_str()));
        if std::env::var_os("UPDATE_GOLDEN").is_some() {
            std::fs::write(&path, &made).unwrap();
        }
        let there = std::fs::read_to_string(&path).unwrap_or_default();
        for (at, (made, there)) in
            made.split("\n\n").zip(there.split("\n\n").chain(std::iter::repeat(""))).enumerate()
        {
            if made != there {
                differs.push(format!("{dialect}, query {}:\n{made}\ninstead of\n{there}", at + 1));
            }
        }
        assert_eq!(made.len() == there.len(), differs.is_empty(), "{dialect} has another number of queries");
    }
    assert!(differs.is_empty(), "{}", differs.join("\n"));
}

#[test]
fn every_macro_is_among_them() {
    let text = queries().join("\n");
    for doc in macro_table().iter().filter(|doc| doc.dialects.len() > 1) {
        assert!(text.contains(doc.name), "golden/queries.sql lacks {}", doc.name);
    }
}

#[test]
fn times_that_a_dialect_cannot_hold_are_told() {
    let variables = Variables::default();
    let range = TimeRange::from_millis(0, 253_402_300_799_999);
    for (query, name) in
        [("SELECT $__timeTo()", "$__timeTo"), ("SELECT 1 WHERE $__timeFilter(t)", "$__timeFilter")]
    {
        let of = |dialect| prepare(query, &Context { range, ..context(dialect, &variables) });
        let error = of(Dialect::DataFusion).unwrap_err();
        assert_eq!(
            error.message,
            format!("`{name}` cannot be written for DataFusion, whose times have the years 1678 to 2261")
        );
        assert_eq!(error.position, query.find('$'));
        assert!(of(Dialect::Postgres).unwrap().sql.contains("'9999-12-31T23:59:59.999999Z'"));
    }
}
