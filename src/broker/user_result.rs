//! Describes the end of a job in words for its sender.

use std::time::Duration;

use super::cause::{Cause, Death};
use super::reply::{JobFailure, PROTOCOL_HINT};
use crate::contract::closed;
use crate::error::{Error, Kind, Result};

/// Converts the failure of a job into an error in words for its sender.
pub(super) fn into_user_result<T>(result: Result<T, JobFailure>, timeout: Duration) -> Result<T> {
    match result {
        Ok(reply) => Ok(reply),
        Err(JobFailure::Failed(error)) => Err(error),
        Err(JobFailure::Deadline) => {
            let seconds = timeout.as_secs();
            Err(Error::new(Kind::Timeout, format!("the query was stopped after {seconds} s"))
                .hint("Select less, or raise `timeoutSeconds` in the datasource's settings"))
        }
        Err(JobFailure::Died(Death { cause: Cause::Memory, .. })) => Err(Error::new(
            Kind::Exhausted,
            "the query was stopped because it took more memory than the datasource may have",
        )
        .hint("Aggregate more or select less, or raise `memoryLimitMb` in the datasource's settings")),
        Err(JobFailure::Died(Death { cause: Cause::Crowded, .. })) => Err(Error::new(
            Kind::Exhausted,
            "the query was stopped because it and others took more memory than the datasource may have",
        )
        .hint("Run it again when less is going on, or raise `memoryLimitMb` in the datasource's settings")),
        Err(JobFailure::Died(Death { cause: Cause::Disk, .. })) => Err(Error::new(
            Kind::Exhausted,
            "the query was stopped because it needed more room on disk than the datasource may have",
        )
        .hint("Aggregate more or select less, or raise `memoryLimitMb` in the datasource's settings: four times that may be spilled")),
        Err(JobFailure::Died(Death { cause: Cause::Closed, .. })) => Err(closed()),
        Err(JobFailure::Died(Death { cause: Cause::Protocol(how), .. })) => Err(Error::internal(format!(
            "the worker process was ended while it ran this query, because it {how}"
        ))
        .hint(PROTOCOL_HINT)),
        Err(JobFailure::Died(Death { cause: Cause::Crash(how), .. })) => Err(Error::new(
            Kind::Unavailable,
            format!("the worker process died while it ran this query ({how})"),
        )
        .hint("A new worker serves the next query; make this one simpler or smaller")),
        Err(JobFailure::Died(Death { cause, .. })) => Err(Error::new(
            Kind::Unavailable,
            format!("two workers ended under this query: the last one {}", cause.phrase()),
        )
        .hint("Run the query again; if it happens often, look at what else runs on this datasource")),
    }
}
