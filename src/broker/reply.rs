//! How a job ended.

use tokio::sync::oneshot;

use super::cause::Death;
use super::conduct::Conduct;
use crate::contract::Frame;
use crate::error::Error;
use crate::protocol::Done;

/// What to do when a worker did what none does.
pub(super) const PROTOCOL_HINT: &str =
    "Run the query again; if it fails again, please report it with what was asked before";
/// What a job came to.
pub(super) struct JobReply {
    /// The frame's bytes, or the answer's; empty for exports.
    pub(super) frame: Frame,
    /// What the worker said at the end.
    pub(super) done: Done,
    /// How it got there.
    pub(super) conduct: Conduct,
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

/// Tells how a job ended.
pub(super) type Answer = oneshot::Sender<Result<JobReply, JobFailure>>;
