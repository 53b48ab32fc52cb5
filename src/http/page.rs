//! The page at `/`, a single HTML file built from `frontend/preview`, and the dashboard that it draws.

use axum::Extension;
use axum::http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HeaderValue};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use serde_json::Value;

use crate::error::{Error, Result};

/// The built page, or a page that says how to build it (`build.rs`).
const PAGE: &str = include_str!(concat!(env!("OUT_DIR"), "/page.html"));
/// The text before the Content-Security-Policy in the page. The build writes the hashes of the page's script
/// and style into that policy.
const POLICY_MARK: &str = "http-equiv=\"Content-Security-Policy\" content=\"";
/// The directive that a policy in a `meta` element cannot hold.
const NO_FRAMES: &str = "frame-ancestors 'none'";
/// The policy for a page that has none: nothing may run.
const NOTHING: &str = "default-src 'none'";
/// The dashboard that ships with the plugin.
const DASHBOARD: &str = include_str!("../../provisioning/dashboards/query_perf_overview.json");

/// The dashboard that the page draws, as JSON text.
#[derive(Debug, Clone)]
pub(super) struct Dashboard(Bytes);

impl Dashboard {
    /// Reads the dashboard from a file's text; `None` stands for the dashboard that ships.
    ///
    /// # Errors
    /// `BadSettings` when the text is not a dashboard as Grafana saves it.
    pub(super) fn read(text: Option<&str>) -> Result<Self> {
        let Some(text) = text else { return Ok(Self(Bytes::from_static(DASHBOARD.as_bytes()))) };
        let refused = |what: String| {
            Error::bad_settings(format!("the dashboard {what}"))
                .hint("Give a classic dashboard (with `panels`), as Grafana exports and provisions it, to `--dashboard`")
        };
        let document: Value =
            serde_json::from_str(text).map_err(|error| refused(format!("is not JSON: {error}")))?;
        if !document.get("panels").is_some_and(Value::is_array) {
            return Err(refused("has no list `panels`".to_owned()));
        }
        Ok(Self(document.to_string().into()))
    }
}

/// Returns the page.
pub(super) async fn page() -> Response {
    let own =
        PAGE.split_once(POLICY_MARK).and_then(|(_, rest)| rest.split_once('"')).map(|(policy, _)| policy);
    let policy = format!("{}; {NO_FRAMES}", own.unwrap_or(NOTHING));
    let policy = HeaderValue::from_str(&policy).unwrap_or(HeaderValue::from_static(NOTHING));
    let headers = [
        (CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8")),
        (CONTENT_SECURITY_POLICY, policy),
        (CACHE_CONTROL, HeaderValue::from_static("no-cache")),
    ];
    (headers, PAGE).into_response()
}

/// The dashboard that the page draws, as it is provisioned in Grafana.
#[utoipa::path(
    get, path = "/api/dashboard.json", tag = "page",
    responses((status = 200, description = "A classic Grafana dashboard", body = Map<String, Value>))
)]
pub(super) async fn dashboard(Extension(dashboard): Extension<Dashboard>) -> Response {
    ([(CONTENT_TYPE, HeaderValue::from_static("application/json"))], dashboard.0).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_dashboard_is_refused() {
        assert!(Dashboard::read(None).is_ok());
        assert!(Dashboard::read(Some(r#"{"panels": []}"#)).is_ok());
        for text in
            ["", "[]", "{}", r#"{"panels": {}}"#, r#"{"kind": "Dashboard", "spec": {"elements": {}}}"#]
        {
            let error = Dashboard::read(Some(text)).unwrap_err();
            assert!(error.hint.is_some_and(|hint| hint.contains("--dashboard")), "{text}");
        }
    }

    #[tokio::test]
    async fn the_page_says_what_may_run() {
        let response = page().await;
        let policy = response.headers()[CONTENT_SECURITY_POLICY].to_str().unwrap();
        assert!(policy.starts_with(NOTHING) && policy.ends_with(NO_FRAMES), "{policy}");
        assert!(!policy.contains("unsafe"), "{policy}");
    }
}
