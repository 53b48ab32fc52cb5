//! The queries that ship in `provisioning/` and `docs/runbooks/`: they run over demo reports, over reports
//! with agents and awkward names, over one week and over none, and their numbers are right.

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
pub(crate) fn sql_of(uid: &str, title: &str) -> String {
    let all = dashboards();
    let panel = array(&all[uid], "panels").iter().find(|panel| panel["title"] == title).unwrap();
    panel["targets"][0]["rawSql"].as_str().unwrap().to_owned()
}

/// A panel's rows as CSV lines, without the header.
fn rows(folder: &Path, sql: &str, variables: &[&str]) -> Vec<String> {
    rows_of(folder, sql, ("2026-W50", "2027-W02"), variables)
}

pub(crate) fn rows_of(folder: &Path, sql: &str, (from, to): (&str, &str), variables: &[&str]) -> Vec<String> {
    let mut command = Command::new(executable());
    command.args(["query", "--format", "csv", "--from", from, "--to", to]);
    command.args(["--path", folder.to_str().unwrap()]);
    for variable in variables {
        command.args(["--var", variable]);
    }
    let output = command.arg(sql).env("NO_COLOR", "1").output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    text.lines().skip(1).map(str::to_owned).collect()
}

/// The variables as the dashboards open.
pub(crate) const UNCHOSEN: [&str; 7] = [
    "pattern=$__all",
    "agent=$__all",
    "week=newest",
    "slow_ms=",
    "before=previous",
    "percent=25",
    "min_samples=30",
];

/// It is neither new nor gone where both reports have it.
#[test]
fn a_pattern_without_a_name_is_compared_like_others() {
    let folder = tempfile::tempdir().unwrap();
    for week in [202_653, 202_701] {
        duckdb(&format!(
            "COPY (SELECT {week} AS week, pattern, 40 AS samples, 50.0 AS p95_ms FROM (VALUES ('a'), (NULL)) AS n(pattern)) TO '{}' (FORMAT parquet)",
            folder.path().join(format!("query_perf_weekly_{week}.parquet")).display()
        ));
    }
    let of = |title: &str| rows(folder.path(), &sql_of("query-perf-compare", title), &UNCHOSEN);
    assert_eq!(of("What changed"), ["2027‑W01,2026‑W53,0,0,0,0,0,0"]);
    assert!(of("New and gone patterns").is_empty());
}

#[test]
fn the_numbers_over_a_year_change_are_right() {
    let folder = tempfile::tempdir().unwrap();
    with_agents(folder.path());
    // A variable that is given twice would be a list.
    let with = |more: &[&'static str]| {
        let name = |variable: &str| variable.split('=').next().unwrap_or_default().to_owned();
        let given: Vec<_> = more.iter().map(|variable| name(variable)).collect();
        let rest = UNCHOSEN.iter().filter(|variable| !given.contains(&name(variable)));
        rest.chain(more).copied().collect::<Vec<_>>()
    };
    // alpha has 20 × index × 6, be × 3: the newest week has 360 and 180 ms, the one before 240 and 120, the
    // first 120 and 60.
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
    let changed = rows(folder.path(), &sql_of("query-perf-compare", "What changed"), &UNCHOSEN);
    assert_eq!(changed, ["2027‑W01,2026‑W53,8,0,0,0,8,8"]);
    let chosen = rows(
        folder.path(),
        &sql_of("query-perf-compare", "What changed"),
        &with(&["week=202653", "slow_ms=130"]),
    );
    assert_eq!(chosen, ["2026‑W53,2026‑W52,8,0,0,0,8,0"]);
    let agents = rows(
        folder.path(),
        &sql_of("query-perf-agents", "Agents in the current week"),
        &with(&["agent_regex=x"]),
    );
    assert!(agents.len() == 2 && agents[0].starts_with("alpha,8,8,320,360,50,360,"), "{agents:?}");
}

/// Five reports, none in 2027-W02: `often` is in each, `seldom` in every fourth week, `gone` in the first
/// only and the slowest there.
pub(crate) fn with_gaps(folder: &Path) {
    let weeks = [202_650, 202_651, 202_652, 202_653, 202_701];
    for (index, week) in weeks.into_iter().enumerate() {
        let seldom = if index % 4 == 0 { ", ('seldom', 7, 90.0)" } else { "" };
        let gone = if index == 0 { ", ('gone', 5, 400.0)" } else { "" };
        duckdb(&format!(
            "COPY (SELECT {week}::INTEGER AS week, pattern, samples::BIGINT AS samples, p95_ms / 2 AS p50_ms, p95_ms::DOUBLE AS p95_ms, p95_ms * 2 AS p99_ms \
             FROM (VALUES ('often', 40, 50.0){seldom}{gone}) AS n(pattern, samples, p95_ms)) TO '{}' (FORMAT parquet)",
            folder.join(format!("query_perf_weekly_{week}.parquet")).display()
        ));
    }
}

const MONDAYS: [&str; 6] =
    ["2026-12-07", "2026-12-14", "2026-12-21", "2026-12-28", "2027-01-04", "2027-01-11"];

/// The line is there over the whole range, in steps of a week, however seldom a pattern runs and however few
/// reports there are.
#[test]
fn the_threshold_is_a_line_over_the_whole_range() {
    let folder = tempfile::tempdir().unwrap();
    with_gaps(folder.path());
    let one = tempfile::tempdir().unwrap();
    let name = "query_perf_weekly_202652.parquet";
    std::fs::copy(folder.path().join(name), one.path().join(name)).unwrap();
    let given = |pattern| [pattern, "agent=$__all", "week=newest", "slow_ms=130"];
    let panels =
        [("query-perf-overview", "P95 latency trend"), ("query-perf-pattern", "Percentiles over the weeks")];
    for (uid, title) in panels {
        let sql = sql_of(uid, title);
        let threshold = |folder: &Path, range, pattern| -> Vec<String> {
            let rows = rows_of(folder, &sql, range, &given(pattern));
            let rows = rows.iter().filter(|row| row.contains(",slow,linear,slow above 130 ms,"));
            rows.inspect(|row| assert!(row.ends_with(",130"), "{row}"))
                .map(|row| row.split(',').next().unwrap().to_owned())
                .collect()
        };
        let all = ("2026-W50", "2027-W02");
        for (folder, pattern) in [
            (folder.path(), "pattern=often"),
            (folder.path(), "pattern=seldom"),
            (one.path(), "pattern=often"),
        ] {
            assert_eq!(
                threshold(folder, all, pattern),
                MONDAYS.map(|day| format!("{day}T00:00:00Z")),
                "{title}"
            );
        }
        // A single week has a beginning and an end.
        let of_week = threshold(one.path(), ("2026-W52", "2026-W52"), "pattern=often");
        assert_eq!(of_week, ["2026-12-21T00:00:00Z", "2026-12-27T23:59:59.999Z"], "{title}");
        // A line alone would stand where the panel says that there is nothing.
        assert!(rows_of(folder.path(), &sql, all, &given("pattern=nowhere")).is_empty(), "{title}");
    }
}

#[test]
fn the_trend_shows_the_current_week_and_fills_up_only_what_was_chosen() {
    let folder = tempfile::tempdir().unwrap();
    with_gaps(folder.path());
    let sql = sql_of("query-perf-overview", "P95 latency trend");
    let shown = |variables: &[&str]| -> Vec<String> {
        let given = [&["agent=$__all", "slow_ms="], variables].concat();
        let rows = rows(folder.path(), &sql, &given);
        let series = rows.iter().map(|row| row.split(',').collect::<Vec<_>>());
        let mut names: Vec<_> =
            series.filter(|row| row[1].parse::<u8>().is_ok()).map(|row| row[3].to_owned()).collect();
        names.sort();
        names.dedup();
        names
    };
    assert_eq!(shown(&["pattern=$__all", "week=newest"]), ["often", "seldom"]);
    assert_eq!(shown(&["pattern=$__all", "week=202653"]), ["often"]);
    assert_eq!(shown(&["pattern=$__all", "week=202650"]), ["gone", "often", "seldom"]);
    assert_eq!(shown(&["pattern=gone", "pattern=often", "week=newest"]), ["gone", "often"]);
}

/// A bar is as wide as the shortest time between two of them: so each report has one, and the week after the
/// newest an empty one.
#[test]
fn bars_stand_at_every_report() {
    let folder = tempfile::tempdir().unwrap();
    with_gaps(folder.path());
    let given = |pattern| [pattern, "agent=$__all", "week=newest", "slow_ms="];
    let samples =
        rows(folder.path(), &sql_of("query-perf-pattern", "Samples per week"), &given("pattern=seldom"));
    // The last column is the week's start, for the tooltip.
    let samples: Vec<_> = samples.iter().map(|row| row.rsplit_once(',').unwrap().0).collect();
    assert_eq!(samples, ["202650,7", "202651,0", "202652,0", "202653,0", "202701,7", "202702,"]);
    // Rows of the series `week` are the same for the tooltip of the others.
    let drawn = |rows: Vec<String>| -> Vec<String> {
        let is_week = |row: &&String| row.split(',').nth(1) == Some("week");
        assert_eq!(rows.iter().filter(is_week).count(), 5, "{rows:?}");
        rows.iter().filter(|row| !is_week(row)).cloned().collect()
    };
    let volume = drawn(rows(
        folder.path(),
        &sql_of("query-perf-overview", "Query volume per week"),
        &given("pattern=seldom"),
    ));
    let named = ["202650", "202651", "202652", "202653", "202701", "202702"]
        .map(|week| format!("{week},1,seldom,seldom,"));
    let expected: Vec<_> = named
        .iter()
        .zip(["7", "0", "0", "0", "7", ""])
        .map(|(row, samples)| format!("{row}{samples}"))
        .collect();
    assert_eq!(volume, expected);
    let agents = |title| {
        let given = ["agent_regex=seldom|often", "agent=seldom", "slow_ms=80", "week=newest"];
        let mut all = rows(folder.path(), &sql_of("query-perf-agents", title), &given);
        all.retain(|row| row.split(',').nth(1) != Some("week"));
        all
    };
    let row = |(week, count): (u32, &str)| format!("{week},1,seldom,{count}");
    let times = |count| {
        [(202_650, count), (202_651, "0"), (202_652, "0"), (202_653, "0"), (202_701, count), (202_702, "")]
            .map(row)
    };
    assert_eq!(agents("Slow patterns by agent"), times("1"));
    assert_eq!(agents("Query volume by agent"), times("7"));
    // Where nothing is, the panels say so.
    for (uid, title) in
        [("query-perf-pattern", "Samples per week"), ("query-perf-overview", "Query volume per week")]
    {
        assert!(rows(folder.path(), &sql_of(uid, title), &given("pattern=nowhere")).is_empty(), "{title}");
    }
}

#[test]
fn the_runbooks_commands_work() {
    let folder = tempfile::tempdir().unwrap();
    std::os::unix::fs::symlink(reports(), folder.path().join("reports")).unwrap();
    let path = format!("{}:{}", executable().parent().unwrap().display(), std::env::var("PATH").unwrap());
    let mut ran = 0;
    for (file, text) in files("docs/runbooks", "md") {
        for block in text.split("```sh\n").skip(1).map(|rest| rest.split("```").next().unwrap()) {
            // Those weeks differ; on most days two others would, too.
            let block = block.replace("now-26w/w", "2026-W26").replace("now/w", "2026-W51");
            let output = Command::new("sh")
                .args(["-eu", "-c", &block])
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
