//! The queries that ship in `provisioning/` and `docs/runbooks/`: they run over demo reports, over reports with agents and
//! awkward names, over one week and over none, and their numbers are right.

use std::path::Path;
use std::process::{Command, Stdio};

use crate::provisioned::{array, dashboards, files, root};
use crate::support::{demo, duckdb, executable, reports};

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
    // A variable that is given twice would be a list.
    let with = |more: &[&'static str]| {
        let name = |variable: &str| variable.split('=').next().unwrap_or_default().to_owned();
        let given: Vec<_> = more.iter().map(|variable| name(variable)).collect();
        let rest = all.iter().filter(|variable| !given.contains(&name(variable)));
        rest.chain(more).copied().collect::<Vec<_>>()
    };
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
