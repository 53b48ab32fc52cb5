//! The command line as a process: what is on stdout, what on stderr, and the exit code.

use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use serde_json::{Value, json};

use crate::support::{executable, reports};

/// Runs `duckdb-perf` with these arguments.
fn run(arguments: &[&str]) -> Output {
    Command::new(executable()).args(arguments).env("NO_COLOR", "1").stdin(Stdio::null()).output().unwrap()
}

/// A query over the reports of all tests, in the year that they are of.
fn query(arguments: &[&str]) -> Output {
    let reports = reports();
    let head = ["query", "--path", reports.to_str().unwrap(), "--from", "2026-W01", "--to", "2026-W53"];
    run(&[&head, arguments].concat())
}

fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

/// Stdout of a run that must go well.
fn good(output: &Output) -> String {
    assert_eq!(output.status.code(), Some(0), "{}", stderr(output));
    stdout(output)
}

#[test]
fn each_format_on_stdout_and_nothing_else() {
    let sql = "SELECT 202653 AS week, 'a, \"b\"' AS pattern, 1.25::DOUBLE AS ms, NULL::VARCHAR AS nothing, TIMESTAMP '2026-01-02 03:04:05' AS at, [1] AS list";
    let table = query(&[sql]);
    assert_eq!(
        good(&table),
        "  week  pattern    ms  nothing  at                    list\n\
         ───────────────────────────────────────────────────────────\n\
         202653  a, \"b\"   1.25  NULL     2026-01-02T03:04:05Z  [1]\n"
    );
    assert_eq!(stderr(&table), "");
    let rows: Value = serde_json::from_str(&good(&query(&["--format", "json", sql]))).unwrap();
    assert_eq!(
        rows,
        json!([{"week": 202_653, "pattern": "a, \"b\"", "ms": 1.25, "nothing": null, "at": "2026-01-02T03:04:05Z", "list": [1]}])
    );
    assert_eq!(
        good(&query(&["--format", "csv", sql])),
        "week,pattern,ms,nothing,at,list\r\n202653,\"a, \"\"b\"\"\",1.25,,2026-01-02T03:04:05Z,[1]\r\n"
    );
    let arrow = query(&["--format", "arrow", sql]);
    let frame = duckdb_perf::frame::decode(&arrow.stdout).unwrap();
    assert_eq!((frame.rows(), frame.schema.fields().len()), (1, 6));
}

#[test]
fn sql_from_a_file_and_from_stdin() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("q.sql");
    std::fs::write(&file, "SELECT 5 AS five").unwrap();
    assert_eq!(good(&query(&["--format", "csv", "--file", file.to_str().unwrap()])), "five\r\n5\r\n");
    let mut child = Command::new(executable())
        .args(["query", "--format", "csv", "--path", reports().to_str().unwrap(), "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(b"SELECT 6 AS six").unwrap();
    assert_eq!(good(&child.wait_with_output().unwrap()), "six\r\n6\r\n");
    let missing = query(&["--file", "/nowhere/q.sql"]);
    assert_eq!(missing.status.code(), Some(1));
    assert!(stderr(&missing).contains("error: `/nowhere/q.sql` cannot be read"));
}

#[test]
fn sql_may_start_with_a_comment() {
    assert_eq!(good(&query(&["-- one\nSELECT 1 AS a", "--format", "csv"])), "a\r\n1\r\n");
}

#[test]
fn variables_time_range_and_series() {
    let sql = "SELECT $one AS one, $empty AS empty, count(*) AS n FROM perf_all_weeks WHERE $__weekFilter(week) AND list_contains([$many], 'b')";
    let variables =
        ["--var", "one=it's", "--var", "empty=", "--var", "many=a", "--var", "many=b", "--format", "csv"];
    let out = good(&query(&[&variables[..], &[sql]].concat()));
    assert!(out.starts_with("one,empty,n\r\nit's,\"\",") && !out.contains(",0\r\n"), "{out}");
    let series = [
        "--query-format",
        "time_series",
        "--format",
        "json",
        "SELECT week, 'p' AS pattern, max(p95_ms) AS p95_ms FROM perf_all_weeks WHERE $__weekFilter(week) GROUP BY ALL",
    ];
    let rows: Vec<Value> = serde_json::from_str(&good(&query(&series))).unwrap();
    assert_eq!(rows.len(), 53);
    assert_eq!(rows[0]["Time"], json!("2025-12-29T00:00:00Z"));
    assert!(rows[0]["p"].is_number(), "{:?}", rows[0]);
}

#[test]
fn errors_show_the_place_and_the_way_out() {
    let macros = query(&["SELECT 1,\n  $__timeFilte(week)"]);
    assert_eq!((macros.status.code(), stdout(&macros).as_str()), (Some(1), ""));
    assert_eq!(
        stderr(&macros),
        "error: unknown macro `$__timeFilte`\n  line 2:   $__timeFilte(week)\n            ^\nhint: Did you mean `$__timeFilter`?\n"
    );
    let column = query(&["SELECT week,\n  nosuch FROM perf_all_weeks"]);
    assert!(
        stderr(&column).contains("  line 2:   nosuch FROM perf_all_weeks\n            ^\n"),
        "{}",
        stderr(&column)
    );
    for (arguments, code, message) in [
        (vec!["query", "--path", "/nowhere", "SELECT 1"], 1, "there is no folder `/nowhere`"),
        (vec!["query", "--setting", "slowMs=x", "SELECT 1"], 2, "the setting `slowMs` must be"),
        (vec!["query", "--setting", "slow=1", "SELECT 1"], 2, "`--setting slow` is not known"),
        (vec!["query", "--from", "yesterday", "SELECT 1"], 2, "`yesterday` is not a time"),
        (
            vec!["query", "--from", "now", "--to", "now-1d", "SELECT 1"],
            2,
            "the time range ends before it starts",
        ),
        (vec!["query", "--var", "1=2", "SELECT 1"], 2, "is not the name of a variable"),
        (vec!["query"], 2, "required"),
    ] {
        let output = run(&arguments);
        assert_eq!(output.status.code(), Some(code), "{arguments:?}: {}", stderr(&output));
        assert!(stderr(&output).contains(message), "{arguments:?}: {}", stderr(&output));
        assert_eq!(stdout(&output), "", "{arguments:?}");
    }
}

#[test]
fn notices_go_to_stderr() {
    let output = query(&["--max-rows", "2", "--format", "csv", "SELECT week FROM perf_all_weeks"]);
    assert_eq!(good(&output).lines().count(), 3);
    assert!(
        stderr(&output).starts_with("notice: Results have been limited to 2 rows"),
        "{}",
        stderr(&output)
    );
    let empty = query(&["--format", "json", "SELECT 1 WHERE false"]);
    assert_eq!(
        (good(&empty).as_str(), stderr(&empty).as_str()),
        ("[]\n", "notice: the result has no rows\n")
    );
}

#[test]
fn a_reader_that_leaves_is_not_an_error() {
    let mut child = Command::new(executable())
        .args(["query", "--format", "csv", "--path", reports().to_str().unwrap(), "FROM range(300000)"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert_eq!((output.status.code(), stderr(&output).as_str()), (Some(0), ""));
}

#[test]
fn the_demo_shows_five_panels() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("demo");
    let arguments =
        ["demo", "--weeks", "30", "--patterns", "25", "--until", "202653", "--out", out.to_str().unwrap()];
    let output = run(&arguments);
    let text = good(&output);
    for title in [
        "P95 latency trend",
        "Slow query count",
        "Top 10 slow patterns",
        "Query volume per week",
        "P50, P95 and P99",
    ] {
        assert!(text.contains(title), "{title} is missing in:\n{text}");
    }
    assert!(text.contains("2026-W53") && text.contains("pattern: All of 25 values"), "{text}");
    assert!(!text.contains("no data"), "{text}");
    assert!(stderr(&output).contains("What to do next"));
    assert!(
        stderr(&output)
            .contains("The dashboard's page is not served: the output is no terminal, or CI is set")
    );
    let reports = std::fs::read_dir(&out)
        .unwrap()
        .filter(|entry| entry.as_ref().unwrap().path().extension().is_some())
        .count();
    assert_eq!(reports, 30);
    assert_eq!(run(&arguments).status.code(), Some(0), "a second run overwrites its own reports");

    std::fs::write(folder.path().join("mine.parquet"), b"x").unwrap();
    let refused = run(&["demo", "--out", folder.path().to_str().unwrap()]);
    assert_eq!(refused.status.code(), Some(2));
    assert!(stderr(&refused).contains("not a demo's"), "{}", stderr(&refused));
}

#[test]
fn what_ships_passes_its_own_check() {
    let provisioning = Path::new(env!("CARGO_MANIFEST_DIR")).join("provisioning");
    let reports = reports();
    let arguments = ["check", provisioning.to_str().unwrap(), "--path", reports.to_str().unwrap()];
    let output = run(&[&arguments[..], &["--format", "json"]].concat());
    let found: Value = serde_json::from_str(&good(&output)).unwrap();
    assert!(found["ok"].as_u64() >= Some(11), "{found:#}");
    assert_eq!((&found["failed"], &found["skipped"], &found["good"]), (&json!(0), &json!(0), &json!(true)));
}

#[test]
fn a_check_finds_what_is_broken() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
    write(
        "d.json",
        &json!({"panels": [
            {"title": "Good", "datasource": {"type": "duckdb-perf-datasource"}, "targets": [{"refId": "A", "rawSql": "SELECT 1"}]},
            {"title": "Bad", "datasource": {"type": "grafana-duckdb-datasource"}, "targets": [{"refId": "B", "rawSql": "SELECT\n $__wrong()"}]},
        ]})
        .to_string(),
    );
    write("q.sql", "-- name: Writes\nCREATE TABLE t (i INT);\n");
    write(
        "rules.yaml",
        "groups:\n  - rules:\n      - title: Slow\n        data:\n          - refId: A\n            relativeTimeRange: {from: 600, to: 0}\n            \
         model: {datasource: {type: duckdb-perf-datasource}, rawSql: \"SELECT count(*) AS n FROM perf_all_weeks\"}\n",
    );
    let output = run(&["check", folder.path().to_str().unwrap(), "--path", reports().to_str().unwrap()]);
    let text = stdout(&output);
    assert_eq!(output.status.code(), Some(1), "{text}");
    assert!(
        text.contains("error: unknown macro `$__wrong`") && text.contains("line 2:  $__wrong()"),
        "{text}"
    );
    assert_eq!(stderr(&output), "4 queries: 2 ok, 2 failed\n", "{text}");

    let empty = tempfile::tempdir().unwrap();
    let output = run(&["check", empty.path().to_str().unwrap(), "--path", reports().to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(1));
    assert!(stderr(&output).contains("asks this datasource for anything"), "{}", stderr(&output));
}

/// Dashboards of the resource form v2, an interval variable on "auto" and a rules file alone: what CI must
/// not pass over.
#[test]
fn a_check_reads_what_newer_grafanas_write() {
    let folder = tempfile::tempdir().unwrap();
    let query = |sql: &str| {
        json!({"kind": "PanelQuery", "spec": {"refId": "A", "hidden": false, "query": {
            "kind": "DataQuery", "group": "duckdb-perf-datasource", "version": "v0", "datasource": {"name": "duckdb-perf"},
            "spec": {"rawSql": sql, "format": "time_series"}}}})
    };
    let panel = |title: &str, sql: &str| {
        json!({"kind": "Panel", "spec": {"id": 1, "title": title, "data": {"kind": "QueryGroup", "spec": {
            "queries": [query(sql)], "queryOptions": {}, "transformations": []}}}})
    };
    let dashboard = json!({"apiVersion": "dashboard.grafana.app/v2beta1", "kind": "Dashboard", "metadata": {"name": "d"}, "spec": {
    "title": "D", "layout": {"kind": "GridLayout", "spec": {"items": []}}, "annotations": [],
    "timeSettings": {"from": "2026-10-01", "to": "2026-10-31"},
    "variables": [{"kind": "IntervalVariable", "spec": {"name": "step", "query": "1h,1d", "auto": true, "auto_count": 10, "auto_min": "1m",
        "current": {"text": "auto", "value": "$__auto"}}}],
    "elements": {
        "panel-1": panel("Good", "SELECT $__timeGroupAlias(ts, $step), 1 AS v FROM (VALUES (TIMESTAMP '2026-10-05')) t(ts)"),
        "panel-2": panel("Bad", "SELECT nothing"),
    }}});
    let file = folder.path().join("v2.json");
    std::fs::write(&file, dashboard.to_string()).unwrap();
    let output = run(&["check", file.to_str().unwrap(), "--path", reports().to_str().unwrap()]);
    let text = stdout(&output);
    assert_eq!(stderr(&output), "2 queries: 1 ok, 1 failed\n", "{text}");
    assert!(text.contains("Referenced column \"nothing\" was not found"), "{text}");

    let rules = Path::new(env!("CARGO_MANIFEST_DIR")).join("provisioning/alerting/rules.yaml");
    let alone = folder.path().join("rules.yaml");
    std::fs::copy(rules, &alone).unwrap();
    let output = run(&["check", alone.to_str().unwrap(), "--path", reports().to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(0), "{}", stdout(&output));
    assert!(
        !stderr(&output).contains("skipped") && !stderr(&output).starts_with("0 "),
        "{}",
        stderr(&output)
    );
}

#[test]
fn views_as_text_and_as_a_file() {
    let reports = reports();
    let path = reports.to_str().unwrap();
    let text = good(&run(&["views", "--path", path, "--setting", "slowMs=7"]));
    assert_eq!(text.matches("CREATE OR REPLACE VIEW").count(), 5);
    assert!(text.contains(path) && text.contains("7.0"), "{text}");

    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("perf.duckdb");
    let file = file.to_str().unwrap();
    good(&run(&["views", file, "--path", path]));
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1, "nothing but the file is left");
    let count = |file: &str| {
        let connection = duckdb::Connection::open(file).unwrap();
        connection
            .query_row("SELECT count(*) FROM perf_top_patterns", [], |row| row.get::<_, i64>(0))
            .unwrap()
    };
    assert!(count(file) > 0);
    let refused = run(&["views", file, "--path", path]);
    assert_eq!(refused.status.code(), Some(2));
    assert!(stderr(&refused).contains("--force"));
    duckdb::Connection::open(file).unwrap().execute_batch("CREATE TABLE mine AS SELECT 1 AS i").unwrap();
    good(&run(&["views", file, "--path", path, "--force"]));
    let kept: i64 = duckdb::Connection::open(file)
        .unwrap()
        .query_row("SELECT i FROM mine", [], |row| row.get(0))
        .unwrap();
    assert!(kept == 1 && count(file) > 0);
}

#[test]
fn a_views_file_is_for_the_version_that_was_asked_for() {
    let reports = reports();
    let path = reports.to_str().unwrap();
    let folder = tempfile::tempdir().unwrap();
    // The version number in a file's header: the oldest DuckDB reads up to 67 for 1.4, 68 for 1.5.
    let header = |file: &std::path::Path| std::fs::read(file).unwrap()[12];
    for (compat, version) in [(None, 67), (Some("1.4"), 67), (Some("1.5"), 68), (Some("2.0"), 231)] {
        let file = folder.path().join(format!("{}.duckdb", compat.unwrap_or("default")));
        let name = file.to_str().unwrap();
        let wish = compat.map_or(vec![], |compat| vec!["--compat", compat]);
        let out = run(&[&["views", name, "--path", path][..], &wish].concat());
        assert!(
            stderr(&out).contains(&format!("version {} or newer", compat.unwrap_or("1.4"))),
            "{}",
            stderr(&out)
        );
        assert_eq!(header(&file), version, "{compat:?}");
        let connection = duckdb::Connection::open(&file).unwrap();
        let rows: i64 =
            connection.query_row("SELECT count(*) FROM perf_all_weeks", [], |row| row.get(0)).unwrap();
        assert!(rows > 0);
    }
    let newer = folder.path().join("2.0.duckdb");
    let refused = run(&["views", newer.to_str().unwrap(), "--path", path, "--force", "--compat", "1.4"]);
    assert_eq!(refused.status.code(), Some(2));
    assert!(stderr(&refused).contains("DuckDB 2.0 and later only"), "{}", stderr(&refused));
    good(&run(&["views", newer.to_str().unwrap(), "--path", path, "--force"]));
}

#[test]
fn help_and_version() {
    assert!(good(&run(&["--version"])).starts_with("duckdb-perf "));
    for command in ["query", "serve", "demo", "check", "views", "provision"] {
        let help = good(&run(&[command, "--help"]));
        assert!(
            help.contains("Usage: duckdb-perf") && help.lines().all(|line| line.chars().count() <= 125),
            "{help}"
        );
    }
}
