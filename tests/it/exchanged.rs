//! Folders and links that become other ones while queries run.

use std::time::Duration;

use serde_json::json;

use crate::support::{Host, duckdb, rows};

/// While a query runs, its folder becomes another one, which is closed to the worker that runs it.
#[tokio::test(flavor = "multi_thread")]
async fn a_folder_replaced_in_mid_query_is_not_empty() {
    let parent = tempfile::tempdir().unwrap();
    let at = |name: &str| parent.path().join(name);
    for name in ["reports", "other"] {
        std::fs::create_dir(at(name)).unwrap();
        let report = at(name).join("query_perf_weekly_202601.parquet");
        duckdb(&format!(
            "COPY (SELECT 202601 AS week, 'p' || range AS pattern, 1 AS samples, 1.0 AS p50_ms, 1.0 AS p95_ms, 1.0 AS p99_ms, false AS slow_flag FROM range(1000)) TO '{}' (FORMAT parquet)",
            report.display()
        ));
    }
    let long = "SELECT count(*) AS n FROM perf_all_weeks, range(1000) AS a(x), range(200) AS b(y) WHERE hash(x, y, pattern) > 0";
    let host = Host::start_with(&at("reports"), &json!({}), &[("GF_PLUGIN_CACHE_MB", "0")]).await;
    host.rows("SELECT count(*) FROM perf_all_weeks").await;
    for way in ["moved", "exchanged", "moved and back"] {
        let (reports, other, old) = (at("reports"), at("other"), at("old"));
        let change = async {
            tokio::time::sleep(Duration::from_millis(300)).await;
            let turn = || {
                if way == "exchanged" {
                    let flags = rustix::fs::RenameFlags::EXCHANGE;
                    rustix::fs::renameat_with(rustix::fs::CWD, &reports, rustix::fs::CWD, &other, flags)
                        .unwrap();
                } else {
                    std::fs::rename(&reports, &old).unwrap();
                    std::fs::rename(&other, &reports).unwrap();
                    std::fs::rename(&old, &other).unwrap();
                }
            };
            turn();
            if way == "moved and back" {
                tokio::time::sleep(Duration::from_millis(300)).await;
                turn();
            }
        };
        let (answer, ()) = tokio::join!(host.ask(long, "table"), change);
        match answer.error {
            None => assert_eq!(rows(&answer), ["200000000"], "{way}"),
            Some(error) => {
                assert!(error.contains("again and again") || error.contains("was stopped"), "{way}: {error}");
            }
        }
    }
    host.stop().await;
}

/// A link that leads to one version and then to the other: what it is when the query ends says nothing of
/// what it was.
#[tokio::test(flavor = "multi_thread")]
async fn a_link_that_leads_elsewhere_for_a_while_is_noticed() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    for (version, name) in ["blue", "green"].iter().enumerate() {
        std::fs::create_dir(at(name)).unwrap();
        for part in ["a", "b"] {
            duckdb(&format!(
                "COPY (SELECT {version} AS v, range AS r FROM range(20000)) TO '{}' (FORMAT parquet)",
                at(name).join(part).with_extension("parquet").display()
            ));
        }
    }
    std::os::unix::fs::symlink("blue", at("current")).unwrap();
    let long = "SELECT (SELECT sum(v)::BIGINT FROM 'current/*.parquet'), (SELECT count(*) FROM 'current/*.parquet', range(2000) AS s(x) WHERE hash(x, r) > 0) > 0, (SELECT sum(v)::BIGINT FROM 'current/b.parquet')";
    let host = Host::start(folder.path(), &json!({})).await;
    for way in ["link", "folder"] {
        for wait in [5, 30, 80, 200] {
            let turn = |to: &str| {
                if way == "link" {
                    std::os::unix::fs::symlink(to, at("next")).unwrap();
                    std::fs::rename(at("next"), at("current")).unwrap();
                } else {
                    let flags = rustix::fs::RenameFlags::EXCHANGE;
                    let (one, other) = (at("blue"), at("green"));
                    rustix::fs::renameat_with(rustix::fs::CWD, &one, rustix::fs::CWD, &other, flags).unwrap();
                }
            };
            let change = async {
                tokio::time::sleep(Duration::from_millis(wait)).await;
                turn("green");
                tokio::time::sleep(Duration::from_millis(3 * wait)).await;
                turn("blue");
            };
            let (answer, ()) = tokio::join!(host.ask(long, "table"), change);
            for answer in [answer, host.ask(long, "table").await] {
                match answer.error {
                    None => {
                        let rows = rows(&answer);
                        assert!(
                            ["0 | true | 0", "40000 | true | 20000"].contains(&rows[0].as_str()),
                            "{way}: {rows:?}"
                        );
                    }
                    Some(error) => assert!(error.contains("files changed while"), "{way}: {error}"),
                }
            }
            assert_eq!(host.rows(long).await, ["0 | true | 0"], "{way}: what is kept is what is there");
        }
    }
    host.stop().await;
}
