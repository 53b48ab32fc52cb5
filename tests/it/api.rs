//! The JSON API over loopback: every route, bad and hostile parameters, notices. Who may ask is in
//! `api_guard`, the document that describes the routes in `openapi`.

use std::collections::BTreeSet;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use serde_json::{Value, json};

use crate::served::{Served, encoded};
use crate::support::{duckdb, reports};

const YEAR: &str = "from=2026-W01&to=2026-W53";

fn number(row: &Value, name: &str) -> f64 {
    row[name].as_f64().unwrap_or_else(|| panic!("{name} in {row}"))
}

#[test]
fn one_week() {
    let served = Served::start(&reports(), &[]);
    let rows = served.get("api/perf/weekly/202653").rows();
    assert!(rows.len() >= 15 && rows.iter().all(|row| row["week"] == 202_653), "{}", rows.len());
    assert!(rows.is_sorted_by(|a, b| number(a, "p95_ms") >= number(b, "p95_ms")));
    let columns: Vec<&String> = rows[0].as_object().unwrap().keys().collect();
    assert_eq!(columns, ["week", "pattern", "samples", "p50_ms", "p95_ms", "p99_ms", "slow_flag"]);
    for other in ["2026-W53", "2026W53", "2026-w53", "%32%30%32%36%35%33"] {
        assert_eq!(served.get(&format!("api/perf/weekly/{other}")).rows(), rows, "{other}");
    }
    assert_eq!(served.get("api/perf/weekly/202653?limit=2").rows(), rows[..2]);
    let pattern = rows[1]["pattern"].as_str().unwrap();
    let one = served.get(&format!("api/perf/weekly/202653?pattern={}", encoded(pattern))).rows();
    assert_eq!(one, rows[1..2]);
    assert_eq!(served.get("api/perf/weekly/201501").rows(), Vec::<Value>::new(), "a week without a report");

    for week in [
        "202600",
        "202654",
        "2025-W53",
        "202553",
        "20265",
        "2026-53",
        "+12601",
        "0",
        "-1",
        "latest",
        "202653%20",
        "202601%3BDROP",
        "202601'--",
        "%27%20OR%201=1",
        "$__all",
        "%E2%80%AE",
        "202653%00",
    ] {
        let told = served.get(&format!("api/perf/weekly/{week}")).problem(400);
        assert!(told.contains("`week`") && told.contains("is not an ISO week"), "{week}: {told}");
    }
    assert!(served.get("api/perf/weekly/%FF").problem(400).contains("path"));
    assert!(served.get("api/perf/weekly/202653?week=202652").problem(400).contains("`week`"));
    assert!(served.get("api/perf/weekly/202653?from=now").problem(400).contains("`from`"));
}

/// Another text would be looked for than was meant.
#[test]
fn an_address_that_is_not_utf8_is_refused() {
    let served = Served::start(&reports(), &[]);
    for (address, parameter) in [
        ("api/perf/pattern?pattern=%ff", "`pattern`"),
        ("api/perf/slow?limit=1&pattern=caf%E9", "`pattern`"),
        ("api/perf/patterns?%ff=1", "`\u{fffd}`"),
        ("api/perf/weekly/202653?agent=%c3", "`agent`"),
    ] {
        let reply = served.get(address);
        let problem = reply.problem(400);
        assert!(problem.contains(parameter) && problem.contains("not UTF-8"), "{address}: {problem}");
        assert!(reply.json()["hint"].as_str().unwrap().contains("encodeURIComponent"), "{address}");
    }
    for address in
        ["api/perf/slow?pattern=caf%C3%A9", "api/perf/slow?pattern=100%", "api/perf/slow?pattern=%zz"]
    {
        assert_eq!(served.get(address).rows(), Vec::<Value>::new(), "{address}");
    }
}

#[test]
fn slow_patterns_and_regressions() {
    let served = Served::start(&reports(), &[]);
    // The document's query.
    let documented = "SELECT * FROM perf_all_weeks WHERE slow_flag = true ORDER BY p95_ms DESC LIMIT 20";
    let worst = served.query(&json!({ "rawSql": documented })).rows();
    assert_eq!(served.get("api/perf/slow").rows(), worst);
    assert_eq!(worst.len(), 20);
    let slow = served.get("api/perf/slow?order=newest&limit=100000").rows();
    assert!(slow.len() > 20 && slow.iter().all(|row| row["slow_flag"] == true));
    assert!(slow.is_sorted_by_key(|row| std::cmp::Reverse(row["week"].as_i64())));
    let strict = served.get("api/perf/slow?slow_ms=300&limit=100000").rows();
    assert!(strict.len() < slow.len() && strict.iter().all(|row| number(row, "p95_ms") > 300.0));
    assert!(!strict.is_empty());
    for order in ["p50_ms", "p99_ms", "samples"] {
        let name = order.trim_end_matches("_ms");
        let rows = served.get(&format!("api/perf/slow?order={name}")).rows();
        assert!(
            rows.len() == 20 && rows.is_sorted_by(|a, b| number(a, order) >= number(b, order)),
            "{order}"
        );
    }
    let told = served.get("api/perf/slow?order=name").problem(400);
    assert!(told.contains("`order` cannot be `name`"), "{told}");
    let csv = String::from_utf8(served.get("api/export.csv?table=slow").body).unwrap();
    assert_eq!(csv.lines().count(), slow.len() + 1, "a file holds them all");
    let weeks = served.get("api/perf/slow?week=202653&week=2026-W52&order=newest&limit=100000").rows();
    let found: BTreeSet<i64> = weeks.iter().map(|row| row["week"].as_i64().unwrap()).collect();
    assert_eq!(found, BTreeSet::from([202_652, 202_653]));
    let range = "api/perf/slow?from=2026-W52&to=2026-W53&order=newest&limit=100000";
    assert_eq!(served.get(range).rows(), weeks);
    assert_eq!(served.get("api/perf/slow?limit=3").rows(), worst[..3]);

    let patterns = served.get("api/perf/patterns").rows();
    let count =
        served.query(&json!({"rawSql": "SELECT count(DISTINCT pattern) AS n FROM perf_all_weeks"})).rows();
    assert_eq!(count[0]["n"], patterns.len());
    assert!(patterns.iter().any(|row| row["last_week"] != 202_653), "one vanishes");
    let always = patterns.iter().find(|row| row["weeks"] == 60).unwrap();
    let name = always["pattern"].as_str().unwrap();
    let weeks = served.get(&format!("api/perf/pattern/{}?{YEAR}", encoded(name))).rows();
    assert_eq!(weeks.len(), 53);
    assert!(weeks.is_sorted_by_key(|row| row["week"].as_i64()) && weeks[0]["week"] == 202_601);
    let change = number(&weeks[9], "p95_ms") - number(&weeks[8], "p95_ms");
    assert!((number(&weeks[9], "p95_change_ms") - change).abs() < 0.001);
    assert!(weeks[0]["p95_change_ms"].is_number(), "the report before the range counts");
    assert!(weeks.iter().all(|row| row["place"].as_i64() >= Some(1)));

    // Every pair of reports of the year, computed here from the rows themselves.
    let all =
        served.query(&json!({"rawSql": "SELECT week, pattern, p95_ms, samples FROM perf_all_weeks"})).rows();
    let grown = |week: i64, before: i64, percent: f64, least: i64| {
        let rows = |week: i64| all.iter().filter(move |row| row["week"] == week);
        rows(week)
            .filter(|row| {
                rows(before).any(|old| {
                    old["pattern"] == row["pattern"]
                        && number(row, "p95_ms") > number(old, "p95_ms") * (1.0 + percent / 100.0)
                        && row["samples"].as_i64() >= Some(least)
                        && old["samples"].as_i64() >= Some(least)
                })
            })
            .count()
    };
    let newest = served.get("api/perf/regressions?percent=0&min_samples=0").rows();
    assert_eq!(newest.len(), grown(202_653, 202_652, 0.0, 0));
    assert!(newest.iter().all(|row| row["week"] == 202_653 && row["previous_week"] == 202_652));
    let over_the_year =
        served.get("api/perf/regressions?week=202601&week=202602&percent=5&min_samples=500").rows();
    assert_eq!(over_the_year.len(), grown(202_601, 202_552, 5.0, 500) + grown(202_602, 202_601, 5.0, 500));
    let before = served.get("api/perf/regressions?to=2026-W10&percent=0&min_samples=0").rows();
    assert_eq!(before.len(), grown(202_610, 202_609, 0.0, 0), "the newest report of the range");
    assert_eq!(served.get("api/perf/regressions").rows().len(), grown(202_653, 202_652, 25.0, 30));

    for (address, told) in [
        ("slow?slow_ms=a", "`slow_ms`"),
        ("slow?limit=-1", "`limit`"),
        ("slow?from=yesterday", "`from`"),
        ("slow?to=2026-W54", "`to`"),
        ("slow?from=2026-W10&to=2026-W09", "ends before it starts"),
        ("slow?nosuch=1", "`nosuch`"),
        ("regressions?percent=-5", "`percent`"),
        ("regressions?min_samples=x", "`min_samples`"),
        ("patterns?week=202600", "`week`"),
        ("pattern?name=a&name=b", "`name`"),
        ("pattern/a?name=b", "`name`"),
        ("regressions?before=202600", "`before`"),
        ("agents?agent_regex=%28", "missing )"),
    ] {
        let message = served.get(&format!("api/perf/{address}")).problem(400);
        assert!(message.contains(told), "{address}: {message}");
    }
}

#[test]
fn patterns_of_any_text() {
    let names = [
        "it's",
        "a/b",
        "/a",
        "{a,b}",
        "100%",
        "%2F",
        "a b+c",
        "ü \u{1f600}",
        "\"; DROP TABLE x; --",
        "$__from ${x} [[y]]",
        "a?b#c&d=e",
        "SELECT 1 -- \n FROM t",
        "..",
        "\\",
        "'a','b'",
    ];
    let folder = tempfile::tempdir().unwrap();
    let rows: Vec<String> =
        names.iter().map(|name| format!("(202610, '{}', 5.0)", name.replace('\'', "''"))).collect();
    duckdb(&format!(
        "COPY (SELECT * FROM (VALUES {}) AS t(week, pattern, p95_ms)) TO '{}' (FORMAT parquet)",
        rows.join(","),
        folder.path().join("query_perf_weekly_202610.parquet").display()
    ));
    let served = Served::start(folder.path(), &[]);
    for name in names {
        let only = |rows: Vec<Value>| rows.len() == 1 && rows[0]["pattern"] == name;
        let text = encoded(name);
        assert!(only(served.get(&format!("api/perf/pattern?name={text}")).rows()), "{name}");
        assert!(only(served.get(&format!("api/perf/weekly/202610?pattern={text}")).rows()), "{name}");
        // Clients resolve `..` before they send it.
        assert!(name == ".." || only(served.get(&format!("api/perf/pattern/{text}")).rows()), "{name}");
        let body = json!({"rawSql": "FROM perf_all_weeks WHERE pattern IN ($p)", "variables": {"p": [name]}});
        assert!(only(served.query(&body).rows()), "{name}");
    }
    assert!(served.get("api/perf/pattern/a/b").rows().len() == 1, "a slash may stand as it is");
    assert_eq!(served.get("api/perf/pattern/nosuch").rows().len(), 0);
    let two =
        served.get(&format!("api/perf/weekly/202610?pattern={}&pattern=100%25", encoded("it's"))).rows();
    assert_eq!(two.len(), 2);
}

#[test]
fn queries_of_any_text() {
    let served = Served::start(&reports(), &["--setting", "maxRows=3"]);
    let rows = served.query(&json!({
        "rawSql": "SELECT $a AS a, 1.5::DOUBLE AS b, NULL AS c, TIMESTAMP '2026-01-02 03:04:05' AS t, [1] AS list",
        "variables": {"a": "it's"},
    }));
    assert_eq!(rows.header("content-type"), Some("application/json"));
    assert_eq!(
        rows.rows(),
        [json!({"a": "it's", "b": 1.5, "c": null, "t": "2026-01-02T03:04:05Z", "list": [1]})]
    );
    assert_eq!(served.query(&json!({"rawSql": "SELECT 1 WHERE false"})).rows(), Vec::<Value>::new());

    let cut = served.query(&json!({"rawSql": "SELECT 'NaN'::DOUBLE AS x FROM range(9)"}));
    let notices: Vec<&str> =
        cut.headers.get_all("x-duckdb-perf-notice").iter().map(|value| value.to_str().unwrap()).collect();
    assert_eq!(cut.rows(), vec![json!({"x": null}); 3]);
    assert!(notices.iter().any(|text| text.contains("limited to 3 rows")), "{notices:?}");
    assert!(notices.iter().any(|text| text.starts_with("3 numbers (NaN or infinite)")), "{notices:?}");
    let named =
        served.query(&json!({"rawSql": "SELECT (9007199254740993)::UBIGINT AS \"ü%\" FROM range(9)"}));
    let told = named.headers.get_all("x-duckdb-perf-notice").iter();
    let told: Vec<&[u8]> = told.map(ureq::http::HeaderValue::as_bytes).collect();
    assert!(!told.is_empty() && told.iter().all(|text| text.is_ascii()), "{told:?}");

    let frame = served.query(&json!({"rawSql": "FROM range(9)", "as": "frame", "refId": "Q"})).json();
    assert_eq!((&frame["schema"]["refId"], &frame["data"]["values"]), (&json!("Q"), &json!([[0, 1, 2]])));
    assert!(frame["schema"]["meta"]["notices"][0]["text"].as_str().unwrap().contains("3 rows"));
    let series = served.query(&json!({
        "rawSql": "SELECT week, pattern, p95_ms FROM perf_all_weeks WHERE $__weekFilter(week)",
        "format": "time_series", "from": "2026-W53", "to": "2026-W53", "as": "frame",
    }));
    assert_eq!(series.json()["schema"]["fields"][0]["type"], "time");
    let arrow = served.query(&json!({"rawSql": "SELECT 1 AS a", "as": "arrow"}));
    assert_eq!(arrow.header("content-type"), Some("application/vnd.apache.arrow.file"));
    assert_eq!(duckdb_perf::frame::decode(&arrow.body).unwrap().rows(), 1);

    let unknown = served.query(&json!({"rawSql": "SELECT 1,\n  $__nosuch(x)"}));
    assert!(unknown.problem(400).contains("unknown macro `$__nosuch`"));
    assert_eq!(unknown.json()["position"], 12);
    assert_eq!((&unknown.json()["line"], &unknown.json()["column"]), (&json!(2), &json!(3)));
    for (body, status, told) in [
        (json!({"rawSql": "DROP TABLE x"}), 403, "not allowed"),
        (json!({"rawSql": "SELECT 1; SELECT 2"}), 403, "statement"),
        (json!({"rawSql": "FROM read_csv('/etc/passwd')"}), 403, "/etc/passwd"),
        (json!({"rawSql": "SELEC 1"}), 400, "syntax"),
        (json!({"sql": "SELECT 1"}), 400, "`sql`"),
        (json!({"rawSql": "SELECT 1", "fromm": "now"}), 400, "`fromm`"),
        (json!({"format": "table"}), 400, "`rawSql`"),
        (json!({"rawSql": "SELECT 1", "format": "logs"}), 400, "`format`"),
        (json!({"rawSql": "SELECT 1", "as": "csv"}), 400, "`as`"),
        (json!({"rawSql": "SELECT 1", "from": "x"}), 400, "`from`"),
        (json!({"rawSql": "SELECT 1", "variables": {"a": {}}}), 400, "`a`"),
        (json!([1]), 400, "not a JSON object"),
    ] {
        let message = served.query(&body).problem(status);
        assert!(message.contains(told), "{body}: {message}");
    }
    let plain =
        served.send("POST", "api/query", &[("Content-Type", "text/plain")], b"{\"rawSql\":\"SELECT 1\"}");
    assert!(plain.problem(415).contains("JSON"));
    // Refused by its announced length, so the body is not sent.
    let mut stream =
        TcpStream::connect(served.url.trim_start_matches("http://").trim_end_matches('/')).unwrap();
    let head = "POST /api/query HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 2000000\r\n\r\n";
    stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    stream.write_all(head.as_bytes()).unwrap();
    let mut status = String::new();
    BufReader::new(stream).read_line(&mut status).unwrap();
    assert!(status.starts_with("HTTP/1.1 413"), "{status}");
    let long = json!({"rawSql": format!("SELECT '{}'", "x".repeat(600 << 10))});
    assert!(served.query(&long).problem(400).contains("longer than 512 KB"));
}

#[test]
fn status_page_and_dashboard() {
    let served = Served::start(&reports(), &[]);
    assert_eq!(served.get("healthz").json(), json!({"status": "ok"}));
    let ready = served.get("readyz");
    assert_eq!(
        (ready.status, &ready.json()["status"], &ready.json()["details"]["reports"]),
        (200, &json!("OK"), &json!(60))
    );
    let metrics = served.get("metrics");
    assert!(metrics.header("content-type").unwrap().starts_with("text/plain; version=0.0.4"));
    assert!(String::from_utf8(metrics.body).unwrap().contains("duckdb_perf_"));
    let page = served.get("");
    assert!(page.header("content-type").unwrap().starts_with("text/html"));
    let policy = page.header("content-security-policy").unwrap();
    assert!(
        policy.starts_with("default-src 'none'") && !policy.contains("unsafe") && !policy.contains('*'),
        "{policy}"
    );
    let shipped: Value =
        serde_json::from_str(include_str!("../../provisioning/dashboards/query_perf_overview.json")).unwrap();
    assert_eq!(served.get("api/dashboard.json").json(), shipped);
    assert!(served.get("nosuch").problem(404).contains("route"));
    assert!(served.send("DELETE", "api/perf/slow", &[], b"").problem(405).contains("method"));
    assert!(served.get("api/query").problem(405).contains("method"));
    let long = served.get(&format!("api/perf/slow?pattern={}", "x".repeat(61 << 10)));
    assert!(long.problem(414).contains("60 KB"));
    let csv = served.get("api/export.csv?table=slow&week=202653");
    assert_eq!(
        (csv.status, csv.header("content-type")),
        (200, Some("text/csv; charset=utf-8; header=present"))
    );
    let lines = String::from_utf8(csv.body).unwrap().lines().count();
    assert_eq!(lines, 1 + served.get("api/perf/slow?week=202653").rows().len());

    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("mine.json");
    std::fs::write(&file, r#"{"title": "Mine", "panels": []}"#).unwrap();
    let gone = folder.path().join("gone");
    let other = Served::start(&gone, &["--dashboard", file.to_str().unwrap()]);
    assert_eq!(other.get("api/dashboard.json").json()["title"], "Mine");
    let ready = other.get("readyz");
    assert_eq!((ready.status, &ready.json()["status"]), (503, &json!("ERROR")));
    assert!(ready.json()["message"].as_str().unwrap().contains("There is no folder"), "{}", ready.json());
    assert!(other.get("api/perf/slow").problem(404).contains("there is no folder"));
    assert_eq!(other.get("healthz").status, 200);
}

/// Their sum is beyond 64 bits.
#[test]
fn samples_may_be_as_many_as_a_number_holds() {
    let folder = tempfile::tempdir().unwrap();
    for week in [202_601, 202_602] {
        let file = folder.path().join(format!("query_perf_weekly_{week}.parquet"));
        duckdb(&format!(
            "COPY (SELECT {week} AS week, 'a' AS pattern, 9223372036854775807 AS samples, {week}.5 AS p95_ms FROM range(2)) TO '{}' (FORMAT parquet)",
            file.display()
        ));
    }
    let served = Served::start(folder.path(), &[]);
    for route in ["patterns?", "agents?", "regressions?percent=0&", "pattern/a?"] {
        let rows = served.get(&format!("api/perf/{route}{YEAR}")).rows();
        assert!(
            rows.iter().all(|row| number(row, "samples") > 1.8e19) && !rows.is_empty(),
            "{route}: {rows:?}"
        );
    }
}
