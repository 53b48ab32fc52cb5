//! Tests of the metrics' text, parsed as Prometheus does.

use std::collections::BTreeSet;

use super::*;
use crate::error::{Error, Kind};

/// Parses each line that is not a comment into name, labels as written, and value.
fn samples(text: &str) -> Vec<(String, String, f64)> {
    text.lines()
        .filter(|line| !line.starts_with('#'))
        .map(|line| {
            let (series, value) = line.rsplit_once(' ').unwrap();
            let (name, labels) = series.split_once('{').unwrap_or((series, "}"));
            (name.to_owned(), labels.trim_end_matches('}').to_owned(), value.parse().unwrap())
        })
        .collect()
}

fn value(text: &str, name: &str, labels: &str) -> Option<f64> {
    samples(text).into_iter().find(|sample| sample.0 == name && sample.1 == labels).map(|sample| sample.2)
}

fn now(uid: &str) -> Now {
    let reports = Some(ReportsNow { count: 60, newest: Some((202_653, 691_200)) });
    let datasource = DatasourceNow { workers: 1, worker_memory: 50_000_000, reports };
    Now {
        engine: "v2.0.0",
        instances: 1,
        cache_bytes: 7,
        datasources: BTreeMap::from([(uid.to_owned(), datasource)]),
    }
}

#[test]
fn every_metric_of_the_table_is_in_the_text_with_its_type_and_labels() {
    let metrics = Metrics::default();
    let _ = metrics.of("a");
    let text = metrics.text(now("a"));
    for metric in TABLE {
        assert!(text.contains(&format!("# HELP {} {}\n", metric.name, metric.help)), "{}", metric.name);
        assert!(
            text.contains(&format!("# TYPE {} {}\n", metric.name, metric.kind.as_str())),
            "{}",
            metric.name
        );
        let name = match metric.kind {
            Type::Histogram => format!("{}_count", metric.name),
            _ => metric.name.to_owned(),
        };
        let (_, labels, _) = samples(&text).into_iter().find(|sample| sample.0 == name).unwrap();
        let names: Vec<&str> =
            labels.split("\",").filter_map(|label| Some(label.split_once('=')?.0)).collect();
        assert_eq!(names, metric.labels, "{}", metric.name);
        assert_eq!(metric.kind == Type::Counter, metric.name.ends_with("_total"), "{}", metric.name);
    }
    let types = text.lines().filter(|line| line.starts_with("# TYPE ")).collect::<BTreeSet<_>>();
    assert_eq!(types.len(), TABLE.len(), "no memory_group twice, none beside the table");
    assert_eq!(value(&text, "duckdb_perf_newest_report_week", "datasource=\"a\""), Some(202_653.0));
    assert_eq!(value(&text, "duckdb_perf_cache_bytes", ""), Some(7.0));
    assert!(text.ends_with('\n'));
}

#[test]
fn the_documentation_has_the_same_table() {
    let documented = include_str!("../../docs/monitoring.md");
    let row = |metric: &Metric| {
        let labels: Vec<String> = metric.labels.iter().map(|label| format!("`{label}`")).collect();
        format!("| `{}` | {} | {} | {} |", metric.name, metric.kind.as_str(), labels.join(", "), metric.help)
    };
    let rows: Vec<String> = TABLE.iter().map(row).collect();
    let found: Vec<&str> = documented.lines().filter(|line| line.starts_with("| `duckdb_perf_")).collect();
    assert_eq!(found, rows, "docs/monitoring.md:\n{}", rows.join("\n"));
    // The rules and examples in the text must name only these metrics.
    let words = documented.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
    for name in words.filter(|word| word.starts_with("duckdb_perf_")) {
        assert!(TABLE.iter().any(|metric| metric.name == name), "{name} is no metric");
    }
}

/// A download lasts as long as its reader takes, which says nothing about the time of queries.
#[test]
fn the_time_of_a_download_ends_with_its_first_piece() {
    let metrics = Metrics::default();
    let series = metrics.of("a");
    let mut asked = series.asked();
    asked.begins();
    let counted = || {
        let text = metrics.text(now("a"));
        ["duckdb_perf_query_duration_seconds_count", "duckdb_perf_query_duration_seconds_sum"]
            .map(|name| value(&text, name, "datasource=\"a\""))
    };
    let begun = counted();
    assert_eq!(begun[0], Some(1.0));
    std::thread::sleep(Duration::from_millis(2));
    asked.ended(Ok((3, 500)));
    assert_eq!(counted(), begun);
}

#[test]
fn queries_count_by_their_end() {
    let metrics = Metrics::default();
    let series = metrics.of("a");
    series.asked().ended(Ok((3, 500)));
    series.asked().ended(Err(&Error::bad_query("no")));
    series.asked().ended(Err(&Error::internal("no")));
    series.asked().ended(Err(&Error::new(Kind::Cancelled, "no")));
    drop(series.asked());
    let panicked = Arc::clone(&series);
    std::thread::spawn(move || {
        let _asked = panicked.asked();
        panic!("a panic on purpose");
    })
    .join()
    .unwrap_err();
    let text = metrics.text(now("a"));
    for (outcome, source, expected) in [
        ("ok", "none", 1.0),
        ("error", "downstream", 1.0),
        ("error", "plugin", 2.0),
        ("cancelled", "none", 2.0),
    ] {
        let labels = format!("datasource=\"a\",outcome=\"{outcome}\",error_source=\"{source}\"");
        assert_eq!(value(&text, "duckdb_perf_queries_total", &labels), Some(expected), "{labels}");
    }
    assert_eq!(value(&text, "duckdb_perf_result_rows_total", "datasource=\"a\""), Some(3.0));
    assert_eq!(value(&text, "duckdb_perf_result_bytes_total", "datasource=\"a\""), Some(500.0));
    assert_eq!(value(&text, "duckdb_perf_query_duration_seconds_count", "datasource=\"a\""), Some(6.0));
    let last = "datasource=\"a\",le=\"+Inf\"";
    assert_eq!(value(&text, "duckdb_perf_query_duration_seconds_bucket", last), Some(6.0));
}

#[test]
fn gauges_go_down_again_and_words_have_their_series() {
    let metrics = Metrics::default();
    let series = metrics.of("a");
    let (running, waiting) = (series.runs(), series.waits());
    for how in [Served::Hit, Served::Shared, Served::Miss, Served::Miss, Served::Bypass] {
        series.served(how);
    }
    let text = metrics.text(now("a"));
    assert_eq!(value(&text, "duckdb_perf_queries_running", "datasource=\"a\""), Some(1.0));
    assert_eq!(value(&text, "duckdb_perf_queue_waiting", "datasource=\"a\""), Some(1.0));
    for (result, expected) in [("hit", 1.0), ("shared", 1.0), ("miss", 2.0), ("bypass", 1.0)] {
        let labels = format!("datasource=\"a\",result=\"{result}\"");
        assert_eq!(value(&text, "duckdb_perf_cache_requests_total", &labels), Some(expected), "{result}");
    }
    drop((running, waiting));
    let text = metrics.text(now("a"));
    assert_eq!(value(&text, "duckdb_perf_queries_running", "datasource=\"a\""), Some(0.0));
    assert_eq!(value(&text, "duckdb_perf_queue_waiting", "datasource=\"a\""), Some(0.0));
}

#[test]
fn series_outlive_an_instance_but_not_the_datasources_use() {
    let metrics = Metrics::default();
    metrics.of("a").refused();
    metrics.of("a").refused();
    let labels = "datasource=\"a\"";
    assert_eq!(value(&metrics.text(now("a")), "duckdb_perf_queue_refused_total", labels), Some(2.0));
    assert_eq!(metrics.forget(Duration::from_mins(1)), Vec::<String>::new());
    assert_eq!(metrics.forget(Duration::ZERO), ["a"]);
    assert!(!metrics.text(now("a")).contains(labels));
}

#[test]
fn odd_uids_cannot_break_the_text() {
    let metrics = Metrics::default();
    metrics.of("a\"b\\c\nd").refused();
    let text = metrics.text(Now::default());
    assert!(text.contains("duckdb_perf_queue_refused_total{datasource=\"a\\\"b\\\\c\\nd\"} 1\n"), "{text}");
    assert!(!text.contains("duckdb_perf_reports{"), "nothing is told of reports that nobody looked at");
}

#[test]
fn two_instances_of_one_uid_add_up_and_the_older_newest_week_counts() {
    let reports = |count, newest| Some(ReportsNow { count, newest });
    let of = |reports| DatasourceNow { workers: 2, worker_memory: 10, reports };
    let mut both = DatasourceNow::default();
    both.add(of(reports(1, Some((202_653, 100)))));
    both.add(of(None));
    both.add(of(reports(2, Some((202_652, 900)))));
    both.add(of(reports(0, None)));
    assert_eq!(both, of(reports(3, Some((202_652, 900)))), "workers are counted by uid already");
}
