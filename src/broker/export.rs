//! The broker's end of an export: passes chunks from the worker to the download, at the pace of the download.
//!
//! At most [`WINDOW`] chunks are under way; each chunk that is taken lets the worker send another. So a slow
//! download neither fills memory nor blocks the socket that all jobs of a worker share. The deadline counts
//! while the worker owes a chunk, not while it waits for the download.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::{mpsc, oneshot};

use super::cause::{Cause, Death};
use super::client::{InFlight, Worker};
use super::reply::{JobFailure, JobReply};
use super::stream::{Clock, Intake};
use super::user_result::into_user_result;
use crate::contract::{Export, Exported, Frame, Item, Turn};
use crate::error::{Error, Kind};
use crate::protocol::{Done, Job, Tag, WINDOW};

/// A download that takes nothing for this long is cancelled.
const STALLED: Duration = Duration::from_mins(1);
/// Maximum time of a download, because it keeps one of few places.
const LONGEST: Duration = Duration::from_hours(1);
/// Replaces both limits for a reader that may take its time.
const FOR_EVER: Duration = Duration::from_hours(24 * 365);

/// An export whose first chunk has arrived.
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
    let intake = Intake::new(sender, Arc::clone(&clock));
    let flight = worker.admit(&job, answer, Some(Arc::new(intake)), turn)?;
    let mut started = Started { flight, chunks, reply, clock, first: None, done: None };
    let clock = Arc::clone(&started.clock);
    // The deadline applies even to a worker that does not read its socket.
    tokio::select! {
        told = worker.tell_job(started.flight.id, job) => if let Err(error) = told {
            // The worker is ending, and the reader answers the job.
            tracing::debug!(%error, "a worker does not take a job");
        },
        () = clock.expired() => return started.end_late().await.map(|()| started),
    }
    started.first = started.next().await?;
    Ok(started)
}

impl Started {
    /// Returns the next chunk; `None` when the export is complete.
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
        // All chunks are taken: the reply has come or is about to come.
        if self.done.is_none() {
            let reply = (&mut self.reply).await;
            self.flight.end();
            let missing = || JobFailure::Failed(Error::internal("an export got no answer"));
            self.done = Some(reply.map_err(|_| missing())??.done);
        }
        Ok(None)
    }

    /// Cancels an export that is past its deadline. Fails unless the export has just completed and has no
    /// chunks left.
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

    /// Passes the chunks on as they are taken. From now on the job holds `place` instead of its turn among
    /// the queries, because the reader may be slow.
    pub(super) fn give(self, place: Arc<Turn>, patient: bool) -> Export {
        let mut state = self.flight.worker.state();
        let job = state.jobs.get_mut(&self.flight.id);
        let turn = job.map(|job| std::mem::replace(&mut job.turn, Arc::clone(&place)));
        drop(state);
        drop(turn);
        let (sender, items) = mpsc::channel(1);
        tokio::spawn(pump(self, sender, place, patient));
        Export::of(items)
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
        // Another worker cannot send again what was sent.
        Err(JobFailure::Died(Death { cause: cause @ (Cause::Unresponsive | Cause::Abandoned), .. })) => {
            let message = format!("the download broke off: the worker {}", cause.phrase());
            Err(Error::new(Kind::Unavailable, message).hint("Start it again"))
        }
        Err(failure) => into_user_result(Err(failure), worker.limits.timeout),
    };
    // The job has ended; its end waits here until the reader takes it.
    drop((export, place, worker));
    let _ = out.send(Item::End(end)).await;
}

/// Passes the chunks on. Returns how the export ended; `None` if the reader has gone away.
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
