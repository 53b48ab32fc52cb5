//! The broker's end of an export: chunks from the worker to whoever downloads, at their pace.
//!
//! At most [`WINDOW`] chunks are on their way; each one that is taken lets the worker send another. So a slow download
//! fills no memory and does not hold up the socket that all jobs of a worker share. The deadline counts while the worker
//! owes a chunk, not while it waits for the download.

use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use bytes::Bytes;
use tokio::sync::{mpsc, oneshot};
use tokio_stream::Stream;

use super::cause::{Cause, Death};
use super::client::{InFlight, JobFailure, JobReply, Worker};
use super::held::Frame;
use super::queue::Turn;
use super::settle::{closed, settle};
use crate::error::{Error, Kind, Result};
use crate::protocol::{Done, Job, Tag, WINDOW};

/// A download that takes nothing for this long is given up.
const STALLED: Duration = Duration::from_mins(1);
/// No download may last longer: it keeps one of few places.
const LONGEST: Duration = Duration::from_hours(1);
/// What stands for both where a reader may take its time.
const FOR_EVER: Duration = Duration::from_hours(24 * 365);

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

enum Item {
    Piece(Bytes),
    End(Result<Exported>),
}

impl Export {
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
struct Clock {
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
    fn new(limit: Duration) -> Self {
        let state = Ticks { owed: WINDOW, since: Some(Instant::now()), used: Duration::ZERO, stopped: false };
        Self { limit, state: Mutex::new(state) }
    }

    fn granted(&self) {
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
    async fn expired(&self) {
        loop {
            let left = self.left();
            if left.is_zero() {
                return;
            }
            tokio::time::sleep(left).await;
        }
    }

    fn lock(&self) -> MutexGuard<'_, Ticks> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Ticks {
    fn pause(&mut self) {
        self.used += self.since.take().map_or(Duration::ZERO, |since| since.elapsed());
    }
}

/// An export that has begun: its first chunk is there.
pub(super) struct Started {
    flight: InFlight,
    chunks: mpsc::Receiver<Frame>,
    reply: oneshot::Receiver<Result<JobReply, JobFailure>>,
    clock: Arc<Clock>,
    first: Option<Frame>,
    /// Set when there are no more chunks.
    done: Option<Done>,
}

/// Sends an export to a worker and waits for its first chunk. Dropping the future cancels it.
pub(super) async fn start(
    worker: &Arc<Worker>,
    job: Job,
    turn: &Arc<Turn>,
    deadline: Duration,
) -> Result<Started, JobFailure> {
    let (answer, reply) = oneshot::channel();
    let (sender, chunks) = mpsc::channel(WINDOW as usize);
    let clock = Arc::new(Clock::new(deadline));
    let intake = Intake { chunks: sender, clock: Arc::clone(&clock) };
    let flight = worker.admit(&job, answer, Some(Arc::new(intake)), turn)?;
    let mut started = Started { flight, chunks, reply, clock, first: None, done: None };
    let clock = Arc::clone(&started.clock);
    // The deadline holds for a worker that does not even read, too.
    tokio::select! {
        told = worker.tell_job(started.flight.id, job) => if let Err(error) = told {
            // The worker is ending; the reader answers for it.
            tracing::debug!(%error, "a worker does not take a job");
        },
        () = clock.expired() => return started.end_late().await.map(|()| started),
    }
    started.first = started.next().await?;
    Ok(started)
}

impl Started {
    /// The next chunk; `None` when the export is whole.
    async fn next(&mut self) -> Result<Option<Frame>, JobFailure> {
        if let Some(first) = self.first.take() {
            return Ok(Some(first));
        }
        if self.done.is_some() {
            return Ok(None);
        }
        let clock = Arc::clone(&self.clock);
        tokio::select! {
            biased;
            chunk = self.chunks.recv() => if chunk.is_some() {
                return Ok(chunk);
            },
            () = clock.expired() => self.end_late().await?,
        }
        // All chunks are out: the answer has come, or is just coming.
        if self.done.is_none() {
            let reply = (&mut self.reply).await;
            self.flight.end();
            let missing = || JobFailure::Failed(Error::internal("an export got no answer"));
            self.done = Some(reply.map_err(|_| missing())??.done);
        }
        Ok(None)
    }

    /// The deadline has passed. Fails, unless the export has just become whole and has nothing left to give.
    async fn end_late(&mut self) -> Result<(), JobFailure> {
        let reply = self.flight.worker.end_late(self.flight.id, &mut self.reply).await;
        self.flight.end();
        let done = reply?.done;
        if !self.chunks.is_empty() {
            return Err(JobFailure::Deadline);
        }
        self.done = Some(done);
        Ok(())
    }

    /// Gives the chunks out as they are taken. From now on it has `place` and not its turn among the queries, and gives it
    /// back at the end: whoever takes the chunks may be slow.
    pub(super) fn give(self, place: Arc<Turn>, patient: bool) -> Export {
        let mut state = self.flight.worker.state();
        let job = state.jobs.get_mut(&self.flight.id);
        let turn = job.map(|job| std::mem::replace(&mut job.turn, Arc::clone(&place)));
        drop(state);
        drop(turn);
        let (sender, items) = mpsc::channel(1);
        tokio::spawn(pump(self, sender, place, patient));
        Export { items, ended: None }
    }
}

async fn pump(mut export: Started, out: mpsc::Sender<Item>, place: Arc<Turn>, patient: bool) {
    let (stalled, longest) = if patient { (FOR_EVER, FOR_EVER) } else { (STALLED, LONGEST) };
    let worker = Arc::clone(&export.flight.worker);
    let Some(end) = pass_on(&mut export, &out, stalled, longest).await else { return };
    if matches!(&end, Err(JobFailure::Failed(error)) if error.kind == Kind::Internal) {
        worker.kill(Cause::Internal);
    }
    let end = match end {
        Ok(done) => Ok(Exported { rows: done.rows, cut: done.cut }),
        // What was sent cannot be sent again by another worker.
        Err(JobFailure::Died(Death { cause: cause @ (Cause::Deaf | Cause::Abandoned), .. })) => {
            let message = format!("the download broke off: the worker {}", cause.phrase());
            Err(Error::new(Kind::Unavailable, message).hint("Start it again"))
        }
        Err(failure) => settle(Err(failure), worker.limits.timeout),
    };
    // The job has ended; what is left is to say so, whenever the reader comes to it.
    drop((export, place, worker));
    let _ = out.send(Item::End(end)).await;
}

/// How the export ended; `None` when nobody takes it any more.
async fn pass_on(
    export: &mut Started,
    out: &mpsc::Sender<Item>,
    stalled: Duration,
    longest: Duration,
) -> Option<Result<Done, JobFailure>> {
    let ends = tokio::time::Instant::now() + longest;
    let clock = Arc::clone(&export.clock);
    loop {
        let room = tokio::select! {
            biased;
            room = out.reserve() => room.ok()?,
            () = clock.expired(), if export.done.is_none() => match export.end_late().await {
                Ok(()) => continue,
                Err(failure) => return Some(Err(failure)),
            },
            () = tokio::time::sleep_until(ends) => {
                let minutes = longest.as_secs() / 60;
                return Some(Err(given_up(&format!("took longer than {minutes} minutes"))));
            }
            () = tokio::time::sleep(stalled) => {
                return Some(Err(given_up(&format!("took nothing for {} s", stalled.as_secs()))));
            }
        };
        let next = tokio::select! {
            biased;
            () = out.closed() => return None,
            next = export.next() => next,
        };
        match next {
            Ok(Some(chunk)) => room.send(Item::Piece(Bytes::from_owner(chunk))),
            Ok(None) => return export.done.take().map(Ok),
            Err(failure) => return Some(Err(failure)),
        }
        clock.granted();
        tokio::select! {
            biased;
            told = export.flight.worker.tell(export.flight.id, Tag::More, &[]) => if let Err(error) = told {
                tracing::debug!(%error, "a worker takes no more");
            },
            () = clock.expired() => {}
        }
    }
}

fn given_up(why: &str) -> JobFailure {
    tracing::info!("an export was given up, because its download {why}");
    let error = Error::new(Kind::Timeout, format!("the download {why}"));
    JobFailure::Failed(error.hint("Start it again, with fewer weeks or patterns if the connection is slow"))
}

#[cfg(test)]
mod tests {
    use super::*;

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
