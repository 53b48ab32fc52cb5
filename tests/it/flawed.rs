//! Parquet files that cannot be read as they are: the answer names the file and what to do, whatever DuckDB
//! says of it, and the other files answer.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::export::get;
use crate::support::{Host, duckdb, encode, meta, report_name, rows, workers};

const REMEDY: &str = "write it again or move it away";

/// A folder with the reports of some weeks, 500 rows each, by an uncompressed writer or another.
fn reports(weeks: &[u32], how: &str) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for week in weeks {
        duckdb(&format!(
            "COPY (SELECT {week}::INTEGER AS week, 'SELECT ' || range % 50 || ' FROM café' AS pattern, range::DOUBLE AS p95_ms FROM range(500)) \
             TO '{}' (FORMAT parquet, {how})",
            at(&folder, *week).display()
        ));
    }
    folder
}

fn at(folder: &TempDir, week: u32) -> PathBuf {
    folder.path().join(report_name(week))
}

/// A number that the metadata of a file tells of a column.
fn told(file: &Path, column: &str, number: &str) -> usize {
    let sql = format!(
        "SELECT {number} FROM parquet_metadata('{}') WHERE path_in_schema = '{column}'",
        file.display()
    );
    let number: i64 =
        duckdb::Connection::open_in_memory().unwrap().query_row(&sql, [], |row| row.get(0)).unwrap();
    number.try_into().unwrap()
}

/// Replaces bytes of a file, and the file with it, so that no query sees half of it.
fn patch(file: &Path, change: impl FnOnce(&mut Vec<u8>)) {
    let mut bytes = std::fs::read(file).unwrap();
    change(&mut bytes);
    let aside = file.with_extension("tmp");
    std::fs::write(&aside, bytes).unwrap();
    std::fs::rename(aside, file).unwrap();
}

/// Replaces a text by one of the same length.
fn replace(file: &Path, from: &[u8], to: &[u8]) {
    patch(file, |bytes| {
        let places: Vec<usize> =
            (0..=bytes.len() - from.len()).filter(|at| bytes[*at..].starts_with(from)).collect();
        assert!(!places.is_empty(), "{} is not in {}", String::from_utf8_lossy(from), file.display());
        for at in places {
            bytes[at..at + to.len()].copy_from_slice(to);
        }
    });
}

async fn health(host: &Host) -> (bool, String) {
    let health = host.plugin.health(&host.settings).await.unwrap();
    (
        health.ok,
        format!("{} {}", health.message, health.details["verboseMessage"].as_str().unwrap_or_default()),
    )
}

fn notices(answer: &duckdb_perf::plugin::client::Answer) -> String {
    match meta(answer)["notices"].as_array() {
        Some(notices) => notices
            .iter()
            .map(|notice| notice["text"].as_str().unwrap().to_owned())
            .collect::<Vec<_>>()
            .join("\n"),
        None => String::new(),
    }
}

type Damage = fn(&Path, &mut Vec<u8>);

/// Ways in which a file is damaged, the parts of it in which that is.
const DAMAGES: &[(&str, &str, Damage)] = &[
    ("page header", "COMPRESSION uncompressed", |_, bytes| bytes[4..60].fill(0)),
    ("footer length", "COMPRESSION snappy", |_, bytes| {
        let at = bytes.len() - 8;
        bytes[at] = bytes[at].wrapping_add(40);
    }),
    ("magic", "COMPRESSION snappy", |_, bytes| *bytes.last_mut().unwrap() = b'2'),
    ("encrypted", "COMPRESSION snappy", |_, bytes| *bytes.last_mut().unwrap() = b'E'),
    ("truncated", "COMPRESSION snappy", |_, bytes| bytes.truncate(bytes.len() / 2)),
    ("empty", "COMPRESSION snappy", |_, bytes| bytes.clear()),
    ("compressed data", "COMPRESSION snappy", |file, bytes| {
        let start = told(file, "pattern", "coalesce(dictionary_page_offset, data_page_offset)");
        let end = start + told(file, "pattern", "total_compressed_size");
        bytes[start + 40..end].iter_mut().for_each(|byte| *byte ^= 0xff);
    }),
    ("dictionary page", "COMPRESSION zstd", |file, bytes| {
        let start = told(file, "pattern", "dictionary_page_offset");
        bytes[start + 20..start + 60].fill(0xff);
    }),
    ("level data", "COMPRESSION uncompressed", |file, bytes| {
        let start = told(file, "pattern", "data_page_offset");
        bytes[start..start + 30].fill(0xff);
    }),
    ("statistics", "COMPRESSION snappy", |_, bytes| {
        let length = u32::from_le_bytes(bytes[bytes.len() - 8..bytes.len() - 4].try_into().unwrap());
        let footer = bytes.len() - 8 - usize::try_from(length).unwrap();
        bytes[footer + 100..footer + 160].fill(0xff);
    }),
];

#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_report_is_named_with_what_to_do() {
    for (kind, how, damage) in DAMAGES {
        let remedy = match *kind {
            "encrypted" => {
                "The file is encrypted, and the plugin takes no keys: write it again without encryption"
            }
            _ => REMEDY,
        };
        let folder = reports(&[202_601, 202_602, 202_603], how);
        let file = at(&folder, 202_602);
        let sound = std::fs::read(&file).unwrap();
        patch(&file, |bytes| damage(&file, bytes));
        let host = Host::start(folder.path(), &json!({})).await;
        let all = "SELECT week, count(DISTINCT pattern), sum(p95_ms) FROM perf_all_weeks GROUP BY week ORDER BY week";
        for sql in [all, "SELECT max(hash(t)) FROM 'query_perf_weekly_*.parquet' AS t"] {
            // The second time it is known.
            for _ in 0..2 {
                let error = host.error(sql).await;
                assert!(error.contains("query_perf_weekly_202602.parquet"), "{kind}: {error}");
                assert!(error.contains(remedy), "{kind}: {error}");
            }
        }
        let (ok, said) = health(&host).await;
        assert!(!ok, "{kind}: {said}");
        assert!(said.contains("`query_perf_weekly_202602.parquet` cannot be read"), "{kind}: {said}");
        assert!(said.contains(remedy), "{kind}: {said}");
        let other = "SELECT week, count(*) FROM 'query_perf_weekly_202601.parquet' GROUP BY week";
        assert_eq!(host.rows(other).await, ["202601 | 500"], "{kind}");

        patch(&file, |bytes| *bytes = sound);
        assert_eq!(host.rows(all).await.len(), 3, "{kind}: it was written again");
        assert!(health(&host).await.0, "{kind}");
        host.stop().await;
    }
}

/// A sender's own error is not taken for one of the file's.
#[tokio::test(flavor = "multi_thread")]
async fn an_error_of_the_query_stays_one() {
    let folder = reports(&[202_601, 202_602], "COMPRESSION uncompressed");
    patch(&at(&folder, 202_602), |bytes| bytes[4..60].fill(0));
    let host = Host::start(folder.path(), &json!({})).await;
    for sql in [
        "SELECT error('my own words' || p95_ms) FROM perf_all_weeks WHERE week = 202601",
        "SELECT error('\"query\" is corrupt' || p95_ms) FROM 'query_perf_weekly_*.parquet' WHERE week = 202601",
        "SELECT CAST(pattern AS INTEGER) FROM perf_all_weeks WHERE week = 202601",
    ] {
        let error = host.error(sql).await;
        assert!(!error.contains(REMEDY), "{sql}: {error}");
    }
    host.stop().await;
}

/// A report with some bytes that are no UTF-8, as a writer leaves them that cuts texts at a length.
fn odd_texts() -> TempDir {
    let folder = reports(&[202_601, 202_602, 202_603], "COMPRESSION uncompressed");
    replace(&at(&folder, 202_602), "café".as_bytes(), b"caf\xe9\xe9");
    folder
}

#[tokio::test(flavor = "multi_thread")]
async fn texts_that_are_not_utf8_stop_no_panel() {
    let folder = odd_texts();
    let host = Host::start(folder.path(), &json!({})).await;
    let answer =
        host.ask("SELECT week, pattern FROM perf_all_weeks WHERE p95_ms = 1 ORDER BY week", "table").await;
    assert_eq!(answer.error, None);
    assert_eq!(
        rows(&answer),
        ["202601 | SELECT 1 FROM café", "202602 | SELECT 1 FROM caf??", "202603 | SELECT 1 FROM café"]
    );
    let said = notices(&answer);
    assert!(
        said.contains("query_perf_weekly_202602.parquet` holds texts that are not UTF-8 in column `pattern`"),
        "{said}"
    );
    assert!(
        said.contains(
            "`?` stands for each byte that is not, and may stand for the letter right behind such bytes"
        ),
        "{said}"
    );
    assert!(said.contains("texts in UTF-8"), "{said}");
    // What is shown is what a filter finds, whatever the file's Bloom filters and statistics say of its
    // bytes.
    for (filter, count) in [
        ("pattern = 'SELECT 1 FROM caf??'", "10"),
        ("pattern IN ('SELECT 1 FROM caf??', 'SELECT 1 FROM café')", "30"),
        ("pattern < 'SELECT 1 FROM cafz' AND pattern LIKE 'SELECT 1 FROM%'", "10"),
        ("week = 202602 AND pattern LIKE '%caf??'", "500"),
    ] {
        let sql = format!("SELECT count(*) FROM perf_all_weeks WHERE {filter}");
        assert_eq!(host.rows(&sql).await, [count], "{filter}");
    }
    let top = "SELECT count(*) FROM perf_top_patterns WHERE place <= 3";
    assert_eq!(host.rows(top).await, ["9"]);
    let (ok, said) = health(&host).await;
    assert!(ok && said.contains("texts that are not UTF-8 in column `pattern`"), "{said}");

    // A file cannot carry the notice.
    let (status, body) =
        get(&host, &format!("export.csv?sql={}", encode("SELECT pattern FROM perf_all_weeks"))).await;
    assert!(
        status >= 400 && body.contains("202602.parquet") && body.contains("not UTF-8"),
        "{status}: {body}"
    );
    replace(&at(&folder, 202_602), b"caf\xe9\xe9", "café".as_bytes());
    let answer = host.ask("SELECT count(DISTINCT pattern) FROM perf_all_weeks", "table").await;
    assert_eq!((rows(&answer), notices(&answer)), (vec!["50".to_owned()], String::new()));
    host.stop().await;
}

/// What the words about `?` say: DuckDB takes what is behind a broken letter for a part of it.
#[tokio::test(flavor = "multi_thread")]
async fn the_letter_behind_a_broken_one_may_be_lost() {
    let folder = reports(&[202_601, 202_602], "COMPRESSION uncompressed");
    replace(&at(&folder, 202_602), "FROM café".as_bytes(), b"FR\xe9M caf \xc3");
    let host = Host::start(folder.path(), &json!({})).await;
    let sql = "SELECT pattern FROM perf_all_weeks WHERE week = 202602 AND p95_ms = 1";
    assert_eq!(host.rows(sql).await, ["SELECT 1 FR?? caf ?"]);
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn texts_that_are_not_utf8_can_be_read_from_any_file() {
    let folder = odd_texts();
    std::fs::rename(at(&folder, 202_602), folder.path().join("x.parquet")).unwrap();
    let host = Host::start(folder.path(), &json!({})).await;
    let error = host.error("SELECT pattern FROM 'x.parquet'").await;
    for part in
        ["`x.parquet` holds texts that are not UTF-8", "column `pattern`", "utf8_validation = 'replace'"]
    {
        assert!(error.contains(part), "{error}");
    }
    for (how, text) in [("replace", "caf??"), ("ignore", "caf")] {
        let read = format!("read_parquet('x.parquet', utf8_validation = '{how}')");
        let sql = format!("SELECT DISTINCT pattern FROM {read} WHERE p95_ms = 1");
        assert_eq!(host.rows(&sql).await, [format!("SELECT 1 FROM {text}")]);
        let sql = format!("SELECT count(*) FROM {read} AS t WHERE t.pattern = 'SELECT 1 FROM {text}'");
        assert_eq!(host.rows(&sql).await, ["10"], "the filter finds what is shown");
        let sql = format!(
            "WITH x AS (FROM {read}) SELECT count(*) FROM x JOIN x AS y USING (pattern) WHERE y.pattern = 'SELECT 1 FROM {text}'"
        );
        assert_eq!(host.rows(&sql).await, ["100"]);
    }
    let error = host.error("FROM read_parquet('x.parquet', utf8_validation = 'strict')").await;
    assert!(error.contains("not UTF-8"), "{error}");
    let error = host.error("SELECT nosuch FROM read_parquet('x.parquet', utf8_validation = 'replace')").await;
    assert!(error.contains("line 1, column 8") || error.contains("nosuch"), "{error}");
    host.stop().await;
}

/// The worker lives, and says which file and column.
#[tokio::test(flavor = "multi_thread")]
async fn a_name_that_is_not_utf8_is_an_ordinary_error() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("x.parquet");
    duckdb(&format!(
        "COPY (SELECT 202601 AS week, 'a' AS quXry, {{'inXer': 1}} AS s) TO '{}' (FORMAT parquet)",
        file.display()
    ));
    let nested = folder.path().join("nested.parquet");
    std::fs::copy(&file, &nested).unwrap();
    replace(&file, b"quXry", b"qu\xe9ry");
    replace(&nested, b"inXer", b"in\xe9er");
    let host = Host::start(folder.path(), &json!({ "reports": "x.parquet" })).await;
    assert_eq!(host.rows("SELECT 1").await, ["1"]);
    let worker = workers(host.plugin.pid().unwrap());
    for sql in [
        "SELECT * FROM 'x.parquet'",
        "SELECT #2 FROM 'x.parquet'",
        "SELECT b FROM 'x.parquet' AS t(a, b)",
        "SELECT t FROM 'x.parquet' AS t",
        "DESCRIBE FROM 'x.parquet'",
        "SUMMARIZE FROM 'x.parquet'",
        "SELECT name FROM parquet_schema('x.parquet')",
        "SELECT path_in_schema FROM parquet_metadata('x.parquet')",
        "SELECT * FROM perf_all_weeks",
        "SELECT * FROM 'nested.parquet'",
        "SELECT s FROM 'nested.parquet'",
    ] {
        let error = host.error(sql).await;
        let (file, column) =
            if sql.contains("nested") { ("nested.parquet", "`s ") } else { ("x.parquet", "`qu\u{fffd}ry`") };
        assert!(error.contains(file) && error.contains(column), "{sql}: {error}");
        assert!(error.contains("not UTF-8") && error.contains("Rename it"), "{sql}: {error}");
    }
    assert_eq!(host.rows("SELECT week FROM 'x.parquet'").await, ["202601"]);
    let (ok, said) = health(&host).await;
    assert!(!ok && said.contains("`x.parquet`") && said.contains("`qu\u{fffd}ry` is not UTF-8"), "{said}");
    assert_eq!(workers(host.plugin.pid().unwrap()), worker, "no worker ended");
    host.stop().await;
}

/// The names of files may be wrong: the rows tell the newest week.
#[tokio::test(flavor = "multi_thread")]
async fn the_rows_tell_the_newest_week() {
    let folder = reports(&[202_601, 202_602], "COMPRESSION snappy");
    std::fs::copy(at(&folder, 202_602), at(&folder, 202_609)).unwrap();
    let host = Host::start(folder.path(), &json!({})).await;
    let health = host.plugin.health(&host.settings).await.unwrap();
    assert_eq!(health.details["newestWeek"], Value::from(202_602), "{health:?}");
    host.stop().await;
}
