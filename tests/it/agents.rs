//! Reports that tell agents apart in a column `agent`: a pattern is one row all the same, with its slowest
//! agent and the samples of all, unless agents are chosen; at the JSON API and in the queries of the guide, a
//! runbook and the library.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};

use crate::provisioned::root;
use crate::served::{Served, encoded};
use crate::support::{duckdb, executable, reports};

/// Patterns that need care in SQL, addresses and CSV.
pub(crate) const NAMES: [&str; 4] = ["it's", "{a,b}", "SELECT * FROM orders, \"x\"", "a & b = c%"];
/// Over a year of 53 weeks, with what everything is multiplied with.
const WEEKS: [(u32, f64); 4] = [(202_651, 3.0), (202_652, 4.0), (202_653, 5.0), (202_701, 6.5)];

/// Four reports, the first without agents. From the second on each pattern has two, `alpha` and `be`, of
/// which another one is the slower from week to week; no two numbers are equal.
pub(crate) fn with_agents(folder: &Path) {
    let names = NAMES.iter().enumerate().map(|(at, name)| format!("({at}, '{}')", name.replace('\'', "''")));
    let names = names.collect::<Vec<_>>().join(", ");
    for (index, (week, times)) in WEEKS.into_iter().enumerate() {
        let (agent, agents) =
            if index == 0 { ("", "(0, '')") } else { (", agent", "(0, 'alpha'), (1, 'be')") };
        duckdb(&format!(
            "COPY (SELECT {week}::INTEGER AS week, pattern, (40 + 7 * p + 13 * a + {index})::BIGINT AS samples, p95_ms / 2 AS p50_ms, p95_ms, p95_ms * 3 AS p99_ms{agent} \
             FROM (SELECT *, (10 * (p + 1) * {times} + CASE WHEN ({index} + p + a) % 2 = 0 THEN 25 ELSE a END)::DOUBLE AS p95_ms \
             FROM (VALUES {names}) AS n(p, pattern), (VALUES {agents}) AS g(a, agent))) TO '{}' (FORMAT parquet)",
            folder.join(format!("query_perf_weekly_{week}.parquet")).display()
        ));
    }
}

/// What a pattern is in a week: the highest p95, all samples.
type Counted = BTreeMap<(i64, String), (f64, i64)>;

/// Counted here, from the rows themselves.
fn counted(served: &Served, agents: &[&str]) -> Counted {
    let mut found = Counted::new();
    for row in served.query(&json!({"rawSql": "FROM perf_all_weeks"})).rows() {
        if agents.is_empty() || row["agent"].as_str().is_some_and(|agent| agents.contains(&agent)) {
            let key = (row["week"].as_i64().unwrap(), row["pattern"].as_str().unwrap().to_owned());
            let (p95, samples) = found.entry(key).or_default();
            *p95 = p95.max(row["p95_ms"].as_f64().unwrap());
            *samples += row["samples"].as_i64().unwrap();
        }
    }
    found
}

fn of(row: &Value, p95: &str, samples: &str) -> (f64, i64) {
    (row[p95].as_f64().unwrap(), row[samples].as_i64().unwrap())
}

fn text(row: &Value, name: &str) -> String {
    row[name].as_str().unwrap().to_owned()
}

#[test]
fn regressions_compare_patterns_and_not_agents() {
    let folder = tempfile::tempdir().unwrap();
    with_agents(folder.path());
    let served = Served::start(folder.path(), &[]);
    // What is asked, whose rows count, and which reports are compared.
    for (asked, agents, week, before) in [
        ("", &[][..], 202_701, 202_653),
        ("&week=202653", &[], 202_653, 202_652),
        ("&before=202652", &[], 202_701, 202_652),
        ("&week=2026-W53&before=2026-W51", &[], 202_653, 202_651),
        // Without a report of its own, the newest before it; what is not before counts as the report before.
        ("&to=2026-W53&before=2026-W01&week=newest", &[], 0, 0),
        ("&week=202653&before=202701", &[], 202_653, 202_652),
        ("&week=newest&before=previous", &[], 202_701, 202_653),
        ("&agent=be", &["be"], 202_701, 202_653),
        ("&agent=be&agent=alpha", &["alpha", "be"], 202_701, 202_653),
        // The first report knows no agent.
        ("&agent=be&week=202652", &["be"], 0, 0),
    ] {
        let all = counted(&served, agents);
        let mut expected: Vec<(f64, String)> = NAMES
            .iter()
            .filter_map(|name| {
                let (now, _) = all.get(&(week, (*name).to_owned()))?;
                let (then, _) = all.get(&(before, (*name).to_owned()))?;
                (now > then).then(|| (then - now, (*name).to_owned()))
            })
            .collect();
        expected.sort_by(|a, b| a.partial_cmp(b).unwrap());
        let rows = served.get(&format!("api/perf/regressions?percent=0&min_samples=0{asked}")).rows();
        let found: Vec<_> = rows.iter().map(|row| text(row, "pattern")).collect();
        assert_eq!(found, expected.iter().map(|(_, name)| name.clone()).collect::<Vec<_>>(), "{asked}");
        assert_eq!(found.is_empty(), week == 0, "{asked} shows nothing");
        for row in &rows {
            assert_eq!((&row["week"], &row["previous_week"]), (&json!(week), &json!(before)), "{asked}");
            assert_eq!(of(row, "p95_ms", "samples"), all[&(week, text(row, "pattern"))], "{asked}");
            let then = of(row, "previous_p95_ms", "previous_samples");
            assert_eq!(then, all[&(before, text(row, "pattern"))], "{asked}");
        }
    }
    // Samples of all agents together must suffice: 42 + 55 and more.
    let rows = served.get("api/perf/regressions?percent=0&min_samples=90").rows();
    assert_eq!(rows.len(), NAMES.len());
}

#[test]
fn a_pattern_has_one_row_a_week() {
    let folder = tempfile::tempdir().unwrap();
    with_agents(folder.path());
    let served = Served::start(folder.path(), &[]);
    for (agents, asked) in
        [(&[][..], ""), (&["be"], "&agent=be"), (&["alpha", "be"], "&agent=alpha&agent=be")]
    {
        let all = counted(&served, agents);
        for name in NAMES {
            let rows = served.get(&format!("api/perf/pattern?name={}{asked}", encoded(name))).rows();
            let weeks: Vec<_> = rows.iter().map(|row| row["week"].as_i64().unwrap()).collect();
            let known: BTreeSet<_> = all.keys().map(|(week, _)| *week).collect();
            assert_eq!(weeks, known.into_iter().collect::<Vec<_>>(), "{name} {asked}");
            let mut before = None;
            for row in &rows {
                let (p95, samples) = of(row, "p95_ms", "samples");
                assert_eq!((p95, samples), all[&(row["week"].as_i64().unwrap(), name.to_owned())], "{row}");
                assert_eq!(row["p99_ms"].as_f64(), Some(p95 * 3.0), "of the same agent: {row}");
                let change = before.map(|before: f64| p95 - before);
                assert_eq!(row["p95_change_ms"].as_f64(), change, "{row}");
                before = Some(p95);
            }
            // A place among the rows of the chosen agents, as on the dashboard.
            let of_week = json!({"rawSql": "SELECT agent, p95_ms FROM perf_all_weeks WHERE week = 202701"});
            let is_chosen =
                |row: &&Value| agents.is_empty() || agents.contains(&row["agent"].as_str().unwrap());
            let newest = rows.last().unwrap();
            let rows_of_week = served.query(&of_week).rows();
            let slower = rows_of_week
                .iter()
                .filter(is_chosen)
                .filter(|row| row["p95_ms"].as_f64() > newest["p95_ms"].as_f64())
                .count();
            assert_eq!(newest["place"], slower + 1, "{newest}");
        }
    }
    // Without a name it is the slowest of the newest report.
    let all = counted(&served, &[]);
    for (asked, week) in [("", 202_701), ("?to=2026-W53", 202_653)] {
        let of_week = all.iter().filter(|((other, _), _)| *other == week);
        let slowest = of_week.max_by(|a, b| a.1.0.total_cmp(&b.1.0)).unwrap();
        let rows = served.get(&format!("api/perf/pattern{asked}")).rows();
        assert!(!rows.is_empty() && rows.iter().all(|row| text(row, "pattern") == slowest.0.1), "{asked}");
    }
}

#[test]
fn lists_of_patterns_rows_and_agents() {
    let folder = tempfile::tempdir().unwrap();
    with_agents(folder.path());
    let served = Served::start(folder.path(), &[]);
    for (agents, asked) in [(&[][..], ""), (&["be"], "agent=be"), (&["alpha"], "agent=alpha")] {
        let all = counted(&served, agents);
        let rows = served.get(&format!("api/perf/patterns?{asked}")).rows();
        assert_eq!(rows.len(), NAMES.len(), "{asked}");
        for row in rows {
            let of_pattern = || all.iter().filter(|((_, pattern), _)| *pattern == text(&row, "pattern"));
            let (p95, _) = all[&(202_701, text(&row, "pattern"))];
            assert_eq!(
                of(&row, "p95_ms", "samples"),
                (p95, of_pattern().map(|(_, (_, n))| n).sum()),
                "{row}"
            );
            assert_eq!(row["p50_ms"].as_f64(), Some(p95 / 2.0), "of the same agent: {row}");
            assert_eq!(row["weeks"], of_pattern().count(), "{row}");
            assert_eq!(row["slow"], p95 > 100.0, "{row}");
        }
        // Rows are the reports' own.
        for (address, least) in [("weekly/202701?", f64::MIN), ("slow?slow_ms=90&", 90.0)] {
            let rows = served.get(&format!("api/perf/{address}{asked}")).rows();
            assert!(!rows.is_empty() && rows.iter().all(|row| row["p95_ms"].as_f64() > Some(least)));
            let found: BTreeSet<_> =
                rows.iter().map(|row| row["agent"].as_str().unwrap_or_default()).collect();
            let is_chosen = |agent: &&str| agents.is_empty() || agents.contains(agent);
            assert!(found.iter().all(is_chosen) && found.len() > usize::from(agents.is_empty()), "{found:?}");
            assert_eq!(rows[0].as_object().unwrap().keys().next_back().unwrap(), "agent");
        }
    }
    let agents = served.get("api/perf/agents").rows();
    let names: Vec<_> = agents.iter().map(|row| text(row, "agent")).collect();
    assert_eq!(names, ["be", "alpha"], "as slow, and runs more");
    let by_name = format!("api/perf/agents?week=202651&agent_regex={}", encoded("it|[{]"));
    let before = served.get(&by_name).rows();
    let names: BTreeSet<_> = before.iter().map(|row| text(row, "agent")).collect();
    assert_eq!(names, BTreeSet::from(["it".to_owned(), "other".to_owned(), "{".to_owned()]));
}

/// What cannot be chosen is said, not answered with nothing.
#[test]
fn an_agent_where_no_report_knows_one() {
    let served = Served::start(&reports(), &[]);
    let plain = served.get("api/perf/weekly/202653?limit=1").rows();
    assert!(plain[0].get("agent").is_none(), "no column is added: {}", plain[0]);
    for address in ["weekly/202653", "slow", "patterns", "pattern", "regressions"] {
        let reply = served.get(&format!("api/perf/{address}?agent=x"));
        let told = reply.problem(400);
        assert!(told.contains("no report has a column `agent`"), "{address}: {told}");
        assert_eq!((&reply.json()["position"], reply.json().get("line")), (&Value::Null, None), "{address}");
        let table = address.replace("weekly/202653", "weeks");
        let told = served.get(&format!("api/export.csv?table={table}&var-agent=x")).problem(400);
        assert!(told.contains("no report has a column `agent`"), "{table}: {told}");
    }
    let rows = served.get("api/perf/agents?agent=orders").rows();
    assert!(rows.len() == 1 && rows[0]["agent"] == "orders", "by name they are there: {rows:?}");
}

/// The queries that people copy: one row for each pattern, with its slowest agent.
#[test]
fn queries_to_copy() {
    let folder = tempfile::tempdir().unwrap();
    with_agents(folder.path());
    let served = Served::start(folder.path(), &[]);
    let all = counted(&served, &[]);
    let file = |name: &str| std::fs::read_to_string(root().join(name)).unwrap();
    let library = file("provisioning/queries/perf_queries.sql");
    let guide = file("docs/GRAFANA_PERF_DASHBOARDS.md");
    let example = guide.split("\n### 4. ").nth(1).and_then(|rest| rest.split("```sql\n").nth(1)).unwrap();
    let example = example.split("```").next().unwrap().replace("500", "30");
    let of_library = |name: &str| library.split("\n-- name: ").find(|query| query.starts_with(name)).unwrap();
    for (sql, before, now) in [
        (example.as_str(), "before_ms", "now_ms"),
        (of_library("Week-over-week"), "p95_before_ms", "p95_ms"),
        (of_library("Top 10"), "", "p95_ms"),
        (of_library("Percentile spread"), "", "p95_ms"),
    ] {
        let sql = sql.split_once("\nWITH ").map_or(sql.to_owned(), |(_, rest)| format!("WITH {rest}"));
        let asked = json!({"rawSql": sql, "from": "2026-W50", "to": "2027-W02"});
        let rows = served.query(&asked).rows();
        let names: BTreeSet<_> = rows.iter().map(|row| text(row, "pattern")).collect();
        assert_eq!((rows.len(), names.len()), (NAMES.len(), NAMES.len()), "{sql}");
        for row in rows {
            assert_eq!(row[now].as_f64(), Some(all[&(202_701, text(&row, "pattern"))].0), "{sql}: {row}");
            if !before.is_empty() {
                let then = all[&(202_653, text(&row, "pattern"))].0;
                assert_eq!(row[before].as_f64(), Some(then), "{sql}: {row}");
            }
        }
    }
    let runbook = file("docs/runbooks/regression.md");
    let block = runbook.split("```sh\n").nth(1).and_then(|rest| rest.split("```").next()).unwrap();
    let block = block.replace("now-26w/w", "2026-W50").replace("now/w", "2027-W02");
    let block =
        block.replace("--path reports", &format!("--format json --path '{}'", folder.path().display()));
    let path = format!("{}:{}", executable().parent().unwrap().display(), std::env::var("PATH").unwrap());
    let output = Command::new("sh").args(["-euc", &block]).env("PATH", path).output().unwrap();
    assert!(output.status.success(), "{block}\n{}", String::from_utf8_lossy(&output.stderr));
    let told = String::from_utf8(output.stdout).unwrap();
    for name in NAMES {
        let name = serde_json::to_string(name).unwrap();
        assert_eq!(told.matches(&name).count(), 1, "{name} in {told}");
    }
}
