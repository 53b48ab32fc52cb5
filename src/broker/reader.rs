//! Reads a worker's messages until it ends, then answers its jobs and cleans up.

use std::io;
use std::process::ExitStatus;
use std::sync::Arc;
use std::time::Duration;

use tempfile::TempDir;
use tokio::io::{AsyncReadExt, sink};
use tokio::net::unix::OwnedReadHalf;

use super::cause::{Cause, Death};
use super::client::{Pending, Worker};
use super::reply::{JobFailure, JobReply};
use crate::contract::Frame;
use crate::error::{Error, Kind};
use crate::limits::MB;
use crate::protocol::{self, Done, HEADER, Tag};

/// Reads messages until the worker ends. Then removes `temp_dir` with everything that was spilled.
pub(super) async fn run(worker: Arc<Worker>, mut reader: OwnedReadHalf, temp_dir: TempDir) {
    match listen(&worker, &mut reader).await {
        Ending::Gone(error) => tracing::debug!(pid = worker.pid, %error, "the connection to a worker ended"),
        Ending::Protocol(how) => worker.kill(Cause::Protocol(how)),
    }
    let ending = Arc::clone(&worker);
    let how = tokio::task::spawn_blocking(move || {
        let mut child = ending.child();
        // A worker that closed its socket but still runs is of no use.
        let early = child.try_wait().ok().flatten();
        let status = early.or_else(|| {
            // A crashing process needs a moment before it can be told from one that was killed here.
            std::thread::sleep(Duration::from_millis(20));
            child.try_wait().ok().flatten()
        });
        let status = status.or_else(|| {
            let _ = child.kill();
            child.wait().ok()
        });
        if let Err(error) = temp_dir.close()
            && error.kind() != io::ErrorKind::NotFound
        {
            tracing::warn!(%error, "a worker's temp folder stays");
        }
        describe(status)
    })
    .await
    .unwrap_or_else(|_| "unknown".to_owned());
    let (jobs, killed) = {
        let mut state = worker.state();
        state.dead = true;
        (std::mem::take(&mut state.jobs), state.killed.clone())
    };
    if killed.is_none() {
        tracing::error!(pid = worker.pid, how, jobs = jobs.len(), "a worker ended by itself");
    }
    let cause = killed.unwrap_or(Cause::Crash(how));
    if cause.is_fault() {
        worker.deaths.note(&cause.phrase());
    }
    worker.series.worker_ended(cause.reason());
    let death = Death { cause, jobs: jobs.len() };
    for job in jobs.into_values() {
        if let Some(answer) = job.answer {
            let _ = answer.send(Err(JobFailure::Died(death.clone())));
        }
    }
}

/// Why no more messages are read from a worker.
enum Ending {
    /// The worker is gone.
    Gone(io::Error),
    /// The worker broke the protocol. The text says how, after "it".
    Protocol(&'static str),
}

impl From<io::Error> for Ending {
    fn from(error: io::Error) -> Self {
        Self::Gone(error)
    }
}

impl From<&'static str> for Ending {
    fn from(how: &'static str) -> Self {
        Self::Protocol(how)
    }
}

/// Reads messages until no more can be read.
async fn listen(worker: &Arc<Worker>, reader: &mut OwnedReadHalf) -> Ending {
    let mut pace = Pace::default();
    loop {
        if let Err(ending) = message(worker, reader, &mut pace).await {
            return ending;
        }
    }
}

/// Reads one message. A worker may send messages only about jobs that it was given, and only those that each
/// job allows.
async fn message(worker: &Arc<Worker>, reader: &mut OwnedReadHalf, pace: &mut Pace) -> Result<(), Ending> {
    let mut header = Vec::with_capacity(HEADER);
    pace.read(reader, HEADER, &mut header).await?;
    let (length, id, tag) =
        protocol::parse_header(&header).map_err(|_| "sent what is no message, or one that is too long")?;
    match worker.state().jobs.get_mut(&id) {
        Some(job) => job.conduct.note(tag, length)?,
        // A job stays in the map until the worker has ended it, even if its caller has gone away.
        None => return Err(Ending::Protocol("spoke of a job that it does not have")),
    }
    if tag == Tag::Chunk {
        return chunk(worker, reader, pace, id, length).await;
    }
    let mut payload = Vec::with_capacity(length);
    pace.read(reader, length, &mut payload).await?;
    if tag == Tag::Restart {
        if let Some(job) = worker.state().jobs.get_mut(&id).filter(|job| job.answer.is_some()) {
            job.frame = Some(Frame::new(Arc::clone(&worker.budget)));
        }
        return Ok(());
    }
    let unreadable = |_| "sent a message that cannot be read";
    let ended: Result<Done, Error> = match tag {
        Tag::Done => Ok(serde_json::from_slice(&payload).map_err(unreadable)?),
        _ => Err(serde_json::from_slice::<Error>(&payload).map_err(unreadable)?.shortened()),
    };
    let job = worker.state().jobs.remove(&id);
    if let Some(Pending { answer: Some(answer), frame, conduct, .. }) = job {
        let reply = ended.map_err(JobFailure::Failed).map(|done| {
            let mut frame = frame.unwrap_or_else(|| Frame::new(Arc::clone(&worker.budget)));
            frame.weigh(conduct.beside(length));
            JobReply { frame, done, conduct }
        });
        let _ = answer.send(reply);
    }
    Ok(())
}

/// Reads a chunk of a frame or export into its buffer. Discards it if nobody wants it or there is no memory
/// for it.
async fn chunk(
    worker: &Arc<Worker>,
    reader: &mut OwnedReadHalf,
    pace: &mut Pace,
    id: u64,
    length: usize,
) -> Result<(), Ending> {
    let (frame, intake) = match worker.state().jobs.get_mut(&id) {
        Some(job) => (job.frame.take(), job.intake.clone()),
        None => (None, None),
    };
    match frame {
        Some(mut frame) if worker.budget.has_room(length) => {
            frame.extend(async |buffer| pace.read(reader, length, buffer).await).await?;
            let frame = match intake {
                Some(intake) => {
                    intake.take(frame)?;
                    Frame::new(Arc::clone(&worker.budget))
                }
                None => frame,
            };
            if let Some(job) = worker.state().jobs.get_mut(&id).filter(|job| job.answer.is_some()) {
                job.frame = Some(frame);
            }
        }
        frame => {
            if frame.is_some() {
                drop(frame);
                refuse(worker, id);
            }
            let mut bytes = reader.take(length as u64);
            if tokio::io::copy(&mut bytes, &mut sink()).await? < length as u64 {
                return Err(io::Error::from(io::ErrorKind::UnexpectedEof).into());
            }
        }
    }
    Ok(())
}

/// Reads a known number of bytes. Pauses if they come a few at a time, because each read wakes this process.
#[derive(Debug, Default)]
struct Pace {
    /// Number of small reads, less those that large reads have made up for.
    small: usize,
}

impl Pace {
    /// Reads of fewer bytes are small. The system delivers far larger parts of a long message, and buffers no
    /// more than this of bytes that were written one by one.
    const SMALL: usize = 8 << 10;
    /// Number of small reads that cause no pause.
    const FREE: usize = 64;
    const PAUSE: Duration = Duration::from_millis(100);

    /// Appends exactly `length` bytes.
    async fn read(
        &mut self,
        reader: &mut OwnedReadHalf,
        length: usize,
        into: &mut Vec<u8>,
    ) -> io::Result<()> {
        into.reserve(length);
        let mut bytes = reader.take(length as u64);
        let mut left = length;
        while left > 0 {
            let read = bytes.read_buf(into).await?;
            if read == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            left -= read;
            if left > 0 {
                self.small = if read < Self::SMALL {
                    self.small + 1
                } else {
                    self.small.saturating_sub(read / Self::SMALL)
                };
                if self.small > Self::FREE {
                    tokio::time::sleep(Self::PAUSE).await;
                }
            }
        }
        Ok(())
    }
}

/// Ends a job whose frame has no room in memory.
fn refuse(worker: &Arc<Worker>, id: u64) {
    let answer = worker.state().jobs.get_mut(&id).and_then(|job| job.answer.take());
    if let Some(answer) = answer {
        let most = worker.limits.frame_bytes() / 2 / MB;
        let error = Error::new(
            Kind::Exhausted,
            format!("the results that are being sent need more than {most} MB of memory, which is what this datasource's `memoryLimitMb` leaves for them"),
        )
        .hint("Select less or aggregate more, ask for fewer large results at the same time, or raise `memoryLimitMb`");
        let _ = answer.send(Err(JobFailure::Failed(error)));
    }
    worker.abandon(id);
}

/// Describes how a process ended, as a phrase.
pub(super) fn describe(status: Option<ExitStatus>) -> String {
    use std::os::unix::process::ExitStatusExt;
    match status {
        Some(status) => match (status.signal(), status.code()) {
            (Some(signal), _) => format!("signal {signal}"),
            (None, Some(code)) => format!("exit code {code}"),
            (None, None) => "unknown".to_owned(),
        },
        None => "unknown".to_owned(),
    }
}
