//! What ships in `provisioning/`, file by file: every reference leads somewhere. That the queries run, and
//! what they give, is `provisioned_queries`' business.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use serde_json::Value;

/// The project's folder.
pub(crate) fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The files of a folder of the project with this ending, with their text.
pub(crate) fn files(folder: &str, ending: &str) -> Vec<(PathBuf, String)> {
    let mut found: Vec<_> = std::fs::read_dir(root().join(folder))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|end| end == ending))
        .map(|path| (path.clone(), std::fs::read_to_string(path).unwrap()))
        .collect();
    found.sort();
    assert!(!found.is_empty(), "{folder}");
    found
}

/// The dashboards by uid.
pub(crate) fn dashboards() -> BTreeMap<String, Value> {
    let read = |(path, text): (PathBuf, String)| {
        let dashboard: Value =
            serde_json::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        (dashboard["uid"].as_str().unwrap().to_owned(), dashboard)
    };
    files("provisioning/dashboards", "json").into_iter().map(read).collect()
}

fn yaml(text: &str) -> Value {
    serde_saphyr::from_str(text).unwrap()
}

/// The list under a key; none when it is not there.
pub(crate) fn array<'a>(value: &'a Value, key: &str) -> &'a [Value] {
    value[key].as_array().map_or(&[], Vec::as_slice)
}

fn texts<'a>(value: &'a Value, into: &mut Vec<&'a str>) {
    match value {
        Value::String(text) => into.push(text),
        Value::Array(items) => items.iter().for_each(|item| texts(item, into)),
        Value::Object(members) => members.values().for_each(|item| texts(item, into)),
        _ => {}
    }
}

/// The variables named as `$name`, `${name}` or `${name:format}`; macros and Grafana's own (`__…`) left out.
fn variables_in(text: &str) -> BTreeSet<String> {
    text.split('$')
        .skip(1)
        .map(|rest| {
            let rest = rest.strip_prefix('{').unwrap_or(rest);
            rest.chars().take_while(|c| c.is_ascii_alphanumeric() || *c == '_').collect::<String>()
        })
        .filter(|name| name.starts_with(|c: char| c.is_ascii_lowercase()) && !name.starts_with("__"))
        .collect()
}

fn variables_of(dashboard: &Value) -> BTreeSet<String> {
    array(&dashboard["templating"], "list").iter().map(|v| v["name"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn dashboards_lead_somewhere() {
    let all = dashboards();
    let uids: Vec<_> = all.keys().map(String::as_str).collect();
    assert_eq!(
        uids,
        [
            "duckdb-perf-health",
            "query-perf-agents",
            "query-perf-compare",
            "query-perf-overview",
            "query-perf-pattern",
            "query-perf-public"
        ]
    );
    for (uid, dashboard) in &all {
        let known = variables_of(dashboard);
        let mut found = Vec::new();
        texts(&dashboard["panels"], &mut found);
        texts(&dashboard["annotations"], &mut found);
        texts(&dashboard["links"], &mut found);
        texts(&dashboard["templating"], &mut found);
        for text in &found {
            // A regular expression ends in `$`, and Markdown may show a price.
            for name in variables_in(text) {
                assert!(known.contains(&name), "{uid}: no variable `{name}` for: {text}");
            }
            for link in text.split("/d/").skip(1).filter(|link| !link.starts_with("${__dashboard.uid}")) {
                let target = link.split(['?', '/']).next().unwrap();
                let target = all.get(target).unwrap_or_else(|| panic!("{uid}: {text}"));
                let theirs = variables_of(target);
                for part in link.split(['?', '&']).skip(1) {
                    let name = part.strip_prefix("var-").and_then(|rest| rest.split('=').next());
                    let name = name.or_else(|| part.strip_prefix("${")?.strip_suffix(":queryparam}"));
                    assert!(name.is_none_or(|name| theirs.contains(name)), "{uid}: {part} in {text}");
                }
            }
        }
        assert!(
            array(dashboard, "tags").contains(&"query-performance".into()),
            "{uid} is not in the list of links"
        );
        if uid == SHARED {
            continue;
        }
        let list = array(dashboard, "links").iter().find(|link| link["type"] == "dashboards").unwrap();
        assert_eq!(list["tags"], serde_json::json!(["query-performance"]), "{uid}");
    }
}

/// The dashboard for people who are not logged in, and may open nothing else.
const SHARED: &str = "query-perf-public";

/// For a dashboard that is shared externally, Grafana fills in no variables, sends no query of an annotation,
/// and opens no other dashboard.
#[test]
fn what_is_shared_externally_needs_nothing_but_its_datasource() {
    let all = dashboards();
    let shared = &all[SHARED];
    let datasource = &files("provisioning/datasources", "yaml")[0].1;
    assert!(array(&shared["templating"], "list").is_empty() && array(shared, "links").is_empty());
    assert!(array(&shared["annotations"], "list").iter().all(|one| one["builtIn"] == 1));
    let titles = |uid: &str| -> Vec<&str> {
        array(&all[uid], "panels").iter().map(|panel| panel["type"].as_str().unwrap()).collect()
    };
    assert_eq!(titles(SHARED), titles("query-perf-overview"));
    for panel in array(shared, "panels") {
        let title = &panel["title"];
        assert!(datasource.contains(&format!("uid: {}\n", panel["datasource"]["uid"].as_str().unwrap())));
        let mut found = Vec::new();
        texts(panel, &mut found);
        for text in found {
            assert!(variables_in(text).is_empty() && !text.contains("/d/"), "{title}: {text}");
            assert!(!text.contains("$__conditionalAll") && !text.contains("${__url"), "{title}: {text}");
        }
    }
}

#[test]
fn variables_with_one_value_stand_in_quotes() {
    for (uid, dashboard) in dashboards() {
        let mut found = Vec::new();
        texts(&dashboard["panels"], &mut found);
        texts(&dashboard["annotations"], &mut found);
        texts(&dashboard["templating"], &mut found);
        let is_one = |variable: &&Value| variable["multi"] != true && variable["includeAll"] != true;
        for variable in array(&dashboard["templating"], "list").iter().filter(is_one) {
            let name = variable["name"].as_str().unwrap();
            for text in found.iter().filter(|text| text.contains("perf_weeks")) {
                // Grafana's frontend writes such a value bare, with its quotes doubled.
                let mut pieces: Vec<&str> = text.split(&format!("${name}")).collect();
                pieces.pop();
                for before in pieces {
                    assert!(before.ends_with('\''), "{uid}: `${name}` without quotes in {text}");
                }
            }
        }
    }
}

#[test]
fn panels_are_complete_and_do_not_overlap() {
    for (uid, dashboard) in dashboards() {
        let mut ids = BTreeSet::new();
        let mut taken = BTreeSet::new();
        for panel in array(&dashboard, "panels") {
            let title = format!("{uid}: {}", panel["title"]);
            assert!(ids.insert(panel["id"].as_u64().unwrap()), "{title} has another one's id");
            let at = |key: &str| panel["gridPos"][key].as_u64().unwrap();
            assert!(at("x") + at("w") <= 24, "{title}");
            for x in at("x")..at("x") + at("w") {
                for y in at("y")..at("y") + at("h") {
                    assert!(taken.insert((x, y)), "{title} overlaps");
                }
            }
            if panel["type"] == "text" {
                continue;
            }
            assert!(panel["description"].as_str().is_some_and(|text| text.len() > 15), "{title}");
            let empty = panel["fieldConfig"]["defaults"]["noValue"].as_str();
            assert!(empty.is_some_and(|text| !text.is_empty()), "{title} says nothing when there is nothing");
            assert!(!array(panel, "targets").is_empty(), "{title}");
            for target in array(panel, "targets") {
                assert_eq!(target["datasource"], panel["datasource"], "{title}");
            }
        }
    }
}

#[test]
fn every_panel_of_the_overview_opens_a_pattern_and_the_csv_follows_the_choice() {
    let all = dashboards();
    for panel in array(&all["query-perf-overview"], "panels") {
        let mut found = Vec::new();
        texts(&panel["fieldConfig"], &mut found);
        assert!(found.iter().any(|text| text.starts_with("/d/query-perf-pattern?")), "{}", panel["title"]);
    }
    for (uid, table) in [
        ("query-perf-overview", "weeks"),
        ("query-perf-pattern", "pattern"),
        ("query-perf-compare", "regressions"),
        ("query-perf-agents", "agents"),
    ] {
        let csv = array(&all[uid], "links").iter().find(|link| link["type"] == "link").unwrap();
        let url = csv["url"].as_str().unwrap();
        let start = format!(
            "/api/datasources/uid/${{datasource}}/resources/export.csv?table={table}&${{__url_time_range}}"
        );
        assert!(url.starts_with(&start), "{url}");
        assert_eq!(csv["targetBlank"], true, "Grafana's router would take the click");
    }
}

/// What a panel's override for a field says.
fn override_of<'a>(panel: &'a Value, field: &str, property: &str) -> &'a Value {
    let fields = array(&panel["fieldConfig"], "overrides");
    let found = fields.iter().find(|one| one["matcher"]["options"] == field).unwrap();
    &array(found, "properties").iter().find(|one| one["id"] == property).unwrap()["value"]
}

fn panel_of<'a>(all: &'a BTreeMap<String, Value>, uid: &str, title: &str) -> &'a Value {
    array(&all[uid], "panels").iter().find(|panel| panel["title"] == title).unwrap()
}

/// What has no P95 in one of two reports is neither better nor worse. Grafana gives what is not there the
/// colour of the first step.
#[test]
fn what_has_nothing_before_it_is_neither_good_nor_bad() {
    let all = dashboards();
    let panel = panel_of(&all, "query-perf-pattern", "The current week");
    let field = "Change";
    assert_eq!(override_of(panel, field, "noValue"), "not comparable");
    let steps = override_of(panel, field, "thresholds")["steps"].as_array().unwrap();
    let steps: Vec<_> =
        steps.iter().map(|step| (step["color"].as_str().unwrap(), step["value"].as_f64())).collect();
    assert_eq!(steps[0], ("text", None));
    // From −100% on, less than which nothing can become.
    // Ten percent either way are chance.
    assert_eq!(steps[1..4], [("green", Some(-100.0)), ("text", Some(-10.0)), ("orange", Some(10.0))]);
    let first = |title, field| {
        &override_of(panel_of(&all, "query-perf-pattern", title), field, "thresholds")["steps"][0]["color"]
    };
    assert_eq!(first("The current week", "× threshold"), "text");
}

/// Grafana keeps a tenth of an axis free for the values beside the bars: of what lies between the least and
/// the greatest bar, unless the axis begins at a fixed number.
#[test]
fn the_longest_bar_leaves_room_for_its_value() {
    let all = dashboards();
    let defaults = &panel_of(&all, "query-perf-overview", "Top 10 slow patterns of the current week")["fieldConfig"]
        ["defaults"];
    assert_eq!((&defaults["min"], &defaults["custom"]["axisSoftMin"]), (&0.into(), &Value::Null));
}

#[test]
fn weeks_are_never_subtracted() {
    for (uid, dashboard) in dashboards() {
        let mut found = Vec::new();
        texts(&dashboard, &mut found);
        for text in found.iter().filter(|text| text.contains("perf_weeks")) {
            let code = text.lines().map(|line| line.split("--").next().unwrap());
            let squeezed: String = code.flat_map(str::chars).filter(|c| !c.is_whitespace()).collect();
            for wrong in ["week-", "week+", "max(week)-", "max(week)+", "now()", "current_date"] {
                assert!(!squeezed.contains(wrong), "{uid}: `{wrong}` in {text}");
            }
        }
    }
}

#[test]
fn alert_rules_lead_somewhere() {
    let all = dashboards();
    let provider = yaml(&files("provisioning/dashboards", "yaml")[0].1);
    let datasource = &files("provisioning/datasources", "yaml")[0].1;
    let rules = yaml(&std::fs::read_to_string(root().join("provisioning/alerting/rules.yaml")).unwrap());
    let group = &rules["groups"][0];
    // Rules come first, and make their folder by its name: one of the same name would be there twice.
    assert_ne!(group["folder"], provider["providers"][0]["folder"]);
    let mut uids = BTreeSet::new();
    for rule in array(group, "rules") {
        let uid = rule["uid"].as_str().unwrap();
        assert!(uid.len() <= 40 && uids.insert(uid), "{uid}");
        assert!(
            rule["noDataState"].is_string() && rule["execErrState"].is_string(),
            "{uid}: states are chosen"
        );
        assert_eq!(rule["labels"]["service"], "query-performance", "{uid}: the policy's label");
        let ids: Vec<_> = array(rule, "data").iter().map(|query| query["refId"].as_str().unwrap()).collect();
        assert!(ids.contains(&rule["condition"].as_str().unwrap()), "{uid}");
        for query in array(rule, "data") {
            let (id, model) = (query["refId"].as_str().unwrap(), &query["model"]);
            assert_eq!(model["refId"], id, "{uid}");
            if query["datasourceUid"] == "__expr__" {
                let expression = model["expression"].as_str().unwrap();
                let names = if model["type"] == "math" {
                    variables_in(expression)
                } else {
                    [expression.to_owned()].into()
                };
                assert!(names.iter().all(|name| ids.contains(&name.as_str())), "{uid} {id}: {expression}");
            } else {
                let named = format!("uid: {}\n", query["datasourceUid"].as_str().unwrap());
                assert!(datasource.contains(&named), "{uid} {id}: {named}");
                let sql = model["rawSql"].as_str().unwrap();
                assert!(
                    !sql.contains(" pattern,\n") || sql.contains("LIMIT 50"),
                    "{uid} {id}: one alert per pattern, without bound"
                );
            }
        }
        if let Some(dashboard) = rule["dashboardUid"].as_str() {
            let panels = array(&all[dashboard], "panels");
            assert!(panels.iter().any(|panel| panel["id"] == rule["panelId"]), "{uid}");
        }
        let annotations = &rule["annotations"];
        for key in ["summary", "description", "runbook_url"] {
            // Lists of rules show them as they are.
            let text = annotations[key].as_str().unwrap_or_default();
            assert!(!text.contains("{{"), "{uid}: {key} reads badly: {text}");
        }
        for key in ["summary", "finding", "description", "value", "drilldown_url", "runbook_url"] {
            let text = annotations[key].as_str().unwrap_or_else(|| panic!("{uid} has no {key}"));
            for rest in text.split("$values.").skip(1) {
                let name = rest.split(|c: char| !c.is_ascii_alphanumeric() && c != '_').next().unwrap();
                assert!(ids.contains(&name), "{uid}: no query `{name}` for {text}");
            }
        }
        // Labels are shown, too: the pattern, once.
        let sql = rule.to_string();
        assert!(!sql.contains(" AS name"), "{uid}: a second label for the pattern");
        let runbook =
            annotations["runbook_url"].as_str().unwrap().rsplit_once("/duckdb-perf-datasource/").unwrap().1;
        assert!(root().join(runbook).is_file(), "{uid}: {runbook}");
        let target = annotations["drilldown_url"].as_str().unwrap().split("/d/").nth(1).unwrap();
        assert!(all.contains_key(target.split('?').next().unwrap()), "{uid}: {target}");
    }
    let webpack = std::fs::read_to_string(root().join("frontend/webpack.config.js")).unwrap();
    assert!(webpack.contains("'docs'"), "the plugin folder holds the runbooks");
}

#[test]
fn grafana_starts_without_the_contact_points_variables() {
    for (path, text) in files("provisioning/alerting", "yaml") {
        assert!(!text.contains("$PERF") && !text.contains("${PERF"), "{} needs a variable", path.display());
        // Older Grafanas refuse to start over a file of another kind in this folder.
        let count = std::fs::read_dir(path.parent().unwrap()).unwrap().count();
        assert_eq!(count, files("provisioning/alerting", "yaml").len());
    }
    let templates = std::fs::read_to_string(root().join("provisioning/alerting/templates.yaml")).unwrap();
    let mut receivers = BTreeSet::new();
    let mut routed = BTreeSet::new();
    for (path, text) in files("provisioning/contact_points", "yaml") {
        let tree = yaml(&text);
        for point in array(&tree, "contactPoints") {
            receivers.insert(point["name"].as_str().unwrap().to_owned());
        }
        for policy in array(&tree, "policies").iter().flat_map(|policy| array(policy, "routes")) {
            routed.insert(policy["receiver"].as_str().unwrap().to_owned());
        }
        for name in text.split("{{ template \"").skip(1).map(|rest| rest.split('"').next().unwrap()) {
            assert!(templates.contains(&format!("define \"{name}\"")), "{}: {name}", path.display());
        }
    }
    assert_eq!(receivers, routed, "the policy leads to the contact point");
}

#[test]
fn the_health_dashboard_asks_for_metrics_that_are_there() {
    let text = std::fs::read_to_string(root().join("provisioning/dashboards/plugin_health.json")).unwrap();
    let known: BTreeSet<&str> = duckdb_perf::metrics::TABLE.iter().map(|metric| metric.name).collect();
    let mut asked = BTreeSet::new();
    for rest in text.split("duckdb_perf_").skip(1) {
        let end = rest.find(|c: char| !c.is_ascii_lowercase() && c != '_').unwrap_or(rest.len());
        asked.insert(format!("duckdb_perf_{}", rest[..end].trim_end_matches("_bucket")));
    }
    assert!(asked.len() >= known.len(), "every metric is shown: {asked:?}");
    for name in &asked {
        assert!(known.contains(name.as_str()), "there is no metric `{name}`");
    }
}
