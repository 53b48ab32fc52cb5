//! Runs jobs: waits for the turn, gives the job to a worker, and decides what a failure means. A query that
//! had no part in the end of its worker is run again.

use std::fmt::Write as _;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::cause::{Cause, Death};
use super::client::Worker;
use super::export::{self, Started};
use super::keeper::{Keeper, Sharing};
use super::memory;
use super::reply::{JobFailure, JobReply};
use super::user_result::into_user_result;
use crate::contract::{Ticket, Turn};
use crate::error::{Error, Kind, Result};
use crate::protocol::Job;

/// Minimum time of a query that is run again, or its whole timeout if that is less.
const LEAST_RERUN: Duration = Duration::from_secs(2);
/// A longer delay is mentioned in the error. On a busy machine, starting a worker and stopping a query takes
/// about this long.
const TOLD: Duration = Duration::from_secs(3);
/// How often a job is given to another worker because the last one was ending or outdated.
const MOST_RETRIES: usize = 2;

/// A way to run a job in a worker.
pub(super) trait Delivery {
    type Answer: Send;
    fn ask(
        worker: &Arc<Worker>,
        job: Job,
        turn: &Arc<Turn>,
        deadline: Duration,
    ) -> impl Future<Output = Result<Self::Answer, JobFailure>> + Send;
}

/// Collects the whole result.
pub(super) struct Collect;

impl Delivery for Collect {
    type Answer = JobReply;
    async fn ask(
        worker: &Arc<Worker>,
        job: Job,
        turn: &Arc<Turn>,
        deadline: Duration,
    ) -> Result<JobReply, JobFailure> {
        worker.run(job, turn, deadline).await
    }
}

/// Waits for the first piece of an export.
pub(super) struct Streaming;

impl Delivery for Streaming {
    type Answer = Started;
    async fn ask(
        worker: &Arc<Worker>,
        job: Job,
        turn: &Arc<Turn>,
        deadline: Duration,
    ) -> Result<Started, JobFailure> {
        export::start(worker, job, turn, deadline).await
    }
}

/// The circumstances of a run.
#[derive(Debug, Clone, Copy, Default)]
struct Around {
    /// Whether the job had less memory than it may have, because of other jobs in the worker or of memory
    /// that the worker keeps from earlier ones.
    crowded: bool,
    /// Whether the folders or files that the worker opened were replaced before the run ended.
    outdated: bool,
}

/// What to do after a run.
#[derive(Debug, PartialEq, Eq)]
enum Next {
    /// Return the result.
    Answer,
    /// Run the job again: the worker was already ending when the job came, or the job had no part in its end.
    Again,
    /// Run the job again: the folders or files that the worker opened were replaced meanwhile.
    AgainElsewhere,
    /// Run the job again with the worker to itself.
    Alone {
        /// Whether another job is known to be at fault.
        innocent: bool,
    },
}

impl Next {
    /// Decides what to do after a run. Queries only read, so they can be repeated.
    fn after<T>(result: &Result<T, JobFailure>, Around { crowded, outdated }: Around) -> Self {
        match result {
            // The worker's jail does not let it see the new folder or file: it may have answered without a
            // row.
            Ok(_) | Err(JobFailure::Failed(_)) if outdated => Self::AgainElsewhere,
            Err(JobFailure::Failed(error)) if crowded && error.kind == Kind::Exhausted => {
                Self::Alone { innocent: false }
            }
            Ok(_) | Err(JobFailure::Failed(_) | JobFailure::Deadline) => Self::Answer,
            Err(JobFailure::Died(Death { cause, jobs })) => match (cause, jobs) {
                (Cause::Closed, _)
                | (Cause::Crash(_) | Cause::Memory | Cause::Disk | Cause::Protocol(_), 1) => Self::Answer,
                // The job was never in the worker.
                (_, 0) | (Cause::MemoryRetained | Cause::Idle | Cause::Outdated | Cause::Superseded, _) => {
                    Self::Again
                }
                // Nobody knows which of several jobs was at fault.
                (Cause::Crash(_) | Cause::Memory | Cause::Crowded | Cause::Disk | Cause::Protocol(_), _) => {
                    Self::Alone { innocent: false }
                }
                // The job at fault is not run again, but similar jobs may be waiting.
                (Cause::Unresponsive | Cause::Abandoned | Cause::Internal, _) => {
                    Self::Alone { innocent: true }
                }
            },
        }
    }
}

/// The time that a query has in workers, over all its runs.
#[derive(Debug, Clone, Copy)]
struct Clock {
    whole: Duration,
    used: Duration,
}

impl Clock {
    fn of(whole: Duration) -> Self {
        Self { whole, used: Duration::ZERO }
    }

    /// Returns the time that is left, or a minimum for one more run.
    fn left(&self) -> Duration {
        self.whole.saturating_sub(self.used).max(LEAST_RERUN.min(self.whole))
    }
}

impl Keeper {
    /// Runs a job when it is its turn.
    pub(super) async fn run<A: Delivery>(&self, ticket: Ticket<'_>, job: Job) -> Result<A::Answer> {
        let asked = Instant::now();
        let result = self.run_in_turn::<A>(ticket, &job).await;
        result.map_err(|error| with_delay(error, asked.elapsed(), self.datasource.common.limits.timeout))
    }

    async fn run_in_turn<A: Delivery>(&self, ticket: Ticket<'_>, job: &Job) -> Result<A::Answer> {
        let timeout = self.datasource.common.limits.timeout;
        let turn = self.queue.turn(ticket).await?;
        let running = self.owner.series.runs();
        let mut clock = Clock::of(timeout);
        let mut retries = 0;
        let innocent = loop {
            let (result, around) = self.attempt::<A>(job, &turn, &mut clock, Sharing::Shared).await?;
            match Next::after(&result, around) {
                Next::Again | Next::AgainElsewhere if retries < MOST_RETRIES => {}
                Next::AgainElsewhere if result.is_ok() => return Err(replaced()),
                Next::Answer | Next::AgainElsewhere => return into_user_result(result, timeout),
                Next::Again => break true,
                Next::Alone { innocent } => break innocent,
            }
            retries += 1;
        };
        drop((running, turn));
        let turn = self.queue.alone(ticket.caller).await?;
        let _running = self.owner.series.runs();
        // Other queries wait while one runs alone, so it has only what is left of its time, unless it lost
        // that time through no fault of its own.
        if innocent {
            clock = Clock::of(timeout);
        }
        for _ in 0..MOST_RETRIES {
            let (result, around) = self.attempt::<A>(job, &turn, &mut clock, Sharing::Exclusive).await?;
            let next = Next::after(&result, Around { crowded: false, ..around });
            if !matches!(next, Next::Again | Next::AgainElsewhere) {
                return into_user_result(result, timeout);
            }
        }
        let (result, around) = self.attempt::<A>(job, &turn, &mut clock, Sharing::Exclusive).await?;
        if result.is_ok() && around.outdated { Err(replaced()) } else { into_user_result(result, timeout) }
    }

    /// Runs the job once.
    async fn attempt<A: Delivery>(
        &self,
        job: &Job,
        turn: &Arc<Turn>,
        clock: &mut Clock,
        sharing: Sharing,
    ) -> Result<(Result<A::Answer, JobFailure>, Around)> {
        let (worker, roots) = self.worker(sharing).await?;
        let (before, was_shared) = (worker.admitted(), worker.jobs() > 0);
        let asked = Instant::now();
        let result = A::ask(&worker, job.clone(), turn, clock.left()).await;
        clock.used += asked.elapsed();
        // Jobs that came later count, too, even if they ended earlier.
        let shared = was_shared || worker.admitted() > before + 1;
        let failed = match &result {
            Err(JobFailure::Failed(error)) => Some(error.kind),
            _ => None,
        };
        if failed == Some(Kind::Internal) {
            worker.kill(Cause::Internal);
        }
        let crowded = shared || failed == Some(Kind::Exhausted) && memory::retains_memory(&worker);
        let now = self.roots().await;
        let outdated = if result.is_ok() { !now.named_are_among(&roots) } else { !now.are_among(&roots) };
        Ok((result, Around { crowded, outdated }))
    }
}

/// Returns the error of a query whose folder or file was replaced during each of its runs.
fn replaced() -> Error {
    Error::new(
        Kind::InUse,
        "the datasource's folder or file was replaced while the query read it, again and again",
    )
    .hint("Let the job that writes it replace it less often; then run the query again")
}

/// Adds to the error of a query that was stopped long after its own time where the rest of the time went.
fn with_delay(mut error: Error, took: Duration, timeout: Duration) -> Error {
    let was_stopped = matches!(error.kind, Kind::Timeout | Kind::Exhausted | Kind::Unavailable);
    if was_stopped && took > timeout + TOLD {
        let _ = write!(
            error.message,
            "; it took {} s in all, with waiting for others and for workers, and runs that others ended",
            took.as_secs()
        );
    }
    error
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_query_that_is_run_again_has_what_is_left_of_its_time() {
        let left = |whole, used| {
            let (whole, used) = (Duration::from_secs(whole), Duration::from_secs(used));
            Clock { whole, used }.left()
        };
        assert_eq!(left(10, 4), Duration::from_secs(6));
        assert_eq!(left(10, 9), LEAST_RERUN);
        assert_eq!(left(1, 3), Duration::from_secs(1));
    }

    #[test]
    fn a_delay_is_told_apart_from_the_query_itself() {
        let told = |kind, took| {
            let seconds = Duration::from_secs;
            with_delay(Error::new(kind, "stopped"), seconds(took), seconds(10)).message
        };
        for kind in [Kind::Timeout, Kind::Exhausted, Kind::Unavailable] {
            assert_eq!(told(kind, 11), "stopped");
            assert!(told(kind, 37).starts_with("stopped; it took 37 s in all, with waiting"));
        }
        assert_eq!(told(Kind::BadQuery, 37), "stopped");
    }

    #[test]
    fn who_is_run_again_and_how() {
        let died = |cause, jobs| Err::<(), _>(JobFailure::Died(Death { cause, jobs }));
        let failed = |kind| Err::<(), _>(JobFailure::Failed(Error::new(kind, "no")));
        let crash = || Cause::Crash("signal 11".to_owned());
        for (result, crowded, next) in [
            (Ok(()), true, Next::Answer),
            (Err(JobFailure::Deadline), true, Next::Answer),
            (failed(Kind::BadQuery), true, Next::Answer),
            (failed(Kind::Exhausted), false, Next::Answer),
            (failed(Kind::Exhausted), true, Next::Alone { innocent: false }),
            (died(crash(), 1), false, Next::Answer),
            (died(crash(), 2), true, Next::Alone { innocent: false }),
            (died(Cause::Memory, 1), false, Next::Answer),
            (died(Cause::Protocol("sent nonsense"), 1), false, Next::Answer),
            (died(Cause::Protocol("sent nonsense"), 2), true, Next::Alone { innocent: false }),
            (died(Cause::Protocol("sent nonsense"), 0), false, Next::Again),
            (died(Cause::Memory, 0), false, Next::Again),
            (died(Cause::Crowded, 1), false, Next::Alone { innocent: false }),
            (died(Cause::Crowded, 0), false, Next::Again),
            (died(Cause::Unresponsive, 2), true, Next::Alone { innocent: true }),
            (died(Cause::Abandoned, 3), true, Next::Alone { innocent: true }),
            (died(Cause::Abandoned, 0), true, Next::Again),
            (died(Cause::Internal, 2), true, Next::Alone { innocent: true }),
            (died(Cause::Idle, 1), false, Next::Again),
            (died(Cause::Closed, 1), false, Next::Answer),
        ] {
            let around = |outdated| Around { crowded, outdated };
            assert_eq!(Next::after(&result, around(false)), next, "{result:?}");
            let elsewhere = matches!(result, Ok(()) | Err(JobFailure::Failed(_)));
            let expected = if elsewhere { Next::AgainElsewhere } else { next };
            assert_eq!(Next::after(&result, around(true)), expected, "{result:?}");
        }
    }
}
