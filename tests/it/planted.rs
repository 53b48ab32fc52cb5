//! Links among the files that the plugin reads and writes itself: reports, and what the command line writes
//! aside.

use std::os::unix::fs::symlink;

use bytes::Bytes;
use serde_json::{Value, json};

use crate::links::Place;
use crate::support::{Host, demo, encode, meta, report_name, rows};

/// A link among the reports takes down itself: the others answer, and every answer says what is left out.
#[tokio::test(flavor = "multi_thread")]
async fn a_planted_link_takes_down_itself() {
    let place = Place::new();
    let folder = place.at("r");
    std::fs::create_dir(&folder).unwrap();
    demo(&folder, 3, 5);
    let other = place.at("outside").join(report_name(202_701));
    std::fs::copy(folder.join(report_name(202_653)), &other).unwrap();
    let host = Host::start(&folder, &json!({})).await;
    let weeks = "SELECT string_agg(DISTINCT week::VARCHAR, ',' ORDER BY week::VARCHAR) FROM perf_all_weeks";
    let all = "202651,202652,202653";
    let get = async |sql: &str| {
        let url = format!("export.csv?sql={}", encode(sql));
        let answer = host.plugin.resource(&host.settings, "GET", &url, Bytes::new()).await.unwrap();
        (answer.status, String::from_utf8_lossy(&answer.body).into_owned())
    };
    assert_eq!(host.rows(weeks).await, [all]);
    let link = folder.join(report_name(202_701));
    for (target, says) in [
        (
            "../outside/query_perf_weekly_202701.parquet",
            "is a link that leads out of the datasource's folders",
        ),
        ("../outside/none", "is a link that leads out of the datasource's folders"),
        ("/", "is a link that leads out of the datasource's folders"),
        ("none.parquet", "is a link that leads to no file"),
        ("query_perf_weekly_202701.parquet", "is a link that leads in a circle and to no file"),
    ] {
        symlink(target, &link).unwrap();
        for view in ["perf_all_weeks", "perf_slow_patterns", "perf_top_patterns"] {
            let answer = host.ask(&format!("SELECT count(*) > 0 FROM {view}"), "table").await;
            assert_eq!((answer.error.as_deref(), rows(&answer)), (None, vec!["true".to_owned()]), "{target}");
            let notices = meta(&answer)["notices"].clone();
            let text =
                notices[0]["text"].as_str().unwrap_or_else(|| panic!("{target}: {notices}")).to_owned();
            assert!(text.contains(&format!("A report is left out: `{}` {says}", link.display())), "{text}");
            assert!(text.contains("emove the link"), "{text}");
        }
        assert_eq!(host.rows(weeks).await, [all], "{target}");
        let health = host.plugin.health(&host.settings).await.unwrap();
        assert!(health.ok && health.message.contains("3 reports"), "{target}: {health:?}");
        assert!(health.message.contains(&format!("`{}` {says}", link.display())), "{health:?}");
        assert!(health.message.contains("; it is left out (the plugin's log"), "{health:?}");
        // What is downloaded would look complete.
        let (status, body) = get(weeks).await;
        assert!(
            status == 403 && body.contains("a report would be missing") && body.contains(says),
            "{status} {body}"
        );
        assert_eq!(get("SELECT 1 AS a").await.0, 200, "{target}");
        std::fs::remove_file(&link).unwrap();
        let answer = host.ask(weeks, "table").await;
        assert_eq!(
            (rows(&answer), &meta(&answer)["notices"]),
            (vec![all.to_owned()], &Value::Null),
            "{target}"
        );
    }
    // The others come and go while it is there.
    symlink(&other, &link).unwrap();
    let last = "SELECT count(*) FROM perf_all_weeks WHERE week = 202653";
    let before = host.rows(last).await.remove(0);
    std::fs::remove_file(folder.join(report_name(202_651))).unwrap();
    std::fs::copy(folder.join(report_name(202_653)), folder.join(report_name(202_702))).unwrap();
    assert_eq!(host.rows(weeks).await, ["202652,202653"]);
    let [after] = &host.rows(last).await[..] else { panic!("one row") };
    assert_eq!(
        after.parse::<u32>().unwrap(),
        2 * before.parse::<u32>().unwrap(),
        "the new file is read, too"
    );
    for week in [202_652, 202_653, 202_702] {
        std::fs::remove_file(folder.join(report_name(week))).unwrap();
    }
    let answer = host.ask(weeks, "table").await;
    let notices = meta(&answer)["notices"].to_string();
    assert_eq!(answer.error, None);
    assert!(notices.contains("holds no report") && notices.contains("A report is left out"), "{notices}");
    std::fs::remove_file(&link).unwrap();
    std::fs::copy(&other, &link).unwrap();
    assert_eq!(host.rows(weeks).await, ["202653"]);
    host.stop().await;
}

/// A link inside the folder is a report like any other.
#[tokio::test(flavor = "multi_thread")]
async fn a_link_to_a_report_is_one() {
    let place = Place::new();
    let folder = place.at("r");
    std::fs::create_dir_all(folder.join("old")).unwrap();
    demo(&folder.join("old"), 1, 5);
    symlink(format!("old/{}", report_name(202_653)), folder.join(report_name(202_653))).unwrap();
    let host = Host::start(&folder, &json!({})).await;
    let answer = host.ask("SELECT DISTINCT week FROM perf_all_weeks", "table").await;
    assert_eq!((rows(&answer), &meta(&answer)["notices"]), (vec!["202653".to_owned()], &Value::Null));
    host.stop().await;
}

/// What the command line writes aside first is in a folder of its own, where nobody can have put a link.
#[test]
fn the_command_line_writes_through_no_link() {
    let place = Place::new();
    let folder = place.at("r");
    std::fs::create_dir(&folder).unwrap();
    let own = place.at("own");
    std::fs::write(&own, "mine").unwrap();
    symlink(&own, folder.join(format!(".{}.tmp", report_name(202_653)))).unwrap();
    demo(&folder, 1, 5);
    assert_eq!(std::fs::read_to_string(&own).unwrap(), "mine");
    assert!(folder.join(report_name(202_653)).is_file());
    // DuckDB would empty what it cannot read as a log.
    for name in ["perf.duckdb.wal", "perf.duckdb.wal.checkpoint"] {
        let link = place.at("d").join(name);
        symlink(&own, &link).unwrap();
        let write = duckdb_perf::engine::write_views_file(
            &place.at("d/perf.duckdb"),
            &["CREATE OR REPLACE VIEW v AS SELECT 1 AS a".to_owned()],
            None,
        );
        assert!(write.unwrap_err().message.contains(&format!("{name}` is a link")));
        assert_eq!(std::fs::read_to_string(&own).unwrap(), "mine");
        std::fs::remove_file(link).unwrap();
    }
}
