//! The routes of resource calls, which Grafana passes on from its editors and links.

use std::sync::Arc;

use axum::extract::State;
use axum::http::header::{CONTENT_TYPE, HeaderValue};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Extension, Json, Router};

use super::export;
use super::failure::Failure;
use crate::app::{App, InstanceSettings};
use crate::error::{Error, Kind};
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
