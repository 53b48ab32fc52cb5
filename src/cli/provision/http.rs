//! Sends one request to Grafana and returns its answer, or why there is none. This is the only module that
//! uses `ureq`. What an answer means is decided in [`super::grafana`].

use std::io;
use std::time::Duration;

use serde_json::Value;
use ureq::http::{Method, Request};
use ureq::tls::{RootCerts, TlsConfig};

use super::target::Target;
use crate::error::{Error, Kind, Result};

const CONNECT: Duration = Duration::from_secs(10);
const WHOLE: Duration = Duration::from_mins(1);
/// The largest answer that is read, in bytes. Answers are lists of rules and dashboards, so a larger one must
/// be wrong.
const MOST_BYTES: u64 = 64 << 20;

/// The HTTP methods that are used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verb {
    /// Reads an object.
    Get,
    /// Creates an object.
    Post,
    /// Replaces an object.
    Put,
    /// Deletes an object.
    Delete,
}

/// An HTTP answer.
#[derive(Debug, Clone)]
pub(super) struct Answer {
    /// The HTTP status.
    pub(super) status: u16,
    /// The target of a redirect.
    pub(super) location: Option<String>,
    /// The body.
    pub(super) text: String,
}

/// An HTTP client for one Grafana.
pub(super) struct Http {
    agent: ureq::Agent,
    /// The address and account of that Grafana.
    pub(super) target: Target,
}

impl Http {
    /// Creates a client without connecting. Certificates are checked as the operating system does
    /// (`SSL_CERT_FILE` adds certificates), and the system's proxy variables apply.
    pub(super) fn new(target: Target) -> Self {
        let tls = TlsConfig::builder().root_certs(RootCerts::PlatformVerifier).build();
        let config = ureq::Agent::config_builder()
            .http_status_as_error(false)
            // A redirect would send the credentials to another host; and it means that the configured address
            // is wrong.
            .max_redirects(0)
            .max_redirects_will_error(false)
            .timeout_connect(Some(CONNECT))
            .timeout_global(Some(WHOLE))
            .user_agent(concat!("duckdb-perf/", env!("CARGO_PKG_VERSION")))
            .tls_config(tls)
            .build();
        Self { agent: config.into(), target }
    }

    /// Sends one request. `editable` says whether users may change the created object in Grafana (alerting
    /// only).
    ///
    /// # Errors
    /// [`Kind::Unavailable`] when there is no answer.
    pub(super) fn ask(&self, verb: Verb, path: &str, body: Option<&Value>, editable: bool) -> Result<Answer> {
        let method = match verb {
            Verb::Get => Method::GET,
            Verb::Post => Method::POST,
            Verb::Put => Method::PUT,
            Verb::Delete => Method::DELETE,
        };
        let mut request = Request::builder()
            .method(method)
            .uri(format!("{}{path}", self.target.base))
            .header("Authorization", &self.target.authorization)
            .header("Accept", "application/json");
        if let Some(org) = self.target.org {
            request = request.header("X-Grafana-Org-Id", org.to_string());
        }
        if editable {
            request = request.header("X-Disable-Provenance", "true");
        }
        let answer = match body {
            Some(body) => request
                .header("Content-Type", "application/json")
                .body(body.to_string())
                .map_err(ureq::Error::from)
                .and_then(|request| self.agent.run(request)),
            None => request.body(()).map_err(ureq::Error::from).and_then(|request| self.agent.run(request)),
        };
        let mut answer = answer.map_err(|error| self.unreachable(&error))?;
        let location =
            answer.headers().get("Location").and_then(|value| value.to_str().ok()).map(str::to_owned);
        let text = answer.body_mut().with_config().limit(MOST_BYTES).lossy_utf8(true).read_to_string();
        Ok(Answer {
            status: answer.status().as_u16(),
            location,
            text: text.map_err(|error| self.unreachable(&error))?,
        })
    }

    fn unreachable(&self, error: &ureq::Error) -> Error {
        let base = &self.target.base;
        let (what, hint) = match error {
            ureq::Error::HostNotFound => host_not_found(),
            ureq::Error::Timeout(_) => (
                "no answer came in time".to_owned(),
                "Check host and port, and whether a firewall or proxy stands between",
            ),
            ureq::Error::Rustls(_) | ureq::Error::Tls(_) => tls_reason(&error.to_string()),
            ureq::Error::Io(error) => io_reason(error),
            ureq::Error::Protocol(_) => (
                "what answers does not speak HTTP".to_owned(),
                "Check the port, and whether the address must start with https://",
            ),
            ureq::Error::BadUri(_) | ureq::Error::Http(_) => {
                (format!("the address is not usable ({error})"), "Write it as the browser shows it")
            }
            ureq::Error::ConnectProxyFailed(_) | ureq::Error::InvalidProxyUrl => (
                format!("the proxy does not help ({error})"),
                "Check HTTPS_PROXY and HTTP_PROXY, or name Grafana's host in NO_PROXY",
            ),
            _ => (error.to_string(), "Check the address, and whether Grafana runs"),
        };
        Error::new(Kind::Unavailable, format!("Grafana is not reached at {base}: {what}")).hint(hint)
    }
}

fn tls_reason(error: &str) -> (String, &'static str) {
    let hint = if error.contains("CaUsedAsEndEntity") {
        "Its certificate is an authority's own: have that authority sign one for the server, and name the authority's file in SSL_CERT_FILE"
    } else {
        "If its certificate is from an authority of your own, name that authority's file in SSL_CERT_FILE; if Grafana speaks plain HTTP, write http://"
    };
    (format!("TLS fails ({error})"), hint)
}

fn host_not_found() -> (String, &'static str) {
    (
        "its host is not found".to_owned(),
        "Look for a typing mistake in the address, and whether this machine can resolve the name",
    )
}

fn io_reason(error: &io::Error) -> (String, &'static str) {
    match error.kind() {
        // The standard library has no error kind for a failed name lookup.
        _ if error.to_string().contains("lookup address") => host_not_found(),
        io::ErrorKind::ConnectionRefused => (
            "the connection is refused, nothing listens there".to_owned(),
            "Start Grafana, or correct host and port in `GRAFANA_URL`",
        ),
        io::ErrorKind::TimedOut => (
            "no answer came in time".to_owned(),
            "Check host and port, and whether a firewall or proxy stands between",
        ),
        io::ErrorKind::InvalidData => tls_reason(&error.to_string()),
        io::ErrorKind::UnexpectedEof | io::ErrorKind::ConnectionReset | io::ErrorKind::ConnectionAborted => (
            format!("the connection broke ({error})"),
            "Check the port, and whether the address must start with https:// or with http://",
        ),
        _ => (error.to_string(), "Check the address, and whether Grafana runs"),
    }
}
