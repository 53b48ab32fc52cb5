//! Edge 1: gRPC, in the process that Grafana starts. Handshake, services and shutdown.
//!
//! This is the only module that uses `tonic`, `prost` and `grafana_plugin_sdk`. Each gRPC service has a file:
//! [`data`], [`diagnostics`] (on the SDK's generated server), [`resource`], [`controller`]. The other files
//! are the protocol's [`messages`] and their conversion to the crate's types ([`convert`]), the
//! [`handshake`], the [`lifecycle`], the [`budget`] of long requests, the sending of responses ([`sending`]),
//! and a [`client`] that uses a plugin as Grafana does.

mod budget;
pub mod client;
mod controller;
mod convert;
mod data;
mod diagnostics;
mod grpc;
mod handshake;
mod lifecycle;
mod messages;
mod resource;
mod sending;

use std::sync::Arc;
use std::time::Duration;

use tokio::time::timeout;
use tonic::transport::Server;
use tonic_health::ServingStatus;

use budget::Budget;
pub use handshake::is_grafana_child;
pub use resource::Router;

use crate::app::App;
use crate::error::{Error, Kind, Result};

/// The plugin's id, as in `plugin.json`.
const PLUGIN_ID: &str = "duckdb-perf-datasource";
/// The service name in go-plugin's health checks.
const HEALTH_SERVICE: &str = "plugin";
/// The largest gRPC metadata that is read, in bytes.
const MAX_METADATA: u32 = 1 << 20;
/// The most calls that may be cancelled before the server has accepted them. With more, the connection and
/// all its calls end. The HTTP library's default of 20 protects against strangers; here a few viewers who
/// switch dashboards quickly reach it on a busy machine.
const MAX_CANCELLED: usize = 10_000;
/// How long running calls may continue after the host asked the plugin to stop. The host kills it after two
/// seconds.
const CALLS_GRACE: Duration = Duration::from_millis(500);
/// How long the workers may take to end and the temp folder to be removed.
const APP_GRACE: Duration = Duration::from_secs(1);
/// How long calls may take to notice that their workers have ended.
const REST_GRACE: Duration = Duration::from_millis(200);
const _: () = assert!(CALLS_GRACE.as_millis() + APP_GRACE.as_millis() + REST_GRACE.as_millis() <= 1_700);

/// Serves Grafana until it asks the plugin to stop, until it dies, or until a signal comes. Then it stops the
/// app and removes the socket. The process should exit right afterwards, without waiting for remaining tasks.
///
/// `router` answers resource calls: an `axum::Router`, whose requests carry the datasource's
/// [`InstanceSettings`](crate::app::InstanceSettings) as an extension.
///
/// # Errors
/// `Unavailable` when the socket cannot be opened, stdout is closed, or signal handlers cannot be installed.
pub async fn serve(app: Arc<App>, router: impl Router) -> Result<()> {
    let stop = lifecycle::watch()?;
    let listening = handshake::listen(app.temp_dir())?;

    let (mut reporter, health) = tonic_health::server::health_reporter();
    reporter.set_service_status(HEALTH_SERVICE, ServingStatus::Serving).await;
    let server = Server::builder()
        .layer(Budget::default())
        .http2_max_header_list_size(MAX_METADATA)
        .http2_max_pending_accept_reset_streams(Some(MAX_CANCELLED))
        .add_service(health.max_decoding_message_size(grpc::MAX_IN).max_encoding_message_size(grpc::MAX_OUT))
        .add_service(controller::ControllerServer::new(stop.clone()))
        .add_service(data::DataServer::new(Arc::clone(&app)))
        .add_service(diagnostics::server(Arc::clone(&app)))
        .add_service(resource::ResourceServer::new(router))
        .serve_with_incoming_shutdown(listening.incoming, stop.clone().cancelled_owned());

    tracing::info!(version = env!("CARGO_PKG_VERSION"), pid = std::process::id(), "plugin started");
    let mut server = std::pin::pin!(server);
    let mut outcome = tokio::select! {
        ended = &mut server => Some(ended),
        () = stop.cancelled() => timeout(CALLS_GRACE, &mut server).await.ok(),
    };
    if timeout(APP_GRACE, app.shutdown()).await.is_err() {
        tracing::warn!("not all workers ended in time");
    }
    if outcome.is_none() {
        // After the workers have ended, the calls that were still running fail and release what they hold.
        outcome = timeout(REST_GRACE, &mut server).await.ok();
    }
    drop(listening.directory);
    tracing::info!("plugin stopped");
    outcome
        .unwrap_or(Ok(()))
        .map_err(|error| Error::new(Kind::Unavailable, format!("the socket failed: {error}")))
}
