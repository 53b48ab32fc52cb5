//! Checks requests before they reach a route: the host name in the address, the token, and the lengths of
//! address and body. [`super::sites`] checks for pages of other sites.

use std::net::IpAddr;
use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::http::header::{AUTHORIZATION, CONTENT_LENGTH, HeaderValue};
use axum::http::uri::Authority;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use subtle::ConstantTimeEq as _;

use super::failure::Failure;
use super::sites::{self, Sites};
use crate::error::{Error, Kind, Result};

/// Limit in bytes for an address (path and query): room for a thousand patterns, and below the HTTP library's
/// own limit.
const LONGEST_ADDRESS: usize = 60 << 10;
/// Limit in bytes for a request's body: more than the longest query.
pub(super) const LONGEST_BODY: usize = 1 << 20;
/// Minimum length of a token in bytes; a shorter one can be guessed.
const SHORTEST_TOKEN: usize = 16;
/// Paths that need no token: the page, which holds no data and asks for the token, and the liveness check.
const OPEN: &[&str] = &["/", "/healthz"];

/// The secret that callers must send. It is never shown.
#[derive(Clone)]
pub struct Token(Arc<str>);

impl Token {
    /// Reads a token from the text of a file or an environment variable, and trims white space around it.
    ///
    /// # Errors
    /// `BadSettings` when the token is too short to be a secret, or has characters that an HTTP header cannot
    /// hold.
    pub fn read(text: &str) -> Result<Self> {
        let text = text.trim();
        let hint = "Make one with `openssl rand -hex 32`";
        if text.len() < SHORTEST_TOKEN {
            let short = format!("the token has {} characters, fewer than {SHORTEST_TOKEN}", text.len());
            return Err(Error::bad_settings(short).hint(hint));
        }
        if !text.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(
                Error::bad_settings("the token has characters that cannot stand in a header").hint(hint)
            );
        }
        Ok(Self(text.into()))
    }

    fn is(&self, given: &[u8]) -> bool {
        self.0.as_bytes().ct_eq(given).into()
    }
}

/// Leaves the secret out.
impl std::fmt::Debug for Token {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str("Token(…)")
    }
}

/// The settings that requests are checked against.
#[derive(Debug, Clone)]
pub(super) struct Guard {
    /// Whether the server listens on a loopback address only.
    pub(super) is_local: bool,
    /// The token that callers must send, if any.
    pub(super) token: Option<Token>,
    /// The sites whose pages may send requests.
    pub(super) sites: Sites,
}

/// Refuses requests with a foreign host name, a too long address or a too long body. A page of another site
/// can let its own name point to 127.0.0.1 and then read answers as its own (DNS rebinding). So on a local
/// server the host name in the address must be a local one, too.
pub(super) async fn check_address(State(guard): State<Guard>, request: Request, next: Next) -> Response {
    if guard.is_local && !has_local_host(&request) {
        let error = Error::new(Kind::Forbidden, "this server answers to `localhost` and 127.0.0.1 only")
            .hint("Use one of these names in the address, or start it with `--host` and a token");
        return Failure::from(error).into_response();
    }
    if request.uri().path_and_query().is_some_and(|address| address.as_str().len() > LONGEST_ADDRESS) {
        let error = Error::bad_query(format!("the address is longer than {} KB", LONGEST_ADDRESS >> 10))
            .hint("Choose fewer patterns, or send the query to `/api/query`");
        return Failure::with_status(error, StatusCode::URI_TOO_LONG).into_response();
    }
    // The announced length is checked, so that a too long body is refused before the client sends it.
    let length = request.headers().get(CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse().ok());
    if length.is_some_and(|length: usize| length > LONGEST_BODY) {
        let error = Error::bad_query(format!("the body is longer than {} KB", LONGEST_BODY >> 10))
            .hint("Put long lists into a file of the datasource and join it");
        return Failure::with_status(error, StatusCode::PAYLOAD_TOO_LARGE).into_response();
    }
    next.run(request).await
}

/// Refuses an address whose query is not UTF-8 after percent-decoding: with replacement characters in it, a
/// parameter would silently match nothing.
pub(super) async fn check_query(request: Request, next: Next) -> Response {
    let query = request.uri().query().unwrap_or_default();
    let Some(pair) = query.split('&').find(|pair| String::from_utf8(decoded(pair)).is_err()) else {
        return next.run(request).await;
    };
    let name = pair.split('=').next().unwrap_or_default();
    let name = String::from_utf8_lossy(&decoded(name)).into_owned();
    let error = Error::bad_query(format!("the parameter `{name}` is not UTF-8: `{pair}`"))
        .hint("Percent-encode it as UTF-8, as `encodeURIComponent` does");
    Failure::from(error).into_response()
}

/// Returns the bytes of a percent-encoded text.
fn decoded(text: &str) -> Vec<u8> {
    let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    let mut rest = text.as_bytes();
    let mut bytes = Vec::with_capacity(rest.len());
    while let [first, after @ ..] = rest {
        let escaped = match rest {
            [b'%', high, low, ..] => digit(*high).zip(digit(*low)).map(|(high, low)| high << 4 | low),
            _ => None,
        };
        bytes.push(escaped.unwrap_or(*first));
        rest = if escaped.is_some() { rest.get(3..).unwrap_or_default() } else { after };
    }
    bytes
}

/// Lets a request pass if it carries the token or needs none.
pub(super) async fn check_token(State(guard): State<Guard>, request: Request, next: Next) -> Response {
    let is_open = OPEN.contains(&request.uri().path());
    let is_good = |token: &Token| {
        let given = request.headers().get(AUTHORIZATION).map(HeaderValue::as_bytes).unwrap_or_default();
        let (scheme, secret) = given.split_at_checked("Bearer ".len()).unwrap_or_default();
        scheme.eq_ignore_ascii_case(b"Bearer ") && token.is(secret)
    };
    if is_open || guard.token.as_ref().is_none_or(is_good) {
        return next.run(request).await;
    }
    let error = Error::new(Kind::Forbidden, "a token is needed")
        .hint("Send the server's token as `Authorization: Bearer …`");
    Failure::with_status(error, StatusCode::UNAUTHORIZED).into_response()
}

/// Whether the request's host name is `localhost` or a loopback address. A request without a host name is
/// accepted: browsers always send one.
fn has_local_host(request: &Request) -> bool {
    sites::host(request)
        .is_none_or(|host| host.parse::<Authority>().is_ok_and(|host| is_local_name(host.host())))
}

fn is_local_name(host: &str) -> bool {
    let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
    bare.eq_ignore_ascii_case("localhost") || bare.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

#[cfg(test)]
mod tests {
    use axum::http::header::HOST;

    use super::*;

    #[test]
    fn names_of_this_machine() {
        let of = |host: &str| {
            let request = Request::builder().uri("/").header(HOST, host).body(axum::body::Body::empty());
            has_local_host(&request.unwrap())
        };
        for host in ["localhost", "LOCALHOST:3001", "127.0.0.1:3001", "127.9.9.9", "[::1]:80", "[::1]"] {
            assert!(of(host), "{host}");
        }
        for host in
            ["", "evil.example", "localhost.evil.example", "10.0.0.1:3001", "127.0.0.1.evil:80", "[::2]"]
        {
            assert!(!of(host), "{host}");
        }
    }

    #[test]
    fn tokens() {
        let token = Token::read(" 0123456789abcdef\n").unwrap();
        assert!(token.is(b"0123456789abcdef") && !token.is(b"0123456789abcdeF") && !token.is(b""));
        assert!(!format!("{token:?}").contains("0123"));
        assert!(Token::read("short").unwrap_err().message.contains("5 characters"));
        assert!(Token::read("0123456789abcdef é").is_err());
    }
}
