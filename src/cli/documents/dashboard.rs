//! Reads dashboards as Grafana saves and exports them (classic JSON, `schemaVersion`): panels, rows, library
//! panels, annotations, variables. The newer resource formats are also read: v1 wraps a classic dashboard,
//! and v2 is converted to one ([`resource`]).

use serde_json::{Map, Value};

use super::document::{Document, Query};
use super::json::{objects, text};
use super::owner::{Datasources, Owner};
use super::resource;
use super::variables::{Source, Variable, entries};

/// Maximum nesting of rows: rows contain panels, and in old dashboards also rows.
const MAX_DEPTH: usize = 8;

/// Whether `json` is a dashboard or a library panel.
pub(in crate::cli) fn is_dashboard(json: &Value) -> bool {
    json.as_object().is_some_and(|object| unwrapped(object).is_some() || newer(object).is_some())
}

/// Returns the queries of a dashboard that are for this plugin. `known` are datasources that other files
/// define.
pub(in crate::cli) fn read_dashboard(json: &Value, known: &Datasources) -> Document {
    let document = Document::default();
    let Some(object) = json.as_object() else { return document };
    let made;
    let dashboard = match (newer(object), unwrapped(object)) {
        (Some(spec), _) => {
            made = resource::classic(spec);
            &made
        }
        (None, Some(dashboard)) => dashboard,
        (None, None) => return document,
    };
    let mut known = known.clone();
    for (name, plugin_id) in named_datasources(dashboard) {
        known.insert(name, plugin_id);
    }
    let variables = entries(dashboard)
        .filter_map(|entry| Variable::read(entry, |datasource| known.owner(datasource) == Owner::Ours));
    let document = Document {
        title: text(dashboard, "title").unwrap_or_default().to_owned(),
        range: range(dashboard),
        variables: variables.collect(),
        ..document
    };
    let mut reader = Reader { dashboard, known: &known, document };
    if dashboard.contains_key("targets") {
        reader.panel(dashboard, 0);
    }
    for panel in objects(dashboard, "panels").chain(objects(dashboard, "rows")) {
        reader.panel(panel, 0);
    }
    reader.annotations();
    reader.document
}

/// Returns the dashboard itself: the object, its `dashboard` (HTTP API) or its `spec` (resource format v1).
/// For a library panel, returns its model, which reads like a panel.
fn unwrapped(object: &Map<String, Value>) -> Option<&Map<String, Value>> {
    let is_one = |object: &&Map<String, Value>| {
        ["panels", "rows"].iter().any(|key| object.get(*key).is_some_and(Value::is_array))
            || object.contains_key("targets") && object.contains_key("type")
    };
    let inside = |key: &str| object.get(key).and_then(Value::as_object);
    let library = || inside("result").or(Some(object))?.get("model")?.as_object();
    Some(object)
        .filter(is_one)
        .or_else(|| inside("dashboard").filter(is_one))
        .or_else(|| inside("spec").filter(is_one))
        .or_else(|| library().filter(is_one))
}

/// Returns the `spec` of a dashboard v2: under `spec`, under `dashboard.spec`, or the object itself, as the
/// JSON model shows it.
fn newer(object: &Map<String, Value>) -> Option<&Map<String, Value>> {
    fn spec(object: Option<&Map<String, Value>>) -> Option<&Map<String, Value>> {
        object?.get("spec")?.as_object()
    }
    let wrapped = object.get("dashboard").and_then(Value::as_object);
    let specs = [spec(Some(object)), spec(wrapped), wrapped, Some(object)];
    specs.into_iter().flatten().find(|spec| resource::is_v2(spec))
}

/// Returns the variables of type `datasource` and the inputs of an exported dashboard, each with its plugin's
/// id.
fn named_datasources(dashboard: &Map<String, Value>) -> impl Iterator<Item = (&str, &str)> {
    let variables = entries(dashboard)
        .filter(|entry| text(entry, "type") == Some("datasource"))
        .filter_map(|entry| Some((text(entry, "name")?, text(entry, "query")?)));
    let inputs = objects(dashboard, "__inputs")
        .filter_map(|input| Some((text(input, "name")?, text(input, "pluginId")?)));
    variables.chain(inputs)
}

fn range(dashboard: &Map<String, Value>) -> Option<(String, String)> {
    let time = dashboard.get("time")?.as_object()?;
    Some((text(time, "from")?.to_owned(), text(time, "to")?.to_owned()))
}

struct Reader<'a> {
    dashboard: &'a Map<String, Value>,
    known: &'a Datasources,
    document: Document,
}

impl<'a> Reader<'a> {
    fn panel(&mut self, panel: &'a Map<String, Value>, depth: usize) {
        if depth > MAX_DEPTH {
            return self.document.skip(title(panel), "it nests too deep");
        }
        for inner in objects(panel, "panels") {
            self.panel(inner, depth + 1);
        }
        if let Some(library) = panel.get("libraryPanel").and_then(Value::as_object) {
            if let Some(model) = self.library_model(library) {
                return self.panel(model, depth + 1);
            }
            let name = text(library, "name").unwrap_or("without name");
            return self
                .document
                .skip(title(panel), format!("the library panel `{name}` is not in the file"));
        }
        for target in objects(panel, "targets") {
            self.target(panel, target);
        }
    }

    /// Returns a library panel's model, which is next to its reference (older exports) or among the
    /// dashboard's elements.
    fn library_model(&self, library: &'a Map<String, Value>) -> Option<&'a Map<String, Value>> {
        let elements = || {
            let uid = text(library, "uid")?;
            self.dashboard.get("__elements")?.get(uid)?.get("model")
        };
        library
            .get("model")
            .or_else(elements)?
            .as_object()
            .filter(|model| !model.contains_key("libraryPanel"))
    }

    fn target(&mut self, panel: &Map<String, Value>, target: &Map<String, Value>) {
        let own = target.get("datasource").filter(|datasource| !datasource.is_null());
        let owner = match self.known.owner(own) {
            Owner::Unknown(_) if own.is_none() => self.known.owner(panel.get("datasource")),
            found => found,
        };
        if !self.is_ours(owner, title(panel), text(target, "rawSql").is_some()) {
            return;
        }
        let ref_id = text(target, "refId").unwrap_or("A").to_owned();
        self.document.queries.push(Query {
            title: title(panel).to_owned(),
            ref_id,
            model: target.clone(),
            range: text(panel, "timeFrom").map(|from| (format!("now-{from}"), "now".to_owned())),
            max_data_points: panel.get("maxDataPoints").and_then(Value::as_i64).unwrap_or(0),
            interval: text(panel, "interval").map(|interval| interval.trim_start_matches('>').to_owned()),
            repeat: text(panel, "repeat").map(str::to_owned),
            is_annotation: false,
        });
    }

    fn annotations(&mut self) {
        let Some(annotations) = self.dashboard.get("annotations").and_then(Value::as_object) else { return };
        for annotation in objects(annotations, "list") {
            let model = annotation.get("target").and_then(Value::as_object).unwrap_or(annotation);
            let sql = text(model, "rawSql")
                .or_else(|| text(annotation, "rawSql"))
                .or_else(|| text(annotation, "rawQuery"));
            let name = format!("annotation {}", text(annotation, "name").unwrap_or("without name"));
            let owner = self.known.owner(annotation.get("datasource"));
            if !self.is_ours(owner, &name, sql.is_some()) {
                continue;
            }
            let mut model = model.clone();
            if let Some(sql) = sql {
                model.insert("rawSql".to_owned(), sql.into());
            }
            let ref_id = text(&model, "refId").unwrap_or("Anno").to_owned();
            let query = Query { title: name, ref_id, model, is_annotation: true, ..Query::default() };
            self.document.queries.push(query);
        }
    }

    /// Whether to take a query. If its datasource is unknown and it has SQL, it is noted as skipped.
    fn is_ours(&mut self, owner: Owner, title: &str, has_sql: bool) -> bool {
        match owner {
            Owner::Ours => true,
            Owner::Others => false,
            Owner::Unknown(why) => {
                if has_sql {
                    self.document.skip(title, why);
                }
                false
            }
        }
    }
}

fn title(panel: &Map<String, Value>) -> &str {
    text(panel, "title").unwrap_or("panel without title")
}

impl Document {
    /// Returns the queries of variables with the variables' names.
    pub(in crate::cli) fn variable_queries(&self) -> impl Iterator<Item = (&str, &Map<String, Value>)> {
        self.variables.iter().filter_map(|variable| match &variable.source {
            Source::Query(model) => Some((variable.name.as_str(), model)),
            Source::Values(_) | Source::Elsewhere => None,
        })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read(json: &Value) -> Document {
        assert!(is_dashboard(json), "{json}");
        read_dashboard(json, &Datasources::default())
    }

    fn found(document: &Document) -> Vec<(&str, &str, &str)> {
        document
            .queries
            .iter()
            .map(|query| (query.title.as_str(), query.ref_id.as_str(), query.sql()))
            .collect()
    }

    #[test]
    fn panels_rows_library_panels_and_annotations() {
        let ours = json!({"type": "duckdb-perf-datasource", "uid": "${datasource}"});
        let target = |sql: &str| json!([{"refId": "B", "rawSql": sql}]);
        let document = read(&json!({
            "title": "T", "time": {"from": "now-1w", "to": "now"},
            "templating": {"list": [{"type": "datasource", "name": "datasource", "query": "grafana-duckdb-datasource"}]},
            "annotations": {"list": [
                {"name": "built in", "datasource": {"type": "grafana", "uid": "-- Grafana --"}, "target": {"rawSql": "no"}},
                {"name": "deploys", "datasource": ours, "target": {"rawSql": "SELECT 5"}},
            ]},
            "__elements": {"lib": {"name": "L", "model": {"title": "Lib", "datasource": ours, "targets": target("SELECT 4")}}},
            "panels": [
                {"title": "P", "datasource": ours, "targets": target("SELECT 1"), "timeFrom": "4w", "interval": ">1d", "repeat": "x"},
                {"type": "row", "title": "R", "panels": [{"title": "Q", "datasource": "$datasource", "targets": target("SELECT 2")}]},
                {"title": "M", "datasource": {"uid": "-- Mixed --"}, "targets": [
                    {"refId": "A", "datasource": ours, "rawSql": "SELECT 3"},
                    {"refId": "C", "datasource": {"type": "__expr__"}, "expression": "$A"},
                    {"refId": "D", "datasource": {"type": "postgres"}, "rawSql": "no"},
                ]},
                {"title": "X", "libraryPanel": {"uid": "lib", "name": "L"}},
                {"title": "Y", "libraryPanel": {"uid": "gone", "name": "G"}},
                {"title": "Z", "targets": target("SELECT 6")},
                {"title": "W", "targets": [{"refId": "A", "expr": "up"}]},
                {"type": "text"},
            ],
        }));
        assert_eq!(
            found(&document),
            [
                ("P", "B", "SELECT 1"),
                ("Q", "B", "SELECT 2"),
                ("M", "A", "SELECT 3"),
                ("Lib", "B", "SELECT 4"),
                ("annotation deploys", "Anno", "SELECT 5"),
            ]
        );
        let first = document.queries.first().unwrap();
        assert_eq!(first.range, Some(("now-4w".to_owned(), "now".to_owned())));
        assert_eq!((first.interval.as_deref(), first.repeat.as_deref()), (Some("1d"), Some("x")));
        let skipped: Vec<_> = document.skipped.iter().map(|skipped| skipped.title.as_str()).collect();
        assert_eq!(skipped, ["Y", "Z"]);
        assert_eq!(document.range, Some(("now-1w".to_owned(), "now".to_owned())));
    }

    #[test]
    fn wrapped_exported_and_newer_files() {
        let panels =
            json!([{"title": "P", "datasource": {"uid": "${DS_A}"}, "targets": [{"rawSql": "SELECT 1"}]}]);
        let inputs = json!([{"name": "DS_A", "type": "datasource", "pluginId": "duckdb-perf-datasource"}]);
        let classic = json!({"panels": panels, "__inputs": inputs});
        for json in [
            classic.clone(),
            json!({"dashboard": classic, "meta": {}}),
            json!({"kind": "Dashboard", "spec": classic}),
        ] {
            assert_eq!(found(&read(&json)), [("P", "A", "SELECT 1")]);
        }
        let library = json!({"model": {"type": "stat", "title": "L", "datasource": {"type": "duckdb-perf-datasource"}, "targets": [{"rawSql": "SELECT 2"}]}});
        assert_eq!(found(&read(&library)), [("L", "A", "SELECT 2")]);
        assert!(!is_dashboard(&json!({"name": "package"})) && !is_dashboard(&json!([1])));
    }

    /// The same dashboard in both versions of the v2 format, as Grafana exports them.
    #[test]
    fn the_resource_form_v2() {
        let plugin = "duckdb-perf-datasource";
        let layout = json!({"kind": "RowsLayout", "spec": {"rows": [{"kind": "RowsLayoutRow", "spec": {
            "title": "R", "repeat": {"mode": "variable", "value": "agent"},
            "layout": {"kind": "GridLayout", "spec": {"items": [
                {"kind": "GridLayoutItem", "spec": {"x": 0, "element": {"kind": "ElementReference", "name": "panel-1"}}},
                {"kind": "GridLayoutItem", "spec": {"element": {"kind": "ElementReference", "name": "panel-2"},
                    "repeat": {"mode": "variable", "value": "pattern"}}},
            ]}},
        }}]}});
        for beta in [true, false] {
            let query = |plugin: &str, spec: Value| {
                if beta {
                    json!({"query": {"kind": "DataQuery", "group": plugin, "version": "v0", "datasource": {"name": "u"}, "spec": spec}})
                } else {
                    json!({"query": {"kind": plugin, "spec": spec}, "datasource": {"type": plugin, "uid": "u"}})
                }
            };
            let with = |mut query: Value, more: Value| {
                query.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
                json!({"kind": "X", "spec": query})
            };
            let panel = |title: &str, queries: Vec<Value>| {
                json!({"kind": "Panel", "spec": {"id": 1, "title": title,
                "data": {"kind": "QueryGroup", "spec": {"queries": queries, "transformations": [], "queryOptions": {"interval": "1d", "timeFrom": "4w"}}},
                "vizConfig": {"kind": "VizConfig", "spec": {"options": {}}}}})
            };
            let spec = json!({
                "title": "T", "timeSettings": {"from": "now-1w", "to": "now", "autoRefresh": ""}, "layout": layout,
                "annotations": [
                    {"kind": "AnnotationQuery", "spec": {"builtIn": true, "name": "built in", "query": {"kind": "DataQuery", "group": "grafana", "spec": {}}}},
                    with(query(plugin, json!({"rawSql": "SELECT 5"})), json!({"name": "deploys", "enable": true})),
                ],
                "variables": [
                    {"kind": "DatasourceVariable", "spec": {"name": "datasource", "pluginId": plugin}},
                    {"kind": "QueryVariable", "spec": with(query(plugin, json!({"rawSql": "SELECT 6"})), json!({"name": "pattern", "multi": true, "current": {"value": ["a"]}}))["spec"]},
                    {"kind": "CustomVariable", "spec": {"name": "agent", "query": "a,b"}},
                    {"kind": "TextVariable", "spec": {"name": "slow", "query": "5", "current": {"value": "5"}}},
                ],
                "elements": {
                    "panel-1": panel("P", vec![
                        with(query(plugin, json!({"rawSql": "SELECT 1", "format": "table"})), json!({"refId": "B", "hidden": false})),
                        with(query("prometheus", json!({"expr": "up"})), json!({"refId": "C"})),
                    ]),
                    "panel-2": panel("Q", vec![with(query(plugin, json!({"rawSql": "SELECT 2"})), json!({"refId": "A"}))]),
                    "panel-3": {"kind": "LibraryPanel", "spec": {"id": 3, "title": "L", "libraryPanel": {"uid": "l", "name": "Lib"}}},
                },
            });
            for json in [
                json!({"apiVersion": "dashboard.grafana.app/v2beta1", "kind": "Dashboard", "metadata": {}, "spec": spec}),
                json!({"dashboard": {"spec": spec}}),
                json!({"dashboard": spec}),
                spec,
            ] {
                let document = read(&json);
                let expected = [
                    ("P", "B", "SELECT 1"),
                    ("Q", "A", "SELECT 2"),
                    ("annotation deploys", "Anno", "SELECT 5"),
                ];
                assert_eq!(found(&document), expected);
                let repeats: Vec<_> = document.queries.iter().map(|query| query.repeat.as_deref()).collect();
                assert_eq!(repeats, [Some("agent"), Some("pattern"), None]);
                let first = document.queries.first().unwrap();
                assert_eq!(first.range, Some(("now-4w".to_owned(), "now".to_owned())));
                assert_eq!(first.interval.as_deref(), Some("1d"));
                assert_eq!(document.range, Some(("now-1w".to_owned(), "now".to_owned())));
                assert_eq!(document.title, "T");
                assert_eq!(document.skipped.len(), 1, "the library panel");
                let variables: Vec<_> =
                    document.variables.iter().map(|variable| variable.name.as_str()).collect();
                assert_eq!(variables, ["datasource", "pattern", "agent", "slow"]);
                let queries: Vec<_> = document.variable_queries().map(|(name, _)| name).collect();
                assert_eq!(queries, ["pattern"]);
            }
        }
    }

    #[test]
    fn the_dashboard_that_ships_is_read_whole() {
        let json: Value =
            serde_json::from_str(include_str!("../../../provisioning/dashboards/query_perf_overview.json"))
                .unwrap();
        let document = read(&json);
        let panels = document.queries.iter().filter(|query| !query.is_annotation).count();
        assert_eq!((panels, document.queries.len(), document.skipped.len()), (5, 6, 0));
        let variables: Vec<_> = document.variable_queries().map(|(name, _)| name).collect();
        assert_eq!(variables, ["pattern", "week", "agent"]);
    }
}
