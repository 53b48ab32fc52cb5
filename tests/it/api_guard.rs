//! Who may ask the JSON API: tokens, names, other sites' pages; and how the server starts and ends.

use std::collections::BTreeSet;
use std::net::TcpListener;
use std::process::Output;
use std::time::{Duration, Instant};

use serde_json::json;

use crate::served::{Reply, Served, command};
use crate::support::{eventually, reports, runs, signal, workers};

const TOKEN: &str = "0123456789abcdef-secret";

/// Runs `serve` with options that it must refuse.
fn refused(arguments: &[&str], env: &[(&str, &str)]) -> String {
    let temp = tempfile::tempdir().unwrap();
    let output: Output =
        command(&reports(), temp.path(), arguments).envs(env.iter().copied()).output().unwrap();
    let told = String::from_utf8(output.stderr).unwrap();
    assert_eq!((output.status.code(), output.stdout.as_slice()), (Some(2), &b""[..]), "{told}");
    told
}

#[test]
fn a_token_where_others_can_listen() {
    let told = refused(&["--host", "0.0.0.0", "--port", "0"], &[]);
    assert!(told.contains("`--host 0.0.0.0`") && told.contains("--token-file"), "{told}");
    let told = refused(&["--port", "0"], &[("DUCKDB_PERF_TOKEN", "short")]);
    assert!(told.contains("DUCKDB_PERF_TOKEN") && !told.contains("short\n"), "{told}");
    let told = refused(&["--port", "0", "--token-file", "/nowhere/token"], &[]);
    assert!(told.contains("/nowhere/token") && told.contains("--token-file"), "{told}");

    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("token");
    std::fs::write(&file, format!("{TOKEN}\n")).unwrap();
    let arguments = ["--host", "0.0.0.0", "--token-file", file.to_str().unwrap()];
    let mut open = Served::start_with(&reports(), &arguments, &[("RUST_LOG", "trace")]);
    open.url = open.url.replace("0.0.0.0", "127.0.0.1");
    let bearer = format!("Bearer {TOKEN}");
    for header in [
        "",
        "Bearer",
        "Bearer ",
        "Bearer wrong-wrong-wrong",
        TOKEN,
        "Basic MDEyMzQ1",
        &bearer[..bearer.len() - 1],
    ] {
        let reply = open.get_with("api/perf/slow?limit=1", &[("Authorization", header)]);
        assert!(reply.problem(401).contains("token"), "{header}");
        assert_eq!(reply.header("www-authenticate"), Some("Bearer"));
    }
    for address in [
        "readyz",
        "metrics",
        "api/dashboard.json",
        "api/openapi.json",
        "api/export.csv",
        "nosuch",
        "api/perf/pattern/x",
    ] {
        assert_eq!(open.get(address).status, 401, "{address}");
    }
    assert_eq!(open.send("POST", "api/query", &[("Content-Type", "application/json")], b"{}").status, 401);
    for address in ["", "healthz"] {
        assert_eq!(open.get(address).status, 200, "/{address} holds no data");
    }
    for header in [bearer.clone(), format!("bearer {TOKEN}")] {
        assert_eq!(open.get_with("api/perf/slow?limit=1", &[("Authorization", &header)]).rows().len(), 1);
    }
    // Whoever asks by a name of the network is let in by the token.
    let named = open.get_with("healthz", &[("Host", "perf.example")]);
    assert_eq!(named.status, 200);
    let line = std::fs::read(format!("/proc/{}/cmdline", open.pid())).unwrap();
    assert!(!String::from_utf8_lossy(&line).contains(TOKEN));
    let (_, told) = open.stop();
    assert!(!told.contains(TOKEN), "the token is in the log");

    let local = Served::start_with(&reports(), &[], &[("DUCKDB_PERF_TOKEN", TOKEN)]);
    assert_eq!(local.get("api/perf/slow").status, 401, "a token counts on this machine too");
}

#[test]
fn names_and_sites() {
    let served = Served::start(&reports(), &[]);
    for host in
        ["evil.example", "evil.example:80", "10.0.0.1", "localhost.evil.example", "127.0.0.1.evil.example"]
    {
        let reply = served.get_with("api/perf/slow?limit=1", &[("Host", host)]);
        assert!(reply.problem(403).contains("localhost"), "{host}");
        assert_eq!(served.get_with("healthz", &[("Host", host)]).status, 403, "{host}");
    }
    for host in ["localhost:3001", "LOCALHOST", "127.0.0.1", "[::1]:3001"] {
        assert_eq!(served.get_with("healthz", &[("Host", host)]).status, 200, "{host}");
    }
}

/// A method and the address of every kind of answer.
const ROUTES: &[(&str, &str)] = &[
    ("GET", "healthz"),
    ("GET", "readyz"),
    ("GET", "metrics"),
    ("GET", "api/openapi.json"),
    ("GET", "api/dashboard.json"),
    ("GET", "api/export.csv?table=weeks"),
    ("GET", "api/export.csv?sql=SELECT%20error('x')"),
    ("GET", "api/perf/slow?limit=1"),
    ("GET", "api/perf/pattern/x"),
    ("GET", "api/perf/weekly/x"),
    ("POST", "api/query"),
    ("GET", "api/query"),
    ("HEAD", "api/perf/slow?limit=1"),
    ("OPTIONS", "api/query"),
    ("DELETE", "api/export.csv"),
    ("GET", "nosuch"),
    ("GET", "/"),
    ("POST", ""),
    ("OPTIONS", ""),
];

fn ask(served: &Served, (method, address): (&str, &str), headers: &[(&str, &str)]) -> Reply {
    let headers = [&[("Content-Type", "application/json")], headers].concat();
    served.send(method, address, &headers, br#"{"rawSql": "SELECT 1"}"#)
}

/// How many queries and downloads have ended.
fn ended(served: &Served) -> u64 {
    let text = String::from_utf8(served.get("metrics").body).unwrap();
    let samples = text.lines().filter(|line| line.starts_with("duckdb_perf_queries_total{"));
    samples.map(|line| line.rsplit(' ').next().unwrap().parse::<u64>().unwrap()).sum()
}

/// Each of the three headers is enough, with each value that is not this server's own; the page alone is
/// open.
#[test]
fn pages_of_other_sites_may_not_ask() {
    let served = Served::start(&reports(), &[]);
    let own = served.url.trim_end_matches('/').to_owned();
    let (https, other_port, longer) =
        (own.replace("http:", "https:"), format!("{}1", &own[..own.len() - 1]), format!("{own}1"));
    let (by_name, dotted) = (own.replace("127.0.0.1", "localhost"), own.replace("127.0.0.1", "127.0.0.1."));
    let mut foreign: Vec<Vec<(&str, &str)>> = Vec::new();
    for site in ["cross-site", "same-site", "Cross-Site", "nosuch", ""] {
        foreign.push(vec![("Sec-Fetch-Site", site)]);
        foreign.push(vec![("Sec-Fetch-Site", site), ("Origin", &own), ("Referer", &served.url)]);
        foreign.push(vec![("Sec-Fetch-Site", "none"), ("Sec-Fetch-Site", site)]);
        foreign.push(vec![
            ("Sec-Fetch-Site", site),
            ("Sec-Fetch-Mode", "navigate"),
            ("Sec-Fetch-Dest", "document"),
        ]);
    }
    // As browsers send what speculation rules of any page let them fetch ahead.
    foreign.push(vec![
        ("Sec-Fetch-Site", "none"),
        ("Sec-Purpose", "prefetch"),
        ("Sec-Fetch-Mode", "navigate"),
    ]);
    let origins = [
        "http://evil.example",
        "null",
        "",
        "*",
        "x",
        &https,
        &longer,
        &by_name,
        &dotted,
        "http://[::1]:3001",
    ];
    for origin in origins.into_iter().chain((other_port != own).then_some(other_port.as_str())) {
        foreign.push(vec![("Origin", origin)]);
        foreign.push(vec![("Referer", origin)]);
        foreign.push(vec![("Sec-Fetch-Site", "same-origin"), ("Origin", origin)]);
        foreign.push(vec![("Origin", &own), ("Origin", origin)]);
        foreign.push(vec![("Origin", &own), ("Referer", origin)]);
    }
    assert_eq!(served.get("readyz").status, 200);
    let before = ended(&served);
    for headers in &foreign {
        let reply = ask(&served, ("GET", "api/export.csv?table=weeks"), headers);
        assert!(reply.problem(403).contains("another site"), "{headers:?}");
        assert_eq!(served.get_with("", headers).status, 200, "{headers:?}: the page");
    }
    for route in ROUTES {
        for headers in [[("Sec-Fetch-Site", "cross-site")], [("Origin", "null")], [("Referer", "http://a/")]]
        {
            let reply = ask(&served, *route, &headers);
            assert_eq!(reply.status, 403, "{route:?} {headers:?}");
            assert_eq!(reply.header("access-control-allow-origin"), None, "{route:?}");
        }
    }
    assert_eq!(ended(&served), before, "nothing of all that was run");
    for headers in [
        &[][..],
        &[("Sec-Fetch-Site", "same-origin"), ("Origin", &own), ("Referer", &served.url)],
        &[("Host", "LocalHost:8080"), ("Origin", "http://localhost:8080")],
        &[
            ("Host", "localhost:8080"),
            ("Origin", "http://localhost:8080"),
            ("Referer", "http://localhost:8080/"),
        ],
        &[("Host", "[::1]:8080"), ("Origin", "http://[::1]:8080"), ("Referer", "http://[::1]:8080/?x")],
        &[("Host", "localhost:8443"), ("Origin", "https://localhost:8443")],
    ] {
        let reply = ask(&served, ("GET", "api/perf/slow?limit=1"), headers);
        assert_eq!(reply.rows().len(), 1, "{headers:?}");
    }
}

/// Browsers need to be told with whatever comes, or a page finds the answer that is without.
#[test]
fn every_answer_is_closed_to_other_sites() {
    let served = Served::start(&reports(), &[]);
    let secret = Served::start_with(&reports(), &[], &[("DUCKDB_PERF_TOKEN", TOKEN)]);
    let long = format!("api/perf/slow?pattern={}", "x".repeat(61 << 10));
    let mut replies = vec![served.get(""), served.get(&long)];
    for route in ROUTES {
        replies.push(ask(&served, *route, &[]));
        replies.push(ask(&served, *route, &[("Sec-Fetch-Site", "cross-site")]));
        replies.push(ask(&served, *route, &[("Host", "evil.example")]));
        replies.push(ask(&secret, *route, &[]));
    }
    let mut seen = BTreeSet::new();
    for reply in &replies {
        for (name, value) in [
            ("cross-origin-resource-policy", "same-origin"),
            ("cross-origin-opener-policy", "same-origin"),
            ("x-frame-options", "DENY"),
            ("x-content-type-options", "nosniff"),
            ("referrer-policy", "same-origin"),
        ] {
            assert_eq!(reply.header(name), Some(value), "{name}, status {}", reply.status);
        }
        let policy = reply.header("content-security-policy").unwrap();
        assert!(
            policy.starts_with("default-src 'none'") && policy.contains("frame-ancestors 'none'"),
            "{policy}"
        );
        assert!(matches!(reply.header("cache-control"), Some("no-store" | "no-cache")));
        seen.insert(reply.status);
    }
    assert_eq!(seen.into_iter().collect::<Vec<_>>(), [200, 400, 401, 403, 404, 405, 414]);
}

#[test]
fn sites_that_are_named() {
    let site = "https://site.example";
    let from = [("Origin", site), ("Sec-Fetch-Site", "cross-site"), ("Referer", "https://site.example/")];
    let asks = [
        from[0],
        ("Access-Control-Request-Method", "POST"),
        ("Access-Control-Request-Headers", "content-type"),
    ];
    let closed = Served::start(&reports(), &[]);
    let preflight = closed.send("OPTIONS", "api/query", &asks, b"");
    assert_eq!((preflight.status, preflight.header("access-control-allow-origin")), (403, None));

    let arguments = ["--cors-origin", "HTTPS://Site.example:443", "--cors-origin", "http://localhost:3000"];
    let opened = Served::start_with(&reports(), &arguments, &[("DUCKDB_PERF_TOKEN", TOKEN)]);
    let preflight = opened.send("OPTIONS", "api/query", &asks, b"");
    assert_eq!((preflight.status, preflight.header("access-control-allow-origin")), (200, Some(site)));
    let bearer = format!("Bearer {TOKEN}");
    let token = ("Authorization", bearer.as_str());
    let allowed = opened.get_with("api/perf/slow?limit=1", &[&from[..], &[token]].concat());
    assert_eq!(allowed.rows().len(), 1);
    assert_eq!(allowed.header("access-control-allow-origin"), Some(site));
    assert_eq!(allowed.header("access-control-expose-headers"), Some("x-duckdb-perf-notice"));
    // CORS requests, which alone may be read, are not held to it.
    assert_eq!(allowed.header("cross-origin-resource-policy"), Some("same-origin"));
    assert_eq!(
        opened.get_with("api/perf/slow?limit=1", &[from[1], from[2], token]).rows().len(),
        1,
        "a link"
    );
    assert_eq!(opened.get_with("readyz", &from).status, 401, "an origin is no token");
    for headers in [
        &[("Origin", "https://other.example")][..],
        &[("Origin", "http://site.example")],
        &[("Origin", "https://site.example:444")],
        &[("Origin", "https://site.example."), from[1]],
        &[("Origin", "null"), from[1], from[2]],
        &[from[0], from[1], ("Referer", "https://other.example/")],
        &[from[1]],
    ] {
        for address in ["healthz", "api/perf/slow?limit=1"] {
            let other = opened.get_with(address, &[headers, &[token]].concat());
            assert_eq!(
                (other.status, other.header("access-control-allow-origin")),
                (403, None),
                "{headers:?}"
            );
        }
    }
    // The page behind a proxy that asks by another name, as its visitor sees it.
    let page =
        [("Origin", site), ("Referer", "https://site.example/"), ("Sec-Fetch-Site", "same-origin"), token];
    assert_eq!(ask(&opened, ("POST", "api/query"), &page).rows().len(), 1);
    for origin in ["*", "site.example", "https://site.example/"] {
        assert!(refused(&["--port", "0", "--cors-origin", origin], &[]).contains("--cors-origin"));
    }
}

#[test]
fn a_port_in_use_and_other_mistakes() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let told = refused(&["--port", &port], &[]);
    assert!(told.contains(&format!("port {port} is in use")) && told.contains("`--port`"), "{told}");
    let told = refused(&["--host", "192.0.2.1", "--port", "0"], &[("DUCKDB_PERF_TOKEN", TOKEN)]);
    assert!(told.contains("`--host`"), "{told}");
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("no.json");
    std::fs::write(&file, "{}").unwrap();
    assert!(refused(&["--dashboard", file.to_str().unwrap()], &[]).contains("--dashboard"));
    assert!(refused(&["--dashboard", "/nowhere.json"], &[]).contains("--dashboard"));
}

/// How many jobs of the server run.
fn running(served: &Served) -> String {
    let text = String::from_utf8(served.get("metrics").body).unwrap();
    let sample = text.lines().find(|line| line.starts_with("duckdb_perf_queries_running{"));
    sample.and_then(|line| line.rsplit(' ').next()).unwrap_or_else(|| panic!("{text}")).to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn it_ends_when_asked() {
    let served = Served::start(&reports(), &[]);
    assert_eq!(served.get("api/perf/slow?limit=1").rows().len(), 1);
    let worker = workers(served.pid())[0];
    let temp = served.temp.path().to_owned();
    // The server looks at its datasource when it starts.
    eventually("the end of all jobs", || running(&served) == "0").await;
    // A query that would take long is given a few seconds.
    let url = served.url.clone();
    let slow = std::thread::spawn(move || {
        let body = json!({"rawSql": "SELECT count(*) FROM range(1e12::BIGINT)"}).to_string();
        let agent: ureq::Agent = ureq::Agent::config_builder().proxy(None).build().into();
        agent.post(format!("{url}api/query")).content_type("application/json").send(&body).map(|_| ())
    });
    eventually("a job", || running(&served) == "1").await;
    let start = Instant::now();
    signal(served.pid(), rustix::process::Signal::TERM);
    while runs(served.pid()) {
        assert!(start.elapsed() < Duration::from_secs(20), "it does not end");
        std::thread::sleep(Duration::from_millis(50));
    }
    assert!(start.elapsed() > Duration::from_secs(3), "the query had no time");
    assert!(slow.join().unwrap().is_err());
    eventually("the end of the worker", || !runs(worker)).await;
    assert_eq!(std::fs::read_dir(temp).unwrap().count(), 0, "temp folders are left");

    let idle = Served::start(&reports(), &[]);
    assert_eq!(idle.get("healthz").status, 200);
    let start = Instant::now();
    assert_eq!(idle.stop(), (Some(0), String::new()));
    // Requests that run have five seconds.
    assert!(start.elapsed() < Duration::from_millis(4500), "nothing was running");
}
