//! `duckdb-perf serve` as a process, and short ways to ask it over loopback.

use std::ffi::OsStr;
use std::fs::File;
use std::io::{BufRead as _, BufReader, Read as _, Seek as _};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use rustix::process::Signal;
use serde_json::Value;
use tempfile::TempDir;
use ureq::http::{Request, Response};
use ureq::{Agent, Body};

use crate::support::{executable, signal};

/// A running server.
pub(crate) struct Served {
    child: Child,
    /// With the `/` at its end.
    pub url: String,
    agent: Agent,
    /// What it says on stderr: a file, because a pipe that nobody reads would stop it.
    told: File,
    /// Where it keeps its temp folders.
    pub temp: TempDir,
}

/// What came back.
pub(crate) struct Reply {
    pub status: u16,
    pub headers: ureq::http::HeaderMap,
    pub body: Vec<u8>,
}

impl Reply {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(&self.body)))
    }

    /// The rows of a good answer.
    pub(crate) fn rows(&self) -> Vec<Value> {
        assert_eq!(self.status, 200, "{}", String::from_utf8_lossy(&self.body));
        match self.json() {
            Value::Array(rows) => rows,
            other => panic!("not an array: {other}"),
        }
    }

    /// The message of an answer with this status.
    pub(crate) fn problem(&self, status: u16) -> String {
        let text = String::from_utf8_lossy(&self.body);
        assert_eq!(self.status, status, "{text}");
        let problem = self.json();
        assert!(problem.get("hint").is_some() && problem.get("position").is_some(), "{text}");
        problem["message"].as_str().unwrap().to_owned()
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }
}

/// The command, with a temp folder and without a token of whoever runs the tests.
pub(crate) fn command(path: &Path, temp: &Path, arguments: &[impl AsRef<OsStr>]) -> Command {
    let mut command = Command::new(executable());
    command.arg("serve").arg("--path").arg(path).args(arguments);
    command.env("TMPDIR", temp).env("NO_COLOR", "1").env_remove("DUCKDB_PERF_TOKEN");
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

impl Served {
    /// Starts a server over `path` on a free port.
    pub(crate) fn start(path: &Path, arguments: &[&str]) -> Self {
        Self::start_with(path, arguments, &[])
    }

    /// … with environment variables.
    pub(crate) fn start_with(path: &Path, arguments: &[&str], env: &[(&str, &str)]) -> Self {
        let temp = tempfile::tempdir().unwrap();
        let arguments = [&["--port", "0"], arguments].concat();
        let mut told = tempfile::tempfile().unwrap();
        let mut command = command(path, temp.path(), &arguments);
        let mut child = command.envs(env.iter().copied()).stderr(told.try_clone().unwrap()).spawn().unwrap();
        let mut url = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut url).unwrap();
        let url = url.trim().to_owned();
        if !url.starts_with("http://") {
            child.wait().unwrap();
            panic!("no address but `{url}`: {}", all_of(&mut told));
        }
        let config = Agent::config_builder()
            .http_status_as_error(false)
            .proxy(None)
            .timeout_global(Some(Duration::from_mins(1)));
        Self { child, url, agent: config.build().new_agent(), told, temp }
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// `GET` of what comes after the first `/`.
    pub(crate) fn get(&self, address: &str) -> Reply {
        self.get_with(address, &[])
    }

    pub(crate) fn get_with(&self, address: &str, headers: &[(&str, &str)]) -> Reply {
        self.send("GET", address, headers, b"")
    }

    /// `POST /api/query`.
    pub(crate) fn query(&self, body: &Value) -> Reply {
        self.send("POST", "api/query", &[("Content-Type", "application/json")], body.to_string().as_bytes())
    }

    pub(crate) fn send(&self, method: &str, address: &str, headers: &[(&str, &str)], body: &[u8]) -> Reply {
        let mut request = Request::builder().method(method).uri(format!("{}{address}", self.url));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let response = if method == "POST" {
            self.agent.run(request.body(body).unwrap())
        } else {
            self.agent.run(request.body(()).unwrap())
        };
        reply(response.unwrap_or_else(|error| panic!("{method} {address}: {error}")))
    }

    /// Asks it to end; returns its exit code and what it said on stderr.
    pub(crate) fn stop(mut self) -> (Option<i32>, String) {
        signal(self.child.id(), Signal::TERM);
        let code = self.child.wait().unwrap().code();
        (code, all_of(&mut self.told))
    }
}

fn all_of(file: &mut File) -> String {
    let mut text = String::new();
    file.rewind().unwrap();
    file.read_to_string(&mut text).unwrap();
    text
}

fn reply(mut response: Response<Body>) -> Reply {
    let body = response.body_mut().with_config().limit(1 << 30).read_to_vec().unwrap();
    Reply { status: response.status().as_u16(), headers: response.headers().clone(), body }
}

/// A test that failed leaves no process behind.
impl Drop for Served {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Percent-encodes everything but letters and digits.
pub(crate) fn encoded(text: &str) -> String {
    text.bytes()
        .map(
            |byte| {
                if byte.is_ascii_alphanumeric() {
                    char::from(byte).to_string()
                } else {
                    format!("%{byte:02X}")
                }
            },
        )
        .collect()
}
