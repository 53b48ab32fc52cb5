//! How a job is run: its turn, its worker, and what its failure means. Innocent queries of a worker that ended are run
//! again.

use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::cause::{Cause, Death};
use super::client::{JobFailure, JobReply, Worker};
use super::export::{self, Started};
use super::memory;
use super::messages::Job;
use super::queue::{Ticket, Turn};
use super::settle::settle;
use super::supervisor::Supervisor;
use crate::error::{Kind, Result};

/// A query that is run again, and may itself be what ended the worker, has at least this long.
const LEAST_RERUN: Duration = Duration::from_secs(2);
/// How often a job is given to the next worker because the last one was just ending or outdated.
const MOST_RETRIES: usize = 2;

/// A job that is being made, each time it is run.
pub type Making<'a, Job> = Pin<Box<dyn Future<Output = Result<Job>> + Send + 'a>>;

/// A way to ask a worker, and what it gives.
pub(super) trait Ask {
    type Answer: Send;
    fn ask(
        worker: &Arc<Worker>,
        job: Job,
        turn: &Arc<Turn>,
        deadline: Duration,
    ) -> impl Future<Output = Result<Self::Answer, JobFailure>> + Send;
}

/// Everything, at the end.
pub(super) struct Whole;

impl Ask for Whole {
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
pub(super) struct Begun;

impl Ask for Begun {
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

/// Who else may be in a job's worker.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Company {
    Any,
    None,
}

/// What follows a run.
#[derive(Debug, PartialEq, Eq)]
enum Next {
    /// That was it.
    Settle,
    /// The same once more; the worker was ending when the job came, or the job had no part in its end.
    Again,
    /// The same once more if what the worker was opened for has been replaced meanwhile.
    AgainIfOutdated,
    /// Once more with the worker to itself.
    Alone {
        /// Whether it is known that another one was to blame.
        innocent: bool,
    },
}

impl Next {
    /// Queries only read, so they can be repeated. `crowded` is whether this one had less memory than it may have.
    fn after<T>(result: &Result<T, JobFailure>, crowded: bool) -> Self {
        match result {
            Err(JobFailure::Failed(error)) if crowded && error.kind == Kind::Exhausted => {
                Self::Alone { innocent: false }
            }
            Err(JobFailure::Failed(_)) => Self::AgainIfOutdated,
            Ok(_) | Err(JobFailure::Deadline) => Self::Settle,
            Err(JobFailure::Died(Death { cause, jobs })) => match (cause, jobs) {
                (Cause::Closed, _)
                | (Cause::Itself(_) | Cause::Memory | Cause::Disk | Cause::Unruly(_), 1) => Self::Settle,
                // It never was in it.
                (_, 0) | (Cause::Swollen | Cause::Idle | Cause::Outdated | Cause::Aside, _) => Self::Again,
                // Nobody knows which of several it was.
                (Cause::Itself(_) | Cause::Memory | Cause::Crowded | Cause::Disk | Cause::Unruly(_), _) => {
                    Self::Alone { innocent: false }
                }
                // The guilty one is not run again, but others like it may be waiting.
                (Cause::Deaf | Cause::Abandoned | Cause::Internal, _) => Self::Alone { innocent: true },
            },
        }
    }
}

impl Supervisor {
    /// Runs the job that `make` gives, when it is its turn.
    pub(super) async fn run<'a, A: Ask>(
        &self,
        ticket: Ticket<'_>,
        make: impl Fn() -> Making<'a, Job> + Send + Sync,
    ) -> Result<A::Answer> {
        let timeout = self.datasource.limits.timeout;
        let turn = self.queue.turn(ticket).await?;
        let running = self.series().runs();
        let started = Instant::now();
        let mut retries = 0;
        let innocent = loop {
            let (result, crowded) = self.attempt::<A>(&make, &turn, timeout, Company::Any).await?;
            match Next::after(&result, crowded) {
                Next::Again if retries < MOST_RETRIES => {}
                Next::AgainIfOutdated if retries < MOST_RETRIES && !self.is_up_to_date().await => {}
                Next::Settle | Next::AgainIfOutdated => return settle(result, timeout),
                Next::Again => break true,
                Next::Alone { innocent } => break innocent,
            }
            retries += 1;
        };
        let ran = started.elapsed();
        drop((running, turn));
        let turn = self.queue.alone(ticket.caller).await?;
        let _running = self.series().runs();
        // Others wait for a query that runs alone, so it has only what is left of its time; unless it lost that through
        // no fault of its own.
        let left = if innocent { timeout } else { timeout.saturating_sub(ran).max(LEAST_RERUN) };
        for _ in 0..MOST_RETRIES {
            let (result, _) = self.attempt::<A>(&make, &turn, left, Company::None).await?;
            if Next::after(&result, false) != Next::Again {
                return settle(result, timeout);
            }
        }
        let (result, _) = self.attempt::<A>(&make, &turn, left, Company::None).await?;
        settle(result, timeout)
    }

    /// Runs the job once. Also whether it had less memory than it may have: because of others in the worker, or of what the
    /// worker keeps of earlier ones.
    async fn attempt<'a, A: Ask>(
        &self,
        make: &(impl Fn() -> Making<'a, Job> + Send + Sync),
        turn: &Arc<Turn>,
        deadline: Duration,
        company: Company,
    ) -> Result<(Result<A::Answer, JobFailure>, bool)> {
        let worker = self.worker(company).await?;
        let (before, was_shared) = (worker.admitted(), worker.jobs() > 0);
        let result = A::ask(&worker, make().await?, turn, deadline).await;
        // Others that came later count too, even those that ended earlier.
        let shared = was_shared || worker.admitted() > before + 1;
        let failed = match &result {
            Err(JobFailure::Failed(error)) => Some(error.kind),
            _ => None,
        };
        if failed == Some(Kind::Internal) {
            worker.kill(Cause::Internal);
        }
        let crowded = shared || failed == Some(Kind::Exhausted) && memory::is_swollen(&worker);
        Ok((result, crowded))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Error;

    #[test]
    fn who_is_run_again_and_how() {
        let died = |cause, jobs| Err::<(), _>(JobFailure::Died(Death { cause, jobs }));
        let failed = |kind| Err::<(), _>(JobFailure::Failed(Error::new(kind, "no")));
        let crash = || Cause::Itself("signal 11".to_owned());
        for (result, crowded, next) in [
            (Ok(()), true, Next::Settle),
            (Err(JobFailure::Deadline), true, Next::Settle),
            (failed(Kind::BadQuery), true, Next::AgainIfOutdated),
            (failed(Kind::Exhausted), false, Next::AgainIfOutdated),
            (failed(Kind::Exhausted), true, Next::Alone { innocent: false }),
            (died(crash(), 1), false, Next::Settle),
            (died(crash(), 2), true, Next::Alone { innocent: false }),
            (died(Cause::Memory, 1), false, Next::Settle),
            (died(Cause::Unruly("sent nonsense"), 1), false, Next::Settle),
            (died(Cause::Unruly("sent nonsense"), 2), true, Next::Alone { innocent: false }),
            (died(Cause::Unruly("sent nonsense"), 0), false, Next::Again),
            (died(Cause::Memory, 0), false, Next::Again),
            (died(Cause::Crowded, 1), false, Next::Alone { innocent: false }),
            (died(Cause::Crowded, 0), false, Next::Again),
            (died(Cause::Deaf, 2), true, Next::Alone { innocent: true }),
            (died(Cause::Abandoned, 3), true, Next::Alone { innocent: true }),
            (died(Cause::Abandoned, 0), true, Next::Again),
            (died(Cause::Internal, 2), true, Next::Alone { innocent: true }),
            (died(Cause::Idle, 1), false, Next::Again),
            (died(Cause::Closed, 1), false, Next::Settle),
        ] {
            assert_eq!(Next::after(&result, crowded), next, "{result:?}");
        }
    }
}
