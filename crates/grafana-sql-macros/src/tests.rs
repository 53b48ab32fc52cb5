//! Tests the whole expansion, from raw SQL to prepared SQL.

mod golden;
mod quotes;

use std::time::{Duration, Instant};

use grafana_time::{Bucket, FillMode};
use proptest::prelude::*;

use super::*;

/// Calls `work` with the context of the macro table's examples and these variables.
fn with<T>(variables: &Variables, work: impl FnOnce(&Context<'_>) -> T) -> T {
    in_dialect(Dialect::DuckDb, variables, work)
}

fn in_dialect<T>(dialect: Dialect, variables: &Variables, work: impl FnOnce(&Context<'_>) -> T) -> T {
    let range = TimeRange {
        from: "2026-03-02T00:00:00Z".parse().unwrap(),
        to: "2026-03-15T23:59:59.999Z".parse().unwrap(),
    };
    let interval = Duration::from_mins(1);
    work(&Context { dialect, range, interval, max_data_points: 1_000, variables, slow_ms: 100.0 })
}

fn variables(json: serde_json::Value) -> Variables {
    serde_json::from_value(json).unwrap()
}

fn sample() -> Variables {
    variables(serde_json::json!({
        "pattern": ["a", "b"], "one": "it's", "n": -3, "col": "ts", "everything": "$__all", "iv": "5m",
        "evil": "'; $one -- $__timeFrom() /* $$ \\", "__mine": "own", "none": [],
    }))
}

fn expand(sql: &str) -> Result<String> {
    with(&sample(), |context| prepare(sql, context)).map(|prepared| prepared.sql)
}

fn failure(sql: &str) -> Error {
    match expand(sql) {
        Ok(text) => panic!("{sql} became {text}"),
        Err(error) => error,
    }
}

#[test]
fn every_macro_gives_what_its_documentation_says() {
    let variables = variables(serde_json::json!({"pattern": ["a", "b"]}));
    for doc in macro_table() {
        let prepared = with(&variables, |context| prepare(doc.example, context));
        assert_eq!(prepared.map(|prepared| prepared.sql), Ok(doc.expansion.to_owned()), "{}", doc.example);
        assert!(doc.signature.starts_with(doc.name) && doc.name.starts_with("$__"), "{}", doc.name);
        assert!(doc.example.contains(doc.name.trim_start_matches('$')), "{}", doc.name);
    }
}

#[test]
fn macros() {
    let cases = [
        // Arguments: nested brackets, commas in strings, comments, calls, blanks.
        (
            "$__time(coalesce(a, b[1, 2], 'x,)', {'k': 1}))",
            "coalesce(a, b[1, 2], 'x,)', {'k': 1}) AS \"time\"",
        ),
        ("$__time( a -- first, )\n + b /* ) */ )", "a  \n + b AS \"time\""),
        ("$__time (a)", "a AS \"time\""),
        ("$__time($__unixEpochFrom())", "TIMESTAMP '2026-03-02 00:00:00' AS \"time\""),
        ("SELECT $__unixEpochTo() \"timeEnd\"", "SELECT TIMESTAMP '2026-03-15 23:59:59.999' \"timeEnd\""),
        (
            "SELECT x, $__unixEpochGroup(s, '1s') AS Time",
            "SELECT x, make_timestamp(CAST(floor((s) / 1) AS BIGINT) * 1 * 1000000) AS Time",
        ),
        // A call that is not the whole column named `time` stays a number.
        ("SELECT 60 + $__unixEpochFrom() AS time", "SELECT 60 + 1772409600 AS time"),
        ("SELECT $__unixEpochFrom() AS timer", "SELECT 1772409600 AS timer"),
        ("time = $__unixEpochFrom()", "time = 1772409600"),
        ("$__timeFrom", "TIMESTAMP '2026-03-02 00:00:00'"),
        ("$__interval()", "1m"),
        ("$__week - 1", "202611 - 1"),
        ("$__week( - 10 )", "202601"),
        ("$__week(42)", "202653"),
        ("$__week(43)", "202701"),
        ("$__week($n)", "202608"),
        // Buckets.
        (
            "$__timeGroup(t,5m)",
            "time_bucket(INTERVAL '5 minutes', CAST(t AS TIMESTAMP), TIMESTAMP '1970-01-01 00:00:00')",
        ),
        ("$__timeGroup(t, '$__interval')", "date_trunc('minute', CAST(t AS TIMESTAMP))"),
        ("$__timeGroup(t, \"1h\")", "date_trunc('hour', CAST(t AS TIMESTAMP))"),
        ("$__timeGroup(t, INTERVAL '1 month')", "date_trunc('month', CAST(t AS TIMESTAMP))"),
        (
            "$__timeGroup(${col:raw}, $iv)",
            "time_bucket(INTERVAL '5 minutes', CAST(ts AS TIMESTAMP), TIMESTAMP '1970-01-01 00:00:00')",
        ),
        (
            "$__timeGroup(t, 2w)",
            "time_bucket(INTERVAL '2 weeks', CAST(t AS TIMESTAMP), TIMESTAMP '1970-01-05 00:00:00')",
        ),
        (
            "$__unixEpochGroup(a + b, 1w)",
            "(CAST(floor(((a + b) - 345600) / 604800) AS BIGINT) * 604800 + 345600)",
        ),
        (
            "$__unixEpochGroup(s, 1M)",
            "CAST(epoch(date_trunc('month', make_timestamp(CAST(floor(s) AS BIGINT) * 1000000))) AS BIGINT)",
        ),
        // The choice All.
        ("$__conditionalAll(p IN ($everything), $everything)", "1=1"),
        ("$__conditionalAll(p IN ($everything), '${everything:raw}')", "1=1"),
        ("$__conditionalAll(p IN ($pattern), $pattern)", "(p IN ('a','b'))"),
        ("$__conditionalAll(p IN ('a','b'), 'a','b')", "(p IN ('a','b'))"),
        ("$__conditionalAll(p = 'x', 'x')", "(p = 'x')"),
        ("$__conditionalAll(p = 'x', $__all)", "1=1"),
        // Texts that must stay unchanged.
        (
            "'$__timeFilter(a)' -- $__nope($1)\n/* $x */ $$ $one $$ \"$__time(a)\"",
            "'$__timeFilter(a)' -- $__nope($1)\n/* $x */ $$ $one $$ \"$__time(a)\"",
        ),
        (
            "SELECT * FROM 'query_perf_weekly_*.parquet' WHERE p = 'id = $1' AND [[1,2],[a]][1] = ?",
            "SELECT * FROM 'query_perf_weekly_*.parquet' WHERE p = 'id = $1' AND [[1,2],[a]][1] = ?",
        ),
        // A variable of the caller overrides a built-in one.
        ("$__mine", "'own'"),
    ];
    for (sql, expected) in cases {
        assert_eq!(expand(sql).as_deref(), Ok(expected), "{sql}");
    }
}

#[test]
fn variables_are_replaced() {
    let cases = [
        ("p IN ($pattern)", "p IN ('a','b')"),
        ("p IN (${pattern}) OR [[pattern]]", "p IN ('a','b') OR 'a','b'"),
        ("[[pattern:csv]] [[one]]", "a,b 'it''s'"),
        ("$one", "'it''s'"),
        ("'$one%' 'x[[one]]' \"$one\" `${one}`", "'it''s%' 'xit''s' \"it's\" `it's`"),
        ("'$pattern.$nope'", ""),
        ("'${pattern:pipe}'", "'a|b'"),
        ("E'\\$one $evil'", "E'\\$one ''; $one -- $__timeFrom() /* $$ \\\\'"),
        ("$evil", "'''; $one -- $__timeFrom() /* $$ \\'"),
        ("'$evil'", "'''; $one -- $__timeFrom() /* $$ \\'"),
        ("1 -$n", "1 -(-3)"),
        ("'$n'", "'-3'"),
        ("tbl_${col:raw}", "tbl_ts"),
        ("E${one}", "E 'it''s'"),
        ("E'a'\n$one", "E'a'\n('it''s')"),
        ("p IN ($none)", "p IN (NULL)"),
        (
            "'${__from:date:iso}' ${__to:date:seconds} $__from",
            "'2026-03-02T00:00:00.000Z' 1773619199 1772409600000",
        ),
        ("INTERVAL '$__interval_ms milliseconds'", "INTERVAL '60000 milliseconds'"),
        ("LIKE '$__searchFilter'", "LIKE '%'"),
    ];
    for (sql, expected) in cases {
        match expand(sql) {
            Ok(found) => assert_eq!(found, expected, "{sql}"),
            Err(error) => assert!(expected.is_empty(), "{sql}: {error}"),
        }
    }
}

#[test]
fn errors_say_where_and_what_to_do() {
    let cases = [
        ("", "the query is empty", None),
        (" -- nothing\n", "the query is empty", None),
        ("SELECT 'a", "unterminated string", Some(7)),
        ("SELECT \"a", "unterminated quoted identifier", Some(7)),
        ("SELECT /* a", "unterminated comment", Some(7)),
        ("SELECT $$a", "unterminated dollar-quoted string", Some(7)),
        ("SELECT ${one", "unterminated template variable", Some(7)),
        ("SELECT ${o e}", "`${o e}` is not a template variable", Some(7)),
        ("é $__timeFiltr(a)", "unknown macro `$__timeFiltr`", Some(3)),
        ("SELECT ${__timeFilter}", "`${__timeFilter}` is a macro in braces", Some(7)),
        ("SELECT $patern", "unknown variable `$patern`", Some(7)),
        ("SELECT $timeFilter(a)", "unknown variable `$timeFilter`", Some(7)),
        ("SELECT $1", "`$1` is a query parameter, and nothing fills it", Some(7)),
        ("SELECT x_$col", "`x_$col` is one identifier for DuckDB", Some(9)),
        ("SELECT $everything", "the variable `$everything` is set to All", Some(7)),
        ("SELECT 'x $pattern'", "`$pattern` stands inside quotes but has 2 values", Some(10)),
        ("SELECT ${one:nope}", "unknown format `nope` in `${one:nope}`", Some(7)),
        ("WHERE $__timeFilter", "`$__timeFilter` needs its arguments in parentheses", Some(6)),
        ("WHERE $__timeFilter(a", "the `)` of `$__timeFilter` is missing", Some(6)),
        ("$__time($__time(a)", "the `)` of `$__time` is missing", Some(0)),
        ("WHERE $__timeFilter(a]", "`]` where `)` is due in the arguments of `$__timeFilter`", Some(21)),
        ("WHERE $__timeFilter()", "`$__timeFilter` takes 1 argument, not 0", Some(6)),
        ("WHERE $__timeFilter(a, b)", "`$__timeFilter` takes 1 argument, not 2", Some(6)),
        ("$__timeFrom(a)", "`$__timeFrom` takes no arguments, not 1", Some(0)),
        ("$__timeGroup(a)", "`$__timeGroup` takes 2 to 3 arguments, not 1", Some(0)),
        ("$__conditionalAll(a)", "`$__conditionalAll` takes at least 2 arguments, not 1", Some(0)),
        ("$__timeGroup(a, , 0)", "argument 2 of `$__timeGroup` is empty", Some(16)),
        ("$__timeGroup(a, '5x')", "`5x` is not an interval", Some(16)),
        ("$__timeGroup(a, 5m, zero)", "`zero` does not fill an empty bucket", Some(20)),
        (
            "$__timeGroup(a, 5m, 0), $__timeGroup(a, 1h, 0)",
            "the query fills empty buckets in two different ways",
            Some(44),
        ),
        ("$__unixEpochGroup(a, 1500ms)", "the interval is not a whole number of seconds", Some(21)),
        ("$__week(x)", "`x` is not a number of weeks", Some(8)),
        ("$__conditionalAll(a, $nope)", "unknown variable `$nope`", Some(21)),
        ("$__conditionalAll(a, pattern)", "`pattern` is the name of a variable without its `$`", Some(21)),
    ];
    for (sql, message, position) in cases {
        let error = failure(sql);
        assert_eq!((error.message.as_str(), error.position), (message, position), "{sql}");
        assert!(error.hint.is_some_and(|hint| !hint.ends_with('.')), "{sql}");
    }
}

#[test]
fn hints_name_what_is_near() {
    let cases = [
        ("$__timeFiltr(a)", "Did you mean `$__timeFilter`?"),
        ("$timefilter(a)", "Did you mean the macro `$__timeFilter`?"),
        ("$patern", "Did you mean `$pattern`?"),
    ];
    for (sql, hint) in cases {
        assert_eq!(failure(sql).hint.as_deref(), Some(hint), "{sql}");
    }
    let error = with(&Variables::default(), |context| prepare("SELECT $x", context)).unwrap_err();
    assert!(error.hint.unwrap().starts_with("No variables came with this query"));
}

#[test]
fn fill_is_kept_for_the_frame() {
    let fill = |sql: &str| with(&sample(), |context| prepare(sql, context)).unwrap().fill;
    let five = Bucket::Nanos(300_000_000_000);
    let cases = [
        ("$__timeGroup(t, 5m)", None),
        ("$__timeGroup(t, 5m, NULL)", Some(Fill { bucket: five, mode: FillMode::Null })),
        ("$__timeGroupAlias(t, 5m, 'Previous')", Some(Fill { bucket: five, mode: FillMode::Previous })),
        (
            "$__unixEpochGroup(t, 1w, -0.5)",
            Some(Fill { bucket: Bucket::Weeks(1), mode: FillMode::Value(-0.5) }),
        ),
        (
            "$__timeGroup(t, 5m, 0) $__timeGroup(t, 5m) $__timeGroup(t, 5m, 0)",
            Some(Fill { bucket: five, mode: FillMode::Value(0.0) }),
        ),
    ];
    for (sql, expected) in cases {
        assert_eq!(fill(sql), expected, "{sql}");
    }
}

#[test]
fn positions_lead_back() {
    let sql = "SELECT $one, $__timeFilter( nope ) AND wrong";
    let prepared = with(&sample(), |context| prepare(sql, context)).unwrap();
    for word in ["SELECT", "nope", "AND wrong", "wrong"] {
        let back = prepared.offsets.to_original(prepared.sql.find(word).unwrap());
        assert_eq!(back, sql.find(word).unwrap(), "{word}");
    }
    assert_eq!(prepared.offsets.to_original(prepared.sql.find("TIMESTAMP").unwrap()), 13);
    assert_eq!(prepared.offsets.to_original(prepared.sql.find("s'").unwrap()), 7);
    let json = serde_json::to_string(&prepared.offsets).unwrap();
    assert_eq!(serde_json::from_str::<Offsets>(&json).unwrap(), prepared.offsets);
}

#[test]
fn an_unknown_interval_is_the_range_over_the_points() {
    let range = TimeRange::from_millis(0, 3_600_000);
    let variables = Variables::default();
    let cases = [(0, 60, "1m"), (0, 0, "36s"), (0, i64::MAX, "1ms"), (1, 60, "1ms"), (90_000_000, 60, "1m")];
    for (nanos, max_data_points, expected) in cases {
        let interval = Duration::from_nanos(nanos * 1_000);
        let dialect = Dialect::DuckDb;
        let context =
            Context { dialect, range, interval, max_data_points, variables: &variables, slow_ms: 100.0 };
        assert_eq!(prepare("$__interval", &context).unwrap().sql, expected);
    }
}

#[test]
fn nesting_and_length_are_bounded() {
    let nested = |depth: usize| format!("{}a{}", "$__time(".repeat(depth), ")".repeat(depth));
    assert!(expand(&nested(8)).is_ok());
    assert_eq!(failure(&nested(9)).message, "macros are nested more than 8 deep");
    let doubling = format!("{}{}{}", "$__weekTime(".repeat(8), "a".repeat(200_000), ")".repeat(8));
    assert_eq!(failure(&doubling).message, "macros and variables add more than 2 MiB to the query");
}

#[test]
fn what_variables_add_inside_one_literal_is_bounded_too() {
    let range = TimeRange::parse("2026-01-01T00:00:00Z", "2026-02-01T00:00:00Z", jiff::Timestamp::UNIX_EPOCH)
        .unwrap();
    let value = serde_json::json!({ "v": "x".repeat(100_000) });
    let variables = Variables::from_json(Some(&value)).unwrap();
    let context = Context {
        dialect: Dialect::DuckDb,
        range,
        interval: Duration::ZERO,
        max_data_points: 0,
        variables: &variables,
        slow_ms: 100.0,
    };
    let error = prepare(&format!("SELECT '{}'", "$v".repeat(1_000)), &context).unwrap_err();
    assert_eq!(error.message, "macros and variables add more than 2 MiB to the query");
    assert!(error.position.unwrap() < 8 + 2 * 25, "it ends as soon as it is too much: {error:?}");
    assert!(prepare(&format!("SELECT '{}'", "$v".repeat(20)), &context).is_ok());
}

#[test]
fn long_texts_take_no_time() {
    let pieces = [
        "$a$b",
        "${",
        "$__timeFilter(a) ",
        "$__time(",
        "((((",
        "[[[",
        "/*",
        "'$one' ",
        "$one,",
        "'$",
        "E'\\",
        "a$b",
        "-- x\n",
        "$",
        "[[one]]",
        "$$ ",
    ];
    for piece in pieces {
        let sql = piece.repeat(100_000 / piece.len());
        for sql in [format!("SELECT {sql}"), format!("'{sql}'"), format!("$__time({sql})")] {
            // Quadratic work on 100 kB would take far longer; the limit leaves room for busy machines.
            let start = Instant::now();
            let _ = expand(&sql);
            assert!(start.elapsed() < Duration::from_secs(20), "{piece}: {:?}", start.elapsed());
        }
    }
}

/// Texts that look like invalid queries.
const PIECES: &str = r#"(\$__(time|timeFilter|timeGroup|week|weekTime|interval|conditionalAll|from|x)|[$'"`/*\-\\\n (){},:\[\]aeE1é]|\$(one|pattern|v)|\$\{(one|v:csv)\}|\[\[v\]\]|\$\$|--|/\*|\*/|\PC){0,40}"#;

proptest! {
    #[test]
    fn any_text_prepares_or_fails_within_itself(sql in PIECES, value in "\\PC{0,8}") {
        let mut variables = sample();
        variables.insert("v", Variable::One(Value::text(value)));
        match with(&variables, |context| prepare(&sql, context)) {
            Ok(prepared) => {
                for at in 0..=prepared.sql.len() {
                    prop_assert!(prepared.offsets.to_original(at) <= sql.len());
                }
            }
            Err(error) => {
                prop_assert!(error.position.is_none_or(|at| at <= sql.len() && sql.is_char_boundary(at)));
                prop_assert!(error.hint.is_some());
            }
        }
    }

    /// Any value at any place stays a single literal: the other tokens are the same as with the value `x`.
    #[test]
    fn a_value_is_one_literal(
        sql in PIECES,
        place in 0..3_usize,
        value in r#"(['"`\\$\n\-/*]|\$\$|\$one|\$__timeFrom\(\)|--|\PC){0,12}"#,
    ) {
        let reference = ["$v ", "'$v' ", "E'$v' "][place];
        let sql = format!("{sql}{reference}");
        let shape = |value: &str| {
            let mut variables = sample();
            variables.insert("v", Variable::One(Value::text(value)));
            let prepared = with(&variables, |context| prepare(&sql, context)).ok()?;
            let kinds: Vec<_> = tokens(&prepared.sql).map(|token| (token.kind, token.closed)).collect();
            Some((kinds, prepared.sql))
        };
        // `${v:csv}` inserts the text unquoted by design.
        prop_assume!(!sql.contains("v:csv"));
        let (Some((expected, _)), Some((found, text))) = (shape("x"), shape(&value)) else { return Ok(()) };
        prop_assert_eq!(found, expected, "{}", text);
    }

    #[test]
    fn a_list_of_values_reads_back(values in proptest::collection::vec("(['\"\\\\$]|\\PC){0,8}", 1..5)) {
        let variable = Variable::Many(values.iter().map(Value::text).collect());
        let variables: Variables = [("v".to_owned(), variable)].into_iter().collect();
        let prepared = with(&variables, |context| prepare("$v", context)).unwrap();
        let read: Vec<String> = tokens(&prepared.sql)
            .filter(|token| token.kind == TokenKind::String)
            .map(|token| token.text[1..token.text.len() - 1].replace("''", "'"))
            .collect();
        prop_assert_eq!(read, values);
    }
}
