//! How what ships in `provisioning/` looks over reports that make it hard: spikes, many growths, line breaks,
//! wrong input.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};

use crate::provisioned::{array, dashboards};
use crate::provisioned_queries::{UNCHOSEN, rows_of, sql_of, with_gaps};
use crate::support::{duckdb, executable};

/// Ten weeks with two patterns: one, of two lines, doubles in each of them, `spike` is a thousand times
/// slower in one.
fn with_growth(folder: &Path) {
    for (index, week) in (202_640..202_650).enumerate() {
        let spike = if index == 6 { 60_000 } else { 60 };
        duckdb(&format!(
            "COPY (SELECT {week}::INTEGER AS week, pattern, 40::BIGINT AS samples, 1.0 AS p50_ms, p95_ms::DOUBLE AS p95_ms, 2.0 * p95_ms AS p99_ms \
             FROM (VALUES (E'SELECT\\n  1\\tAS x', {}), ('spike', {spike})) AS n(pattern, p95_ms)) TO '{}' (FORMAT parquet)",
            101 << index,
            folder.join(format!("query_perf_weekly_{week}.parquet")).display()
        ));
    }
}

/// More marks would hide the lines.
#[test]
fn marks_are_the_eight_weeks_with_the_largest_growths() {
    let folder = tempfile::tempdir().unwrap();
    with_growth(folder.path());
    for (uid, pattern) in
        [("query-perf-overview", "pattern=$__all"), ("query-perf-pattern", "pattern=SELECT\n  1\tAS x")]
    {
        let all = dashboards();
        let annotation =
            array(&all[uid]["annotations"], "list").iter().find(|one| one["name"] == "What got slower");
        let annotation = annotation.unwrap();
        let given = [pattern, "agent=$__all", "slow_ms=100"];
        let sql = annotation["target"]["rawSql"].as_str().unwrap();
        let marks = rows_of(folder.path(), sql, ("2026-W40", "2026-W49"), &given);
        // Of nine; the first of them grew least.
        assert_eq!(marks.len(), 8, "{uid}: {marks:?}");
        assert!(!marks.iter().any(|mark| mark.contains("2026-W41")), "{uid}: {marks:?}");
        // On the panel of the lines only.
        let trend = array(&all[uid], "panels").iter().find(|panel| {
            panel["title"]
                == if uid == "query-perf-pattern" {
                    "Percentiles over the weeks"
                } else {
                    "P95 latency trend"
                }
        });
        assert_eq!(
            annotation["filter"],
            serde_json::json!({"exclude": false, "ids": [trend.unwrap()["id"]]})
        );
    }
}

#[test]
fn one_spike_makes_the_axis_logarithmic_and_names_are_one_line() {
    let folder = tempfile::tempdir().unwrap();
    with_growth(folder.path());
    let sql = sql_of("query-perf-overview", "P95 latency trend");
    let scales = |pattern, range| -> Vec<String> {
        let given = [pattern, "agent=$__all", "week=newest", "slow_ms=100"];
        let rows = rows_of(folder.path(), &sql, range, &given);
        let mut found: Vec<_> =
            rows.iter().map(|row| row.split(',').skip(1).take(3).collect::<Vec<_>>().join(",")).collect();
        found.sort();
        found.dedup();
        found
    };
    let spike = scales("pattern=spike", ("2026-W40", "2026-W49"));
    assert_eq!(spike, ["1,log,spike", "slow,log,slow above 100 ms", "week,own,ISO week"]);
    let before = scales("pattern=spike", ("2026-W40", "2026-W45"));
    assert_eq!(before, ["1,linear,spike", "slow,linear,slow above 100 ms", "week,own,ISO week"]);
    let lines = scales("pattern=SELECT\n  1\tAS x", ("2026-W40", "2026-W42"));
    assert!(lines.contains(&"1,linear,SELECT 1 AS x".to_owned()), "{lines:?}");
}

/// What is not a number is refused in each panel that would use it, by its label.
#[test]
fn a_threshold_that_is_no_number_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    with_gaps(folder.path());
    let labels =
        [("slow_ms", "Slow above (ms)"), ("percent", "Beyond (%)"), ("min_samples", "Least samples")];
    let mut tried = 0;
    for (uid, dashboard) in dashboards() {
        for panel in array(&dashboard, "panels") {
            let Some(sql) = panel["targets"][0]["rawSql"].as_str() else { continue };
            for (name, label) in labels.into_iter().filter(|(name, _)| sql.contains(&format!("'${name}'"))) {
                for wrong in ["abc", "1,5", "nan"] {
                    let given = format!("{name}={wrong}");
                    let mut command = Command::new(executable());
                    command.args(["query", "--path", folder.path().to_str().unwrap()]);
                    command.args([
                        "--from",
                        "2026-W50",
                        "--to",
                        "2027-W02",
                        "--var",
                        &given,
                        "--var",
                        "agent_regex=x",
                    ]);
                    for other in UNCHOSEN.iter().filter(|other| !other.starts_with(&format!("{name}="))) {
                        command.args([
                            "--var",
                            if uid == "query-perf-pattern" && other.starts_with("pattern=") {
                                "pattern=often"
                            } else {
                                other
                            },
                        ]);
                    }
                    let output = command.arg(sql).env("NO_COLOR", "1").output().unwrap();
                    let error = String::from_utf8_lossy(&output.stderr).into_owned();
                    assert!(!output.status.success(), "{uid} {}: {given}", panel["title"]);
                    assert!(error.contains(&format!("{label} is not a number: {wrong}")), "{uid}: {error}");
                    // In our words.
                    assert!(!error.contains("Conversion"), "{uid}: {error}");
                    tried += 1;
                }
            }
        }
    }
    assert!(tried > 30, "{tried}");
}

/// The colours that the overrides of a panel give by name, of a theme's colours and by digits.
fn colors_of(panel: &Value) -> Vec<&str> {
    let overrides = array(&panel["fieldConfig"], "overrides");
    let properties = overrides.iter().flat_map(|one| array(one, "properties"));
    properties
        .filter(|one| one["id"] == "color")
        .filter_map(|one| one["value"]["fixedColor"].as_str())
        .collect()
}

/// Red is the threshold's, and no two lines look alike: Grafana's own palette has near-equal colours among
/// its first ten.
#[test]
fn each_line_has_a_colour_of_its_own() {
    let mut lines = 0;
    for (uid, dashboard) in dashboards().iter().filter(|(uid, _)| uid.starts_with("query-perf")) {
        for panel in array(dashboard, "panels").iter().filter(|panel| panel["type"] == "timeseries") {
            let title = format!("{uid}: {}", panel["title"]);
            let all = colors_of(panel);
            let drawn: Vec<_> = all.iter().filter(|color| **color != "transparent").collect();
            // The place and what its tooltip shows of it are one line.
            let once: BTreeSet<_> = drawn.iter().copied().collect();
            assert!(once.len() == drawn.len() || title.contains("Place"), "{title}: {drawn:?}");
            let reds = array(&panel["fieldConfig"], "overrides")
                .iter()
                .filter(|one| colors_of(&json!({"fieldConfig": {"overrides": [one]}})).contains(&"red"));
            for red in reds {
                assert_eq!(red["matcher"]["options"], "/^slow /", "{title}");
            }
            lines += drawn.len();
        }
    }
    assert!(lines > 40, "{lines}");
}

/// An axis of time has dates: what stands at any tick is right there. The week is in the tooltip.
#[test]
fn no_axis_names_a_week() {
    for (uid, dashboard) in dashboards().iter().filter(|(uid, _)| uid.starts_with("query-perf")) {
        for panel in array(dashboard, "panels").iter().filter(|panel| panel["type"] == "timeseries") {
            let title = format!("{uid}: {}", panel["title"]);
            let weeks: Vec<_> = array(&panel["fieldConfig"], "overrides")
                .iter()
                .filter(|one| array(one, "properties").iter().any(|it| it["value"] == "time:GGGG-[W]WW"))
                .collect();
            assert_eq!(weeks.len(), 1, "{title}");
            assert_ne!(weeks[0]["matcher"]["options"], "time", "{title}");
            let hidden =
                array(weeks[0], "properties").iter().find(|it| it["id"] == "custom.hideFrom").unwrap();
            assert_eq!(
                (&hidden["value"]["viz"], &hidden["value"]["tooltip"]),
                (&json!(true), &json!(false)),
                "{title}"
            );
            // Minutes beside seconds cannot be compared at a glance.
            assert_ne!(panel["fieldConfig"]["defaults"]["unit"], "ms", "{title}");
        }
    }
}

/// Grafana shows the text for an empty panel beside the mark of a failed query, too.
#[test]
fn an_empty_panel_claims_nothing() {
    for (uid, dashboard) in dashboards() {
        for panel in array(&dashboard, "panels").iter().filter(|panel| panel["type"] != "text") {
            let text = panel["fieldConfig"]["defaults"]["noValue"].as_str().unwrap();
            assert!(["–", "No data"].contains(&text), "{uid} {}: {text}", panel["title"]);
            let steps = array(&panel["fieldConfig"]["defaults"]["thresholds"], "steps");
            let first = steps.first().map(|step| step["color"].as_str().unwrap());
            assert!(
                panel["type"] != "stat" || first.is_none_or(|color| color == "text"),
                "{uid} {}",
                panel["title"]
            );
        }
    }
}

/// Numbers of runs are written out ("4,676,806"), not in millions that read like a word.
#[test]
fn no_number_is_shortened_to_a_word() {
    for (uid, dashboard) in dashboards().iter().filter(|(uid, _)| uid.starts_with("query-perf")) {
        for panel in array(dashboard, "panels") {
            assert!(!panel["fieldConfig"].to_string().contains(r#""short""#), "{uid}: {}", panel["title"]);
        }
    }
}

/// In a narrow window a pattern takes more lines instead of losing its end.
#[test]
fn patterns_in_tables_are_not_cut_off() {
    let mut tables = 0;
    for (uid, dashboard) in dashboards() {
        for panel in array(&dashboard, "panels").iter().filter(|panel| panel["type"] == "table") {
            let fields = array(&panel["fieldConfig"], "overrides").iter();
            let names = ["name", "Pattern"].map(Value::from);
            for field in fields.filter(|one| names.contains(&one["matcher"]["options"])) {
                let wraps = |one: &Value| one["id"] == "custom.wrapText" && one["value"] == true;
                assert!(array(field, "properties").iter().any(wraps), "{uid}: {}", panel["title"]);
                tables += 1;
            }
        }
    }
    assert!(tables > 5, "{tables}");
}
