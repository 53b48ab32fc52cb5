//! Edge 2: HTTP. Routes of the plugin's resource calls; the JSON API is served from the same router.
//!
//! The only place that names axum. Each request carries the datasource's [`InstanceSettings`] as an extension.

mod export;

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Extension, Json, Router};
use serde_json::json;

use crate::app::{App, InstanceSettings};
use crate::error::Error;
use crate::query;

/// The resource routes: `GET /macros`, `GET /catalog`, `GET /export.csv`.
pub fn router(app: Arc<App>) -> Router {
    Router::new()
        .route("/macros", get(macros))
        .route("/catalog", get(catalog))
        .route("/export.csv", get(export::export))
        .fallback(missing)
        .with_state(app)
}

/// The macro table: an array of `{name, signature, doc, example, expansion}`.
async fn macros() -> Response {
    Json(query::macro_table()).into_response()
}

/// `{"relations": [{"database", "name", "columns": [{"name", "type"}]}]}`.
async fn catalog(State(app): State<Arc<App>>, Extension(settings): Extension<InstanceSettings>) -> Response {
    match app.catalog(&settings).await {
        Ok(catalog) => Json(catalog).into_response(),
        Err(error) => failure(&error),
    }
}

async fn missing() -> Response {
    failure(
        &Error::new(crate::error::Kind::NotFound, "there is no such resource")
            .hint("Known ones are `macros`, `catalog` and `export.csv`"),
    )
}

/// `{"message", "hint", "position"}` with the status of the error's kind.
fn failure(error: &Error) -> Response {
    let status =
        StatusCode::from_u16(error.kind.facts().http_status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    (status, Json(json!({ "message": error.message, "hint": error.hint, "position": error.position })))
        .into_response()
}
