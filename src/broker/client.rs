//! One worker process, as the broker sees it: jobs go in, replies come out, and it can be killed.

use std::collections::HashMap;
use std::io;
use std::process::Child;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use parking_lot::{Mutex, MutexGuard};
use tokio::io::AsyncWriteExt as _;
use tokio::net::unix::OwnedWriteHalf;
use tokio::sync::oneshot;

use super::CrashHistory;
use super::cause::{Cause, Death};
use super::conduct::Conduct;
use super::disk::Disk;
use super::memory_group::MemoryGroup;
use super::pulse;
use super::reply::{Answer, JobFailure, JobReply, PROTOCOL_HINT};
use super::stream::Intake;
use crate::contract::{Frame, FrameBudget, Turn};
use crate::error::Error;
use crate::limits::Limits;
use crate::metrics::Series;
use crate::os::Figures;
use crate::protocol::{self, HEADER, Jail, Job, Tag};

/// How long to wait until a killed process has ended and its temp folder is removed: less than the plugin has
/// for its shutdown, in which it then removes its own folder.
const GOING: Duration = Duration::from_millis(700);
/// A frame of fewer bytes is checked by the task that received it; checking a longer one could delay other
/// tasks.
const AT_ONCE: usize = 256 << 10;
/// How long an interrupted job may take to end before its worker is killed.
pub(super) const GRACE: Duration = Duration::from_millis(500);

/// A running worker.
pub(super) struct Worker {
    pub(super) engine_version: String,
    pub(super) jail: Jail,
    pub(super) pid: u32,
    pub(super) limits: Limits,
    /// The worker's memory, as the system reports it.
    pub(super) figures: Figures,
    /// Bytes of writable private memory before the first job.
    pub(super) data_at_start: u64,
    pub(super) disk: Disk,
    pub(super) group: MemoryGroup,
    pub(super) budget: Arc<FrameBudget>,
    pub(super) deaths: Arc<CrashHistory>,
    pub(super) series: Arc<Series>,
    pub(super) writer: tokio::sync::Mutex<OwnedWriteHalf>,
    pub(super) state: Mutex<State>,
    pub(super) child: Mutex<Child>,
    pub(super) next_id: AtomicU64,
}

#[derive(Default)]
pub(super) struct State {
    pub(super) jobs: HashMap<u64, Pending>,
    /// Set when the process is gone.
    pub(super) dead: bool,
    /// Set when the broker has killed the process.
    pub(super) killed: Option<Cause>,
    /// Set when another worker replaces this one.
    retired: bool,
    pub(super) last_used: Option<Instant>,
}

/// A job in the worker.
pub(super) struct Pending {
    /// The messages that the worker has sent for the job, and which it may send.
    pub(super) conduct: Conduct,
    /// The frame or answer so far; taken out while more of it is read.
    pub(super) frame: Option<Frame>,
    /// `None` once nobody waits for the job any more. The entry stays until the worker has ended the job.
    pub(super) answer: Option<Answer>,
    /// Takes the chunks if they are not collected in `frame`.
    pub(super) intake: Option<Arc<Intake>>,
    /// The job's turn in the queue. A job that does not stop keeps it until its worker is killed, even if its
    /// caller has gone away.
    pub(super) turn: Arc<Turn>,
}

impl Worker {
    /// Runs one job. Dropping the future cancels the job, and kills the worker if the job does not stop.
    pub(super) async fn run(
        self: &Arc<Self>,
        job: Job,
        turn: &Arc<Turn>,
        deadline: Duration,
    ) -> Result<JobReply, JobFailure> {
        let (answer, mut reply) = oneshot::channel();
        let mut flight = self.admit(&job, answer, None, turn)?;
        let id = flight.id;
        // If writing fails, the worker is ending, and the reader answers the job.
        let asked = async {
            if let Err(error) = self.tell_job(id, job).await {
                tracing::debug!(%error, "a worker does not take a job");
            }
            (&mut reply).await
        };
        // The deadline applies even to a worker that does not read its socket.
        let result = if let Ok(result) = tokio::time::timeout(deadline, asked).await {
            result.unwrap_or_else(|_| Err(JobFailure::Failed(Error::internal("a job got no answer"))))
        } else {
            self.end_late(id, &mut reply).await
        };
        flight.end();
        match result {
            Ok(reply) => self.judged(reply).await,
            failed => failed,
        }
    }

    /// Checks whether a reply is one that such a job gives. If not, kills the worker.
    async fn judged(&self, reply: JobReply) -> Result<JobReply, JobFailure> {
        let judge = |reply: JobReply| (reply.conduct.judge(reply.frame.as_ref(), &reply.done), reply);
        let (judgement, reply) = if reply.frame.as_ref().len() < AT_ONCE {
            judge(reply)
        } else {
            let judging = tokio::task::spawn_blocking(move || judge(reply)).await;
            judging.map_err(|error| JobFailure::Failed(Error::internal(error.to_string())))?
        };
        match judgement {
            Ok(()) => Ok(reply),
            Err(error) => {
                self.kill(Cause::Protocol("sent a result that is none"));
                Err(JobFailure::Failed(error.hint(PROTOCOL_HINT)))
            }
        }
    }

    /// Registers a job. Returns the guard that cancels the job when the caller goes away.
    ///
    /// # Errors
    /// [`JobFailure::Died`] if the worker has ended.
    pub(super) fn admit(
        self: &Arc<Self>,
        job: &Job,
        answer: Answer,
        intake: Option<Arc<Intake>>,
        turn: &Arc<Turn>,
    ) -> Result<InFlight, JobFailure> {
        let id = self.next_id.fetch_add(1, Ordering::Relaxed);
        {
            let mut state = self.state();
            // A killed worker is not dead at once; a job that comes meanwhile had no part in its end.
            if state.dead || state.killed.is_some() {
                let cause = state.killed.clone().unwrap_or_else(|| Cause::Crash("ended".to_owned()));
                return Err(JobFailure::Died(Death { cause, jobs: 0 }));
            }
            state.last_used = Some(Instant::now());
            let frame = Some(Frame::new(Arc::clone(&self.budget)));
            let (conduct, turn) = (Conduct::of(job), Arc::clone(turn));
            state.jobs.insert(id, Pending { conduct, frame, answer: Some(answer), intake, turn });
        }
        pulse::wake();
        Ok(InFlight { worker: Arc::clone(self), id, ended: false })
    }

    /// Cancels a job that is past its deadline, and kills the worker if the job does not stop.
    pub(super) async fn end_late(
        &self,
        id: u64,
        reply: &mut oneshot::Receiver<Result<JobReply, JobFailure>>,
    ) -> Result<JobReply, JobFailure> {
        self.cancel(id).await;
        match tokio::time::timeout(GRACE, reply).await {
            // The job may have finished just in time.
            Ok(Ok(Ok(reply))) => Ok(reply),
            Ok(_) => Err(JobFailure::Deadline),
            Err(_) => {
                self.kill(Cause::Unresponsive);
                Err(JobFailure::Deadline)
            }
        }
    }

    /// Sends a message about a job.
    pub(super) async fn tell(&self, id: u64, tag: Tag, payload: &[u8]) -> io::Result<()> {
        write(&mut *self.writer.lock().await, id, tag, payload).await
    }

    /// Sends a job completely, even if nobody waits for it any more: after half a message the worker would
    /// not understand the next one.
    pub(super) async fn tell_job(self: &Arc<Self>, id: u64, job: Job) -> io::Result<()> {
        let worker = Arc::clone(self);
        tokio::spawn(async move { worker.write_job(id, job).await }).await?
    }

    /// Writes a job. Its text may be long, so only one job at a time is turned into a message, and the job is
    /// dropped before that is sent.
    async fn write_job(&self, id: u64, job: Job) -> io::Result<()> {
        let mut writer = self.writer.lock().await;
        if self.is_forgotten(id) {
            return Ok(());
        }
        let mut message = vec![0; HEADER];
        serde_json::to_writer(&mut message, &job)?;
        drop(job);
        let header = protocol::header(id, Tag::Job, message.len() - HEADER)?;
        for (byte, of_header) in message.iter_mut().zip(header) {
            *byte = of_header;
        }
        writer.write_all(&message).await
    }

    /// Returns whether nobody waits any more for a job that was not sent yet. If so, removes the job.
    fn is_forgotten(&self, id: u64) -> bool {
        let mut state = self.state();
        let is_forgotten = state.jobs.get(&id).is_none_or(|job| job.answer.is_none());
        if is_forgotten {
            state.jobs.remove(&id);
        }
        is_forgotten
    }

    async fn cancel(&self, id: u64) {
        let _ = tokio::time::timeout(GRACE, self.tell(id, Tag::Cancel, &[])).await;
    }

    /// Interrupts a job that nobody waits for any more, and kills the worker if the job does not stop.
    pub(super) fn abandon(self: &Arc<Self>, id: u64) {
        if let Some(job) = self.state().jobs.get_mut(&id) {
            job.answer = None;
            job.frame = None;
            job.intake = None;
        }
        let Ok(runtime) = tokio::runtime::Handle::try_current() else { return };
        let worker = Arc::clone(self);
        runtime.spawn(async move {
            worker.cancel(id).await;
            tokio::time::sleep(GRACE).await;
            if worker.state().jobs.contains_key(&id) {
                worker.kill(Cause::Abandoned);
            }
        });
    }

    /// Kills the process. Its jobs are answered with [`JobFailure::Died`].
    pub(super) fn kill(&self, cause: Cause) {
        {
            let mut state = self.state();
            if state.dead || state.killed.is_some() {
                return;
            }
            if cause.is_fault() {
                tracing::warn!(pid = self.pid, jobs = state.jobs.len(), "a worker {}", cause.phrase());
            } else {
                tracing::debug!(pid = self.pid, jobs = state.jobs.len(), "a worker {}", cause.phrase());
            }
            state.killed = Some(cause);
        }
        let _ = self.child().kill();
    }

    /// Waits until the process has ended and its temp folder is removed, at most [`GOING`].
    pub(super) async fn gone(&self) {
        let since = Instant::now();
        while !self.state().dead && since.elapsed() < GOING {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    /// Kills the process as soon as it has no jobs.
    pub(super) fn retire(self: &Arc<Self>, cause: Cause) {
        self.state().retired = true;
        let worker = Arc::clone(self);
        tokio::spawn(async move {
            while worker.jobs() > 0 && !worker.is_dead() {
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
            worker.kill(cause);
        });
    }

    pub(super) fn is_dead(&self) -> bool {
        let state = self.state();
        state.dead || state.killed.is_some()
    }

    /// Returns whether another worker has replaced this one.
    pub(super) fn is_retired(&self) -> bool {
        self.state().retired
    }

    /// Returns a number that grows by one with each job taken in.
    pub(super) fn admitted(&self) -> u64 {
        self.next_id.load(Ordering::Relaxed)
    }

    /// Returns the number of jobs in the worker.
    pub(super) fn jobs(&self) -> usize {
        self.state().jobs.len()
    }

    /// Returns how long the worker has had no job; `None` while it has one.
    pub(super) fn idle(&self) -> Option<Duration> {
        let state = self.state();
        state.jobs.is_empty().then(|| state.last_used.map_or(Duration::ZERO, |at| at.elapsed()))
    }

    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock()
    }

    pub(super) fn child(&self) -> MutexGuard<'_, Child> {
        self.child.lock()
    }
}

/// Cancels the job if it is dropped before the job has ended.
pub(super) struct InFlight {
    pub(super) worker: Arc<Worker>,
    pub(super) id: u64,
    ended: bool,
}

impl InFlight {
    /// Notes that the job has ended.
    pub(super) fn end(&mut self) {
        self.ended = true;
        self.worker.state().last_used = Some(Instant::now());
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        if !self.ended {
            self.worker.abandon(self.id);
        }
    }
}

pub(super) async fn write(writer: &mut OwnedWriteHalf, id: u64, tag: Tag, payload: &[u8]) -> io::Result<()> {
    let mut message = protocol::header(id, tag, payload.len())?.to_vec();
    message.extend_from_slice(payload);
    writer.write_all(&message).await
}
