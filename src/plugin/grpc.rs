//! Helpers of the hand-written gRPC services: message sizes, calls with one or many answers, and containment
//! of panics.

use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use prost::Message;
use tokio::task::JoinSet;
use tokio_stream::Stream;
use tonic::body::BoxBody;
use tonic::codec::ProstCodec;
use tonic::codegen::http;
use tonic::server::Grpc;
use tonic::{Request, Response, Status};
use tower::service_fn;

use super::budget::Share;
use super::sending;
use crate::error::{Error, Result};

/// The largest message that is read, in bytes: 8 MiB. That is twice gRPC's default, for requests with many
/// queries. A larger message would only fill the broker's memory.
pub(super) const MAX_IN: usize = 8 << 20;
/// The largest message that is sent, in bytes: 2 GiB - 1, the most that Grafana reads.
pub(super) const MAX_OUT: usize = i32::MAX as usize;

/// The future of a call's answer. It is dropped when the caller cancels the call.
pub(super) type Answer =
    Pin<Box<dyn Future<Output = std::result::Result<http::Response<BoxBody>, Infallible>> + Send>>;

/// Answers a unary call. The handler gets the request's [`Share`] of the budget.
pub(super) fn unary<Req, Res, Fut>(
    request: http::Request<BoxBody>,
    mut handler: impl FnMut(Req, Option<Arc<Share>>) -> Fut + Send + 'static,
) -> Answer
where
    Req: Message + Default + 'static,
    Res: Message + Default + 'static,
    Fut: Future<Output = std::result::Result<Response<Res>, Status>> + Send + 'static,
{
    Box::pin(async move {
        let service = service_fn(move |request: Request<Req>| {
            let share = request.extensions().get::<Arc<Share>>().cloned();
            handler(request.into_inner(), share)
        });
        Ok(sending::in_pieces(codec::<Res, Req>().unary(service, request).await))
    })
}

/// Answers a call with a stream of messages.
pub(super) fn server_streaming<Req, Res, Fut, S>(
    request: http::Request<BoxBody>,
    mut handler: impl FnMut(Req) -> Fut + Send + 'static,
) -> Answer
where
    Req: Message + Default + 'static,
    Res: Message + Default + 'static,
    Fut: Future<Output = std::result::Result<S, Status>> + Send + 'static,
    S: Stream<Item = std::result::Result<Res, Status>> + Send + 'static,
{
    Box::pin(async move {
        // The share is kept until the answer begins.
        let share = request.extensions().get::<Arc<Share>>().cloned();
        let service = service_fn(move |request: Request<Req>| {
            let answer = handler(request.into_inner());
            async move { answer.await.map(Response::new) }
        });
        let answer = codec::<Res, Req>().server_streaming(service, request).await;
        drop(share);
        Ok(answer)
    })
}

/// Answers a call to a method that the service does not have.
pub(super) fn unimplemented() -> Answer {
    Box::pin(async { Ok(Status::unimplemented("no such method").into_http()) })
}

/// Runs `work` on its own task, so that a panic in it becomes an error and does not end the connection.
/// Dropping the returned future aborts the task.
///
/// # Errors
/// `Internal` when `work` panicked; the log has the panic's message.
pub(super) async fn contain<T: Send + 'static>(work: impl Future<Output = T> + Send + 'static) -> Result<T> {
    let mut tasks = JoinSet::new();
    tasks.spawn(work);
    match tasks.join_next().await {
        Some(Ok(value)) => Ok(value),
        Some(Err(_)) | None => Err(panicked()),
    }
}

/// Returns the error for work that panicked.
pub(super) fn panicked() -> Error {
    Error::internal("the plugin failed while it worked on this")
        .hint("Grafana's log has the details under the logger of this plugin; please report them")
}

fn codec<Res, Req>() -> Grpc<ProstCodec<Res, Req>>
where
    Res: Message + 'static,
    Req: Message + Default + 'static,
{
    Grpc::new(ProstCodec::default()).apply_max_message_size_config(Some(MAX_IN), Some(MAX_OUT))
}
