//! Stopping a job from another thread.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use duckdb::InterruptHandle;

use super::lock;
use crate::error::{Error, Kind, Result};

/// Stops one job. DuckDB's interrupt is lost between prepare and execute, so it is repeated until the job
/// has ended.
#[derive(Clone, Default)]
pub struct Cancel(Arc<State>);

#[derive(Default)]
struct State {
    cancelled: AtomicBool,
    ended: AtomicBool,
    handle: Mutex<Option<Arc<InterruptHandle>>>,
}

impl Cancel {
    /// Asks the job to stop. Whether it has not ended, and must be asked again.
    pub fn interrupt(&self) -> bool {
        self.0.cancelled.store(true, Ordering::SeqCst);
        let has_ended = self.0.ended.load(Ordering::SeqCst);
        if !has_ended && let Some(handle) = lock(&self.0.handle).as_ref() {
            handle.interrupt();
        }
        !has_ended
    }

    /// The job has ended; nothing is interrupted any more.
    pub fn end(&self) {
        self.0.ended.store(true, Ordering::SeqCst);
        lock(&self.0.handle).take();
    }

    /// What an interrupt reaches from now on.
    pub(super) fn watch(&self, handle: Arc<InterruptHandle>) {
        *lock(&self.0.handle) = Some(handle);
    }

    /// Fails once the job is cancelled.
    pub(super) fn check(&self) -> Result<()> {
        if self.0.cancelled.load(Ordering::SeqCst) {
            return Err(Error::new(Kind::Cancelled, "the query was cancelled"));
        }
        Ok(())
    }
}
