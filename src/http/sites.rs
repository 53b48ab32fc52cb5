//! Refuses requests from pages of other sites, and adds the security headers that browsers obey to every
//! answer.
//!
//! A page can send requests to any address that its visitor's browser reaches. It may not read the answer,
//! but still learns a bit: whether the answer was an error, and whether it became a download. So such a
//! request is refused before anything else looks at it. Browsers say where a request comes from in
//! `Sec-Fetch-Site` (for loopback addresses and over TLS, not for web sockets), in `Origin` (for methods that
//! write, and for scripts) and in `Referer` (unless the page forbids it). No page can change these headers.
//! Programs such as `curl` and Grafana's own server send none of them.

use std::sync::Arc;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::header::{
    AUTHORIZATION, CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HOST, HeaderName, HeaderValue,
    ORIGIN, REFERER, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS,
};
use axum::http::uri::Authority;
use axum::http::{HeaderMap, Method, Uri};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use tower_http::cors::{AllowOrigin, CorsLayer};
use tower_http::set_header::SetResponseHeaderLayer;

use super::answer::NOTICE;
use super::failure::Failure;
use crate::error::{Error, Kind, Result};

/// The header in which a browser says where a request comes from.
const FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// Headers of every answer, unless the route has set them itself.
const ON_ALL: [(HeaderName, &str); 7] = [
    // Pages of other sites cannot use an answer as an image or a script, in a frame, or through a window that
    // they opened. Browsers do not apply the first header to CORS requests, so scripts of sites named by
    // `--cors-origin` can still read answers.
    (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
    (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
    (X_FRAME_OPTIONS, "DENY"),
    (CONTENT_SECURITY_POLICY, "default-src 'none'; frame-ancestors 'none'"),
    (X_CONTENT_TYPE_OPTIONS, "nosniff"),
    // The page's own requests send a referrer, links to other sites do not.
    (REFERRER_POLICY, "same-origin"),
    // No cache keeps an answer for another client, so answers that depend on request headers need no `Vary`.
    (CACHE_CONTROL, "no-store"),
];

/// The sites whose pages may send requests.
#[derive(Debug, Clone)]
pub(super) struct Sites {
    /// The port on which the server listens.
    port: u16,
    /// The origins named by `--cors-origin`, as browsers write them.
    named: Arc<[String]>,
}

impl Sites {
    /// Allows pages of the server itself, which listens at `port`, and pages of the origins in `named`.
    pub(super) fn new(port: u16, named: &[Named]) -> Self {
        Self { port, named: named.iter().map(|named| named.0.clone()).collect() }
    }

    /// Whether a page of another site sent this request.
    fn is_foreign(&self, request: &Request) -> bool {
        let headers = request.headers();
        // Every `Origin` and `Referer` header must be allowed: a browser sends one of each, so a request with
        // several is suspicious.
        let origins = headers.get_all(ORIGIN).iter().map(text);
        let pages = headers.get_all(REFERER).iter().map(|referer| origin_of(text(referer)));
        let (mut is_named, mut is_foreign) = (false, false);
        for sender in origins.chain(pages) {
            let is_one = self.named.iter().any(|named| named.eq_ignore_ascii_case(sender));
            is_named |= is_one;
            is_foreign |= !is_one && !self.is_own(sender, request);
        }
        is_foreign || !is_named && is_from_no_own_page(headers)
    }

    /// Whether `origin` is the server's own, by the host name in the request, which a proxy in front of the
    /// server passes on.
    fn is_own(&self, origin: &str, request: &Request) -> bool {
        let Some(host) = host(request) else { return false };
        let port = host.rsplit_once(':').and_then(|(_, port)| port.parse().ok()).unwrap_or(443);
        origin.eq_ignore_ascii_case(&as_written("http", host))
            // Only a proxy in front of the server speaks TLS, never the server's own port.
            || port != self.port && origin.eq_ignore_ascii_case(&as_written("https", host))
    }

    /// Returns the CORS rules for scripts of the named sites; `None` if no site is named.
    pub(super) fn cors(&self) -> Option<CorsLayer> {
        if self.named.is_empty() {
            return None;
        }
        let origins = self.named.iter().filter_map(|origin| HeaderValue::from_str(origin).ok());
        let layer = CorsLayer::new()
            .allow_origin(AllowOrigin::list(origins))
            .allow_methods([Method::GET, Method::POST])
            .allow_headers([AUTHORIZATION, CONTENT_TYPE])
            .expose_headers([NOTICE]);
        Some(layer)
    }
}

/// The origin of a site whose pages may ask.
#[derive(Debug, Clone)]
pub(super) struct Named(String);

impl Named {
    /// Reads the value of `--cors-origin`.
    ///
    /// # Errors
    /// `BadSettings` when the value is not an origin.
    pub(super) fn read(origin: &str) -> Result<Self> {
        let uri: Option<Uri> = origin.parse().ok();
        let parts = uri.as_ref().and_then(|uri| {
            let scheme = uri.scheme_str().filter(|scheme| ["http", "https"].contains(scheme))?;
            let authority = uri.authority().filter(|authority| !authority.as_str().contains('@'))?;
            let is_bare = uri.path_and_query().is_none_or(|path| path == "/") && !origin.ends_with('/');
            is_bare.then(|| as_written(scheme, &authority.as_str().to_ascii_lowercase()))
        });
        parts.map(Self).ok_or_else(|| {
            Error::bad_settings(format!("`--cors-origin {origin}` is not the origin of a site"))
                .hint("Write scheme, name and port, as in `http://grafana.example:3000`")
        })
    }
}

/// Refuses requests from pages of other sites, except requests for the page at `/`: it holds no data, and
/// other sites may link to it.
pub(super) async fn check_site(State(sites): State<Sites>, request: Request, next: Next) -> Response {
    let is_page = request.uri().path() == "/" && matches!(*request.method(), Method::GET | Method::HEAD);
    if !is_page && sites.is_foreign(&request) {
        return refusal(
            "Open it from the server's own page, or ask with a program such as curl. Where that page is yours, or this is the server's \
             page behind a proxy that changes the header `Host`, start the server with its origin as `--cors-origin`",
        );
    }
    next.run(request).await
}

/// Refuses resource calls from pages of other sites. Grafana has already checked the caller's permissions. It
/// removes `Origin` and `Referer`, but forwards `Sec-Fetch-Site`.
pub(super) async fn check_fetch_site(request: Request, next: Next) -> Response {
    if is_from_no_own_page(request.headers()) {
        return refusal(
            "Open it from a page of Grafana: a dashboard with the link, or Explore. A program such as curl may ask, too",
        );
    }
    next.run(request).await
}

fn refusal(hint: &str) -> Response {
    let error = Error::new(Kind::Forbidden, "a page of another site sends this, and it may not ask");
    Failure::from(error.hint(hint)).into_response()
}

/// Adds the headers in [`ON_ALL`] to all answers of `router`.
pub(super) fn closed_to_others(router: Router) -> Router {
    ON_ALL.into_iter().fold(router, |router, (name, value)| {
        router.layer(SetResponseHeaderLayer::if_not_present(name, HeaderValue::from_static(value)))
    })
}

/// Whether `Sec-Fetch-Site` says anything but `same-origin`; an unknown value counts as foreign. So does
/// `none`, the value for an address that a person entered: the browser keeps it when another site redirects
/// to this server, and when a page of that site goes back to its own entered address.
fn is_from_no_own_page(headers: &HeaderMap) -> bool {
    !headers.get_all(FETCH_SITE).iter().all(|site| site == "same-origin")
}

/// Returns the name and port to which the request was sent, if it has them.
pub(super) fn host(request: &Request) -> Option<&str> {
    let named = request.headers().get(HOST).map(text);
    named.or_else(|| request.uri().authority().map(Authority::as_str))
}

/// Returns a header's value; a value that is not ASCII becomes an empty text, which equals no allowed value.
fn text(value: &HeaderValue) -> &str {
    value.to_str().unwrap_or_default()
}

/// Returns the origin of an address: everything before its path.
fn origin_of(address: &str) -> &str {
    address.match_indices('/').nth(2).map_or(address, |(at, _)| &address[..at])
}

/// Returns an origin as browsers write it: without the scheme's default port.
fn as_written(scheme: &str, host: &str) -> String {
    let own = if scheme == "https" { ":443" } else { ":80" };
    format!("{scheme}://{}", host.strip_suffix(own).unwrap_or(host))
}

#[cfg(test)]
mod tests {
    use super::*;

    const NONE: &[&str] = &[];

    /// Whether a server at port 3001 takes the request for one from a page of another site.
    fn is_foreign(named: &[&str], host: &str, headers: &[(&str, &str)]) -> bool {
        let named: Vec<Named> = named.iter().map(|origin| Named::read(origin).unwrap()).collect();
        let mut request = Request::builder().uri("/api/export.csv").header(HOST, host);
        for (name, value) in headers {
            request = request.header(*name, HeaderValue::from_bytes(value.as_bytes()).unwrap());
        }
        Sites::new(3001, &named).is_foreign(&request.body(axum::body::Body::empty()).unwrap())
    }

    #[test]
    fn whoever_is_no_page_of_another_site_may_ask() {
        for (host, headers) in [
            ("127.0.0.1:3001", &[][..]),
            ("127.0.0.1:3001", &[("Sec-Fetch-Site", "same-origin"), ("Origin", "http://127.0.0.1:3001")]),
            ("127.0.0.1:3001", &[("Sec-Fetch-Site", "same-origin"), ("Sec-Purpose", "prefetch;prerender")]),
            ("127.0.0.1:3001", &[("Referer", "http://127.0.0.1:3001/?x=http://evil.example/")]),
            ("127.0.0.1:3001", &[("Referer", "http://127.0.0.1:3001")]),
            ("LocalHost:3001", &[("Origin", "http://localhost:3001"), ("Referer", "http://localhost:3001/")]),
            ("[::1]:3001", &[("Origin", "http://[::1]:3001"), ("Referer", "http://[::1]:3001/")]),
            // Through a tunnel or a container's port, and through a proxy that ends TLS.
            ("localhost:8080", &[("Origin", "http://localhost:8080")]),
            ("perf.example", &[("Origin", "https://perf.example"), ("Referer", "https://perf.example/")]),
            ("perf.example:443", &[("Origin", "https://perf.example")]),
            ("perf.example:80", &[("Origin", "http://perf.example")]),
            ("perf.example:8443", &[("Origin", "https://perf.example:8443")]),
            ("[::1]", &[("Origin", "https://[::1]")]),
        ] {
            assert!(!is_foreign(NONE, host, headers), "{host} {headers:?}");
        }
    }

    #[test]
    fn pages_of_other_sites_are_known_by_each_header() {
        let host = "127.0.0.1:3001";
        for site in
            ["cross-site", "same-site", "none", "Cross-Site", "", "same-origin, cross-site", "nosuch", "é"]
        {
            assert!(is_foreign(NONE, host, &[("Sec-Fetch-Site", site)]), "{site}");
            let twice = [("Sec-Fetch-Site", "same-origin"), ("Sec-Fetch-Site", site)];
            assert!(is_foreign(NONE, host, &twice), "{site} behind another");
            let own = [("Sec-Fetch-Site", site), ("Origin", "http://127.0.0.1:3001")];
            assert!(is_foreign(NONE, host, &own), "{site} with an own origin");
        }
        for purpose in ["prefetch", "prefetch;prerender"] {
            let ahead = [("Sec-Fetch-Site", "none"), ("Sec-Purpose", purpose)];
            assert!(is_foreign(NONE, host, &ahead), "{purpose}");
        }
        for origin in [
            "http://evil.example",
            "http://127.0.0.1:3000",
            "http://127.0.0.1",
            "http://127.0.0.1:30010",
            "https://127.0.0.1:3001",
            "http://localhost:3001",
            "http://127.0.0.1.:3001",
            "http://127.0.0.1:3001.evil.example",
            "http://[::1]:3001",
            "ws://127.0.0.1:3001",
            "127.0.0.1:3001",
            "null",
            "",
            "*",
            "http://",
            "http://127.0.0.1:3001/",
            "http://127.0.0.1:3001, http://evil.example",
            "http://evil.example@127.0.0.1:3001",
            "http://127.0.0.1:3001é",
        ] {
            assert!(is_foreign(NONE, host, &[("Origin", origin)]), "{origin}");
            let twice = [("Origin", "http://127.0.0.1:3001"), ("Origin", origin)];
            assert!(is_foreign(NONE, host, &twice), "{origin} behind another");
        }
        for page in [
            "http://evil.example/",
            "http://evil.example/http://127.0.0.1:3001/",
            "http://127.0.0.1:3001@evil.example/",
            "http://127.0.0.1:3001.evil.example/",
            "http://127.0.0.1:3001?x",
            "http:///127.0.0.1:3001/",
            "https://127.0.0.1:3001/",
            "//127.0.0.1:3001/",
            "/",
            "about:blank",
            "",
        ] {
            assert!(is_foreign(NONE, host, &[("Referer", page)]), "{page}");
            let own = ("Origin", "http://127.0.0.1:3001");
            assert!(is_foreign(NONE, host, &[own, ("Sec-Fetch-Site", "none"), ("Referer", page)]), "{page}");
            let twice = [("Referer", "http://127.0.0.1:3001/"), ("Referer", page)];
            assert!(is_foreign(NONE, host, &twice), "{page} behind another");
        }
        // A request without a host name cannot come from the server's own page.
        let request =
            Request::builder().header(ORIGIN, "http://127.0.0.1:3001").body(axum::body::Body::empty());
        assert!(Sites::new(3001, &[]).is_foreign(&request.unwrap()));
    }

    #[test]
    fn named_sites_may_ask_and_others_still_may_not() {
        let named = &["http://grafana.example:3000", "HTTPS://Perf.Example:443"];
        let host = "127.0.0.1:3001";
        let from = |origin| [("Sec-Fetch-Site", "cross-site"), ("Origin", origin)];
        let by = |page| [("Sec-Fetch-Site", "same-site"), ("Referer", page)];
        assert!(!is_foreign(named, host, &from("http://grafana.example:3000")));
        assert!(!is_foreign(named, host, &from("https://perf.example")));
        assert!(!is_foreign(named, host, &by("http://grafana.example:3000/d/x")));
        // The server's own page, behind a proxy that changes the `Host` header.
        let proxied = [
            ("Sec-Fetch-Site", "same-origin"),
            ("Origin", "https://perf.example"),
            ("Referer", "https://perf.example/"),
        ];
        assert!(!is_foreign(named, host, &proxied));
        for origin in
            ["https://grafana.example:3000", "http://grafana.example", "https://evil.example", "null"]
        {
            assert!(is_foreign(named, host, &from(origin)), "{origin}");
            let beside =
                [("Origin", "http://grafana.example:3000"), ("Origin", origin), ("Sec-Fetch-Site", "none")];
            assert!(is_foreign(named, host, &beside), "{origin} beside a named one");
        }
        assert!(is_foreign(named, host, &by("http://evil.example/http://grafana.example:3000/")));
        assert!(is_foreign(named, host, &[("Sec-Fetch-Site", "cross-site")]), "nobody says which site");
        let own = [("Sec-Fetch-Site", "cross-site"), ("Referer", "http://127.0.0.1:3001/")];
        assert!(is_foreign(named, host, &own), "a page of this server is not of another site");
    }

    #[test]
    fn what_an_origin_is() {
        for (origin, written) in [
            ("http://localhost:3000", "http://localhost:3000"),
            ("https://G.example", "https://g.example"),
            ("https://g.example:443", "https://g.example"),
            ("http://g.example:80", "http://g.example"),
            ("http://g.example:443", "http://g.example:443"),
            ("http://[::1]:80", "http://[::1]"),
        ] {
            assert_eq!(Named::read(origin).unwrap().0, written);
        }
        for origin in [
            "*",
            "g.example",
            "https://g.example/",
            "https://g.example/x",
            "ftp://g.example",
            "null",
            "",
            "http://a@b",
        ] {
            assert!(Named::read(origin).is_err(), "{origin}");
        }
    }
}
