//! Tests macros and variables inside quotes.

use super::*;

/// `frontend/src/interpolation.ts` escapes values that look like variables; the expansion restores the
/// values.
#[test]
fn what_the_frontend_keeps_apart_comes_together() {
    for (sql, expected) in [
        ("p = 'ts > $${__nothing}__from'", "p = 'ts > $__from'"),
        ("p IN ('[${__nothing}[one]]','$${__nothing}{one}')", "p IN ('[[one]]','${one}')"),
        ("AS \"$${__nothing}one\"", "AS \"$one\""),
        ("E'\\'$${__nothing}__timeFrom()'", "E'\\'$__timeFrom()'"),
        ("'$${__nothing}__timeFrom()'", "'$__timeFrom()'"),
    ] {
        assert_eq!(expand(sql).unwrap(), expected);
    }
}

#[test]
fn a_macro_in_quotes_is_refused_where_it_is_compared() {
    for (sql, position) in [
        ("'$__timeFrom()'::TIMESTAMP", 0),
        ("ts >= ' $__weekFrom( ) '", 6),
        ("E'$__timeFrom()' < ts", 0),
        ("CAST('$__timeFrom()' AS TIMESTAMP)", 5),
        ("ts BETWEEN '$__timeFrom()' AND x", 11),
        ("TIMESTAMP '$__timeTo()'", 10),
        ("week IN ('$__weekTo()')", 9),
        ("week IN ( '$__weekTo()', 1)", 10),
        ("SELECT '$__timeGroup(ts, ''1d'')' AS time", 7),
    ] {
        let error = failure(sql);
        assert!(error.message.ends_with("stands inside quotes, where it is only text"), "{sql}: {error}");
        assert_eq!(error.position, Some(position), "{sql}");
    }
    // Other strings may be data, and plain values are no macro calls.
    for sql in [
        "'$__timeFrom()' AS text",
        "x = 'of $__timeFrom()'",
        "'$__timeFrom() on'",
        "x = '$__from'",
        "'$__interval'",
        "x = '$__nope()'",
        "\"$__timeFrom()\"",
    ] {
        assert!(expand(sql).is_ok(), "{sql}");
    }
}
