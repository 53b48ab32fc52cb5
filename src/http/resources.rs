//! The routes of resource calls, which Grafana forwards from its query editor and from dashboard links.

use std::sync::Arc;

use axum::extract::State;
use axum::http::header::{CONTENT_TYPE, HeaderValue};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Extension, Json, Router, middleware};

use super::export;
use super::failure::Failure;
use super::guard::check_query;
use super::sites::{check_fetch_site, closed_to_others};
use crate::app::{App, InstanceSettings};
use crate::error::{Error, Kind};
use crate::query;

/// Returns the router of resource calls: `GET /macros`, `GET /catalog`, `GET /export.csv`.
pub fn router(app: Arc<App>) -> Router {
    let routes = Router::new()
        .route("/macros", get(macros))
        .route("/catalog", get(catalog))
        .route("/export.csv", get(export::export))
        .fallback(missing)
        .layer(middleware::from_fn(check_query))
        .layer(middleware::from_fn(check_fetch_site));
    closed_to_others(routes.with_state(app))
}

/// Returns the macro table: an array of `{name, signature, doc, example, expansion}`.
async fn macros() -> Response {
    Json(query::macro_table()).into_response()
}

/// Returns the catalog: `{"relations": [{"database", "schema", "name", "columns": [{"name", "type"}]}]}`.
async fn catalog(
    State(app): State<Arc<App>>,
    Extension(settings): Extension<InstanceSettings>,
) -> Result<Response, Failure> {
    let json = HeaderValue::from_static("application/json");
    Ok(([(CONTENT_TYPE, json)], app.catalog(&settings).await?).into_response())
}

async fn missing() -> Failure {
    Error::new(Kind::NotFound, "there is no such resource")
        .hint("Known ones are `macros`, `catalog` and `export.csv`")
        .into()
}

#[cfg(test)]
mod tests {
    use axum::body::Body;
    use axum::http::{Request, StatusCode};
    use tower::ServiceExt as _;

    use super::*;
    use crate::source::Policy;

    /// Grafana forwards the header in which a browser says where a request comes from (`Sec-Fetch-Site`).
    #[tokio::test]
    async fn pages_of_other_sites_learn_nothing_through_grafana() {
        let router = router(Arc::new(App::new(Ok(Policy::default()))));
        let ask = async |address: &str, site: &str| {
            let request = Request::builder().uri(address).header("Sec-Fetch-Site", site);
            router.clone().oneshot(request.body(Body::empty()).unwrap()).await.unwrap()
        };
        for address in ["/macros", "/catalog", "/export.csv?sql=SELECT%201", "/nosuch"] {
            for site in ["cross-site", "same-site", "none"] {
                let answer = ask(address, site).await;
                assert_eq!(answer.status(), StatusCode::FORBIDDEN, "{address} {site}");
                assert_eq!(answer.headers()["cross-origin-resource-policy"], "same-origin");
            }
        }
        let answer = ask("/macros", "same-origin").await;
        assert_eq!(answer.status(), StatusCode::OK);
        assert_eq!(answer.headers()["cross-origin-resource-policy"], "same-origin");
    }
}
