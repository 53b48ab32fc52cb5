//! Stops a job from another thread, for good or to start it over.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use duckdb::InterruptHandle;
use parking_lot::Mutex;

use crate::error::{Error, Kind, Result};

/// Stops one job. DuckDB's interrupt is lost between prepare and execute, so it is repeated until the job has
/// ended.
#[derive(Clone, Default)]
pub struct Cancel(Arc<State>);

#[derive(Default)]
struct State {
    cancelled: AtomicBool,
    ended: AtomicBool,
    /// The job is to stop and start over.
    put_off: AtomicBool,
    /// The job was put off before; no job is put off twice.
    has_waited: AtomicBool,
    handle: Mutex<Option<Arc<InterruptHandle>>>,
}

impl Cancel {
    /// Asks the job to stop. Returns true if the job has not ended and must be asked again.
    #[must_use]
    pub fn interrupt(&self) -> bool {
        self.0.cancelled.store(true, Ordering::SeqCst);
        let has_ended = self.0.ended.load(Ordering::SeqCst);
        if !has_ended && let Some(handle) = self.0.handle.lock().as_ref() {
            handle.interrupt();
        }
        !has_ended
    }

    /// Marks the job as ended; nothing is interrupted any more.
    pub fn end(&self) {
        self.0.ended.store(true, Ordering::SeqCst);
        self.0.handle.lock().take();
    }

    /// Sets the connection that an interrupt reaches from now on.
    pub(super) fn watch(&self, handle: Arc<InterruptHandle>) {
        *self.0.handle.lock() = Some(handle);
    }

    /// Fails once the job is cancelled or put off.
    pub(super) fn check(&self) -> Result<()> {
        if self.0.cancelled.load(Ordering::SeqCst) {
            return Err(Error::new(Kind::Cancelled, "the query was cancelled"));
        }
        if self.0.put_off.load(Ordering::SeqCst) {
            return Err(Error::new(Kind::Cancelled, "the query begins anew"));
        }
        Ok(())
    }

    /// Stops the job so that it starts over. An interrupt can be lost, so this is called again while the job
    /// runs.
    pub(super) fn put_off(&self) {
        self.0.put_off.store(true, Ordering::SeqCst);
        if let Some(handle) = self.0.handle.lock().as_ref() {
            handle.interrupt();
        }
    }

    /// Returns whether the job may be put off. It may be only once, so that it comes to an end.
    pub(super) fn can_be_put_off(&self) -> bool {
        !self.0.has_waited.load(Ordering::SeqCst)
    }

    /// Returns whether a job that has stopped was put off and not cancelled, so that it starts over.
    pub(super) fn begins_anew(&self) -> bool {
        let put_off = self.0.put_off.swap(false, Ordering::SeqCst);
        self.0.has_waited.fetch_or(put_off, Ordering::SeqCst);
        put_off && self.check().is_ok()
    }
}
