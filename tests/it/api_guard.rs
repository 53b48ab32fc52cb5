//! Who may ask the JSON API: tokens, names, other sites' pages; and how the server starts and ends.

use std::net::TcpListener;
use std::process::Output;
use std::time::{Duration, Instant};

use serde_json::json;

use crate::served::{Served, command};
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
    let origin = ("Origin", "https://site.example");
    let asks = [
        origin,
        ("Access-Control-Request-Method", "POST"),
        ("Access-Control-Request-Headers", "content-type"),
    ];
    assert_eq!(
        served.get_with("api/perf/slow?limit=1", &[origin]).header("access-control-allow-origin"),
        None
    );
    let preflight = served.send("OPTIONS", "api/query", &asks, b"");
    assert_eq!((preflight.status, preflight.header("access-control-allow-origin")), (405, None));

    let arguments = ["--cors-origin", "https://site.example", "--cors-origin", "http://localhost:3000"];
    let opened = Served::start_with(&reports(), &arguments, &[("DUCKDB_PERF_TOKEN", TOKEN)]);
    let preflight = opened.send("OPTIONS", "api/query", &asks, b"");
    assert_eq!(
        (preflight.status, preflight.header("access-control-allow-origin")),
        (200, Some("https://site.example"))
    );
    let bearer = format!("Bearer {TOKEN}");
    let allowed = opened.get_with("api/perf/slow?limit=1", &[origin, ("Authorization", &bearer)]);
    assert_eq!(allowed.header("access-control-allow-origin"), Some("https://site.example"));
    assert_eq!(allowed.header("access-control-expose-headers"), Some("x-duckdb-perf-notice"));
    assert_eq!(opened.get_with("readyz", &[origin]).status, 401, "an origin is no token");
    let other = opened.get_with("healthz", &[("Origin", "https://other.example")]);
    assert_eq!(other.header("access-control-allow-origin"), None);
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
