//! Moments with nanoseconds, as pandas writes the end of a period: the last one of a week is in that week.

use serde_json::json;

use crate::support::{Host, rows};

const LAST: &str = "2026-01-04 23:59:59.999999999";

#[tokio::test(flavor = "multi_thread")]
async fn the_last_nanosecond_of_a_week_is_in_it() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("moments.parquet");
    crate::support::duckdb(&format!(
        "COPY (SELECT TIMESTAMP_NS '{LAST}' AS ns, TIMESTAMPTZ_NS '{LAST}+00' AS tz, TIMESTAMP_NS '1969-12-28 23:59:59.999999999' AS old) TO '{}' (FORMAT parquet)",
        file.display()
    ));
    let host = Host::start(folder.path(), &json!({})).await;
    for column in ["ns", "tz"] {
        for (expression, expected) in [
            ("$__timeGroup(@, '1w')", "2025-12-29 00:00:00"),
            ("$__timeGroup(@, '2w')", "2025-12-22 00:00:00"),
            ("$__timeGroup(@, '1d')", "2026-01-04 00:00:00"),
            ("$__timeGroup(@, '1h30m')", "2026-01-04 22:30:00"),
            ("$__timeGroup(@, '1M')", "2026-01-01 00:00:00"),
            ("date_trunc('week', @)", "2025-12-29 00:00:00"),
            ("time_bucket(INTERVAL 1 DAY, @)", "2026-01-04 00:00:00"),
            ("yearweek(@)", "202601"),
            ("week(@)", "1"),
            ("CAST(@ AS DATE)", "2026-01-04"),
            ("CAST(@ AS TIME)", "23:59:59.999999"),
            ("epoch_us(@) // 1000000", "1767571199"),
            ("dayname(@)", "Sunday"),
        ] {
            let sql =
                format!("SELECT CAST({} AS VARCHAR) FROM 'moments.parquet'", expression.replace('@', column));
            let found = host.rows(&sql).await.concat();
            assert_eq!(found.strip_suffix("+00").unwrap_or(&found), expected, "{sql}");
        }
    }
    let sql = "SELECT CAST($__timeGroup(old, '1w') AS VARCHAR) FROM 'moments.parquet'";
    assert_eq!(host.rows(sql).await, ["1969-12-22 00:00:00"]);
    host.stop().await;
}

/// A range ends with a whole millisecond, and Grafana's weeks end with 23:59:59.999.
#[tokio::test(flavor = "multi_thread")]
async fn a_range_ends_with_all_of_its_last_millisecond() {
    let folder = tempfile::tempdir().unwrap();
    let host = Host::start(folder.path(), &json!({})).await;
    let nanoseconds = "1767571199999999999";
    for (filter, value) in [
        ("$__timeFilter(x)", format!("TIMESTAMP_NS '{LAST}'")),
        ("$__timeFilter(x)", format!("TIMESTAMPTZ_NS '{LAST}+00'")),
        ("$__timeFilter(x)", "TIMESTAMP '2026-01-04 23:59:59.999999'".to_owned()),
        ("$__unixEpochFilter(x)", "1767571199.9999::DOUBLE".to_owned()),
        ("$__unixEpochNanoFilter(x)", nanoseconds.to_owned()),
    ] {
        for (from, to, expected) in [
            ("2025-12-29T00:00:00Z", "2026-01-04T23:59:59.999Z", "true"),
            ("2026-01-05T00:00:00Z", "2026-01-11T23:59:59.999Z", "false"),
            ("2025-12-29T00:00:00Z", "2026-01-04T23:59:59Z", "false"),
        ] {
            // Of seconds the range has whole ones.
            if filter == "$__unixEpochFilter(x)" && to.ends_with(":59Z") {
                continue;
            }
            let mut query =
                crate::support::query("A", &format!("SELECT {filter} FROM (SELECT {value} AS x)"), "table");
            query.range =
                duckdb_perf::query::TimeRange { from: from.parse().unwrap(), to: to.parse().unwrap() };
            let answer = host.ask_all(&[query]).await.remove(0);
            assert_eq!(
                (answer.error.clone(), rows(&answer)),
                (None, vec![expected.to_owned()]),
                "{filter}, {value}, {to}"
            );
        }
    }
    host.stop().await;
}
