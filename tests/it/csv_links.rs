//! The CSV links of the dashboards that ship, filled as Grafana fills them: each file holds what the panels
//! beside the link show, when nothing is chosen, when text boxes are emptied, and when everything is chosen.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use crate::agents::{NAMES, with_agents};
use crate::provisioned::{array, dashboards};
use crate::served::{Served, encoded};

const RANGE: (&str, &str) = ("2026-W50", "2027-W02");
/// What Grafana stores for All, and what it may write instead into an address.
const ALL: &str = "$__all";
const ALL_IN_ADDRESSES: [&str; 2] = [ALL, "All"];

type Row = BTreeMap<String, String>;
/// Columns of the file beside those of the panel, and how far numbers may differ: the file's are rounded.
type Columns = &'static [(&'static str, &'static str, f64)];

/// The panel that shows the rows of the file.
const PANELS: &[(&str, &str, Columns)] = &[
    (
        "query-perf-pattern",
        "Week over week",
        &[
            ("report", "report", 0.0),
            ("p50_ms", "p50_ms", 0.0),
            ("p95_ms", "p95_ms", 0.0),
            ("p99_ms", "p99_ms", 0.0),
            ("samples", "samples", 0.0),
        ],
    ),
    (
        "query-perf-compare",
        "Regressions",
        &[
            ("pattern", "pattern", 0.0),
            ("previous_p95_ms", "before_ms", 0.0),
            ("p95_ms", "p95_ms", 0.0),
            ("change_ms", "change_ms", 0.001),
            ("change_percent", "change_percent", 0.051),
            ("samples", "samples", 0.0),
        ],
    ),
    (
        "query-perf-agents",
        "Agents in the current week",
        &[
            ("agent", "agent", 0.0),
            ("patterns", "patterns", 0.0),
            ("slow_patterns", "slow_patterns", 0.0),
            ("samples", "samples", 0.0),
            ("p95_ms", "p95_ms", 0.001),
            ("change_percent", "change_percent", 0.051),
            ("max_p95_ms", "worst_ms", 0.0),
            ("slowest_pattern", "pattern", 0.0),
        ],
    ),
];

/// What is chosen where it is not what the dashboard is saved with.
type Chosen = &'static [(&'static str, &'static [&'static str])];

const NOTHING: Chosen = &[];
const EMPTIED: Chosen = &[("percent", &[""]), ("min_samples", &[""]), ("agent_regex", &[""])];
const EVERYTHING: Chosen = &[
    ("pattern", &["it's", "{a,b}"]),
    ("agent", &["be"]),
    ("week", &["202653"]),
    ("before", &["202652"]),
    ("slow_ms", &["70"]),
    ("percent", &["5"]),
    ("min_samples", &["10"]),
    ("agent_regex", &["(it|a)"]),
];
/// The first report, which has none before it and knows no agent.
const FIRST: Chosen = &[("week", &["202651"]), ("agent_regex", &["(it|a)"])];
/// The earlier report knows no agent.
const WEEKS: Chosen =
    &[("pattern", &["{a,b}"]), ("week", &["202653"]), ("before", &["202651"]), ("percent", &["60"])];

/// A variable's values: the chosen ones, or those that the dashboard is saved with.
fn values(variable: &Value, chosen: Chosen) -> Vec<String> {
    let is_multi = variable["multi"] == true;
    match chosen.iter().find(|(name, _)| variable["name"] == *name) {
        Some((_, values)) => {
            values[..if is_multi { values.len() } else { 1 }].iter().map(|v| (*v).to_owned()).collect()
        }
        None => match &variable["current"]["value"] {
            Value::Array(values) => values.iter().map(|value| value.as_str().unwrap().to_owned()).collect(),
            value => vec![value.as_str().unwrap().to_owned()],
        },
    }
}

/// The dashboard's link, as Grafana writes it.
fn address(dashboard: &Value, chosen: Chosen, all: &str) -> String {
    let link = array(dashboard, "links").iter().find(|link| link["type"] == "link").unwrap();
    let url = link["url"].as_str().unwrap();
    let url = url.strip_prefix("/api/datasources/uid/${datasource}/resources/").unwrap();
    let range = format!("from={}&to={}&timezone=browser", RANGE.0, RANGE.1);
    let mut url = format!("api/{}", url.replace("${__url_time_range}", &range));
    for variable in array(&dashboard["templating"], "list") {
        let name = variable["name"].as_str().unwrap();
        let written = values(variable, chosen).into_iter().map(|value| {
            let value = if value == ALL && variable["allValue"].is_string() { all.to_owned() } else { value };
            format!("var-{name}={}", encoded(&value))
        });
        url = url.replace(&format!("${{{name}:queryparam}}"), &written.collect::<Vec<_>>().join("&"));
    }
    assert!(!url.contains('$'), "{url}");
    url
}

/// What a panel shows.
fn panel(served: &Served, dashboard: &Value, title: &str, chosen: Chosen) -> Vec<Value> {
    let panel = array(dashboard, "panels").iter().find(|panel| panel["title"] == title).unwrap();
    let mut sql = panel["targets"][0]["rawSql"].as_str().unwrap().to_owned();
    let mut variables = Map::new();
    for variable in array(&dashboard["templating"], "list") {
        let name = variable["name"].as_str().unwrap().to_owned();
        let values = values(variable, chosen);
        match variable["allValue"].as_str() {
            // A text of its own is put in as it is.
            Some(all) if all != ALL && values == [ALL] => sql = sql.replace(&format!("${name}"), all),
            _ if variable["multi"] == true => _ = variables.insert(name, values.into()),
            _ => _ = variables.insert(name, values[0].clone().into()),
        }
    }
    let asked = json!({"rawSql": sql, "from": RANGE.0, "to": RANGE.1, "variables": variables});
    served.query(&asked).rows()
}

/// The rows of the file by column, with the week as the panels write it.
fn file(served: &Served, address: &str) -> Vec<Row> {
    let reply = served.get(address);
    assert_eq!(reply.status, 200, "{address}: {}", String::from_utf8_lossy(&reply.body));
    let mut reader = csv::Reader::from_reader(&reply.body[..]);
    let header = reader.headers().unwrap().clone();
    let named = |record: csv::StringRecord| {
        let pairs = header.iter().zip(record.iter()).map(|(name, value)| (name.to_owned(), value.to_owned()));
        let mut row: Row = pairs.collect();
        let (year, week) = row["week"].split_at(4);
        let report = format!("{year}-W{week}");
        row.insert("report".to_owned(), report);
        row
    };
    reader.records().map(|record| named(record.unwrap())).collect()
}

fn is_same(written: &str, shown: &Value, apart: f64) -> bool {
    match shown {
        Value::Null => written.is_empty(),
        Value::String(text) => written == text,
        number => {
            written.parse::<f64>().is_ok_and(|written| (written - number.as_f64().unwrap()).abs() <= apart)
        }
    }
}

#[test]
fn each_file_holds_what_the_panel_shows() {
    let folder = tempfile::tempdir().unwrap();
    with_agents(folder.path());
    let served = Served::start(folder.path(), &[]);
    let all = dashboards();
    for (uid, title, columns) in PANELS {
        let mut files = Vec::new();
        for chosen in [NOTHING, EMPTIED, EVERYTHING, WEEKS, FIRST] {
            let mut shown = panel(&served, &all[*uid], title, chosen);
            if *uid == "query-perf-pattern" {
                // The file is a history, the panel begins with the newest.
                shown.reverse();
            }
            let is_empty = *uid == "query-perf-compare" && chosen == FIRST;
            assert_eq!(shown.is_empty(), is_empty, "{title}: {chosen:?}");
            for word in ALL_IN_ADDRESSES {
                let address = address(&all[*uid], chosen, word);
                let written = file(&served, &address);
                assert_eq!(written.len(), shown.len(), "{title}: {address}\n{written:?}\n{shown:?}");
                for (row, beside) in written.iter().zip(&shown) {
                    for (column, other, apart) in *columns {
                        assert!(
                            is_same(&row[*column], &beside[*other], *apart),
                            "{title}, {column}: {address}\n{row:?}\n{beside}"
                        );
                    }
                }
                files.push(written);
            }
        }
        files.dedup();
        assert!(files.len() >= 3, "{uid}: what is chosen shows in the file");
    }
}

/// The overview's file holds the rows behind its panels.
#[test]
fn the_overviews_file_holds_the_rows_behind_its_panels() {
    let folder = tempfile::tempdir().unwrap();
    with_agents(folder.path());
    let served = Served::start(folder.path(), &[]);
    let overview = &dashboards()["query-perf-overview"];
    for chosen in [NOTHING, EVERYTHING] {
        let mut shown: BTreeMap<String, f64> = BTreeMap::new();
        let rows = panel(&served, overview, "Query volume per week", chosen);
        // The series of the weeks themselves is for tooltips only.
        for row in rows.iter().filter(|row| row["line"] != "week") {
            // The week behind the newest, which makes bars as wide as a week, has none.
            let Some(samples) = row["samples"].as_f64() else { continue };
            *shown.entry(row["week"].to_string()).or_default() += samples;
        }
        for word in ALL_IN_ADDRESSES {
            let written = file(&served, &address(overview, chosen, word));
            let mut sums: BTreeMap<String, f64> = BTreeMap::new();
            for row in &written {
                *sums.entry(row["week"].clone()).or_default() += row["samples"].parse::<f64>().unwrap();
            }
            // A report that has none of them is a bar of nothing, and no row of the file.
            shown.retain(|_, samples| *samples > 0.0);
            assert_eq!(sums, shown, "{chosen:?}");
            // The first report has a row for each pattern, the three others one for each agent.
            let expected = if chosen.is_empty() { NAMES.len() * 7 } else { 2 * 3 };
            assert_eq!(written.len(), expected, "{chosen:?}");
        }
    }
}

/// The table of agents opens a pattern for the row's agent where the reports know it; an agent by name means
/// nothing there.
#[test]
fn the_link_to_a_pattern_keeps_an_agent_of_the_reports() {
    let folder = tempfile::tempdir().unwrap();
    with_agents(folder.path());
    let served = Served::start(folder.path(), &[]);
    let dashboard = &dashboards()["query-perf-agents"];
    let title = "Agents in the current week";
    let passed = |chosen: Chosen| -> Vec<(Value, Value)> {
        let rows = panel(&served, dashboard, title, chosen);
        rows.iter().map(|row| (row["agent"].clone(), row["own"].clone())).collect()
    };
    assert_eq!(passed(NOTHING), [(json!("be"), json!("be")), (json!("alpha"), json!("alpha"))]);
    let by_name = passed(FIRST);
    assert!(by_name.len() > 1 && by_name.iter().all(|(_, own)| *own == ALL), "{by_name:?}");
    let panel = array(dashboard, "panels").iter().find(|panel| panel["title"] == title).unwrap();
    let link = "/d/query-perf-pattern?${datasource:queryparam}&${__url_time_range}&var-pattern=${__data.fields.pattern:percentencode}&var-agent=${__data.fields.own:percentencode}";
    assert!(panel["fieldConfig"].to_string().contains(link), "{}", panel["fieldConfig"]);
}

/// Whoever adds a link adds what is behind it to this test.
#[test]
fn every_link_is_tried() {
    let mut tried: Vec<&str> = PANELS.iter().map(|(uid, ..)| *uid).collect();
    tried.push("query-perf-overview");
    for (uid, dashboard) in dashboards() {
        let links = array(&dashboard, "links").iter().filter_map(|link| link["url"].as_str());
        let count = links.filter(|url| url.contains("export.csv")).count();
        assert_eq!(count, usize::from(tried.contains(&uid.as_str())), "{uid}");
    }
}
