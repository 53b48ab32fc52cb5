//! Reads alert rules and datasources from provisioning files in YAML or JSON.

use serde_json::{Map, Value};

use super::document::{Document, Query};
use super::json::{objects, text};
use super::owner::{Datasources, Owner};

/// Returns the datasources that a provisioning file defines.
pub(in crate::cli) fn datasources(json: &Value) -> Datasources {
    let mut found = Datasources::default();
    let Some(object) = json.as_object() else { return found };
    for datasource in objects(object, "datasources") {
        let Some(plugin_id) = text(datasource, "type") else { continue };
        for key in ["uid", "name"].iter().filter_map(|key| text(datasource, key)) {
            found.insert(key, plugin_id);
        }
    }
    found
}

/// Returns the queries of the alert rules in a provisioning or export file; `None` if it has no rules.
pub(in crate::cli) fn read_alerts(json: &Value, known: &Datasources) -> Option<Document> {
    let object = json.as_object()?;
    let mut rules = objects(object, "groups").flat_map(|group| objects(group, "rules")).peekable();
    rules.peek()?;
    let mut document = Document::default();
    for rule in rules {
        let title =
            format!("alert {}", text(rule, "title").or_else(|| text(rule, "uid")).unwrap_or("without title"));
        for query in objects(rule, "data") {
            read_query(&mut document, &title, query, known);
        }
    }
    Some(document)
}

fn read_query(document: &mut Document, title: &str, query: &Map<String, Value>, known: &Datasources) {
    let Some(model) = query.get("model").and_then(Value::as_object) else { return };
    let datasource = model.get("datasource").filter(|datasource| !datasource.is_null());
    let owner = match known.owner(datasource) {
        Owner::Unknown(_) => known.owner(query.get("datasourceUid")),
        found => found,
    };
    match owner {
        Owner::Others => return,
        Owner::Unknown(why) => {
            if text(model, "rawSql").is_some() {
                document.skip(title, why);
            }
            return;
        }
        Owner::Ours => {}
    }
    let number = |key: &str| model.get(key).and_then(Value::as_i64);
    document.queries.push(Query {
        title: title.to_owned(),
        ref_id: text(query, "refId").or_else(|| text(model, "refId")).unwrap_or("A").to_owned(),
        model: model.clone(),
        range: relative_range(query),
        // Grafana's default for rules.
        max_data_points: number("maxDataPoints").unwrap_or(43_200),
        interval: Some(format!("{}ms", number("intervalMs").unwrap_or(1_000))),
        repeat: None,
        is_annotation: false,
    });
}

/// Returns the time range of a rule's query, which is given in seconds before now.
fn relative_range(query: &Map<String, Value>) -> Option<(String, String)> {
    let range = query.get("relativeTimeRange")?.as_object()?;
    let seconds = |key: &str| range.get(key).and_then(Value::as_i64).unwrap_or(0);
    Some((format!("now-{}s", seconds("from")), format!("now-{}s", seconds("to"))))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn rules_of_our_datasource() {
        let defined = datasources(
            &json!({"datasources": [{"name": "N", "uid": "u", "type": "duckdb-perf-datasource"}]}),
        );
        let rules = json!({"apiVersion": 1, "groups": [{"name": "g", "rules": [{
            "title": "Slow", "data": [
                {"refId": "A", "datasourceUid": "u", "relativeTimeRange": {"from": 600, "to": 0}, "model": {"rawSql": "SELECT 1", "intervalMs": 5}},
                {"refId": "B", "datasourceUid": "x", "model": {"rawSql": "SELECT 2", "datasource": {"type": "grafana-duckdb-datasource"}}},
                {"refId": "C", "datasourceUid": "__expr__", "model": {"type": "threshold"}},
                {"refId": "D", "datasourceUid": "prom", "model": {"expr": "up"}},
                {"refId": "E", "datasourceUid": "where", "model": {"rawSql": "SELECT 3"}},
            ],
        }]}]});
        let document = read_alerts(&rules, &defined).unwrap();
        let found: Vec<_> = document
            .queries
            .iter()
            .map(|query| (query.title.as_str(), query.ref_id.as_str(), query.sql()))
            .collect();
        assert_eq!(found, [("alert Slow", "A", "SELECT 1"), ("alert Slow", "B", "SELECT 2")]);
        let first = document.queries.first().unwrap();
        assert_eq!(first.range, Some(("now-600s".to_owned(), "now-0s".to_owned())));
        assert_eq!(first.interval.as_deref(), Some("5ms"));
        assert_eq!(document.skipped.len(), 1);
    }

    #[test]
    fn other_files_hold_no_rules() {
        for json in [
            json!({"apiVersion": 1, "providers": []}),
            json!({"groups": [{"rules": []}]}),
            json!([]),
            json!(null),
        ] {
            assert_eq!(read_alerts(&json, &Datasources::default()), None);
        }
    }
}
