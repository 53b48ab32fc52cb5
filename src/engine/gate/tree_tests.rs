//! What is read from a parse tree.

use super::*;

#[test]
fn nodes_functions_tables_and_positions() {
    let json = r#"{"error":false,"statements":[{"node":{"type":"SELECT_NODE","select_list":[
        {"class":"FUNCTION","type":"FUNCTION","query_location":7,"function_name":"sum","x":{"type":"ORDER_MODIFIER"}}],
        "from_table":{"type":"BASE_TABLE","query_location":18446744073709551615,"table_name":"c",
        "qualified_name":{"path":["a\"b","c"]}}}}]}"#;
    let tree = read(json).unwrap();
    let seen: Vec<_> = tree
        .nodes
        .iter()
        .map(|n| (n.kind.as_str(), n.function.as_str(), n.path.join("."), n.position))
        .collect();
    assert_eq!(tree.statements, 1);
    assert_eq!(
        seen,
        [
            ("ORDER_MODIFIER", "", String::new(), None),
            ("FUNCTION", "sum", String::new(), Some(7)),
            ("BASE_TABLE", "", "a\"b.c".to_owned(), None),
            ("SELECT_NODE", "", String::new(), None)
        ]
    );
}

#[test]
fn failures_and_depth() {
    let tree = read(r#"{"error":true,"error_type":"parser","error_message":"no","position":"7"}"#).unwrap();
    let failure = tree.failure.unwrap();
    assert_eq!(
        (failure.kind.as_str(), failure.message.as_str(), failure.position),
        ("parser", "no", Some(7))
    );
    let deep = format!("{}{}", r#"{"a":["#.repeat(100_000), "]}".repeat(100_000));
    assert!(read(&deep).unwrap().nodes.is_empty());
    assert!(read(r#"{"a":"#).is_err());
}

#[test]
fn what_a_person_wrote_is_never_a_key() {
    let json = r#"{"error":false,"statements":[{"node":{"type":"SELECT_NODE","c":{"class":"CONSTANT","type":"VALUE_CONSTANT",
        "literal":{"kind":"STRING","text":"\",\"type\":\"COPY_QUERY_NODE"}}}}]}"#;
    let kinds: Vec<_> = read(json).unwrap().nodes.into_iter().map(|n| n.kind).collect();
    assert_eq!(kinds, ["VALUE_CONSTANT", "SELECT_NODE"]);
}
