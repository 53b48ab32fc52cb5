//! The rows of a query as CSV, on their way to the download.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use tokio::sync::mpsc;
use tokio_stream::Stream;

use super::reply::closed;
use crate::error::Result;

/// The size of a complete export.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Exported {
    /// Number of rows, without the header.
    pub rows: u64,
    /// Whether there were more rows than were asked for.
    pub cut: bool,
}

/// CSV as a stream of pieces. Each piece holds whole rows, unless a row is longer than a piece. If the export
/// fails, the error is the last item. Dropping the stream cancels the job.
#[derive(Debug)]
pub struct Export {
    items: mpsc::Receiver<Item>,
    ended: Option<Result<Exported>>,
}

/// An item of an export's channel.
pub(crate) enum Item {
    Piece(Bytes),
    End(Result<Exported>),
}

impl Export {
    /// Creates the stream from the pieces and the end that come through `items`.
    pub(crate) fn of(items: mpsc::Receiver<Item>) -> Self {
        Self { items, ended: None }
    }

    /// Returns what was exported; `None` until the stream has ended without an error.
    #[must_use]
    pub fn summary(&self) -> Option<Exported> {
        self.ended.as_ref()?.as_ref().ok().copied()
    }
}

impl Stream for Export {
    type Item = Result<Bytes>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if self.ended.is_some() {
            return Poll::Ready(None);
        }
        let end = match ready!(self.items.poll_recv(context)) {
            Some(Item::Piece(bytes)) => return Poll::Ready(Some(Ok(bytes))),
            Some(Item::End(end)) => end,
            // The plugin is shutting down.
            None => Err(closed()),
        };
        let error = end.as_ref().err().cloned();
        self.ended = Some(end);
        Poll::Ready(error.map(Err))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Kind;

    #[tokio::test]
    async fn a_stream_that_breaks_off_is_no_whole_export() {
        use tokio_stream::StreamExt as _;
        let (sender, items) = mpsc::channel(4);
        sender.send(Item::Piece(Bytes::from_static(b"a\r\n"))).await.unwrap();
        drop(sender);
        let mut export = Export { items, ended: None };
        assert_eq!(export.next().await.unwrap().unwrap(), "a\r\n");
        assert_eq!(export.next().await.unwrap().unwrap_err().kind, Kind::Cancelled);
        assert!(export.next().await.is_none() && export.summary().is_none());
    }
}
