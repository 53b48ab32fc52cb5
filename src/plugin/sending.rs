//! Sends a response in pieces, so that the connection buffers at most one of them. The data that the response
//! was made from is kept until the last piece is sent, so that the broker's memory accounting counts both as
//! long as both exist.

use std::any::Any;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http_body::{Body, Frame};
use http_body_util::BodyExt as _;
use tonic::Status;
use tonic::body::BoxBody;
use tonic::codegen::http;

/// Bytes of a piece.
const PIECE: usize = 1 << 20;

/// The data that a response was made from. It is an extension of the response and dropped with its last byte.
#[derive(Clone)]
pub(super) struct Made(pub(super) Arc<dyn Any + Send + Sync>);

/// Returns the response with its body split into pieces.
pub(super) fn in_pieces(mut response: http::Response<BoxBody>) -> http::Response<BoxBody> {
    let made = response.extensions_mut().remove::<Made>().map(|Made(made)| made);
    response.map(|body| Pieces { body, rest: Bytes::new(), _made: made }.boxed_unsync())
}

struct Pieces {
    body: BoxBody,
    rest: Bytes,
    _made: Option<Arc<dyn Any + Send + Sync>>,
}

impl Body for Pieces {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        if self.rest.is_empty() {
            match ready!(Pin::new(&mut self.body).poll_frame(context)) {
                Some(Ok(frame)) => match frame.into_data() {
                    Ok(data) => self.rest = data,
                    Err(other) => return Poll::Ready(Some(Ok(other))),
                },
                other => return Poll::Ready(other),
            }
        }
        let most = self.rest.len().min(PIECE);
        Poll::Ready(Some(Ok(Frame::data(self.rest.split_to(most)))))
    }

    fn is_end_stream(&self) -> bool {
        self.rest.is_empty() && self.body.is_end_stream()
    }
}

#[cfg(test)]
mod tests {
    use http_body_util::Full;

    use super::*;

    #[tokio::test]
    async fn a_body_goes_in_pieces_and_keeps_what_it_was_made_of() {
        let whole =
            Bytes::from((0..3 * PIECE + 5).map(|at| u8::try_from(at % 251).unwrap()).collect::<Vec<_>>());
        let body = Full::new(whole.clone()).map_err(|never| match never {}).boxed_unsync();
        let mut response = http::Response::new(body);
        let made = Arc::new(());
        response.extensions_mut().insert(Made(Arc::clone(&made) as Arc<dyn Any + Send + Sync>));
        let mut body = in_pieces(response).into_body();
        let (mut sent, mut pieces) = (Vec::new(), 0);
        while let Some(frame) = body.frame().await {
            assert_eq!(Arc::strong_count(&made), 2);
            sent.extend_from_slice(&frame.unwrap().into_data().unwrap());
            pieces += 1;
        }
        assert_eq!((pieces, sent == whole), (4, true));
        drop(body);
        assert_eq!(Arc::strong_count(&made), 1);
    }
}
