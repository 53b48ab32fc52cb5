//! Limits how many bytes of long requests are held in memory at the same time.
//!
//! The queue limits waiting queries, but a request reaches it only after it was read completely. A request
//! that exceeds the budget is refused at once. Leaving it unread instead would fill the connection's window,
//! and no other request would get through.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use http_body_util::BodyExt as _;
use tonic::Status;
use tonic::body::BoxBody;
use tonic::codegen::{Service, http};
use tower::Layer;

/// The budget in bytes for all requests together: three requests of maximum size.
const MOST: usize = 24 << 20;
/// Bytes at the start of each request that do not count, so that ordinary requests pass beside any number of
/// long ones.
const FREE: usize = 128 << 10;

/// The budget that all requests of a plugin share; a tower layer around its services.
#[derive(Debug, Clone, Default)]
pub(super) struct Budget(Arc<AtomicUsize>);

/// The bytes of the budget that one request has taken; returned when dropped. It is an extension of the
/// request: its handler keeps the share as long as the request's texts are not counted elsewhere.
#[derive(Debug)]
pub(super) struct Share {
    budget: Budget,
    read: AtomicUsize,
    counted: AtomicUsize,
}

impl Budget {
    /// Creates the share of a new request.
    fn share(&self) -> Arc<Share> {
        Arc::new(Share { budget: self.clone(), read: AtomicUsize::new(0), counted: AtomicUsize::new(0) })
    }
}

impl Share {
    /// Takes `bytes` that were read of the request; returns the refusal when the budget is exceeded.
    fn take(&self, bytes: usize) -> Option<Status> {
        let read = self.read.fetch_add(bytes, Ordering::Relaxed) + bytes;
        let counts = read.saturating_sub(FREE) - self.counted.load(Ordering::Relaxed);
        let fits = |all: usize| Some(all + counts).filter(|all| counts == 0 || *all <= MOST);
        if self.budget.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, fits).is_ok() {
            self.counted.fetch_add(counts, Ordering::Relaxed);
            return None;
        }
        let most = MOST >> 20;
        Some(Status::resource_exhausted(format!(
            "the long requests that are being answered have more than {most} MB together: send shorter ones, or fewer \
at the same time"
        )))
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        self.budget.0.fetch_sub(*self.counted.get_mut(), Ordering::Relaxed);
    }
}

/// A service whose requests take from a budget.
#[derive(Debug, Clone)]
pub(super) struct Within<S> {
    budget: Budget,
    inner: S,
}

impl<S> Layer<S> for Budget {
    type Service = Within<S>;

    fn layer(&self, inner: S) -> Within<S> {
        Within { budget: self.clone(), inner }
    }
}

impl<S> Service<http::Request<BoxBody>> for Within<S>
where
    S: Service<http::Request<BoxBody>>,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = S::Future;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, mut request: http::Request<BoxBody>) -> Self::Future {
        let share = self.budget.share();
        request.extensions_mut().insert(Arc::clone(&share));
        self.inner.call(request.map(|body| Counted { body, share }.boxed_unsync()))
    }
}

/// A request's body that takes from its share while it is read.
struct Counted {
    body: BoxBody,
    share: Arc<Share>,
}

impl Body for Counted {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        let frame = ready!(Pin::new(&mut self.body).poll_frame(context));
        let bytes = frame.as_ref().and_then(|frame| frame.as_ref().ok()?.data_ref()).map_or(0, Bytes::len);
        Poll::Ready(match self.share.take(bytes) {
            Some(refusal) => Some(Err(refusal)),
            None => frame,
        })
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_requests_share_what_there_is_and_short_ones_pass() {
        let budget = Budget::default();
        let (first, second, short) = (budget.share(), budget.share(), budget.share());
        let passes = |share: &Share, bytes| share.take(bytes).is_none();
        assert!(passes(&first, FREE));
        assert!((0..MOST >> 20).all(|_| passes(&first, 1 << 20)));
        assert!(passes(&second, FREE));
        let refusal = second.take(1).unwrap();
        assert_eq!(refusal.code(), tonic::Code::ResourceExhausted);
        assert!(refusal.message().contains("more than 24 MB together"), "{refusal:?}");
        assert!(passes(&short, 1_000));
        drop((first, second));
        assert_eq!(budget.0.load(Ordering::Relaxed), 0);
        assert!(passes(&budget.share(), FREE + MOST));
    }
}
