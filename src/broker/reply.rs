//! How a job ended.

use tokio::sync::oneshot;

use super::cause::Death;
use super::conduct::Conduct;
use crate::contract::Frame;
use crate::error::Error;
use crate::protocol::Done;

/// The hint if a worker broke the protocol.
pub(super) const PROTOCOL_HINT: &str =
    "Run the query again; if it fails again, please report it with what was asked before";
/// The reply to a job.
pub(super) struct JobReply {
    /// The bytes of the frame or answer; empty for exports.
    pub(super) frame: Frame,
    /// The worker's last message about the job.
    pub(super) done: Done,
    /// The messages that the worker has sent for the job.
    pub(super) conduct: Conduct,
}

/// Why a job has no reply.
#[derive(Debug)]
pub(super) enum JobFailure {
    /// The job failed; the worker lives.
    Failed(Error),
    /// The job ran past its deadline. If it did not stop then, the worker was killed.
    Deadline,
    /// The worker ended while the job was in it, for a reason that was not this job's deadline.
    Died(Death),
}

/// Sends the end of a job to its caller.
pub(super) type Answer = oneshot::Sender<Result<JobReply, JobFailure>>;
