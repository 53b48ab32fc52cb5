//! The `OpenAPI` document of the JSON API against the real routes: every one answers as it says.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::served::{Served, encoded};
use crate::support::reports;

/// What a document says of an object: `$ref`s followed.
fn resolved<'a>(document: &'a Value, schema: &'a Value) -> &'a Value {
    match schema["$ref"].as_str() {
        Some(reference) => document.pointer(reference.trim_start_matches('#')).unwrap(),
        None => schema,
    }
}

#[test]
fn the_openapi_document_holds() {
    let served = Served::start(&reports(), &[]);
    let document = served.get("api/openapi.json").json();
    let paths = document["paths"].as_object().unwrap();
    let known: BTreeSet<&str> = paths.keys().map(String::as_str).collect();
    let expected = [
        "/api/perf/weekly/{week}",
        "/api/perf/slow",
        "/api/perf/patterns",
        "/api/perf/pattern",
        "/api/perf/pattern/{name}",
        "/api/perf/regressions",
        "/api/query",
        "/api/export.csv",
        "/api/dashboard.json",
        "/api/openapi.json",
        "/healthz",
        "/readyz",
        "/metrics",
    ];
    assert_eq!(known, BTreeSet::from(expected));
    let a_pattern = served.get("api/perf/slow?limit=1").rows()[0]["pattern"].as_str().unwrap().to_owned();
    for (path, item) in paths {
        for (method, operation) in item.as_object().unwrap() {
            let schema = resolved(&document, &operation["responses"]["200"]["content"]);
            let address = path[1..].replace("{week}", "202653").replace("{name}", &encoded(&a_pattern));
            let mut required = Vec::new();
            for parameter in operation["parameters"].as_array().into_iter().flatten() {
                let name = parameter["name"].as_str().unwrap();
                assert!(
                    parameter["description"].as_str().is_some_and(|text| text.len() > 10),
                    "{path} {name}"
                );
                assert_eq!(parameter["in"] == "path", path.contains(&format!("{{{name}}}")), "{path} {name}");
                if parameter["in"] == "query" && parameter["required"] == true {
                    required.push(format!("{name}={}", encoded(&a_pattern)));
                }
            }
            let address = match path.as_str() {
                "/api/perf/regressions" => format!("{address}?percent=0&min_samples=0"),
                _ => format!("{address}?{}", required.join("&")),
            };
            let answer = match method.as_str() {
                "get" => served.get(address.trim_end_matches('?')),
                "post" => served.query(&json!({"rawSql": "SELECT 1 AS a"})),
                other => panic!("{other} {path}"),
            };
            assert_eq!(answer.status, 200, "{path}: {}", String::from_utf8_lossy(&answer.body));
            let kind = answer.header("content-type").unwrap().split(';').next().unwrap();
            let schema = resolved(&document, &schema[kind]["schema"]);
            assert!(schema.is_object(), "{path} answers {kind}, which is not in the document");
            if kind == "application/json" {
                fits(&document, schema, &answer.json(), path);
            }
            assert!(operation["summary"].as_str().is_some_and(|text| text.len() > 10), "{path}");
        }
    }
}

/// Whether a value has the type and the required members that the document says.
fn fits(document: &Value, schema: &Value, value: &Value, path: &str) {
    let schema = resolved(document, schema);
    let kinds: Vec<&str> = match &schema["type"] {
        Value::String(kind) => vec![kind],
        Value::Array(kinds) => kinds.iter().map(|kind| kind.as_str().unwrap()).collect(),
        _ => return,
    };
    let is = |kind: &str| match kind {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "integer" => value.is_i64() || value.is_u64(),
        "number" => value.is_number(),
        "boolean" => value.is_boolean(),
        "null" => value.is_null(),
        other => panic!("{other}"),
    };
    assert!(kinds.iter().any(|kind| is(kind)), "{path}: {value} is not {kinds:?}");
    for name in schema["required"].as_array().into_iter().flatten() {
        assert!(value.get(name.as_str().unwrap()).is_some(), "{path}: {name} is missing in {value}");
    }
    for (name, member) in schema["properties"].as_object().into_iter().flatten() {
        if let Some(value) = value.get(name) {
            fits(document, member, value, path);
        }
    }
    if let (Some(items), Value::Array(values)) = (schema.get("items"), value) {
        assert!(!values.is_empty(), "{path} shows no row");
        for value in values {
            fits(document, items, value, path);
        }
    }
}
