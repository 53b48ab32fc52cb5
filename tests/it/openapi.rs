//! The `OpenAPI` document of the JSON API against the real routes: every one is in it and answers as it says,
//! with each of its parameters, and with a status that it names when something is wrong.

use std::collections::BTreeSet;

use duckdb_perf::reports::NamedQuery;
use serde_json::{Value, json};

use crate::agents::with_agents;
use crate::provisioned::files;
use crate::served::{Reply, Served, encoded};

/// What a document says of an object: `$ref`s followed.
fn resolved<'a>(document: &'a Value, schema: &'a Value) -> &'a Value {
    match schema["$ref"].as_str() {
        Some(reference) => document.pointer(reference.trim_start_matches('#')).unwrap(),
        None => schema,
    }
}

/// Method, path and description of every operation.
fn operations(document: &Value) -> Vec<(&str, &str, &Value)> {
    let paths = document["paths"].as_object().unwrap().iter();
    paths
        .flat_map(|(path, item)| {
            let operations = item.as_object().unwrap().iter();
            operations.map(|(method, operation)| (method.as_str(), path.as_str(), operation))
        })
        .collect()
}

/// Asks an operation, with something in the place of its path's parameters.
fn ask(served: &Served, method: &str, path: &str, query: &str, headers: &[(&str, &str)]) -> Reply {
    let address = path[1..].replace("{week}", "202653").replace("{name}", &encoded("it's"));
    let address = format!("{address}{query}");
    match method {
        "get" => served.get_with(&address, headers),
        "post" => {
            let headers = [&[("Content-Type", "application/json")], headers].concat();
            served.send("POST", &address, &headers, br#"{"rawSql": "SELECT 1 AS a"}"#)
        }
        other => panic!("{other} {path}"),
    }
}

/// Where `text` says a route: `get, path = "/healthz"` in its description.
fn described(text: &str) -> impl Iterator<Item = (String, String)> {
    text.split("#[utoipa::path(").skip(1).map(|rest| {
        let method = rest.split(',').next().unwrap().trim().to_owned();
        let path = rest.split("path = \"").nth(1).and_then(|rest| rest.split('"').next()).unwrap();
        (method, path.replace("{*", "{"))
    })
}

#[test]
fn every_route_is_in_the_document() {
    let folder = tempfile::tempdir().unwrap();
    let document = Served::start(folder.path(), &[]).get("api/openapi.json").json();
    let documented: BTreeSet<_> = operations(&document)
        .into_iter()
        .map(|(method, path, _)| (method.to_owned(), path.to_owned()))
        .collect();
    let sources = files("src/http", "rs");
    let written: BTreeSet<_> = sources.iter().flat_map(|(_, text)| described(text)).collect();
    assert_eq!(documented, written, "a route is described and not served, or the other way round");
    let (_, router) = sources.iter().find(|(path, _)| path.ends_with("api.rs")).unwrap();
    let plain: Vec<_> =
        router.split(".route(\"").skip(1).map(|rest| rest.split('"').next().unwrap()).collect();
    assert_eq!(plain, ["/"], "only the page is served without a description");
    assert_eq!(router.matches("routes!(").count(), documented.len(), "each is served once");
}

#[test]
fn every_route_answers_as_it_says() {
    let folder = tempfile::tempdir().unwrap();
    with_agents(folder.path());
    let served = Served::start(folder.path(), &[]);
    let document = served.get("api/openapi.json").json();
    for (method, path, operation) in operations(&document) {
        let query = if path == "/api/perf/regressions" { "?percent=0&min_samples=0" } else { "" };
        let answer = ask(&served, method, path, query, &[]);
        assert_eq!(answer.status, 200, "{path}: {}", String::from_utf8_lossy(&answer.body));
        let content = resolved(&document, &operation["responses"]["200"]["content"]);
        let kind = answer.header("content-type").unwrap().split(';').next().unwrap();
        let schema = resolved(&document, &content[kind]["schema"]);
        assert!(schema.is_object(), "{path} answers {kind}, which is not in the document");
        if kind == "application/json" {
            fits(&document, schema, &answer.json(), path);
        }
        assert!(operation["summary"].as_str().is_some_and(|text| text.len() > 10), "{path}");
        for parameter in array(operation) {
            let name = parameter["name"].as_str().unwrap();
            assert!(parameter["description"].as_str().is_some_and(|text| text.len() > 10), "{path} {name}");
            assert_eq!(parameter["in"] == "path", path.contains(&format!("{{{name}}}")), "{path} {name}");
            if let (true, Some(example)) = (parameter["in"] == "query", parameter["example"].as_str())
                && path != "/api/export.csv"
            {
                let answer = ask(&served, method, path, &format!("?{name}={}", encoded(example)), &[]);
                assert_eq!(answer.status, 200, "{path} {name}: {}", String::from_utf8_lossy(&answer.body));
            }
        }
    }
}

fn array(operation: &Value) -> &[Value] {
    operation["parameters"].as_array().map_or(&[], Vec::as_slice)
}

/// An export takes what its table takes, and variables.
#[test]
fn an_exports_parameters_are_those_of_its_tables() {
    let folder = tempfile::tempdir().unwrap();
    with_agents(folder.path());
    let served = Served::start(folder.path(), &[]);
    let document = served.get("api/openapi.json").json();
    let parameters = array(&document["paths"]["/api/export.csv"]["get"]);
    let mut documented: BTreeSet<&str> =
        parameters.iter().map(|parameter| parameter["name"].as_str().unwrap()).collect();
    assert_eq!(documented.len(), parameters.len(), "each once");
    for own in ["table", "sql", "filename", "raw", "var-*"] {
        assert!(documented.remove(own), "{own}");
    }
    let tables = &parameters.iter().find(|parameter| parameter["name"] == "table").unwrap()["schema"]["enum"];
    assert_eq!(*tables, json!(NamedQuery::ALL.map(NamedQuery::name)));
    let mut known = BTreeSet::new();
    for query in NamedQuery::ALL {
        for parameter in query.parameters() {
            known.insert(parameter.name);
            for name in [parameter.name.to_owned(), format!("var-{}", parameter.name)] {
                let value = encoded(parameter.example);
                let answer = served.get(&format!("api/export.csv?table={}&{name}={value}", query.name()));
                assert_eq!(answer.status, 200, "{query:?} {name}: {}", String::from_utf8_lossy(&answer.body));
            }
        }
    }
    assert_eq!(documented, known);
}

/// Whatever goes wrong has a status that the document names, and the body that it describes.
#[test]
fn every_failure_is_in_the_document() {
    let folder = tempfile::tempdir().unwrap();
    with_agents(folder.path());
    let served = Served::start(folder.path(), &[]);
    let document = served.get("api/openapi.json").json();
    let problem = &document["components"]["schemas"]["Problem"];
    let is_told = |method: &str, path: &str, operation: &Value, reply: &Reply| {
        let status = reply.status.to_string();
        let declared = resolved(&document, &operation["responses"][&status]);
        let schema = &declared["content"]["application/json"]["schema"];
        assert!(schema.is_object(), "{method} {path} answers {status}, which is not in the document");
        fits(&document, schema, &reply.json(), path);
        reply.status
    };
    let secret = Served::start_with(folder.path(), &[], &[("DUCKDB_PERF_TOKEN", "0123456789abcdef-secret")]);
    let gone = Served::start(&folder.path().join("gone"), &[]);
    let long = format!("?x={}", "x".repeat(61 << 10));
    let mut seen = BTreeSet::new();
    for (method, path, operation) in operations(&document) {
        let needs_token = ask(&secret, method, path, "", &[]);
        if operation.get("security").is_none() {
            assert_eq!(is_told(method, path, operation, &needs_token), 401, "{path}");
        } else {
            assert_eq!((needs_token.status, operation["responses"].get("401")), (200, None), "{path}");
        }
        let other_name = ask(&served, method, path, "", &[("Host", "evil.example")]);
        assert_eq!(is_told(method, path, operation, &other_name), 403, "{path}");
        let other_site = ask(&served, method, path, "", &[("Sec-Fetch-Site", "cross-site")]);
        assert_eq!(is_told(method, path, operation, &other_site), 403, "{path}");
        assert_eq!(is_told(method, path, operation, &ask(&served, method, path, &long, &[])), 414, "{path}");
        // A name that no route knows, and files that are not there.
        for reply in [ask(&served, method, path, "?nosuch=1", &[]), ask(&gone, method, path, "", &[])] {
            if reply.status != 200 {
                seen.insert((is_told(method, path, operation, &reply), path));
            }
        }
    }
    for path in ["/api/perf/slow", "/api/perf/weekly/{week}", "/api/perf/agents", "/api/export.csv"] {
        assert!(seen.contains(&(400, path)) && seen.contains(&(404, path)), "{seen:?}");
    }
    assert!(seen.contains(&(503, "/readyz")), "{seen:?}");
    let query = &document["paths"]["/api/query"]["post"];
    for (body, status) in [(json!({"rawSql": "SELEC"}), 400), (json!({"rawSql": "DROP TABLE x"}), 403)] {
        assert_eq!(is_told("post", "/api/query", query, &served.query(&body)), status);
    }
    let plain = served.send("POST", "api/query", &[("Content-Type", "text/plain")], b"{}");
    assert_eq!(is_told("post", "/api/query", query, &plain), 415);
    assert!(query["responses"].get("413").is_some(), "a body that is too long");
    // What is no operation: named in the description.
    let told = document["info"]["description"].as_str().unwrap();
    for (reply, status, name) in [
        (served.get("nosuch"), 404, "NotFound"),
        (served.send("DELETE", "api/perf/slow", &[], b""), 405, "MethodNotAllowed"),
        (served.get("api/query"), 405, "MethodNotAllowed"),
    ] {
        assert_eq!(reply.status, status);
        assert!(told.contains(name) && document["components"]["responses"].get(name).is_some(), "{name}");
        fits(&document, problem, &reply.json(), name);
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
