//! Converts dashboards in the resource format v2 (`dashboard.grafana.app/v2…`) to classic ones: elements and
//! layout become panels, and wrappers of `kind` and `spec` are removed. Only what a panel's queries need is
//! converted.

use serde_json::{Map, Value, json};

use super::json::{objects, text};

/// Maximum nesting of layouts.
const MAX_DEPTH: usize = 16;

/// Whether `spec` belongs to a dashboard v2.
pub(super) fn is_v2(spec: &Map<String, Value>) -> bool {
    spec.get("elements").is_some_and(Value::is_object)
        && ["layout", "timeSettings", "variables"].iter().any(|key| spec.contains_key(*key))
}

/// Returns the classic dashboard.
pub(super) fn classic(spec: &Map<String, Value>) -> Map<String, Value> {
    let empty = Map::new();
    let elements = spec.get("elements").and_then(Value::as_object).unwrap_or(&empty);
    let mut repeats = Map::new();
    if let Some(layout) = spec.get("layout") {
        collect_repeats(layout, None, &mut repeats, 0);
    }
    let panels: Vec<Value> =
        elements.iter().map(|(name, element)| panel(element, repeats.get(name))).collect();
    let variables: Vec<Value> = objects(spec, "variables").map(variable).collect();
    let annotations: Vec<Value> = objects(spec, "annotations").map(annotation).collect();
    let time = |key| spec.get("timeSettings").and_then(|settings| settings.get(key));
    let mut dashboard = Map::from_iter([
        ("title".to_owned(), spec.get("title").cloned().unwrap_or_default()),
        ("panels".to_owned(), panels.into()),
        ("templating".to_owned(), json!({ "list": variables })),
        ("annotations".to_owned(), json!({ "list": annotations })),
    ]);
    if let (Some(from), Some(to)) = (time("from"), time("to")) {
        dashboard.insert("time".to_owned(), json!({ "from": from, "to": to }));
    }
    dashboard
}

/// Collects for each element the variable for which it is repeated, alone or with its row or tab.
fn collect_repeats(layout: &Value, outer: Option<&Value>, repeats: &mut Map<String, Value>, depth: usize) {
    let own = |spec: &Map<String, Value>| spec.get("repeat")?.get("value").cloned();
    match layout {
        _ if depth > MAX_DEPTH => {}
        Value::Array(items) => {
            for item in items {
                collect_repeats(item, outer, repeats, depth + 1);
            }
        }
        Value::Object(object) => {
            let repeat = own(object).or_else(|| outer.cloned());
            let element = object.get("element").and_then(|element| element.get("name"));
            if let (Some(name), Some(repeat)) = (element.and_then(Value::as_str), &repeat) {
                repeats.insert(name.to_owned(), repeat.clone());
            }
            for value in object.values().filter(|value| value.is_array() || value.is_object()) {
                collect_repeats(value, repeat.as_ref(), repeats, depth + 1);
            }
        }
        _ => {}
    }
}

fn panel(element: &Value, repeat: Option<&Value>) -> Value {
    let spec = spec_of(element);
    let group = spec.get("data").map(spec_of).unwrap_or_default();
    let targets: Vec<Value> = objects(&group, "queries").map(|query| target(&inside(query))).collect();
    let mut panel = group.get("queryOptions").and_then(Value::as_object).cloned().unwrap_or_default();
    panel.extend(json_object(json!({ "title": spec.get("title"), "targets": targets, "repeat": repeat })));
    if let Some(library) = spec.get("libraryPanel") {
        panel.insert("libraryPanel".to_owned(), library.clone());
    }
    panel.into()
}

/// Returns a query's model with `refId` and `datasource` as in classic dashboards.
fn target(query: &Map<String, Value>) -> Value {
    let (mut model, datasource) = model(query);
    if let Some(ref_id) = query.get("refId") {
        model.insert("refId".to_owned(), ref_id.clone());
    }
    model.insert("datasource".to_owned(), datasource);
    model.into()
}

/// Returns the model in `query`, and its datasource. Since v2beta1 both are in the `DataQuery`, with the
/// plugin as its `group`; in v2alpha1 the plugin is the query's `kind`, and the datasource is next to it.
fn model(query: &Map<String, Value>) -> (Map<String, Value>, Value) {
    let inner = query.get("query").and_then(Value::as_object).cloned().unwrap_or_default();
    let plugin_id =
        text(&inner, "group").or_else(|| text(&inner, "kind").filter(|kind| *kind != "DataQuery"));
    let uid = inner.get("datasource").and_then(|datasource| datasource.get("name"));
    let beside = query.get("datasource").and_then(Value::as_object);
    let of = |key: &str| beside.and_then(|datasource| datasource.get(key));
    let datasource = json!({ "type": plugin_id.map(Value::from).as_ref().or_else(|| of("type")), "uid": uid.or_else(|| of("uid")) });
    (inside(&inner), datasource)
}

fn variable(variable: &Map<String, Value>) -> Value {
    let mut entry = inside(variable);
    let kind = text(variable, "kind").unwrap_or_default().trim_end_matches("Variable").to_lowercase();
    // A datasource variable has its plugin where other variables have a query.
    let kind = match kind.as_str() {
        "text" => "textbox".to_owned(),
        "datasource" => {
            entry.insert("query".to_owned(), entry.get("pluginId").cloned().unwrap_or_default());
            kind
        }
        "query" => {
            let (model, datasource) = model(&entry);
            entry.insert("query".to_owned(), model.into());
            entry.insert("datasource".to_owned(), datasource);
            kind
        }
        _ => kind,
    };
    entry.insert("type".to_owned(), kind.into());
    entry.into()
}

fn annotation(annotation: &Map<String, Value>) -> Value {
    let spec = inside(annotation);
    let target = target(&spec);
    let datasource = target.get("datasource").cloned();
    json!({ "name": spec.get("name"), "datasource": datasource, "target": target })
}

/// Returns the content of `spec`.
fn inside(object: &Map<String, Value>) -> Map<String, Value> {
    object.get("spec").and_then(Value::as_object).cloned().unwrap_or_default()
}

fn spec_of(value: &Value) -> Map<String, Value> {
    value.as_object().map(inside).unwrap_or_default()
}

fn json_object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(object) => object.into_iter().filter(|(_, value)| !value.is_null()).collect(),
        _ => Map::new(),
    }
}
