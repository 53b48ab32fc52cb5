//! Checks what ships in `provisioning/`: five panels that filter by pattern and time range, and five library
//! queries with their headers. That the SQL runs is checked by the command `check`.

use serde_json::Value;

const DASHBOARD: &str = include_str!("../../provisioning/dashboards/query_perf_overview.json");
const QUERIES: &str = include_str!("../../provisioning/queries/perf_queries.sql");
const DATASOURCE: &str = include_str!("../../provisioning/datasources/duckdb_perf.yaml");

fn dashboard() -> Value {
    serde_json::from_str(DASHBOARD).unwrap()
}

#[test]
fn every_panel_is_filtered_and_explained() {
    let dashboard = dashboard();
    assert_eq!(dashboard["uid"], "query-perf-overview");
    let panels = dashboard["panels"].as_array().unwrap();
    assert_eq!(panels.len(), 5);
    for panel in panels {
        let title = panel["title"].as_str().unwrap();
        assert!(panel["description"].as_str().is_some_and(|text| text.len() > 20), "{title}");
        assert_eq!(panel["datasource"]["uid"], "${datasource}", "{title}");
        for target in panel["targets"].as_array().unwrap() {
            let sql = target["rawSql"].as_str().unwrap();
            assert!(
                sql.contains("$__weekFilter(week)") || sql.contains("$__weekFilter(week, '$week')"),
                "{title}"
            );
            assert!(sql.contains("$__conditionalAll(pattern IN ($pattern), $pattern)"), "{title}");
            assert_eq!(target["datasource"], panel["datasource"], "{title}");
            assert!(matches!(target["format"].as_str(), Some("table" | "time_series")), "{title}");
        }
    }
}

#[test]
fn the_variables_choose_datasource_and_patterns() {
    let dashboard = dashboard();
    let variables = dashboard["templating"]["list"].as_array().unwrap();
    let named = |name: &str| variables.iter().find(|variable| variable["name"] == name).unwrap();
    assert_eq!(named("datasource")["current"]["value"], "duckdb-perf");
    assert!(DATASOURCE.contains("uid: duckdb-perf\n"));
    let pattern = named("pattern");
    assert_eq!((&pattern["multi"], &pattern["includeAll"]), (&Value::Bool(true), &Value::Bool(true)));
    // Grafana puts this text into the query unchanged, and `$__conditionalAll` recognizes it.
    assert_eq!(pattern["allValue"], "$__all");
    let sql = pattern["query"]["rawSql"].as_str().unwrap();
    assert!(sql.contains("__text") && sql.contains("__value") && sql.contains("$__weekFilter(week)"));
}

#[test]
fn the_library_has_five_queries_with_headers() {
    let queries: Vec<&str> = QUERIES.split("\n-- name: ").skip(1).collect();
    assert_eq!(queries.len(), 5);
    for query in queries {
        assert!(query.contains("\n-- description: "), "{query}");
        assert!(
            query.contains("\n-- format: table\n") || query.contains("\n-- format: time_series\n"),
            "{query}"
        );
        assert_eq!(query.matches(";\n").count(), 1, "{query}");
    }
}
