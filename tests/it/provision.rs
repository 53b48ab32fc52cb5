//! `duckdb-perf provision` as a process, where Grafana is not there, is something else, or refuses. What it
//! does in a real Grafana is tested by `just e2e` (tests/e2e/provision.mjs).

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4, TcpListener, TcpStream};
use std::os::fd::OwnedFd;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::sync::{Arc, Mutex};

use rustix::net::{AddressFamily, SocketFlags, SocketType, bind, getsockname, socket_with, sockopt};

use crate::support::executable;

/// An address of the loopback at which nothing listens. While this lives, its port is given to nobody who
/// asks for any.
pub(crate) struct Reserved {
    pub address: SocketAddr,
    /// Does not listen.
    _socket: OwnedFd,
}

impl Reserved {
    pub(crate) fn new() -> Self {
        let socket =
            socket_with(AddressFamily::INET, SocketType::STREAM, SocketFlags::CLOEXEC, None).unwrap();
        // Lets a server that asks for this port have it.
        sockopt::set_socket_reuseaddr(&socket, true).unwrap();
        bind(&socket, &SocketAddrV4::new(Ipv4Addr::LOCALHOST, 0)).unwrap();
        let address = getsockname(&socket).unwrap().try_into().unwrap();
        Self { address, _socket: socket }
    }
}

/// What a server answers to a path: status, extra header line, body.
type Answers = fn(&str) -> (u16, &'static str, &'static str);

/// A server on the loopback, the request lines and `Authorization` headers that it saw, and the bodies.
struct Server {
    address: String,
    seen: Arc<Mutex<Vec<String>>>,
    bodies: Arc<Mutex<Vec<String>>>,
}

impl Server {
    fn start(answers: Answers) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let seen = Arc::new(Mutex::new(Vec::new()));
        let bodies = Arc::new(Mutex::new(Vec::new()));
        let (log, body_log) = (Arc::clone(&seen), Arc::clone(&bodies));
        // Ends with the test's process.
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let _ = serve(stream, answers, &log, &body_log);
            }
        });
        Self { address, seen, bodies }
    }

    fn seen(&self) -> Vec<String> {
        self.seen.lock().unwrap().clone()
    }
}

fn serve(
    mut stream: TcpStream,
    answers: Answers,
    log: &Mutex<Vec<String>>,
    bodies: &Mutex<Vec<String>>,
) -> std::io::Result<()> {
    let mut reader = BufReader::new(stream.try_clone()?);
    let mut first = String::new();
    if reader.read_line(&mut first).is_err() {
        // Not HTTP, a TLS greeting: answered as Go's servers do.
        return stream.write_all(b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n400 Bad Request");
    }
    let mut length = 0;
    let mut authorization = String::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line)?;
        let Some((name, value)) = line.trim_end().split_once(": ") else { break };
        match name.to_lowercase().as_str() {
            "content-length" => length = value.parse().unwrap_or(0),
            "authorization" => value.clone_into(&mut authorization),
            _ => {}
        }
    }
    let mut body = String::new();
    reader.take(length).read_to_string(&mut body)?;
    bodies.lock().unwrap().push(body);
    let path = first.split_whitespace().nth(1).unwrap_or_default();
    log.lock()
        .unwrap()
        .push(format!("{} {authorization}", first.rsplit_once(' ').map_or("", |(start, _)| start)));
    let (status, header, body) = answers(path);
    write!(
        stream,
        "HTTP/1.1 {status} x\r\nConnection: close\r\nContent-Type: application/json\r\n{header}Content-Length: {}\r\n\r\n{body}",
        body.len()
    )
}

fn command(url: &str, key: &str, arguments: &[&str]) -> Command {
    let mut command = Command::new(executable());
    command
        .arg("provision")
        .args(arguments)
        .env_clear()
        .env("NO_COLOR", "1")
        .env("GRAFANA_URL", url)
        .env("GRAFANA_API_KEY", key)
        .stdin(Stdio::null());
    command
}

fn run(url: &str, arguments: &[&str]) -> Output {
    command(url, "glsa_secret", arguments).output().unwrap()
}

/// Code, and stderr of a run that printed nothing on stdout.
fn refused(output: &Output) -> (Option<i32>, String) {
    assert_eq!(String::from_utf8_lossy(&output.stdout), "");
    (output.status.code(), String::from_utf8(output.stderr.clone()).unwrap())
}

/// A Grafana's first answers, as far as they go before something is refused.
fn grafana(path: &str) -> (u16, &'static str, &'static str) {
    match path {
        "/api/health" => (200, "", r#"{"database":"ok","version":"12.3.0","commit":"x"}"#),
        "/api/org" => (200, "", r#"{"id":1,"name":"Main Org."}"#),
        "/api/plugins/duckdb-perf-datasource/settings" => (200, "", r#"{"id":"duckdb-perf-datasource"}"#),
        _ => (404, "", r#"{"message":"Not found"}"#),
    }
}

#[test]
fn nothing_is_sent_without_address_and_credentials() {
    for (url, key, arguments, message) in [
        ("", "k", &[][..], "error: which Grafana is meant is not said: `GRAFANA_URL` is not set"),
        ("http://127.0.0.1:9", "", &[][..], "error: there are no credentials: `GRAFANA_API_KEY` is not set"),
        ("localhost:3000", "k", &[][..], "must start with http:// or https://"),
        (
            "http://127.0.0.1:9",
            "k",
            &["--path", "reports"][..],
            "the setting `path` must be an absolute path",
        ),
        (
            "http://127.0.0.1:9",
            "k",
            &["--from", "/nowhere"][..],
            "there is nothing to provision in `/nowhere`",
        ),
    ] {
        let output = command(url, key, arguments).output().unwrap();
        let (code, text) = refused(&output);
        assert!(matches!(code, Some(1 | 2)), "{text}");
        assert!(text.contains(message) && text.contains("\nhint: "), "{text}");
    }
}

#[test]
fn a_grafana_that_is_not_reached_is_told_with_the_reason() {
    let closed = Reserved::new();
    let (code, text) = refused(&run(&format!("http://{}", closed.address), &[]));
    assert_eq!(code, Some(1));
    assert!(text.contains("the connection is refused") && text.contains("Start Grafana"), "{text}");
    let (_, text) = refused(&run("http://grafana.invalid:3000", &[]));
    assert!(text.contains("its host is not found") && text.contains("hint: "), "{text}");
    // A server that speaks plain HTTP is no TLS server.
    let server = Server::start(grafana);
    let (_, text) = refused(&run(&server.address.replace("http:", "https:"), &[]));
    // Whether the answer or the end of the connection comes first is the system's choice.
    assert!(text.contains("TLS fails") || text.contains("the connection broke"), "{text}");
    assert!(text.contains("http://"), "{text}");
    assert!(!text.contains("glsa_secret"), "{text}");
}

#[test]
fn what_is_not_grafana_is_told_from_it() {
    let other = Server::start(|_| (200, "", "<html>hello</html>"));
    let (code, text) = refused(&run(&other.address, &[]));
    assert_eq!(code, Some(1));
    assert!(text.contains("is not Grafana's API (HTTP 200)") && text.contains("subpath"), "{text}");
    let moved = Server::start(|_| (302, "Location: https://example.org/grafana/api/health\r\n", ""));
    let (_, text) = refused(&run(&moved.address, &[]));
    assert!(text.contains("leads elsewhere, to https://example.org/grafana\n"), "{text}");
    assert_eq!(moved.seen().len(), 1, "nothing was sent after the redirect");
}

#[test]
fn credentials_that_are_refused_and_how_they_are_sent() {
    let server = Server::start(|path| match path {
        "/g/api/health" => grafana("/api/health"),
        _ => (401, "", r#"{"message":"Invalid API key"}"#),
    });
    let url = format!("{}/g/", server.address);
    let (code, text) = refused(&run(&url, &[]));
    assert_eq!(code, Some(1));
    assert!(
        text.contains("does not accept the credentials in `GRAFANA_API_KEY` (HTTP 401): Invalid API key"),
        "{text}"
    );
    command(&url, "admin:admin", &["--delete"]).output().unwrap();
    assert_eq!(
        server.seen(),
        [
            "GET /g/api/health Bearer glsa_secret",
            "GET /g/api/org Bearer glsa_secret",
            "GET /g/api/health Basic YWRtaW46YWRtaW4=",
            "GET /g/api/org Basic YWRtaW46YWRtaW4=",
        ]
    );
}

#[test]
fn a_missing_plugin_says_how_to_install_it() {
    let none = Server::start(|path| match path {
        "/api/plugins/duckdb-perf-datasource/settings" => (404, "", r#"{"message":"Plugin not found"}"#),
        _ => grafana(path),
    });
    let (code, text) = refused(&run(&none.address, &[]));
    assert_eq!(code, Some(1));
    assert!(text.contains("this Grafana has no plugin `duckdb-perf-datasource`"), "{text}");
    assert!(text.contains("allow_loading_unsigned_plugins"), "{text}");
    assert!(none.seen().iter().all(|request| request.starts_with("GET ")), "{:?}", none.seen());
    let unsigned = Server::start(|path| match path {
        "/api/plugins/duckdb-perf-datasource/settings" => {
            (500, "", r#"{"message":"Invalid plugin signature"}"#)
        }
        _ => grafana(path),
    });
    let (_, text) = refused(&run(&unsigned.address, &[]));
    assert!(text.contains("does not load it: Invalid plugin signature"), "{text}");
}

#[test]
fn a_viewer_is_stopped_before_anything_is_sent() {
    let server = Server::start(|path| match path {
        "/api/access-control/user/actions" => {
            (200, "", r#"{"datasources:query":true,"dashboards:read":true,"folders:read":true}"#)
        }
        _ => grafana(path),
    });
    let (code, text) = refused(&run(&server.address, &["--only", "datasource,dashboards"]));
    assert_eq!(code, Some(1));
    assert!(
        text.contains("lacks the permission `datasources:read`, `datasources:create`, `datasources:write`, `folders:create`, `dashboards:create`, `dashboards:write`"),
        "{text}"
    );
    assert!(text.contains("role Admin"), "{text}");
    assert!(server.seen().iter().all(|request| request.starts_with("GET ")), "{:?}", server.seen());
}

#[test]
fn what_grafana_refuses_object_by_object_fails_one_by_one() {
    let server = Server::start(|path| match path {
        "/api/datasources" => (
            403,
            "",
            r#"{"title":"Access denied","message":"You'll need additional permissions to perform this action. Permissions needed: datasources:create"}"#,
        ),
        "/api/folders" => (412, "", r#"{"message":"a folder with that name already exists"}"#),
        _ => grafana(path),
    });
    let output = run(&server.address, &["--only", "datasource,dashboards", "--format", "json"]);
    assert_eq!(output.status.code(), Some(1));
    let report: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(report["good"], false);
    let objects = report["objects"].as_array().unwrap();
    assert_eq!(objects.len(), 2, "no dashboard is tried without its folder: {report:#}");
    assert!(
        objects[0]["error"].as_str().unwrap().ends_with("Permissions needed: datasources:create"),
        "{report:#}"
    );
    assert!(objects[1]["error"].as_str().unwrap().contains("already exists"), "{report:#}");
    assert!(objects.iter().all(|object| object["hint"].is_string()), "{report:#}");
}

#[test]
fn a_dry_run_only_reads() {
    let server = Server::start(|path| match path {
        "/api/v1/provisioning/contact-points" => (200, "", "[]"),
        "/api/v1/provisioning/policies" => (200, "", r#"{"receiver":"grafana-default-email"}"#),
        _ => grafana(path),
    });
    let output = run(&server.address, &["--dry-run", "--path", "/reports"]);
    let text = String::from_utf8(output.stdout.clone()).unwrap();
    assert_eq!(output.status.code(), Some(0), "{text}{}", String::from_utf8_lossy(&output.stderr));
    assert!(text.starts_with("Grafana 12.3.0 at http://127.0.0.1:"), "{text}");
    assert!(text.contains("  to create datasource "), "{text}");
    assert!(String::from_utf8_lossy(&output.stderr).contains("dry run, nothing was changed"));
    assert!(server.seen().iter().all(|request| request.starts_with("GET ")), "{:?}", server.seen());
}

/// A Grafana in which somebody has added a datasource by clicking, and changed it since.
fn with_a_clicked_one(path: &str) -> (u16, &'static str, &'static str) {
    const ALL: &str = r#"[{"uid":"dg5vw5","name":"Mine","type":"duckdb-perf-datasource","access":"proxy","url":"","readOnly":false,"jsonData":{"path":"/reports","slowMs":250}}]"#;
    match path {
        "/api/datasources" => (200, "", ALL),
        "/api/datasources/uid/dg5vw5" => (200, "", &ALL[1..ALL.len() - 1]),
        "/api/frontend/settings" => (200, "", r#"{"appUrl":"https://grafana.example.org/"}"#),
        "/api/v1/provisioning/contact-points" => (200, "", "[]"),
        "/api/v1/provisioning/policies" => (200, "", r#"{"receiver":"grafana-default-email"}"#),
        _ => grafana(path),
    }
}

#[test]
fn a_datasource_that_is_there_is_used_and_told_what_changes() {
    let server = Server::start(with_a_clicked_one);
    let dry = |arguments: &[&str]| {
        let output = run(&server.address, &[&["--dry-run"][..], arguments].concat());
        assert!(output.status.success(), "{output:?}");
        (String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap())
    };
    let (text, notices) = dry(&["--path", "/reports"]);
    assert!(
        text.contains(
            "  unchanged datasource           Mine
            notice: `slowMs` stays 250; a new datasource would have 100
"
        ),
        "{text}"
    );
    assert!(notices.contains("ask the datasource `Mine` (uid `dg5vw5`), which is there"), "{notices}");
    let (text, _) = dry(&["--slow-ms", "150"]);
    assert!(
        text.contains("  to update datasource           Mine\n            `jsonData.slowMs`: 250 → 150.0\n"),
        "{text}"
    );
    // It reads other files, so it is left alone.
    let (text, notices) = dry(&["--path", "/elsewhere"]);
    assert!(text.contains("  to create datasource           DuckDB Perf\n"), "{text}");
    assert!(notices.contains("none that is there reads this path: `Mine` (uid `dg5vw5`)"), "{notices}");
    let (text, _) = dry(&["--path", "/elsewhere", "--uid", "dg5vw5"]);
    assert!(text.contains("`jsonData.path`: /reports → /elsewhere\n"), "{text}");
    assert!(server.seen().iter().all(|request| request.starts_with("GET ")), "{:?}", server.seen());
}

#[test]
fn dashboards_and_rules_are_sent_with_the_uid_and_grafanas_address() {
    let server = Server::start(|path| match path {
        "/api/dashboards/db" | "/api/folders" | "/api/v1/provisioning/alert-rules" => (200, "", "{}"),
        _ => with_a_clicked_one(path),
    });
    run(&server.address, &["--only", "dashboards,alerts"]);
    let bodies = server.bodies.lock().unwrap().join("\n");
    assert!(bodies.contains(r#""datasourceUid":"dg5vw5""#), "{bodies}");
    assert!(!bodies.contains(r#":"duckdb-perf""#), "nothing asks the uid of the files");
    let runbook = "https://grafana.example.org/public/plugins/duckdb-perf-datasource/docs/runbooks/";
    assert_eq!(bodies.matches(&format!(r#""runbook_url":"{runbook}"#)).count(), 4, "{bodies}");
    let kept = run(&server.address, &["--delete", "--only", "datasource", "--uid", "dg5vw5"]);
    assert!(String::from_utf8_lossy(&kept.stdout).contains("kept      datasource  dg5vw5"), "{kept:?}");
    assert!(!server.seen().iter().any(|request| request.starts_with("DELETE ")), "{:?}", server.seen());
}

#[test]
fn the_script_finds_the_executable() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let script = root.join("provisioning/provision_dashboards.sh");
    let path = std::env::var("PATH").unwrap();
    let run = |script: &Path, named: &str, path: &str| {
        Command::new("bash")
            .arg(script)
            .arg("--version")
            .env("PATH", path)
            .env("DUCKDB_PERF", named)
            .output()
            .unwrap()
    };
    let version = format!("duckdb-perf-provision {}\n", env!("CARGO_PKG_VERSION"));
    let named = run(&script, executable().to_str().unwrap(), &path);
    assert_eq!(String::from_utf8_lossy(&named.stdout), version, "{named:?}");
    // In PATH, and beside the script as in a plugin folder.
    let folder = tempfile::tempdir().unwrap();
    std::os::unix::fs::symlink(executable(), folder.path().join("duckdb-perf")).unwrap();
    let in_path = run(&script, "", &format!("{}:{path}", folder.path().display()));
    assert_eq!(String::from_utf8_lossy(&in_path.stdout), version, "{in_path:?}");
    let beside = tempfile::tempdir().unwrap();
    let arch = if cfg!(target_arch = "x86_64") { "amd64" } else { "arm64" };
    std::os::unix::fs::symlink(executable(), beside.path().join(format!("gpx_duckdb_perf_linux_{arch}")))
        .unwrap();
    let copy = beside.path().join("provision_dashboards.sh");
    std::fs::copy(&script, &copy).unwrap();
    let found = run(&copy, "", &path);
    assert_eq!(String::from_utf8_lossy(&found.stdout), version, "{found:?}");
    // Nowhere: in a folder without it, and without Grafana's.
    let alone = tempfile::tempdir().unwrap();
    let copy = alone.path().join("provision_dashboards.sh");
    std::fs::copy(&script, &copy).unwrap();
    let output = Command::new("bash").arg(&copy).env("GF_PATHS_PLUGINS", alone.path()).output().unwrap();
    if output.status.success() {
        return; // There is one in this machine's PATH.
    }
    let text = String::from_utf8_lossy(&output.stderr);
    assert!(text.contains("error: neither duckdb-perf nor") && text.contains("hint: "), "{text}");
}
