//! The result cache, through the real plugin: what is answered from it, and above all what is not. Whether it
//! was is told by the plugin's own metrics.

#![expect(clippy::float_cmp, reason = "counts are small whole numbers")]

use std::fs::File;
use std::os::unix::fs::FileExt as _;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use duckdb_perf::app::InstanceSettings;
use duckdb_perf::plugin::client::Answer;
use rustix::process::Signal;
use serde_json::json;

use crate::provisioned::{array, dashboards};
use crate::support::{
    Host, demo, duckdb, eventually, query, report_name, reports, rows, runs, sample, settings, signal,
    workers,
};

/// Longer than a change is too young to be trusted.
const SETTLED: Duration = Duration::from_millis(50);

/// How many queries were answered how, over all datasources: hits, shared, misses, bypassed.
async fn served(host: &Host) -> [f64; 4] {
    let text = host.plugin.metrics().await.unwrap();
    ["hit", "shared", "miss", "bypass"].map(|result| {
        let label = format!("result=\"{result}\"}}");
        let lines =
            text.lines().filter(|line| line.contains("cache_requests_total{") && line.contains(&label));
        lines.map(|line| line.rsplit(' ').next().unwrap().parse::<f64>().unwrap()).sum()
    })
}

/// Asks, and says how it was answered: `hit`, `shared`, `miss`, `bypass`.
async fn ask_as(host: &Host, settings: &InstanceSettings, sql: &str) -> (Answer, &'static str) {
    let before = served(host).await;
    let answer = host.plugin.query(settings, &[query("A", sql, "table")]).await.unwrap().remove("A").unwrap();
    assert_eq!(answer.error, None, "{sql}");
    let after = served(host).await;
    let how = ["hit", "shared", "miss", "bypass"];
    let one = (0..4).find(|&n| after[n] > before[n]).unwrap();
    (answer, how[one])
}

async fn ask(host: &Host, sql: &str) -> (Vec<String>, &'static str) {
    let (answer, how) = ask_as(host, &host.settings, sql).await;
    (rows(&answer), how)
}

async fn bytes(host: &Host) -> f64 {
    sample(&host.plugin.metrics().await.unwrap(), "duckdb_perf_cache_bytes")
}

fn write(path: &Path, value: u32) {
    duckdb(&format!("COPY (SELECT {value} AS v) TO '{}' (FORMAT parquet)", path.display()));
}

#[tokio::test(flavor = "multi_thread")]
async fn every_change_of_a_file_shows_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    write(&at("r1.parquet"), 1);
    write(&at("aside"), 2);
    let host = Host::start(folder.path(), &json!({})).await;
    let files = "SELECT sum(v)::INT, count(*) FROM 'r*.parquet'";
    let expect = async |what: &str, sum: &str| {
        let (rows, how) = ask(&host, files).await;
        assert_eq!((rows, how), (vec![sum.to_owned()], "miss"), "{what}");
        std::thread::sleep(SETTLED);
        ask(&host, files).await;
        for _ in 0..2 {
            assert_eq!(ask(&host, files).await, (vec![sum.to_owned()], "hit"), "{what}");
        }
    };
    std::thread::sleep(SETTLED);
    expect("the first time", "1 | 1").await;

    // In place, with the same size and the time set back: only the inode's own time tells.
    let (old, new) = (std::fs::read(at("r1.parquet")).unwrap(), std::fs::read(at("aside")).unwrap());
    assert!(old.len() == new.len() && old != new, "{} and {} bytes", old.len(), new.len());
    let times = std::fs::metadata(at("r1.parquet")).unwrap();
    let file = File::options().write(true).open(at("r1.parquet")).unwrap();
    file.write_all_at(&new, 0).unwrap();
    file.set_modified(times.modified().unwrap()).unwrap();
    drop(file);
    assert_eq!(std::fs::metadata(at("r1.parquet")).unwrap().modified().unwrap(), times.modified().unwrap());
    expect("rewritten in place", "2 | 1").await;

    write(&at("aside"), 30);
    std::fs::rename(at("aside"), at("r1.parquet")).unwrap();
    expect("replaced by rename", "30 | 1").await;
    write(&at("r2.parquet"), 4);
    expect("added", "34 | 2").await;
    std::fs::remove_file(at("r1.parquet")).unwrap();
    expect("removed", "4 | 1").await;
    std::fs::rename(at("r2.parquet"), at("r3.parquet")).unwrap();
    expect("renamed", "4 | 1").await;
    host.stop().await;
}

/// `FROM b.parquet` without quotes is a table `parquet` in a schema `b`, until DuckDB finds none and reads
/// the file.
#[tokio::test(flavor = "multi_thread")]
async fn a_file_whose_name_is_no_text_is_watched_too() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    write(&at("a.parquet"), 1);
    write(&at("b.parquet"), 2);
    write(&at("b.c.parquet"), 4);
    let host = Host::start(folder.path(), &json!({})).await;
    let sql =
        "SELECT sum(v)::INT FROM (FROM 'a.parquet' UNION ALL FROM b.parquet UNION ALL FROM b.c.parquet)";
    for (name, value, sum) in [("b", 8, "13"), ("b.c", 16, "25"), ("a", 32, "56")] {
        write(&at(&format!("{name}.parquet")), value);
        std::thread::sleep(SETTLED);
        assert_eq!(ask(&host, sql).await, (vec![sum.to_owned()], "miss"), "{name} = {value}");
        ask(&host, sql).await;
        assert_eq!(ask(&host, sql).await, (vec![sum.to_owned()], "hit"), "{name} = {value}");
    }
    // A database beside its write-ahead log tells nothing by its look.
    duckdb(&format!("ATTACH '{}' AS d; CREATE TABLE d.t AS SELECT 1 AS v", at("d.duckdb").display()));
    std::thread::sleep(SETTLED);
    for sql in ["SELECT v FROM 'd.duckdb'", "SELECT v FROM d.duckdb"].repeat(2) {
        assert_ne!(ask(&host, sql).await.1, "hit", "{sql}");
    }
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_report_shows_at_once_in_views_and_below_folders() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("2026")).unwrap();
    demo(folder.path(), 2, 5);
    write(&folder.path().join("2026/x.parquet"), 1);
    let host = Host::start(folder.path(), &json!({})).await;
    std::thread::sleep(SETTLED);
    let view = "SELECT count(DISTINCT week) FROM perf_all_weeks";
    let below = "SELECT count(*) FROM '**/x.parquet'";
    let beside = "SELECT count(*) FROM '*/x.parquet'";
    for (sql, count) in [(view, "2"), (below, "1"), (beside, "1")] {
        assert_eq!(ask(&host, sql).await, (vec![count.to_owned()], "miss"), "{sql}");
        assert_eq!(ask(&host, sql).await, (vec![count.to_owned()], "hit"), "{sql}");
    }
    let newer = "COPY (SELECT 202701::INTEGER AS week, 'a' AS pattern, 1.0 AS p95_ms) TO";
    duckdb(&format!("{newer} '{}' (FORMAT parquet)", folder.path().join(report_name(202_701)).display()));
    std::fs::create_dir(folder.path().join("2027")).unwrap();
    write(&folder.path().join("2027/x.parquet"), 1);
    for (sql, count) in [(view, "3"), (below, "2"), (beside, "2")] {
        assert_eq!(ask(&host, sql).await, (vec![count.to_owned()], "miss"), "{sql}");
    }
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_may_change_by_itself_is_never_kept() {
    let host = Host::start(&reports(), &json!({})).await;
    for sql in [
        "SELECT random(), count(*) FROM perf_all_weeks",
        "SELECT uuid(), max(week) FROM perf_all_weeks",
        "SELECT now() > TIMESTAMP '2026-01-01', count(*) FROM perf_all_weeks",
        "SELECT count(*) FROM perf_all_weeks WHERE current_date > DATE '2026-01-01'",
        "SELECT count(*) FROM (FROM perf_all_weeks USING SAMPLE 10)",
        "SELECT count(*) FROM duckdb_tables()",
        "SELECT count(*) FROM information_schema.tables",
        "SELECT count(*) FROM sqlite_master",
        "EXPLAIN SELECT count(*) FROM perf_all_weeks",
        "DESCRIBE perf_all_weeks",
        "PIVOT perf_all_weeks ON week USING sum(p95_ms)",
        // It reads nothing, so it would only hide whether a worker lives.
        "SELECT 1",
    ] {
        for _ in 0..3 {
            assert_eq!(ask(&host, sql).await.1, "bypass", "{sql}");
        }
    }
    let one = ask(&host, "SELECT random() FROM perf_all_weeks LIMIT 1").await;
    assert_ne!(one, ask(&host, "SELECT random() FROM perf_all_weeks LIMIT 1").await);
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_error_is_not_kept() {
    let folder = tempfile::tempdir().unwrap();
    let host = Host::start(folder.path(), &json!({})).await;
    for _ in 0..2 {
        host.error("SELECT count(*) FROM 'a.parquet'").await;
    }
    write(&folder.path().join("a.parquet"), 1);
    assert_eq!(host.rows("SELECT count(*) FROM 'a.parquet'").await, ["1"]);
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_file_is_asked_each_time() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("perf.duckdb");
    duckdb(&format!(
        "ATTACH '{}' AS f; CREATE TABLE f.t AS SELECT 1 AS a; CREATE VIEW f.v AS SELECT random() AS r",
        file.display()
    ));
    let host = Host::start(&file, &json!({})).await;
    for sql in ["SELECT a FROM t", "SELECT count(r) FROM v"] {
        for _ in 0..2 {
            assert_eq!(ask(&host, sql).await, (vec!["1".to_owned()], "bypass"), "{sql}");
        }
    }
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn equal_queries_at_the_same_time_run_once() {
    let host = Host::start(&reports(), &json!({})).await;
    host.rows("SELECT 1").await;
    std::thread::sleep(SETTLED);
    let slow = "SELECT count(*) FROM perf_all_weeks, range(60000) WHERE hash(week, pattern, range) % 7 = 8";
    let [hits, _, misses, _] = served(&host).await;
    let (one, two, three, four) =
        tokio::join!(host.rows(slow), host.rows(slow), host.rows(slow), host.rows(slow));
    assert!([&one, &two, &three, &four].iter().all(|rows| **rows == ["0"]));
    let after = served(&host).await;
    assert_eq!(after[2] - misses, 1.0, "{after:?}");
    assert!(after[1] > 0.0 && after[0] - hits + after[1] == 3.0, "{after:?}");

    // Whoever goes away takes nobody along.
    let slow = slow.replace("% 7 = 8", "% 7 = 9");
    let (gone, stayed) =
        tokio::join!(tokio::time::timeout(Duration::from_millis(150), host.ask(&slow, "table")), async {
            tokio::time::sleep(Duration::from_millis(50)).await;
            host.ask(&slow, "table").await
        });
    assert!(gone.is_err(), "it was to be slow");
    assert_eq!((stayed.error.as_deref(), rows(&stayed)), (None, vec!["0".to_owned()]));
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_kept_answer_needs_no_worker() {
    let host = Host::start(&reports(), &json!({})).await;
    let sql = "SELECT count(*) FROM perf_all_weeks";
    std::thread::sleep(SETTLED);
    assert_eq!(ask(&host, sql).await.1, "miss");
    let worker = workers(host.plugin.pid().unwrap())[0];
    signal(worker, Signal::KILL);
    eventually("the worker's end", || !runs(worker)).await;
    assert_eq!(ask(&host, sql).await, (vec!["1099".to_owned()], "hit"));
    // The killed one may still have to be reaped.
    assert!(!workers(host.plugin.pid().unwrap()).into_iter().any(runs), "no other was started");
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn another_organisation_datasource_or_setting_never_gets_it() {
    let host = Host::start(&reports(), &json!({})).await;
    let sql = "SELECT count(*) FROM perf_slow_patterns";
    std::thread::sleep(SETTLED);
    let first = ask(&host, sql).await;
    assert_eq!((first.1, ask(&host, sql).await.1), ("miss", "hit"));
    let organisation = InstanceSettings { org_id: 2, ..host.settings.clone() };
    let other = InstanceSettings { uid: "other".to_owned(), ..host.settings.clone() };
    for settings in [&organisation, &other] {
        assert_eq!(ask_as(&host, settings, sql).await.1, "miss");
        assert_eq!(ask_as(&host, settings, sql).await.1, "hit");
    }
    // The same datasource with another threshold: nothing of the old one is given, nor stays.
    let kept = bytes(&host).await;
    let mut changed = settings(&reports(), &json!({ "slowMs": 1 }));
    changed.uid = host.settings.uid.clone();
    let (answer, how) = ask_as(&host, &changed, sql).await;
    assert_eq!(how, "miss");
    assert_ne!(rows(&answer), first.0);
    for _ in 0..100 {
        if bytes(&host).await <= kept + 10.0 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert!(bytes(&host).await <= kept + 10.0, "the replaced instance's results stay");
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_operator_bounds_it_and_turns_it_off() {
    let sql = |n: usize| format!("SELECT *, repeat(pattern, 5) AS r, {n} AS n FROM perf_all_weeks");
    let host = Host::start_with(&reports(), &json!({}), &[("GF_PLUGIN_CACHE_MB", "4")]).await;
    std::thread::sleep(SETTLED);
    for n in 0..30 {
        assert_eq!(ask(&host, &sql(n)).await.1, "miss");
        assert!(bytes(&host).await <= 4.0 * 1024.0 * 1024.0);
    }
    let kept = bytes(&host).await;
    assert!(kept > 2e6, "{kept} bytes are kept");
    host.stop().await;

    let host = Host::start_with(&reports(), &json!({}), &[("GF_PLUGIN_CACHE_MB", "0")]).await;
    for _ in 0..3 {
        assert_eq!(ask(&host, &sql(0)).await.1, "bypass");
    }
    assert_eq!(bytes(&host).await, 0.0);
    host.stop().await;
}

/// Results that are kept count as memory of the datasource, and go when a query needs it.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_kept_costs_no_other_query_its_memory() {
    let (limit, mb) = (128, 1024.0 * 1024.0);
    let more = json!({ "memoryLimitMb": limit, "maxResultMb": 64, "timeoutSeconds": 60 });
    let host = Host::start_with(&reports(), &more, &[("GF_PLUGIN_CACHE_MB", "1024")]).await;
    std::thread::sleep(SETTLED);
    // Some 20 MB each: ten times what fits beside a worker.
    let large = |n: usize| {
        format!(
            "SELECT repeat('{n}', 1000) || range AS x FROM range(20000), (SELECT count(*) FROM perf_all_weeks)"
        )
    };
    for n in 0..30 {
        let started = Instant::now();
        let answer = host.ask(&large(n), "table").await;
        assert_eq!(answer.error, None, "{n} after {:?}", started.elapsed());
    }
    let status = |pid: u32| -> f64 {
        let text = std::fs::read_to_string(format!("/proc/{pid}/statm")).unwrap_or_default();
        text.split(' ').nth(1).and_then(|pages| pages.parse::<f64>().ok()).unwrap_or(0.0) * 4096.0 / mb
    };
    let plugin = host.plugin.pid().unwrap();
    let resident: f64 = status(plugin) + workers(plugin).into_iter().map(status).sum::<f64>();
    println!("kept {:.0} MB, resident {resident:.0} MB", bytes(&host).await / mb);
    assert!(resident < f64::from(limit) + 256.0, "{resident} MB");
    host.stop().await;
}

/// While others ask all the time and so fill the cache, whoever asks after a change gets what is there now.
#[tokio::test(flavor = "multi_thread")]
async fn no_answer_is_older_than_its_question() {
    let folder = tempfile::tempdir().unwrap();
    let (path, aside) = (folder.path().join("r1.parquet"), folder.path().join("aside"));
    let versions: Vec<Vec<u8>> = (0..40)
        .map(|value| {
            write(&aside, 1000 + value);
            std::fs::read(&aside).unwrap()
        })
        .collect();
    assert!(versions.iter().all(|bytes| bytes.len() == versions[0].len()), "the same size");
    std::fs::copy(&aside, &path).unwrap();
    let host = Host::start(folder.path(), &json!({})).await;
    let sql = "SELECT max(v) FROM 'r*.parquet'";
    let done = AtomicBool::new(false);
    let others = async || {
        while !done.load(Ordering::SeqCst) {
            // In the middle of a change there may be an error.
            let _ = host.ask(sql, "table").await;
        }
    };
    let changes = async {
        for round in 0..400_usize {
            let version = round % versions.len();
            if round % 2 == 0 {
                std::fs::write(&aside, &versions[version]).unwrap();
                std::fs::rename(&aside, &path).unwrap();
            } else {
                File::options().write(true).open(&path).unwrap().write_all_at(&versions[version], 0).unwrap();
            }
            // Some questions come at once, some when the file can be trusted again.
            tokio::time::sleep(Duration::from_millis([0, 1, 5, 19, 21, 40, 70][round % 7])).await;
            for _ in 0..3 {
                assert_eq!(host.rows(sql).await, [(1000 + version).to_string()], "round {round}");
            }
        }
        done.store(true, Ordering::SeqCst);
    };
    tokio::join!(changes, others(), others());
    let [hits, shared, misses, _] = served(&host).await;
    println!("{hits} hits, {shared} shared, {misses} misses");
    assert!(hits > 100.0 && shared > 0.0 && misses > 100.0, "the race was not met");
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_time_range_matters_only_where_it_is_used() {
    let host = Host::start(&reports(), &json!({})).await;
    std::thread::sleep(SETTLED);
    let at = async |sql: &str, to: &str| {
        let before = served(&host).await;
        let mut asked = query("A", sql, "time_series");
        asked.range.to = to.parse().unwrap();
        let answer = host.ask_all(&[asked]).await.remove(0);
        assert_eq!(answer.error, None);
        let after = served(&host).await;
        ["hit", "shared", "miss", "bypass"][(0..4).find(|&n| after[n] > before[n]).unwrap()]
    };
    let weekly = "SELECT week, avg(p95_ms) AS p95 FROM perf_all_weeks WHERE $__weekFilter(week) GROUP BY ALL ORDER BY 1";
    assert_eq!(at(weekly, "2026-11-25T10:00:00Z").await, "miss");
    assert_eq!(at(weekly, "2026-11-25T10:01:00Z").await, "hit", "a refresh in the same week");
    assert_eq!(at(weekly, "2026-12-25T10:00:00Z").await, "miss");
    let filled = "SELECT $__timeGroupAlias($__weekTime(week), '1w', 0), avg(p95_ms) AS p95 FROM perf_all_weeks GROUP BY ALL ORDER BY 1";
    assert_eq!(at(filled, "2026-11-25T10:00:00Z").await, "miss");
    assert_eq!(at(filled, "2027-01-25T10:00:00Z").await, "miss", "it says where the gaps end");
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_panel_of_the_dashboards_is_kept() {
    let host = Host::start(&reports(), &json!({})).await;
    let variables = json!({
        "pattern": "SELECT 1", "week": "newest", "before": "previous", "agent": "$__all", "slow_ms": "",
        "percent": "0", "min_samples": "0", "agent_regex": "",
    });
    let mut asked = 0;
    for (uid, dashboard) in dashboards() {
        for panel in array(&dashboard, "panels") {
            for target in panel["targets"].as_array().into_iter().flatten() {
                let Some(sql) = target["rawSql"].as_str() else { continue };
                let model = json!({ "rawSql": sql, "format": target["format"], "variables": variables });
                let mut query = query("A", "", "table");
                query.model = model.to_string().into();
                let before = served(&host).await;
                for _ in 0..2 {
                    let answers =
                        host.plugin.query(&host.settings, std::slice::from_ref(&query)).await.unwrap();
                    assert_eq!(answers["A"].error, None, "{uid}: {}", panel["title"]);
                }
                let [hits, .., bypassed] = served(&host).await;
                assert_eq!((hits - before[0], bypassed - before[3]), (1.0, 0.0), "{uid}: {}", panel["title"]);
                asked += 1;
            }
        }
    }
    assert!(asked > 20, "{asked}");
    host.plugin.shutdown().await.unwrap();
}
