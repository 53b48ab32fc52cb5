//! The service `pluginv2.Diagnostics`: health check and metrics, on the SDK's generated messages and server.

use std::sync::Arc;

use grafana_plugin_sdk::pluginv2::check_health_response::HealthStatus;
use grafana_plugin_sdk::pluginv2::collect_metrics_response::Payload;
use grafana_plugin_sdk::pluginv2::diagnostics_server::{Diagnostics, DiagnosticsServer};
use grafana_plugin_sdk::pluginv2::{
    CheckHealthRequest, CheckHealthResponse, CollectMetricsRequest, CollectMetricsResponse,
};
use tonic::{Request, Response, Status};

use super::{convert, grpc};
use crate::app::App;
use crate::contract::Health;
use crate::error::{Error, Result};

/// Serves `pluginv2.Diagnostics/{CheckHealth,CollectMetrics}`.
pub(super) fn server(app: Arc<App>) -> DiagnosticsServer<impl Diagnostics> {
    DiagnosticsServer::new(Service { app })
        .max_decoding_message_size(grpc::MAX_IN)
        .max_encoding_message_size(grpc::MAX_OUT)
}

struct Service {
    app: Arc<App>,
}

#[tonic::async_trait]
impl Diagnostics for Service {
    async fn check_health(
        &self,
        request: Request<CheckHealthRequest>,
    ) -> std::result::Result<Response<CheckHealthResponse>, Status> {
        let health = check(Arc::clone(&self.app), request.into_inner()).await.unwrap_or_else(|error| {
            Health { ok: false, message: error.full_text(), details: serde_json::Value::Null }
        });
        Ok(Response::new(health_response(health)))
    }

    async fn collect_metrics(
        &self,
        _: Request<CollectMetricsRequest>,
    ) -> std::result::Result<Response<CollectMetricsResponse>, Status> {
        let app = Arc::clone(&self.app);
        let text = grpc::contain(async move { app.metrics().await })
            .await
            .map_err(|error| Status::internal(error.full_text()))?;
        Ok(Response::new(CollectMetricsResponse { metrics: Some(Payload { prometheus: text.into_bytes() }) }))
    }
}

async fn check(app: Arc<App>, request: CheckHealthRequest) -> Result<Health> {
    let context = request.plugin_context.as_ref().map(convert::recode).transpose()?;
    let settings = convert::instance_settings(context);
    grpc::contain(async move { app.health(&settings).await }).await
}

/// Grafana reads `jsonDetails` only when it is an object, `null` or empty, and fails the check otherwise.
fn health_response(health: Health) -> CheckHealthResponse {
    let details = match health.details {
        serde_json::Value::Null => Vec::new(),
        object @ serde_json::Value::Object(_) => object.to_string().into_bytes(),
        other => serde_json::json!({ "details": other }).to_string().into_bytes(),
    };
    let status = if health.ok { HealthStatus::Ok } else { HealthStatus::Error };
    CheckHealthResponse { status: status.into(), message: health.message, json_details: details }
}

/// Converts the message back to a health result, for [`super::client`].
pub(super) fn health(response: &CheckHealthResponse) -> Result<Health> {
    let details = match response.json_details.as_slice() {
        [] => serde_json::Value::Null,
        text => serde_json::from_slice(text).map_err(|error| {
            Error::internal(format!("the details of the health check are not JSON: {error}"))
        })?,
    };
    let ok = response.status == i32::from(HealthStatus::Ok);
    Ok(Health { ok, message: response.message.clone(), details })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn details_are_an_object_or_nothing() {
        for (details, text) in [
            (json!(null), ""),
            (json!({"a": 1}), r#"{"a":1}"#),
            (json!("x"), r#"{"details":"x"}"#),
            (json!([1]), r#"{"details":[1]}"#),
        ] {
            let response = health_response(Health { ok: true, message: String::new(), details });
            assert_eq!(String::from_utf8_lossy(&response.json_details), text);
        }
    }
}
