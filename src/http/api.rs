//! The JSON API: its routes, and the `OpenAPI` document that is derived from them.

use std::sync::Arc;

use axum::extract::DefaultBodyLimit;
use axum::http::StatusCode;
use axum::http::header::{CONTENT_TYPE, HeaderValue};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Extension, Router, middleware};
use bytes::Bytes;
use utoipa::OpenApi;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::failure::{Failure, Problem};
use super::guard::{Guard, LONGEST_BODY, check_address, check_query, check_token};
use super::page::Dashboard;
use super::sites::{check_site, closed_to_others};
use super::{document, export, page, reports, sql, status};
use crate::app::{App, InstanceSettings};
use crate::error::{Error, Kind, Result};

#[derive(OpenApi)]
#[openapi(
    info(
        title = "DuckDB Perf",
        description = "Weekly query performance reports as JSON; docs/json_api.md has examples. What is no route answers \
            `NotFound`, and a route that is asked with another method `MethodNotAllowed`."
    ),
    components(schemas(Problem)),
    security(("token" = [])),
)]
struct Document;

#[derive(Clone)]
struct OpenApiText(Bytes);

/// Returns the server's router: the routes of the API behind their guards.
///
/// # Errors
/// `Internal` when the `OpenAPI` document cannot be serialized.
pub(super) fn router(
    app: Arc<App>,
    settings: InstanceSettings,
    dashboard: Dashboard,
    guard: Guard,
) -> Result<Router> {
    let (routes, document) = OpenApiRouter::with_openapi(Document::openapi())
        .routes(routes!(reports::weekly))
        .routes(routes!(reports::slow))
        .routes(routes!(reports::patterns))
        .routes(routes!(reports::pattern))
        .routes(routes!(reports::pattern_by_path))
        .routes(routes!(reports::regressions))
        .routes(routes!(reports::agents))
        .routes(routes!(sql::query))
        .routes(routes!(export::export))
        .routes(routes!(page::dashboard))
        .routes(routes!(openapi))
        .routes(routes!(status::healthz))
        .routes(routes!(status::readyz))
        .routes(routes!(status::metrics))
        .split_for_parts();
    let text = text_of(document)?;
    let routes = routes
        .route("/", get(page::page))
        .fallback(missing)
        .method_not_allowed_fallback(wrong_method)
        .layer(DefaultBodyLimit::max(LONGEST_BODY))
        .layer(Extension(settings))
        .layer(Extension(dashboard))
        .layer(Extension(text))
        .layer(middleware::from_fn(check_query))
        .layer(middleware::from_fn_with_state(guard.clone(), check_token));
    // CORS comes before the token check: a browser's preflight request carries no token.
    let routes = match guard.sites.cors() {
        Some(cors) => routes.layer(cors),
        None => routes,
    };
    let routes = routes
        .layer(middleware::from_fn_with_state(guard.clone(), check_address))
        .layer(middleware::from_fn_with_state(guard.sites, check_site));
    Ok(closed_to_others(routes.with_state(app)))
}

/// This document.
#[utoipa::path(
    get, path = "/api/openapi.json", tag = "page",
    responses((status = 200, description = "An OpenAPI 3.1 document", body = Map<String, Value>))
)]
async fn openapi(Extension(text): Extension<OpenApiText>) -> Response {
    ([(CONTENT_TYPE, HeaderValue::from_static("application/json"))], text.0).into_response()
}

fn text_of(mut document: utoipa::openapi::OpenApi) -> Result<OpenApiText> {
    document::complete(&mut document);
    let text = document
        .to_json()
        .map_err(|error| Error::internal(format!("the OpenAPI document cannot be written: {error}")))?;
    Ok(OpenApiText(text.into()))
}

async fn missing() -> Failure {
    Error::new(Kind::NotFound, "there is no such route").hint("`/api/openapi.json` lists the routes").into()
}

async fn wrong_method() -> Failure {
    let error = Error::bad_query("the route does not take this method")
        .hint("`/api/query` takes POST, all others GET");
    Failure::with_status(error, StatusCode::METHOD_NOT_ALLOWED)
}
