//! Status routes: liveness, the datasource's health check, and metrics.

use std::sync::Arc;

use axum::Extension;
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::{CONTENT_TYPE, HeaderValue};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use crate::app::{App, InstanceSettings};

/// That the process lives.
#[derive(Serialize, ToSchema)]
pub(super) struct Alive {
    /// `ok`.
    status: &'static str,
}

/// How the datasource is.
#[derive(Serialize, ToSchema)]
pub(super) struct Ready {
    /// `OK` or `ERROR`.
    status: &'static str,
    /// What was found, for a person.
    message: String,
    /// The same for machines.
    #[schema(value_type = Map<String, Value>)]
    details: Value,
}

/// The process lives. Needs no token.
#[utoipa::path(
    get, path = "/healthz", tag = "status", security(()),
    responses((status = 200, body = Alive))
)]
pub(super) async fn healthz() -> Json<Alive> {
    Json(Alive { status: "ok" })
}

/// The datasource's health check, as Grafana's "Save & test" runs it.
#[utoipa::path(
    get, path = "/readyz", tag = "status",
    responses((status = 200, body = Ready), (status = 503, description = "It cannot answer queries", body = Ready))
)]
pub(super) async fn readyz(
    State(app): State<Arc<App>>,
    Extension(settings): Extension<InstanceSettings>,
) -> (StatusCode, Json<Ready>) {
    let health = app.health(&settings).await;
    let (code, status) =
        if health.ok { (StatusCode::OK, "OK") } else { (StatusCode::SERVICE_UNAVAILABLE, "ERROR") };
    (code, Json(Ready { status, message: health.message, details: health.details }))
}

/// Metrics in Prometheus' text format.
#[utoipa::path(
    get, path = "/metrics", tag = "status",
    responses((status = 200, content_type = "text/plain", body = String))
)]
pub(super) async fn metrics(State(app): State<Arc<App>>) -> Response {
    let kind = HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8");
    ([(CONTENT_TYPE, kind)], app.metrics().await).into_response()
}
