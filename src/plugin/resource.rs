//! The service `pluginv2.Resource`: HTTP requests that Grafana forwards, answered by the router of `http/`.
//!
//! The router is any tower service over [`Full<Bytes>`] requests, so that neither edge depends on the other's
//! library. Each request carries the datasource's [`InstanceSettings`] in its extensions. Status and headers
//! are sent in the first message only, bodies piece by piece as they come.

use std::collections::HashMap;
use std::convert::Infallible;
use std::fmt::Display;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http_body_util::Full;
use tokio_stream::Stream;
use tonic::Status;
use tonic::body::BoxBody;
use tonic::codegen::{Body, Service, http};
use tonic::server::NamedService;
use tower::ServiceExt as _;

use super::messages::{CallResourceRequest, CallResourceResponse, StringList};
use super::{convert, grpc};
use crate::app::InstanceSettings;
use crate::error::{Error, Result};

/// Maximum size in bytes of a piece of a body in one message.
const PIECE_BYTES: usize = 1 << 20;

/// The service that answers resource calls: an `axum::Router`, or any other service of this form.
pub trait Router:
    Service<
        http::Request<Full<Bytes>>,
        Response = http::Response<Self::Body>,
        Error = Infallible,
        Future: Send + 'static,
    > + Clone
    + Send
    + Sync
    + 'static
{
    /// The body type of its responses.
    type Body: Body<Data = Bytes, Error: Display> + Send + 'static;
}

impl<R, B> Router for R
where
    R: Service<
            http::Request<Full<Bytes>>,
            Response = http::Response<B>,
            Error = Infallible,
            Future: Send + 'static,
        > + Clone
        + Send
        + Sync
        + 'static,
    B: Body<Data = Bytes, Error: Display> + Send + 'static,
{
    type Body = B;
}

/// Serves `pluginv2.Resource/CallResource`.
#[derive(Clone)]
pub(super) struct ResourceServer<R> {
    router: R,
}

impl<R> ResourceServer<R> {
    pub(super) fn new(router: R) -> Self {
        Self { router }
    }
}

impl<R> NamedService for ResourceServer<R> {
    const NAME: &'static str = "pluginv2.Resource";
}

impl<R: Router> Service<http::Request<BoxBody>> for ResourceServer<R> {
    type Response = http::Response<BoxBody>;
    type Error = Infallible;
    type Future = grpc::Answer;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<BoxBody>) -> grpc::Answer {
        let router = self.router.clone();
        match request.uri().path() {
            "/pluginv2.Resource/CallResource" => grpc::server_streaming(request, move |message| {
                let router = router.clone();
                async move { Ok(call(router, message).await) }
            }),
            _ => grpc::unimplemented(),
        }
    }
}

type Pieces = Pin<Box<dyn Stream<Item = Result<CallResourceResponse, Status>> + Send>>;

/// Passes one request to the router. If that fails or panics, the error is an HTTP answer, too: a gRPC error
/// would reach the browser as "Failed to call resource".
async fn call<R: Router>(router: R, message: CallResourceRequest) -> Pieces {
    let request = match http_request(message) {
        Ok(request) => request,
        Err(error) => return problem(&error),
    };
    match grpc::contain(router.oneshot(request)).await {
        Ok(Ok(response)) => Box::pin(BodyPieces::new(response)),
        Ok(Err(never)) => match never {},
        Err(error) => problem(&error),
    }
}

fn http_request(message: CallResourceRequest) -> Result<http::Request<Full<Bytes>>> {
    let refused = |what: &str, text: &str| {
        Error::bad_query(format!("the {what} `{text}` of the resource call is not valid HTTP"))
    };
    // Path and query, without the leading slash.
    let url = if message.url.is_empty() { &message.path } else { &message.url };
    let uri: http::Uri =
        format!("/{}", url.trim_start_matches('/')).parse().map_err(|_| refused("address", url))?;
    let method = match message.method.as_str() {
        "" => http::Method::GET,
        name => name.parse().map_err(|_| refused("method", name))?,
    };
    let mut request = http::Request::new(Full::new(message.body));
    *request.uri_mut() = uri;
    *request.method_mut() = method;
    for (name, values) in message.headers {
        let name: http::HeaderName = name.parse().map_err(|_| refused("header", &name))?;
        for value in values.values {
            let value = value.parse().map_err(|_| refused("value of the header", name.as_str()))?;
            request.headers_mut().append(name.clone(), value);
        }
    }
    request.extensions_mut().insert::<InstanceSettings>(convert::instance_settings(message.context));
    Ok(request)
}

/// Returns an error in the JSON form that `http/` uses.
fn problem(error: &Error) -> Pieces {
    let code = i32::from(error.kind.facts().http_status);
    let body = serde_json::json!({ "message": error.message, "hint": error.hint }).to_string();
    let content_type = StringList { values: vec!["application/json".to_owned()] };
    let headers = HashMap::from([("Content-Type".to_owned(), content_type)]);
    Box::pin(tokio_stream::once(Ok(CallResourceResponse { code, headers, body: body.into() })))
}

/// A response as the stream of messages that carry it.
struct BodyPieces<B> {
    /// The first message without its body; `None` once it is sent.
    head: Option<CallResourceResponse>,
    body: Pin<Box<B>>,
    /// The part of the body that is received but not yet sent.
    rest: Bytes,
}

impl<B> BodyPieces<B> {
    fn new(response: http::Response<B>) -> Self {
        let (head, body) = response.into_parts();
        let mut headers: HashMap<String, StringList> = HashMap::new();
        for (name, value) in &head.headers {
            let value = String::from_utf8_lossy(value.as_bytes()).into_owned();
            headers.entry(name.as_str().to_owned()).or_default().values.push(value);
        }
        let head =
            CallResourceResponse { code: i32::from(head.status.as_u16()), headers, body: Bytes::new() };
        Self { head: Some(head), body: Box::pin(body), rest: Bytes::new() }
    }
}

impl<B> Stream for BodyPieces<B>
where
    B: Body<Data = Bytes, Error: Display>,
{
    type Item = Result<CallResourceResponse, Status>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        loop {
            if !self.rest.is_empty() {
                let bytes = self.rest.len().min(PIECE_BYTES);
                let body = self.rest.split_to(bytes);
                let head = self.head.take().unwrap_or_default();
                return Poll::Ready(Some(Ok(CallResourceResponse { body, ..head })));
            }
            match ready!(self.body.as_mut().poll_frame(context)) {
                Some(Ok(frame)) => self.rest = frame.into_data().unwrap_or_default(),
                Some(Err(error)) => {
                    tracing::error!(%error, "the body of a resource response broke off");
                    return Poll::Ready(Some(Err(Status::internal("the response broke off"))));
                }
                // A response without a body still has to send its status and headers.
                None => return Poll::Ready(self.head.take().map(Ok)),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use http_body_util::BodyExt as _;
    use tokio_stream::StreamExt as _;
    use tower::service_fn;

    use super::*;

    async fn echo(request: http::Request<Full<Bytes>>) -> Result<http::Response<Full<Bytes>>, Infallible> {
        assert!(request.extensions().get::<InstanceSettings>().is_some());
        assert!(request.uri().path() != "/panic", "asked to");
        let line = format!("{} {}", request.method(), request.uri());
        let body = request.into_body().collect().await.unwrap().to_bytes();
        let response = http::Response::builder()
            .status(201)
            .header("x-line", line)
            .header("x-two", "1")
            .header("x-two", "2")
            .body(Full::new(body));
        Ok(response.unwrap())
    }

    async fn answer(message: CallResourceRequest) -> Vec<CallResourceResponse> {
        call(service_fn(echo), message).await.map(Result::unwrap).collect().await
    }

    fn post(url: &str, bytes: usize) -> CallResourceRequest {
        CallResourceRequest {
            method: "POST".to_owned(),
            url: url.to_owned(),
            body: vec![b'x'; bytes].into(),
            ..Default::default()
        }
    }

    #[tokio::test]
    async fn status_and_headers_come_once_and_bodies_in_pieces() {
        for (bytes, messages) in [(0, 1), (5, 1), (PIECE_BYTES, 1), (2 * PIECE_BYTES + 1, 3)] {
            let pieces = answer(post("catalog?x=1", bytes)).await;
            assert_eq!((pieces.len(), pieces[0].code), (messages, 201));
            assert_eq!(pieces[0].headers["x-line"].values, ["POST /catalog?x=1"]);
            assert_eq!(pieces[0].headers["x-two"].values, ["1", "2"]);
            assert!(pieces[1..].iter().all(|piece| piece.code == 0 && piece.headers.is_empty()));
            assert_eq!(pieces.iter().map(|piece| piece.body.len()).sum::<usize>(), bytes);
        }
    }

    /// Grafana must see a body that breaks off as a failed call, not as a complete body.
    #[tokio::test]
    async fn a_body_that_breaks_off_ends_with_an_error() {
        let broken = |_: http::Request<Full<Bytes>>| async {
            let pieces = [Ok(Bytes::from_static(b"a")), Err(std::io::Error::other("gone"))];
            let body = axum::body::Body::from_stream(tokio_stream::iter(pieces));
            Ok::<_, Infallible>(http::Response::new(body))
        };
        let mut pieces = call(service_fn(broken), post("x", 0)).await;
        assert_eq!(pieces.next().await.unwrap().unwrap().body, "a");
        assert_eq!(pieces.next().await.unwrap().unwrap_err().code(), tonic::Code::Internal);
    }

    #[tokio::test]
    async fn what_cannot_be_passed_on_is_answered_as_http() {
        let bad_method = CallResourceRequest { method: "A B".to_owned(), ..post("x", 0) };
        let header = StringList { values: vec!["a\nb".to_owned()] };
        let bad_header =
            CallResourceRequest { headers: HashMap::from([("x-a".to_owned(), header)]), ..post("x", 0) };
        for (message, code) in
            [(bad_method, 400), (bad_header, 400), (post("a b", 0), 400), (post("panic", 0), 500)]
        {
            let pieces = answer(message).await;
            assert_eq!((pieces.len(), pieces[0].code), (1, code));
            assert!(
                serde_json::from_slice::<serde_json::Value>(&pieces[0].body).unwrap()["message"].is_string()
            );
        }
    }
}
