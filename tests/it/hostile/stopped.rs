//! Who stopped a text: the gate, or something behind it. With the gate up, nothing that is forbidden gets
//! further.

/// Who else stopped it, or that nobody did; `None` when it was the gate, or what reads the text before it.
///
/// The gate refuses in the plugin's words or hands on what DuckDB's parser says of the text. Whatever is
/// bound or run fails with an error of another class (`Binder Error: …`, `TransactionContext Error: …`,
/// `Permission Error: …`) or another status.
pub(crate) fn behind_the_gate(status: i32, error: Option<&str>) -> Option<String> {
    let Some(error) = error else {
        return Some("it was answered".to_owned());
    };
    match class_of(error) {
        Some("Parser") | None if [400, 403].contains(&status) => None,
        _ => Some(format!("something behind the gate stopped it ({status}): {error}")),
    }
}

/// The class that DuckDB gives its error: `Binder` of `Binder Error: no such column`.
fn class_of(error: &str) -> Option<&str> {
    let (class, _) = error.split_once(" Error: ")?;
    let is_class = class.len() < 40 && class.chars().all(|c| c.is_ascii_alphabetic() || c == ' ');
    is_class.then_some(class)
}

#[test]
fn errors_tell_who_stopped_it() {
    let of = |status, error: &str| behind_the_gate(status, Some(error));
    for error in [
        "`DELETE` is not allowed in a query (line 1, column 9). A datasource query only reads",
        "the query holds more than one statement. Send one statement per query; `;` may only end it",
        "Parser Error: syntax error at or near \"Binder Error: x\"",
        "unknown variable `$a`",
    ] {
        assert_eq!(of(403, error).or(of(400, error)), None, "{error}");
        assert!(of(504, error).is_some(), "{error}");
    }
    for error in [
        "Binder Error: Referenced column \"a\" not found",
        "TransactionContext Error: Cannot execute statement in read-only mode",
        "Permission Error: Cannot access file",
        "Invalid Input Error: x",
        "Not implemented Error: x",
        "IO Error: Cannot open file: Permission denied",
    ] {
        assert!(of(400, error).is_some() && of(403, error).is_some(), "{error}");
    }
    assert!(behind_the_gate(200, None).is_some());
}
