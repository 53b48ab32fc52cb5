//! Hands out what a worker says until it ends, then answers for it and cleans up.

use std::io;
use std::process::ExitStatus;
use std::sync::Arc;
use std::time::Duration;

use tempfile::TempDir;
use tokio::io::{AsyncReadExt, sink};
use tokio::net::unix::OwnedReadHalf;

use super::cause::{Cause, Death};
use super::client::{JobFailure, JobReply, Worker};
use super::held::{Frame, most_held};
use super::messages::{self, HEADER, Tag};
use crate::error::{Error, Kind};
use crate::limits::MB;

/// Reads until the worker ends. `temp_dir` is removed after it, with whatever it spilled.
pub(super) async fn run(worker: Arc<Worker>, mut reader: OwnedReadHalf, temp_dir: TempDir) {
    if let Err(error) = listen(&worker, &mut reader).await {
        tracing::debug!(pid = worker.pid, %error, "the connection to a worker ended");
    }
    let ending = Arc::clone(&worker);
    let how = tokio::task::spawn_blocking(move || {
        let mut child = ending.child();
        // A worker that closed its socket but lives on is of no use.
        let early = child.try_wait().ok().flatten();
        let status = early.or_else(|| {
            // Give a crashing process the moment it needs to be seen as crashed and not as killed.
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
    let cause = killed.unwrap_or(Cause::Itself(how));
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

async fn listen(worker: &Arc<Worker>, reader: &mut OwnedReadHalf) -> io::Result<()> {
    let mut header = [0; HEADER];
    loop {
        reader.read_exact(&mut header).await?;
        let (length, id, tag) = messages::parse_header(&header)?;
        if tag == Tag::Chunk {
            chunk(worker, reader, id, length).await?;
            continue;
        }
        let mut payload = vec![0; length];
        reader.read_exact(&mut payload).await?;
        if tag == Tag::Restart {
            if let Some(job) = worker.state().jobs.get_mut(&id).filter(|job| job.answer.is_some()) {
                job.frame = Some(Frame::new(Arc::clone(&worker.held)));
            }
            continue;
        }
        let Some(job) = worker.state().jobs.remove(&id) else { continue };
        let Some(answer) = job.answer else { continue };
        let result = match tag {
            Tag::Done => {
                let done = serde_json::from_slice(&payload).map_err(io::Error::other)?;
                let frame = job.frame.unwrap_or_else(|| Frame::new(Arc::clone(&worker.held)));
                Ok(JobReply { frame, done })
            }
            Tag::Failed => {
                Err(JobFailure::Failed(serde_json::from_slice(&payload).map_err(io::Error::other)?))
            }
            _ => return Err(io::Error::new(io::ErrorKind::InvalidData, "unexpected message from a worker")),
        };
        let _ = answer.send(result);
    }
}

/// Reads the next bytes of a frame or export to where they stay, or away when nobody wants them or there is no room.
async fn chunk(worker: &Arc<Worker>, reader: &mut OwnedReadHalf, id: u64, length: usize) -> io::Result<()> {
    let mut bytes = (&mut *reader).take(length as u64);
    let (frame, intake) = match worker.state().jobs.get_mut(&id) {
        Some(job) => (job.frame.take(), job.intake.clone()),
        None => (None, None),
    };
    let read = match frame {
        Some(mut frame) if worker.held.has_room(length) => {
            let read = frame
                .extend(async |buffer| {
                    buffer.reserve(length);
                    bytes.read_to_end(buffer).await
                })
                .await? as u64;
            let frame = match intake {
                Some(intake) if read == length as u64 => {
                    intake.take(frame)?;
                    Frame::new(Arc::clone(&worker.held))
                }
                _ => frame,
            };
            if let Some(job) = worker.state().jobs.get_mut(&id).filter(|job| job.answer.is_some()) {
                job.frame = Some(frame);
            }
            read
        }
        frame => {
            if frame.is_some() {
                drop(frame);
                refuse(worker, id);
            }
            tokio::io::copy(&mut bytes, &mut sink()).await?
        }
    };
    if read < length as u64 { Err(io::ErrorKind::UnexpectedEof.into()) } else { Ok(()) }
}

/// Ends a job whose frame has no room.
fn refuse(worker: &Arc<Worker>, id: u64) {
    let answer = worker.state().jobs.get_mut(&id).and_then(|job| job.answer.take());
    if let Some(answer) = answer {
        let most = most_held(&worker.limits) / MB;
        let error = Error::new(
            Kind::Exhausted,
            format!("the results that are being sent need more than {most} MB of memory, which is what this datasource's `memoryLimitMb` leaves for them"),
        )
        .hint("Select less or aggregate more, ask for fewer large results at the same time, or raise `memoryLimitMb`");
        let _ = answer.send(Err(JobFailure::Failed(error)));
    }
    worker.abandon(id);
}

/// A process's end as a phrase.
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
