//! Wakes the watch over the workers when a job begins, because it checks less often while nothing runs.

use std::time::Duration;

use parking_lot::{Condvar, Mutex};

/// Whether a job has begun since the last check.
static HAS_WOKEN: Mutex<bool> = Mutex::new(false);
static WOKEN: Condvar = Condvar::new();

/// Wakes the watch: a job has begun.
pub(super) fn wake() {
    *HAS_WOKEN.lock() = true;
    WOKEN.notify_one();
}

/// Notes that the check which begins now covers all jobs that have begun so far.
pub(super) fn clear() {
    *HAS_WOKEN.lock() = false;
}

/// Waits until a job begins, at most for `most`.
pub(super) fn wait(most: Duration) {
    WOKEN.wait_while_for(&mut HAS_WOKEN.lock(), |has_woken| !*has_woken, most);
}
