//! One worker process, seen from the broker: jobs go in, replies come out, and it can be killed.

use std::collections::HashMap;
use std::io;
use std::process::{Child, ExitStatus};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};
use tokio::sync::oneshot;

use super::messages::{self, Done, HEADER, Open, Opened, Tag};
use super::spawn;
use crate::error::{Error, Kind, Result};

/// How long an interrupted job may take to end before its worker is killed.
pub(super) const GRACE: Duration = Duration::from_millis(500);
/// How long a worker may take to open its datasource.
const OPENING: Duration = Duration::from_secs(20);

/// What a job came to.
pub(super) struct JobReply {
    /// The frame's bytes; empty for jobs that are not queries.
    pub(super) frame: Vec<u8>,
    /// What the worker said at the end.
    pub(super) done: Done,
}

/// Why there is no reply.
#[derive(Debug)]
pub(super) enum JobFailure {
    /// The job failed; the worker lives.
    Failed(Error),
    /// The job ran past its deadline. The worker was killed if it did not listen.
    Deadline,
    /// The worker ended while the job was in it, for a reason that was not this job's deadline.
    Died(Death),
}

/// How a worker ended.
#[derive(Debug, Clone)]
pub(super) struct Death {
    /// We killed it because of another job.
    pub(super) killed: bool,
    /// Jobs that were in it.
    pub(super) jobs: usize,
    /// `signal 11`, `exit code 1`, …
    pub(super) how: String,
}

/// A running worker.
pub(super) struct Worker {
    pub(super) engine_version: String,
    pub(super) pid: u32,
    writer: tokio::sync::Mutex<OwnedWriteHalf>,
    state: Mutex<State>,
    child: Mutex<Child>,
    next_id: AtomicU64,
}

struct State {
    jobs: HashMap<u64, Pending>,
    dead: bool,
    killed: bool,
    last_used: Instant,
}

struct Pending {
    frame: Vec<u8>,
    /// `None` once nobody waits any more; the entry stays until the worker has ended the job.
    answer: Option<oneshot::Sender<Result<JobReply, JobFailure>>>,
}

impl Worker {
    /// Starts a process and opens the datasource in it. `temp_dir` is its own and removed after it.
    ///
    /// # Errors
    /// [`Kind::Unavailable`] when no process can be had, or what opening the datasource failed with.
    pub(super) async fn start(open: &Open, temp_dir: TempDir) -> Result<Arc<Self>> {
        let unavailable = |error: io::Error| {
            tracing::error!(%error, "a worker cannot be started");
            Error::new(Kind::Unavailable, "the worker process cannot be started")
                .hint("Look at the plugin's log in Grafana's log")
        };
        let (mut child, socket) = spawn::spawn().await.map_err(unavailable)?;
        let opened = async {
            let (mut reader, mut writer) = UnixStream::from_std(socket)?.into_split();
            write(&mut writer, 0, Tag::Open, &serde_json::to_vec(open)?).await?;
            let mut header = [0; HEADER];
            reader.read_exact(&mut header).await?;
            let (length, _, tag) = messages::parse_header(&header)?;
            let mut payload = vec![0; length];
            reader.read_exact(&mut payload).await?;
            Ok((reader, writer, tag, payload))
        };
        let (reader, writer, tag, payload) = match tokio::time::timeout(OPENING, opened).await {
            Ok(Ok(opened)) => opened,
            other => {
                let _ = child.kill();
                let how = describe(child.wait().ok());
                let error = match other {
                    Ok(Err(error)) => error,
                    _ => io::Error::new(io::ErrorKind::TimedOut, "opening takes too long"),
                };
                return Err(unavailable(io::Error::other(format!("{error} ({how})"))));
            }
        };
        if tag != Tag::Opened {
            let _ = child.kill();
            let _ = child.wait();
            let error = serde_json::from_slice(&payload);
            return Err(error.unwrap_or_else(|_| Error::internal("the worker spoke out of turn")));
        }
        let opened: Opened =
            serde_json::from_slice(&payload).map_err(|error| Error::internal(error.to_string()))?;
        let worker = Arc::new(Self {
            engine_version: opened.engine_version,
            pid: child.id(),
            writer: tokio::sync::Mutex::new(writer),
            state: Mutex::new(State {
                jobs: HashMap::new(),
                dead: false,
                killed: false,
                last_used: Instant::now(),
            }),
            child: Mutex::new(child),
            next_id: AtomicU64::new(1),
        });
        tracing::debug!(pid = worker.pid, engine = %worker.engine_version, "worker started");
        tokio::spawn(watch(Arc::clone(&worker), reader, temp_dir));
        Ok(worker)
    }

    /// Runs one job. Dropping the future cancels the job, and kills the worker if it does not listen.
    pub(super) async fn run(
        self: &Arc<Self>,
        job: &[u8],
        deadline: Duration,
    ) -> Result<JobReply, JobFailure> {
        let id = self.next_id.fetch_add(1, Ordering::Relaxed);
        let (answer, mut reply) = oneshot::channel();
        {
            let mut state = self.state();
            if state.dead {
                return Err(JobFailure::Died(Death {
                    killed: state.killed,
                    jobs: 0,
                    how: "ended".to_owned(),
                }));
            }
            state.last_used = Instant::now();
            state.jobs.insert(id, Pending { frame: Vec::new(), answer: Some(answer) });
        }
        let mut guard = InFlight { worker: self, id, ended: false };
        // A failed write means that the worker is ending; `watch` answers for it.
        let sent = write(&mut *self.writer.lock().await, id, Tag::Job, job).await;
        if let Err(error) = sent {
            tracing::debug!(%error, "a worker does not take a job");
        }
        let result = if let Ok(result) = tokio::time::timeout(deadline, &mut reply).await {
            result.unwrap_or_else(|_| Err(JobFailure::Failed(Error::internal("a job got no answer"))))
        } else {
            self.cancel(id).await;
            match tokio::time::timeout(GRACE, &mut reply).await {
                // It may just have finished in time after all.
                Ok(Ok(Ok(reply))) => Ok(reply),
                Ok(_) => Err(JobFailure::Deadline),
                Err(_) => {
                    self.kill("a query ran past its deadline and did not stop");
                    Err(JobFailure::Deadline)
                }
            }
        };
        guard.ended = true;
        self.state().last_used = Instant::now();
        result
    }

    async fn cancel(&self, id: u64) {
        let _ = write(&mut *self.writer.lock().await, id, Tag::Cancel, &[]).await;
    }

    /// Kills the process. Jobs in it are answered with [`JobFailure::Died`].
    pub(super) fn kill(&self, why: &str) {
        let jobs = {
            let mut state = self.state();
            if state.dead || state.killed {
                return;
            }
            state.killed = true;
            state.jobs.len()
        };
        if jobs > 0 {
            tracing::warn!(pid = self.pid, jobs, why, "worker killed");
        } else {
            tracing::debug!(pid = self.pid, why, "worker stopped");
        }
        let _ = self.child.lock().unwrap_or_else(PoisonError::into_inner).kill();
    }

    pub(super) fn is_dead(&self) -> bool {
        let state = self.state();
        state.dead || state.killed
    }

    /// How long no job has been in it; `None` while one is.
    pub(super) fn idle(&self) -> Option<Duration> {
        let state = self.state();
        state.jobs.is_empty().then(|| state.last_used.elapsed())
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Cancels its job when the caller goes away.
struct InFlight<'a> {
    worker: &'a Arc<Worker>,
    id: u64,
    ended: bool,
}

impl Drop for InFlight<'_> {
    fn drop(&mut self) {
        if self.ended {
            return;
        }
        let (worker, id) = (Arc::clone(self.worker), self.id);
        if let Some(job) = worker.state().jobs.get_mut(&id) {
            job.answer = None;
            job.frame = Vec::new();
        }
        let Ok(runtime) = tokio::runtime::Handle::try_current() else { return };
        runtime.spawn(async move {
            worker.cancel(id).await;
            tokio::time::sleep(GRACE).await;
            if worker.state().jobs.contains_key(&id) {
                worker.kill("a cancelled query did not stop");
            }
        });
    }
}

async fn write(writer: &mut OwnedWriteHalf, id: u64, tag: Tag, payload: &[u8]) -> io::Result<()> {
    let mut message = messages::header(id, tag, payload.len())?.to_vec();
    message.extend_from_slice(payload);
    writer.write_all(&message).await
}

/// Hands out what the worker says until it ends, then answers for it and cleans up.
async fn watch(worker: Arc<Worker>, mut reader: OwnedReadHalf, temp_dir: TempDir) {
    if let Err(error) = listen(&worker, &mut reader).await {
        tracing::debug!(pid = worker.pid, %error, "the connection to a worker ended");
    }
    let ending = Arc::clone(&worker);
    let how = tokio::task::spawn_blocking(move || {
        let mut child = ending.child.lock().unwrap_or_else(PoisonError::into_inner);
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
        drop(temp_dir);
        describe(status)
    })
    .await
    .unwrap_or_else(|_| "unknown".to_owned());
    let (jobs, killed) = {
        let mut state = worker.state();
        state.dead = true;
        (std::mem::take(&mut state.jobs), state.killed)
    };
    if !killed {
        tracing::error!(pid = worker.pid, how, jobs = jobs.len(), "a worker ended by itself");
    }
    let death = Death { killed, jobs: jobs.len(), how };
    for job in jobs.into_values() {
        if let Some(answer) = job.answer {
            let _ = answer.send(Err(JobFailure::Died(death.clone())));
        }
    }
}

async fn listen(worker: &Worker, reader: &mut OwnedReadHalf) -> io::Result<()> {
    let mut header = [0; HEADER];
    loop {
        reader.read_exact(&mut header).await?;
        let (length, id, tag) = messages::parse_header(&header)?;
        if tag == Tag::Chunk {
            // The bytes are read to where they stay.
            let mut frame = worker
                .state()
                .jobs
                .get_mut(&id)
                .map(|job| std::mem::take(&mut job.frame))
                .unwrap_or_default();
            frame.reserve(length);
            let read = (&mut *reader).take(length as u64).read_to_end(&mut frame).await?;
            if read < length {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            if let Some(job) = worker.state().jobs.get_mut(&id).filter(|job| job.answer.is_some()) {
                job.frame = frame;
            }
            continue;
        }
        let mut payload = vec![0; length];
        reader.read_exact(&mut payload).await?;
        let Some(job) = worker.state().jobs.remove(&id) else { continue };
        let result = match tag {
            Tag::Done => serde_json::from_slice(&payload)
                .map(|done| JobReply { frame: job.frame, done })
                .map_err(io::Error::other)?,
            Tag::Failed => {
                let error: Error = serde_json::from_slice(&payload).map_err(io::Error::other)?;
                if let Some(answer) = job.answer {
                    let _ = answer.send(Err(JobFailure::Failed(error)));
                }
                continue;
            }
            _ => return Err(io::Error::new(io::ErrorKind::InvalidData, "unexpected message from a worker")),
        };
        if let Some(answer) = job.answer {
            let _ = answer.send(Ok(result));
        }
    }
}

fn describe(status: Option<ExitStatus>) -> String {
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
