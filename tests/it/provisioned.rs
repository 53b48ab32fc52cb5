//! What ships in `provisioning/`, file by file: every reference leads somewhere, and every query runs over demo reports, over
//! reports with agents and awkward names, over one week, and over none.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::support::{demo, duckdb, executable, reports};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The files of a folder of the project with this ending, with their text.
fn files(folder: &str, ending: &str) -> Vec<(PathBuf, String)> {
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
fn dashboards() -> BTreeMap<String, Value> {
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

fn array<'a>(value: &'a Value, key: &str) -> &'a [Value] {
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
            "query-perf-pattern"
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
        let list = array(dashboard, "links").iter().find(|link| link["type"] == "dashboards").unwrap();
        assert_eq!(list["tags"], serde_json::json!(["query-performance"]), "{uid}");
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
        ("query-perf-agents", "weeks"),
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

#[test]
fn weeks_are_never_subtracted() {
    for (uid, dashboard) in dashboards() {
        let mut found = Vec::new();
        texts(&dashboard, &mut found);
        for text in found.iter().filter(|text| text.contains("perf_all_weeks")) {
            let squeezed: String = text.chars().filter(|c| !c.is_whitespace()).collect();
            for wrong in ["week-1", "week+1", "(week)-", "(week)+", "now()", "current_date"] {
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
        for key in ["summary", "description", "value", "drilldown_url", "runbook_url"] {
            let text = annotations[key].as_str().unwrap_or_else(|| panic!("{uid} has no {key}"));
            for name in text.split("$values.").skip(1).map(|rest| rest.split('.').next().unwrap()) {
                assert!(ids.contains(&name), "{uid}: no query `{name}` for {text}");
            }
        }
        let runbook =
            annotations["runbook_url"].as_str().unwrap().rsplit_once("/duckdb-perf-datasource/").unwrap().1;
        assert!(root().join(runbook).is_file(), "{uid}: {runbook}");
        let target = annotations["drilldown_url"].as_str().unwrap().split("/d/").nth(1).unwrap();
        assert!(all.contains_key(target.split('?').next().unwrap()), "{uid}: {target}");
    }
    let webpack = std::fs::read_to_string(root().join("frontend/webpack.config.js")).unwrap();
    assert!(webpack.contains("'docs/runbooks'"), "the plugin folder holds the runbooks");
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

/// Runs `duckdb-perf check provisioning` over a folder; every query must run.
fn check(folder: &Path, more: &[&str]) -> String {
    let output = Command::new(executable())
        .args(["check", root().join("provisioning").to_str().unwrap(), "--path", folder.to_str().unwrap()])
        .args(more)
        .env("NO_COLOR", "1")
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let out = String::from_utf8_lossy(&output.stdout).into_owned();
    let err = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{}:\n{out}\n{err}", folder.display());
    out
}

#[test]
fn every_query_runs_over_demo_reports() {
    let out = check(&reports(), &["--from", "2026-W01", "--to", "2026-W53"]);
    for named in [
        "query_perf_overview.json",
        "query_perf_pattern.json",
        "query_perf_compare.json",
        "query_perf_agents.json",
        "rules.yaml",
        "annotation What got slower",
        "variable agent",
    ] {
        assert!(out.contains(named), "{named} is missing in:\n{out}");
    }
}

#[test]
fn every_query_runs_over_one_week_and_over_none() {
    let folder = tempfile::tempdir().unwrap();
    check(folder.path(), &[]);
    demo(folder.path(), 1, 8);
    check(folder.path(), &["--from", "2026-W40", "--to", "2026-W53"]);
    // Reports, but not in the time range.
    check(folder.path(), &["--from", "2025-W01", "--to", "2025-W02"]);
}

/// Awkward names.
const NAMES: [&str; 8] =
    ["it's", "{a,b}", "$x", "${y}", "[[z]]", "a < b & c", "SELECT \"q\" -- x", "$__all beside"];

/// Reports over a 53rd week and a year change; from the second on they tell agents apart.
fn with_agents(folder: &Path) {
    let names = NAMES.map(|name| format!("('{}')", name.replace('\'', "''"))).join(", ");
    for (index, week) in [202_652, 202_653, 202_701].into_iter().enumerate() {
        let agents = if index == 0 { "" } else { ", agent" };
        duckdb(&format!(
            "COPY (SELECT {week}::INTEGER AS week, pattern, 40::BIGINT AS samples, 1.0 AS p50_ms, {}.0 * (1 + length(agent)) AS p95_ms, 900.0 AS p99_ms{agents} \
             FROM (VALUES {names}) AS n(pattern), (VALUES ('alpha'), ('be')) AS a(agent)) TO '{}' (FORMAT parquet)",
            20 * (index + 1),
            folder.join(format!("query_perf_weekly_{week}.parquet")).display()
        ));
    }
}

#[test]
fn every_query_runs_over_agents_and_awkward_names() {
    let folder = tempfile::tempdir().unwrap();
    with_agents(folder.path());
    let range = ["--from", "2026-W50", "--to", "2027-W02"];
    check(folder.path(), &range);
    for name in NAMES {
        let pattern = format!("pattern={name}");
        let rest = [
            "--var",
            &pattern,
            "--var",
            "agent=alpha",
            "--var",
            "week=202653",
            "--var",
            "before=202652",
            "--var",
            "slow_ms=50",
        ];
        check(folder.path(), &[&range[..], &rest].concat());
    }
}

/// The SQL of a panel.
fn sql_of(uid: &str, title: &str) -> String {
    let all = dashboards();
    let panel = array(&all[uid], "panels").iter().find(|panel| panel["title"] == title).unwrap();
    panel["targets"][0]["rawSql"].as_str().unwrap().to_owned()
}

/// A panel's rows as CSV lines, without the header.
fn rows(folder: &Path, sql: &str, variables: &[&str]) -> Vec<String> {
    let mut command = Command::new(executable());
    command.args([
        "query",
        "--format",
        "csv",
        "--from",
        "2026-W50",
        "--to",
        "2027-W02",
        "--path",
        folder.to_str().unwrap(),
    ]);
    for variable in variables {
        command.args(["--var", variable]);
    }
    let output = command.arg(sql).env("NO_COLOR", "1").output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    text.lines().skip(1).map(str::to_owned).collect()
}

#[test]
fn the_numbers_over_a_year_change_are_right() {
    let folder = tempfile::tempdir().unwrap();
    with_agents(folder.path());
    let all = [
        "pattern=$__all",
        "agent=$__all",
        "week=newest",
        "slow_ms=",
        "before=previous",
        "percent=25",
        "min_samples=30",
    ];
    let with = |more: &[&'static str]| [&all[..], more].concat();
    // alpha has 20 × index × 6, be × 3: the newest week has 360 and 180 ms, the one before 240 and 120, the first 120 and 60.
    let wow = rows(folder.path(), &sql_of("query-perf-pattern", "Week over week"), &with(&["pattern=it's"]));
    assert_eq!(wow.len(), 3);
    assert!(
        wow[0].starts_with("2027-W01,360,120,50,") && wow[1].starts_with("2026-W53,240,120,100,"),
        "{wow:?}"
    );
    assert!(wow[2].starts_with("2026-W52,120,,,"), "{wow:?}");
    let one = rows(
        folder.path(),
        &sql_of("query-perf-pattern", "Week over week"),
        &with(&["pattern=$x", "agent=be"]),
    );
    assert!(
        one.len() == 2 && one[0].starts_with("2027-W01,180,60,50,"),
        "the first report knows no agent: {one:?}"
    );
    let changed = rows(folder.path(), &sql_of("query-perf-compare", "What changed"), &all);
    assert_eq!(changed, ["8,0,0,0,8,8,2027-W01,2026-W53"]);
    let chosen = rows(
        folder.path(),
        &sql_of("query-perf-compare", "What changed"),
        &with(&["week=202653", "slow_ms=130"]),
    );
    assert_eq!(chosen, ["8,0,0,0,8,0,2026-W53,2026-W52"]);
    let agents = rows(
        folder.path(),
        &sql_of("query-perf-agents", "Agents in the current week"),
        &with(&["agent_regex=x"]),
    );
    assert!(agents.len() == 2 && agents[0].starts_with("alpha,8,8,320,360,50,360,"), "{agents:?}");
}

#[test]
fn the_runbooks_commands_work() {
    let folder = tempfile::tempdir().unwrap();
    std::os::unix::fs::symlink(reports(), folder.path().join("reports")).unwrap();
    let path = format!("{}:{}", executable().parent().unwrap().display(), std::env::var("PATH").unwrap());
    let mut ran = 0;
    for (file, text) in files("docs/runbooks", "md") {
        for block in text.split("```sh\n").skip(1).map(|rest| rest.split("```").next().unwrap()) {
            let output = Command::new("sh")
                .args(["-eu", "-c", block])
                .current_dir(folder.path())
                .env("PATH", &path)
                .env("NO_COLOR", "1")
                .output()
                .unwrap();
            let err = String::from_utf8_lossy(&output.stderr);
            assert!(
                output.status.success() && !output.stdout.is_empty(),
                "{}: {block}\n{err}",
                file.display()
            );
            ran += 1;
        }
        for link in text.split("](").skip(1).map(|rest| rest.split(')').next().unwrap()) {
            assert!(file.parent().unwrap().join(link).is_file(), "{}: {link}", file.display());
        }
    }
    assert_eq!(ran, 4);
}
