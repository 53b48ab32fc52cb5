//! One request to Grafana and what came back, or why nothing did. The only place that names `ureq`. What an
//! answer means is [`super::grafana`]'s business.

use std::io;
use std::time::Duration;

use serde_json::Value;
use ureq::http::{Method, Request};
use ureq::tls::{RootCerts, TlsConfig};

use super::target::Target;
use crate::error::{Error, Kind, Result};

const CONNECT: Duration = Duration::from_secs(10);
const WHOLE: Duration = Duration::from_mins(1);
/// Answers are lists of rules and dashboards; one that is larger is no answer.
const MOST_BYTES: u64 = 64 << 20;

/// The methods that are used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verb {
    /// Reads.
    Get,
    /// Makes.
    Post,
    /// Replaces.
    Put,
    /// Removes.
    Delete,
}

/// What came back.
#[derive(Debug, Clone)]
pub(super) struct Answer {
    /// The HTTP status.
    pub(super) status: u16,
    /// Where a redirect leads.
    pub(super) location: Option<String>,
    /// The body.
    pub(super) text: String,
}

/// A way to one Grafana.
pub(super) struct Http {
    agent: ureq::Agent,
    /// Whom it leads to.
    pub(super) target: Target,
}

impl Http {
    /// Opens nothing yet. Certificates are checked as the system does (`SSL_CERT_FILE` adds to them), and the
    /// system's proxy variables hold.
    pub(super) fn new(target: Target) -> Self {
        let tls = TlsConfig::builder().root_certs(RootCerts::PlatformVerifier).build();
        let config = ureq::Agent::config_builder()
            .http_status_as_error(false)
            // A redirect would carry the credentials elsewhere; it means another address anyway.
            .max_redirects(0)
            .max_redirects_will_error(false)
            .timeout_connect(Some(CONNECT))
            .timeout_global(Some(WHOLE))
            .user_agent(concat!("duckdb-perf/", env!("CARGO_PKG_VERSION")))
            .tls_config(tls)
            .build();
        Self { agent: config.into(), target }
    }

    /// Asks once. `editable` says that people may change in Grafana what is made (it concerns alerting only).
    ///
    /// # Errors
    /// [`Kind::Unavailable`] when nothing came back.
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
        // The standard library has no kind for it.
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
