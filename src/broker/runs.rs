//! How a job is run: its turn, its worker, and what its failure means. Innocent queries of a worker that ended are run
//! again.

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

/// A query that is run again has at least this long, or its whole time if that is less.
const LEAST_RERUN: Duration = Duration::from_secs(2);
/// A longer delay is told to whoever asked; on a busy machine it takes about this long to start a worker and to stop a query.
const TOLD: Duration = Duration::from_secs(3);
/// How often a job is given to the next worker because the last one was just ending or outdated.
const MOST_RETRIES: usize = 2;

/// A way to ask a worker, and what it gives.
pub(super) trait Delivery {
    type Answer: Send;
    fn ask(
        worker: &Arc<Worker>,
        job: Job,
        turn: &Arc<Turn>,
        deadline: Duration,
    ) -> impl Future<Output = Result<Self::Answer, JobFailure>> + Send;
}

/// Everything, at the end.
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

/// The first piece of an export.
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

/// What was around a run.
#[derive(Debug, Clone, Copy, Default)]
struct Around {
    /// Whether it had less memory than it may have: because of others in the worker, or of what the worker keeps of earlier ones.
    crowded: bool,
    /// Whether what the worker was opened for was replaced until its end.
    outdated: bool,
}

/// What follows a run.
#[derive(Debug, PartialEq, Eq)]
enum Next {
    /// That was it.
    Answer,
    /// The same once more; the worker was ending when the job came, or the job had no part in its end.
    Again,
    /// The same once more: what the worker was opened for has been replaced meanwhile.
    AgainElsewhere,
    /// Once more with the worker to itself.
    Alone {
        /// Whether it is known that another one was to blame.
        innocent: bool,
    },
}

impl Next {
    /// Queries only read, so they can be repeated.
    fn after<T>(result: &Result<T, JobFailure>, Around { crowded, outdated }: Around) -> Self {
        match result {
            // To its jail what is there now is nothing at all: it may have answered without a row.
            Ok(_) | Err(JobFailure::Failed(_)) if outdated => Self::AgainElsewhere,
            Err(JobFailure::Failed(error)) if crowded && error.kind == Kind::Exhausted => {
                Self::Alone { innocent: false }
            }
            Ok(_) | Err(JobFailure::Failed(_) | JobFailure::Deadline) => Self::Answer,
            Err(JobFailure::Died(Death { cause, jobs })) => match (cause, jobs) {
                (Cause::Closed, _)
                | (Cause::Crash(_) | Cause::Memory | Cause::Disk | Cause::Protocol(_), 1) => Self::Answer,
                // It never was in it.
                (_, 0) | (Cause::MemoryRetained | Cause::Idle | Cause::Outdated | Cause::Superseded, _) => {
                    Self::Again
                }
                // Nobody knows which of several it was.
                (Cause::Crash(_) | Cause::Memory | Cause::Crowded | Cause::Disk | Cause::Protocol(_), _) => {
                    Self::Alone { innocent: false }
                }
                // The guilty one is not run again, but others like it may be waiting.
                (Cause::Unresponsive | Cause::Abandoned | Cause::Internal, _) => {
                    Self::Alone { innocent: true }
                }
            },
        }
    }
}

/// The time that a query has in workers, however often it is given to one.
#[derive(Debug, Clone, Copy)]
struct Clock {
    whole: Duration,
    used: Duration,
}

impl Clock {
    fn of(whole: Duration) -> Self {
        Self { whole, used: Duration::ZERO }
    }

    /// What is left, or a little for one more try.
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
        // Others wait for a query that runs alone, so it has only what is left of its time; unless it lost that through
        // no fault of its own.
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
        // Others that came later count too, even those that ended earlier.
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

/// The error of a query whose folder or file is a new one each time it has run.
fn replaced() -> Error {
    Error::new(
        Kind::InUse,
        "the datasource's folder or file was replaced while the query read it, again and again",
    )
    .hint("Let the job that writes it replace it less often; then run the query again")
}

/// Says of a query that was stopped long after its own time where the rest of it went.
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
