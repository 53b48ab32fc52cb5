//! The chunks of an export as they come from its worker, and the time that the worker has.

use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::{Mutex, MutexGuard};
use tokio::sync::mpsc;

use crate::contract::Frame;
use crate::protocol::WINDOW;

/// Takes the chunks of an export from the reader of the socket.
#[derive(Debug)]
pub(super) struct Intake {
    chunks: mpsc::Sender<Frame>,
    clock: Arc<Clock>,
}

impl Intake {
    /// Creates an intake that passes chunks on to `chunks`, which has room for [`WINDOW`] of them.
    pub(super) fn new(chunks: mpsc::Sender<Frame>, clock: Arc<Clock>) -> Self {
        Self { chunks, clock }
    }

    /// Passes one more chunk on.
    ///
    /// # Errors
    /// The words that follow "it", if the worker sends more than it may.
    pub(super) fn take(&self, chunk: Frame) -> Result<(), &'static str> {
        let excess = "sent more of a download than it may";
        if !self.clock.received() {
            return Err(excess);
        }
        match self.chunks.try_send(chunk) {
            Err(mpsc::error::TrySendError::Full(_)) => Err(excess),
            // The receiver may have gone away.
            _ => Ok(()),
        }
    }
}

impl Drop for Intake {
    fn drop(&mut self) {
        self.clock.stop();
    }
}

/// Measures how long the worker has worked, without the time in which it waited for the download.
#[derive(Debug)]
pub(super) struct Clock {
    limit: Duration,
    state: Mutex<Ticks>,
}

#[derive(Debug)]
struct Ticks {
    /// Chunks that the worker may send and has not sent yet.
    owed: u32,
    /// Since when the worker has owed chunks; `None` while it owes none.
    since: Option<Instant>,
    used: Duration,
    /// Whether the job has ended.
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

    /// Counts a chunk that has come. Returns whether the worker owed one.
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

    /// Waits until the time is used up; waits without end while the clock is stopped.
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

    /// Gives a stopped clock so much time left. Its limit was longer before, because it ran until now on a
    /// machine that may be slow.
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
}
