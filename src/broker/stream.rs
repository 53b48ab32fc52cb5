//! What runs between an export's worker and whoever downloads: the chunks that come in, the pieces that go out, and the time that the
//! worker has.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use bytes::Bytes;
use parking_lot::{Mutex, MutexGuard};
use tokio::sync::mpsc;
use tokio_stream::Stream;

use super::held::Frame;
use super::settle::closed;
use crate::error::Result;
use crate::protocol::WINDOW;

/// What a whole export holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Exported {
    /// Rows, without the header.
    pub rows: u64,
    /// Whether there were more rows than were asked for.
    pub cut: bool,
}

/// CSV as a stream of pieces: whole rows, but for those that are longer than a piece. An error is its last item, and no
/// whole export ends with one. Dropping it cancels the job.
#[derive(Debug)]
pub struct Export {
    items: mpsc::Receiver<Item>,
    ended: Option<Result<Exported>>,
}

pub(super) enum Item {
    Piece(Bytes),
    End(Result<Exported>),
}

impl Export {
    /// The pieces and the end that come through `items`.
    pub(super) fn of(items: mpsc::Receiver<Item>) -> Self {
        Self { items, ended: None }
    }

    /// What was exported; `None` until the stream has ended well.
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
            // The plugin ends.
            None => Err(closed()),
        };
        let error = end.as_ref().err().cloned();
        self.ended = Some(end);
        Poll::Ready(error.map(Err))
    }
}

/// Where the reader puts an export's chunks.
#[derive(Debug)]
pub(super) struct Intake {
    chunks: mpsc::Sender<Frame>,
    clock: Arc<Clock>,
}

impl Intake {
    /// One that passes chunks on to `chunks`, which has room for [`WINDOW`].
    pub(super) fn new(chunks: mpsc::Sender<Frame>, clock: Arc<Clock>) -> Self {
        Self { chunks, clock }
    }

    /// One more chunk has come.
    ///
    /// # Errors
    /// When the worker sends more than it may; how it goes on after "it".
    pub(super) fn take(&self, chunk: Frame) -> Result<(), &'static str> {
        let excess = "sent more of a download than it may";
        if !self.clock.received() {
            return Err(excess);
        }
        match self.chunks.try_send(chunk) {
            Err(mpsc::error::TrySendError::Full(_)) => Err(excess),
            // Nobody may want it any more.
            _ => Ok(()),
        }
    }
}

impl Drop for Intake {
    fn drop(&mut self) {
        self.clock.stop();
    }
}

/// Measures how long the worker has worked, and not waited for the download.
#[derive(Debug)]
pub(super) struct Clock {
    limit: Duration,
    state: Mutex<Ticks>,
}

#[derive(Debug)]
struct Ticks {
    /// Chunks that the worker may send and has not sent.
    owed: u32,
    /// Since when it has owed any.
    since: Option<Instant>,
    used: Duration,
    /// The job has ended.
    stopped: bool,
}

impl Clock {
    pub(super) fn new(limit: Duration) -> Self {
        let state = Ticks { owed: WINDOW, since: Some(Instant::now()), used: Duration::ZERO, stopped: false };
        Self { limit, state: Mutex::new(state) }
    }

    pub(super) fn granted(&self) {
        let mut ticks = self.lock();
        ticks.owed = ticks.owed.saturating_add(1);
        if !ticks.stopped {
            ticks.since.get_or_insert_with(Instant::now);
        }
    }

    /// Whether it was owed.
    fn received(&self) -> bool {
        let mut ticks = self.lock();
        let Some(owed) = ticks.owed.checked_sub(1) else { return false };
        ticks.owed = owed;
        if owed == 0 {
            ticks.pause();
        }
        true
    }

    fn stop(&self) {
        let mut ticks = self.lock();
        ticks.pause();
        ticks.stopped = true;
    }

    fn left(&self) -> Duration {
        let ticks = self.lock();
        let running = ticks.since.map_or(Duration::ZERO, |since| since.elapsed());
        self.limit.saturating_sub(ticks.used + running)
    }

    /// Waits until the time is used up; for ever while it does not run.
    pub(super) async fn expired(&self) {
        loop {
            let left = self.left();
            if left.is_zero() {
                return;
            }
            tokio::time::sleep(left).await;
        }
    }

    fn lock(&self) -> MutexGuard<'_, Ticks> {
        self.state.lock()
    }
}

impl Ticks {
    fn pause(&mut self) {
        self.used += self.since.take().map_or(Duration::ZERO, |since| since.elapsed());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Kind;

    /// Leaves a clock that stands so much. It begins with more: it ran until now, on a machine that may be slow.
    fn leave(clock: &mut Clock, left: Duration) {
        let used = clock.lock().used;
        clock.limit = used + left;
    }

    #[tokio::test]
    async fn the_clock_runs_while_chunks_are_owed() {
        let (long, left) = (Duration::from_mins(1), Duration::from_millis(100));
        let mut clock = Clock::new(long);
        for _ in 0..WINDOW {
            assert!(clock.received());
        }
        assert!(!clock.received(), "that was one too many");
        leave(&mut clock, left);
        tokio::time::sleep(left).await;
        assert_eq!(clock.left(), left, "it waits for the download");
        assert!(tokio::time::timeout(2 * left, clock.expired()).await.is_err());
        clock.granted();
        tokio::time::timeout(long, clock.expired()).await.unwrap();
        assert!(clock.left().is_zero());
        let mut ended = Clock::new(long);
        ended.stop();
        leave(&mut ended, left);
        ended.granted();
        assert!(tokio::time::timeout(2 * left, ended.expired()).await.is_err(), "chunks may be taken later");
    }

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
