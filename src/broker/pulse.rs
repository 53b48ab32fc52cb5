//! Wakes the watch over the workers when a job begins: it looks less often while nothing runs.

use std::time::Duration;

use parking_lot::{Condvar, Mutex};

/// Whether a job has begun since the last look.
static HAS_WOKEN: Mutex<bool> = Mutex::new(false);
static WOKEN: Condvar = Condvar::new();

/// A job has begun somewhere.
pub(super) fn wake() {
    *HAS_WOKEN.lock() = true;
    WOKEN.notify_one();
}

/// What has begun until now will be looked at.
pub(super) fn clear() {
    *HAS_WOKEN.lock() = false;
}

/// Waits until a job begins, or for so long.
pub(super) fn wait(most: Duration) {
    WOKEN.wait_while_for(&mut HAS_WOKEN.lock(), |has_woken| !*has_woken, most);
}
