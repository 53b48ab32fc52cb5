//! What is said of files and folders that are nearly right: the cause by its name, and a remedy that works.

mod stored;

use std::os::unix::fs::symlink;
use std::path::Path;

use duckdb_perf::plugin::client::Answer;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::{Host, demo, duckdb, meta, report_name, rows, settings};

fn folder() -> TempDir {
    tempfile::tempdir().unwrap()
}

/// Writes the rows of a SELECT at `path` below `folder`.
fn write(folder: &Path, path: &str, select: &str) {
    let file = folder.join(path);
    std::fs::create_dir_all(file.parent().unwrap()).unwrap();
    duckdb(&format!("COPY ({select}) TO '{}' (FORMAT parquet)", file.display()));
}

/// A report of one row.
fn report(folder: &Path, path: &str, week: u32) {
    let select = format!("SELECT {week} AS week, 'a' AS pattern, 5 AS samples, 1.5::DOUBLE AS p95_ms");
    write(folder, path, &select);
}

fn notices(answer: &Answer) -> String {
    assert_eq!(answer.error, None);
    let notices = meta(answer)["notices"].as_array().cloned().unwrap_or_default();
    notices.iter().map(|notice| notice["text"].as_str().unwrap()).collect::<Vec<_>>().join("\n")
}

/// All that the health check says, and whether it is content.
async fn health(host: &Host) -> (bool, String) {
    let health = host.plugin.health(&host.settings).await.unwrap();
    let verbose = health.details["verboseMessage"].as_str().unwrap_or_default();
    (health.ok, format!("{} {verbose}", health.message))
}

/// A file's name alone may be that of many.
#[tokio::test(flavor = "multi_thread")]
async fn files_in_folders_are_named_with_them() {
    let root = folder();
    let at = root.path();
    report(at, "query_perf_weekly_202601.parquet/part-0.parquet", 202_601);
    write(
        at,
        "query_perf_weekly_202602.parquet/part-0.parquet",
        "SELECT 202602 AS week, 'a' AS pattern, 'much' AS samples, 1.5 AS p95_ms",
    );
    let host = Host::start(at, &json!({})).await;
    let name = "`query_perf_weekly_202602.parquet/part-0.parquet`";
    let said = notices(&host.ask("FROM perf_all_weeks", "table").await);
    assert!(said.contains(&format!("`samples` is VARCHAR in {name}, where 1 of its values")), "{said}");
    let (_, said) = health(&host).await;
    assert!(said.contains(&format!("such as {name} (")), "{said}");
    assert!(said.contains(&format!("`samples` is VARCHAR in {name}")), "{said}");
    // A damaged one.
    std::fs::write(at.join("query_perf_weekly_202602.parquet/part-0.parquet"), "PAR1 no PAR1").unwrap();
    let (ok, said) = health(&host).await;
    assert!(!ok && said.contains(&format!("{name} cannot be read")), "{said}");
    host.stop().await;
}

/// No reader makes one column of these: nothing that the query says helps, least of all the view that it
/// names already.
#[tokio::test(flavor = "multi_thread")]
async fn columns_that_fit_no_common_type_are_told_by_column_and_file() {
    for (one, other) in [("TIMESTAMP '2026-01-05' AS x", "17::BIGINT AS x"), ("[1] AS x", "{'a': 1} AS x")] {
        let root = folder();
        let at = root.path();
        write(at, &report_name(202_601), &format!("SELECT 202601 AS week, {one}"));
        write(at, &report_name(202_602), &format!("SELECT 202602 AS week, {other}"));
        let host = Host::start(at, &json!({})).await;
        for from in ["perf_all_weeks", "'query_perf_weekly_*.parquet'"] {
            let error = host.error(&format!("SELECT max(x) FROM {from}")).await;
            assert!(error.contains("failed to cast column \"x\"") && error.contains(".parquet"), "{error}");
            assert!(error.contains("cannot be read as one: write it again"), "{error}");
            assert!(!error.contains("use `perf_all_weeks`") && !error.contains("union_by_name"), "{error}");
        }
        host.stop().await;
    }
    // Nanoseconds and a moment that they do not reach.
    let root = folder();
    let at = root.path();
    write(at, "a.parquet", "SELECT TIMESTAMP_NS '2026-01-05' AS ts");
    write(at, "b.parquet", "SELECT TIMESTAMP '10000-01-05 00:00:00' AS ts");
    let host = Host::start(at, &json!({})).await;
    let error = host.error("SELECT max(ts) FROM '*.parquet'").await;
    assert!(error.contains("does not fit TIMESTAMP_NS, which reaches from 1677 to 2262"), "{error}");
    assert!(!error.contains("time range") && !error.contains("perf_all_weeks"), "{error}");
    let error = host.error("SELECT count(*) FROM 'a.parquet' WHERE ts < TIMESTAMP '9999-12-31'").await;
    assert!(error.contains("choose a shorter time range"), "{error}");
    host.stop().await;
}

/// Weeks that are texts or dates in a file that the query names itself: the remedy works as it is written.
#[tokio::test(flavor = "multi_thread")]
async fn a_week_that_is_no_number_gets_a_remedy_that_works() {
    let root = folder();
    let at = root.path();
    for (name, week) in [
        ("iso", "'2026-W46'"),
        ("digits", "'202646'"),
        ("date", "DATE '2026-11-09'"),
        ("time", "TIMESTAMP '2026-11-09'"),
        ("zoned", "TIMESTAMPTZ '2026-11-09 00:00:00+00'"),
    ] {
        write(at, &format!("{name}.parquet"), &format!("SELECT {week} AS week, 'a' AS pattern"));
        let host = Host::start(at, &json!({})).await;
        let error = host.error(&format!("FROM '{name}.parquet' WHERE $__weekFilter(week)")).await;
        let remedy = error
            .split('`')
            .find(|part| part.starts_with("$__weekFilter"))
            .unwrap_or_else(|| panic!("{error}"));
        let sql = format!("SELECT count(*) FROM '{name}.parquet' WHERE {remedy}");
        assert_eq!(host.rows(&sql).await, ["1"], "{sql}");
        host.stop().await;
    }
}

/// Sound files, and names, that look damaged or missing.
#[tokio::test(flavor = "multi_thread")]
async fn odd_files_have_their_own_words() {
    let root = folder();
    let at = root.path();
    report(at, "plain.parquet", 202_601);
    report(at, "a-b.parquet", 202_601);
    report(at, "x.pq", 202_601);
    report(at, "days_1.parquet/part-0.parquet", 202_601);
    report(at, "days_2.parquet/part-0.parquet", 202_602);
    std::fs::create_dir(at.join("days_3.parquet")).unwrap();
    let mut bytes = std::fs::read(at.join("plain.parquet")).unwrap();
    *bytes.last_mut().unwrap() = b'E';
    std::fs::write(at.join("locked.parquet"), bytes).unwrap();
    let empty = parquet_without_columns();
    std::fs::write(at.join("empty.parquet"), empty).unwrap();
    let host = Host::start(at, &json!({})).await;
    for (sql, wanted, unwanted) in [
        ("FROM 'locked.parquet'", "The file is encrypted, and the plugin takes no keys", "damaged"),
        ("FROM 'empty.parquet'", "The file has no column at all", "damaged"),
        ("FROM a-b.parquet", "The name of a file stands in quotes: FROM 'a-b.parquet'", "\u{0}"),
        ("SELECT * FROM (FROM a-b.parquet)", "FROM 'a-b.parquet'", "\u{0}"),
        ("FROM x.pq", "write FROM read_parquet('…') with the file's name", "\u{0}"),
        ("FROM 'days_*.parquet'", "name those in it, `days_*.parquet/**/*.parquet`", "check the name"),
        ("FROM 'days_3.parquet'", "That is a folder, and no such file is in it", "check the name"),
    ] {
        let error = host.error(sql).await;
        assert!(error.contains(wanted) && !error.contains(unwanted), "{sql}: {error}");
    }
    assert_eq!(host.rows("SELECT count(*) FROM 'days_*.parquet/**/*.parquet'").await, ["2"]);
    assert!(!host.error("SELECT 1 +").await.contains("quotes"));
    host.stop().await;
    // Among the reports.
    let host = Host::start(at, &json!({ "reports": "locked.parquet" })).await;
    let (ok, said) = health(&host).await;
    assert!(!ok && said.contains("is encrypted") && !said.contains("damaged"), "{said}");
    assert!(host.error("FROM perf_all_weeks").await.contains("takes no keys"));
    host.stop().await;
}

/// What pandas writes for a data frame without columns.
fn parquet_without_columns() -> Vec<u8> {
    // The smallest footer: version 2, a root without children, no row, no row group.
    let footer: &[u8] = &[
        0x15, 0x04, 0x19, 0x1c, 0x48, 0x06, b's', b'c', b'h', b'e', b'm', b'a', 0x15, 0x00, 0x00, 0x16, 0x00,
        0x19, 0x0c, 0x00,
    ];
    let length = u32::try_from(footer.len()).unwrap().to_le_bytes();
    [b"PAR1", footer, &length, b"PAR1"].concat()
}

/// A link beside the report that it leads to is another name of it.
#[tokio::test(flavor = "multi_thread")]
async fn a_report_with_two_names_counts_once() {
    let root = folder();
    let at = root.path();
    report(at, "in/query_perf_weekly_202601.parquet", 202_601);
    report(at, "in/query_perf_weekly_202602.parquet", 202_602);
    symlink("query_perf_weekly_202602.parquet", at.join("in/query_perf_weekly_latest.parquet")).unwrap();
    symlink("in", at.join("again")).unwrap();
    let count = "SELECT count(*) FROM perf_all_weeks";
    let mut host = Host::start(&at.join("in"), &json!({})).await;
    for (path, pattern) in [("in", "query_perf_weekly_*.parquet"), ("", "*/query_perf_weekly_*.parquet")] {
        host.settings = settings(&at.join(path), &json!({ "reports": pattern }));
        let answer = host.ask(count, "table").await;
        assert_eq!((rows(&answer), notices(&answer)), (vec!["2".to_owned()], String::new()), "{pattern}");
        let (ok, said) = health(&host).await;
        assert!(ok && said.contains(": 2 reports, 2 rows"), "{said}");
        assert!(said.contains("leads to the same file as `") && said.contains("which counts once"), "{said}");
        let (status, body) = crate::export::get(&host, "export.csv?sql=FROM%20perf_all_weeks").await;
        assert!(status == 200 && body.lines().count() == 3, "{status}: {body}");
    }
    // The link leads to another report, and the answer follows.
    host.settings = settings(&at.join("in"), &json!({}));
    std::fs::remove_file(at.join("in/query_perf_weekly_latest.parquet")).unwrap();
    report(at, "old/202553.parquet", 202_552);
    assert_eq!(host.rows(count).await, ["2"]);
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_folder_of_a_week_without_a_report_is_named() {
    let root = folder();
    let at = root.path();
    report(at, "week=202601/part-0.parquet", 202_601);
    std::fs::create_dir_all(at.join("week=202602/_temporary")).unwrap();
    std::fs::create_dir_all(at.join("week=202603")).unwrap();
    std::fs::write(at.join("week=202603/part-0.csv"), "a").unwrap();
    std::fs::create_dir_all(at.join("notes")).unwrap();
    let mut host = Host::start(at, &json!({})).await;
    for pattern in ["**/*.parquet", "*/*.parquet", "week=*/*.parquet"] {
        host.settings = settings(at, &json!({ "reports": pattern }));
        let said = notices(&host.ask("FROM perf_all_weeks", "table").await);
        assert!(said.contains("week=202602` is a folder in which no file matches"), "{pattern}: {said}");
        assert!(said.contains("one more is left out"), "{pattern}: {said}");
        let (ok, said) = health(&host).await;
        for week in [202_602, 202_603] {
            let wanted =
                format!("week={week}` is a folder in which no file matches the pattern of the reports");
            assert!(ok && said.contains(&wanted), "{pattern}: {said}");
        }
        assert!(!said.contains("week=202601` is") && !said.contains("notes"), "{said}");
    }
    host.stop().await;
}

/// A link that leads out may dangle: nobody looks, and who may read the log learns it there.
#[tokio::test(flavor = "multi_thread")]
async fn a_link_outwards_may_dangle() {
    let root = folder();
    let at = root.path().join("in");
    report(&at, &report_name(202_601), 202_601);
    symlink("/nowhere/x.parquet", at.join(report_name(202_602))).unwrap();
    let host = Host::start(&at, &json!({})).await;
    let said = notices(&host.ask("FROM perf_all_weeks", "table").await);
    assert!(
        said.contains("leads out") && said.contains("one that dangles, which the plugin's log tells after"),
        "{said}"
    );
    host.stop().await;
}

/// A missing pattern and an empty one are two.
#[tokio::test(flavor = "multi_thread")]
async fn a_missing_and_an_empty_label_are_two_series() {
    let root = folder();
    demo(root.path(), 1, 3);
    let host = Host::start(root.path(), &json!({})).await;
    let sql = "SELECT TIMESTAMP '2026-01-05' AS time, p AS pattern, v FROM (VALUES (NULL, 1.0), ('', 2.0), ('a', 3.0)) AS t(p, v)";
    let answer = host.ask(sql, "time_series").await;
    assert_eq!(notices(&answer), "");
    assert_eq!(rows(&answer), ["2026-01-05T00:00:00 | 2.0 | 1.0 | 3.0"]);
    let value: Value = meta(&answer);
    assert_eq!(value["type"], "timeseries-wide");
    host.stop().await;
}

/// Settings of a path that is no folder: what it is instead, and what to write.
#[tokio::test(flavor = "multi_thread")]
async fn a_path_that_is_no_folder_says_what_it_is() {
    let root = folder();
    let at = root.path().canonicalize().unwrap();
    report(&at, "my reports/weekly_202601.parquet", 202_601);
    let folder = at.join("my reports");
    let mut host = Host::start(&folder, &json!({})).await;
    for (path, wanted) in [
        (
            format!("file://{}/my%20reports", at.display()),
            format!("Write it without percent signs: `{}`", folder.display()),
        ),
        (
            format!("{}/weekly_*.parquet", folder.display()),
            format!(
                "let \"Path\" (`path`) be its folder, `{}`, and set \"Report files\" (`reports`) to `weekly_*.parquet`",
                folder.display()
            ),
        ),
        (
            "s3://bucket/reports".to_owned(),
            "is an address (`s3:`), and only files on this server are read".to_owned(),
        ),
        ("https://example.com/x.duckdb".to_owned(), "is an address (`https:`)".to_owned()),
        ("reports".to_owned(), "must be an absolute path, not `reports`".to_owned()),
    ] {
        host.settings = settings(Path::new(&path), &json!({}));
        let error = host.error("SELECT 1").await;
        assert!(error.contains(&wanted), "{path}: {error}");
        assert!(!health(&host).await.0);
    }
    host.stop().await;
}

/// Files that a query names by something near their names.
#[tokio::test(flavor = "multi_thread")]
async fn a_table_that_is_a_file_or_folder_is_told_to_be_one() {
    let root = folder();
    let at = root.path();
    report(at, "weekly_202601.parquet", 202_601);
    report(at, "old/x.parquet", 202_601);
    std::fs::write(at.join("owners.csv"), "a,b\n1,2\n").unwrap();
    std::fs::write(root.path().join("notes.txt"), "x").unwrap();
    let host = Host::start(at, &json!({})).await;
    for (sql, wanted) in [
        ("FROM weekly_202601", "stands in quotes: FROM 'weekly_202601.parquet'"),
        ("FROM owners", "stands in quotes: FROM 'owners.csv'"),
        ("FROM 'old/x'", "stands in quotes: FROM 'old/x.parquet'"),
        ("FROM old", "That is a folder: name the files in it, as in FROM 'old/*.parquet'"),
        ("FROM 'old/'", "That is a folder: name the files in it, as in FROM 'old/*.parquet'"),
        ("FROM read_parquet('owners.csv')", "By its name the file is not Parquet: read it with read_csv"),
    ] {
        let error = host.error(sql).await;
        assert!(error.contains(wanted) && !error.contains("damaged"), "{sql}: {error}");
    }
    for sql in ["FROM notes", "FROM nosuch", "FROM '../weekly'"] {
        let error = host.error(sql).await;
        assert!(!error.contains("stands in quotes") && !error.contains("That is a folder"), "{sql}: {error}");
    }
    host.stop().await;
}
