//! go-plugin's service `plugin.GRPCController`, by which Grafana stops the plugin.
//!
//! The host calls `Shutdown`, waits two seconds for the process to end and then kills it (go-plugin v1.7.0,
//! `client.go`). go-plugin's other services, `GRPCBroker` and `GRPCStdio`, are optional.

use std::convert::Infallible;
use std::task::{Context, Poll};

use tokio_util::sync::CancellationToken;
use tonic::Response;
use tonic::body::BoxBody;
use tonic::codegen::{Service, http};
use tonic::server::NamedService;

use super::grpc;
use super::messages::Empty;

/// Serves `plugin.GRPCController/Shutdown` by cancelling `stop`.
#[derive(Clone)]
pub(super) struct ControllerServer {
    stop: CancellationToken,
}

impl ControllerServer {
    pub(super) fn new(stop: CancellationToken) -> Self {
        Self { stop }
    }
}

impl NamedService for ControllerServer {
    const NAME: &'static str = "plugin.GRPCController";
}

impl Service<http::Request<BoxBody>> for ControllerServer {
    type Response = http::Response<BoxBody>;
    type Error = Infallible;
    type Future = grpc::Answer;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<BoxBody>) -> grpc::Answer {
        let stop = self.stop.clone();
        match request.uri().path() {
            "/plugin.GRPCController/Shutdown" => grpc::unary(request, move |Empty {}, _| {
                tracing::debug!("the host asks for the end");
                stop.cancel();
                async { Ok(Response::new(Empty {})) }
            }),
            _ => grpc::unimplemented(),
        }
    }
}
