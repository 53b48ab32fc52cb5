//! What the documents talk about, for real: a temp folder that stands for `/var/lib`, with demo reports in
//! `/var/lib/perf-reports`, and a shell in which the documents' commands run.

use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use duckdb_perf::engine::write_reports;
use duckdb_perf::reports::{DemoOptions, generate};
use serde_json::Value;
use tempfile::TempDir;

use crate::provision::Reserved;
use crate::support::executable;

/// What the temp folder is called in the documents.
const SHOWN: &str = "/var/lib";
/// The week of the newest demo report, as the guide's first command has it.
const UNTIL: &str = "2026-W47";
/// The port that the documents' servers listen at; the tests take another.
const PORT: &str = "3001";

pub(super) struct World {
    _temp: TempDir,
    root: PathBuf,
}

impl World {
    pub(super) fn new() -> Self {
        let temp = tempfile::tempdir().unwrap();
        let root = temp.path().canonicalize().unwrap();
        for name in ["perf-reports", "empty-folder", "broken-reports", "other-reports", "grafana"] {
            std::fs::create_dir(root.join(name)).unwrap();
        }
        let options = DemoOptions::new(UNTIL.parse().unwrap());
        write_reports(generate(&options).unwrap().reports(), &root.join("perf-reports"), || {}).unwrap();
        Self { _temp: temp, root }
    }

    /// The folder of the demo reports.
    pub(super) fn reports(&self) -> PathBuf {
        self.root.join("perf-reports")
    }

    /// A document's text with the real paths.
    pub(super) fn real(&self, text: &str) -> String {
        text.replace(SHOWN, self.root.to_str().unwrap())
    }

    /// What came out, with the paths as the documents have them, and the newest report as old as in the week
    /// after it.
    pub(super) fn shown(&self, text: &str) -> String {
        let text = text.replace(self.root.to_str().unwrap(), SHOWN);
        let Some((before, rest)) = text.split_once("ewest week ") else { return text };
        match rest.split_once(" (").and_then(|(week, age)| Some((week, age.split_once(')')?.1))) {
            Some((week, after)) => format!("{before}ewest week {week} (last week){after}"),
            None => text,
        }
    }
}

/// A folder in which a document's commands run one after the other, with `duckdb-perf` to call, the demo
/// reports in `reports` and the project's `provisioning`. Servers that were started end with it.
pub(super) struct Shell {
    temp: TempDir,
    port: Reserved,
    servers: Vec<Child>,
}

/// How a command ended.
pub(super) struct Ended {
    pub code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

impl Shell {
    pub(super) fn new(reports: &Path) -> Self {
        let temp = tempfile::tempdir().unwrap();
        let at = |name: &str| temp.path().join(name);
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        std::fs::create_dir(at("bin")).unwrap();
        std::os::unix::fs::symlink(executable(), at("bin/duckdb-perf")).unwrap();
        copy(reports, &at("reports"));
        // So that `demo` takes the folder for one of its own.
        std::fs::write(at("reports/.duckdb-perf-demo"), "").unwrap();
        copy(&root.join("provisioning"), &at("provisioning"));
        Self { temp, port: Reserved::new(), servers: Vec::new() }
    }

    /// Runs a block's text to its end.
    pub(super) fn run(&self, text: &str) -> Ended {
        let output = self.command(text).output().unwrap();
        let text = |bytes: Vec<u8>| with_port(&String::from_utf8_lossy(&bytes), &self.port(), PORT);
        Ended { code: output.status.code(), stdout: text(output.stdout), stderr: text(output.stderr) }
    }

    /// What the document's server answers to a posted body, in which Grafana would have put in the time
    /// range.
    pub(super) fn post(&self, path: &str, body: &str) -> Value {
        let (from, to) = ("1779667200000", "1795391999999");
        let body = body.replace("${__from}", from).replace("${__to}", to);
        std::fs::write(self.temp.path().join("body.json"), body).unwrap();
        let url = format!("http://127.0.0.1:{PORT}{path}");
        let ended =
            self.run(&format!("curl -sS -H 'Content-Type: application/json' --data-binary @body.json {url}"));
        serde_json::from_str(&ended.stdout)
            .unwrap_or_else(|_| format!("{}{}", ended.stdout, ended.stderr).into())
    }

    /// Starts a server and waits until it listens.
    pub(super) fn start(&mut self, text: &str) {
        let server = self.command(&format!("exec {text}")).stdout(Stdio::null()).spawn().unwrap();
        self.servers.push(server);
        let start = Instant::now();
        let mut listens = false;
        while !listens {
            std::thread::sleep(Duration::from_millis(25));
            listens = TcpStream::connect(self.port.address).is_ok();
            let ended = self.servers.last_mut().and_then(|server| server.try_wait().unwrap());
            assert_eq!(ended, None, "`{}` ended", text.trim());
            assert!(start.elapsed() < Duration::from_mins(1), "`{}` does not listen", text.trim());
        }
    }

    fn port(&self) -> String {
        self.port.address.port().to_string()
    }

    fn command(&self, text: &str) -> Command {
        let path = std::env::var("PATH").unwrap_or_default();
        let mut command = Command::new("bash");
        command.args(["-euo", "pipefail", "-c", &with_port(text, PORT, &self.port())]).stdin(Stdio::null());
        command.current_dir(self.temp.path()).env("HOME", self.temp.path()).env("NO_COLOR", "1");
        command.env("PATH", format!("{}:{path}", self.temp.path().join("bin").display()));
        command
    }
}

impl Drop for Shell {
    fn drop(&mut self) {
        for server in &mut self.servers {
            let _ = server.kill();
            let _ = server.wait();
        }
    }
}

/// `text` with another port where one stands: in an address and in an option. Elsewhere the digits are of
/// other numbers.
fn with_port(text: &str, from: &str, to: &str) -> String {
    ["127.0.0.1:", "--port "].iter().fold(text.to_owned(), |text, before| {
        text.replace(&format!("{before}{from}"), &format!("{before}{to}"))
    })
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap().map(Result::unwrap) {
        let (source, target) = (entry.path(), to.join(entry.file_name()));
        if source.is_dir() {
            copy(&source, &target);
        } else {
            std::fs::copy(source, target).unwrap();
        }
    }
}
