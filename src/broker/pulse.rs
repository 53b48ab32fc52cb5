//! Wakes the watch over the workers when a job begins: it looks less often while nothing runs.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Whether a job has begun since the last look.
static HAS_WOKEN: Mutex<bool> = Mutex::new(false);
static WOKEN: Condvar = Condvar::new();

/// A job has begun somewhere.
pub(super) fn wake() {
    *lock() = true;
    WOKEN.notify_one();
}

/// What has begun until now will be looked at.
pub(super) fn clear() {
    *lock() = false;
}

/// Waits until a job begins, or for so long.
pub(super) fn wait(most: Duration) {
    drop(WOKEN.wait_timeout_while(lock(), most, |has_woken| !*has_woken));
}

fn lock() -> MutexGuard<'static, bool> {
    HAS_WOKEN.lock().unwrap_or_else(PoisonError::into_inner)
}
