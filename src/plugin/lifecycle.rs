//! Decides when the plugin ends: on `Shutdown`, on a signal, and when its parent process is gone.
//!
//! Grafana, or its supervisor, can be killed without notice. The kernel then sends a signal. But the signal
//! belongs to the *thread* that started the plugin, so it also comes when only that thread ends; and it never
//! comes if the parent died before the plugin asked for it. So the signal is only a hint to check at once
//! whether the parent is still the same. That is checked every second anyway.

use std::time::Duration;

use rustix::process::{Pid, Signal, getppid, set_parent_process_death_signal};
use tokio::signal::unix::{SignalKind, signal};
use tokio::time::{MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;

use crate::error::{Error, Kind, Result};

/// How often the parent process is checked.
const PARENT_EVERY: Duration = Duration::from_secs(1);

/// Starts watching. The returned token is cancelled when the plugin must stop. Call it inside a runtime,
/// before anything is created that needs a cleanup.
///
/// # Errors
/// `Unavailable` when the operating system refuses signal handlers.
pub(super) fn watch() -> Result<CancellationToken> {
    let parent = getppid();
    let refused = |error| Error::new(Kind::Unavailable, format!("signals cannot be watched: {error}"));
    let mut terminate = signal(SignalKind::terminate()).map_err(refused)?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(refused)?;
    let mut parent_thread_ended = signal(SignalKind::user_defined1()).map_err(refused)?;
    #[cfg(target_os = "linux")]
    if let Err(error) = set_parent_process_death_signal(Some(Signal::USR1)) {
        tracing::debug!(%error, "the parent's end will be noticed a second late");
    }
    let stop = CancellationToken::new();
    let token = stop.clone();
    tokio::spawn(async move {
        let mut tick = interval(PARENT_EVERY);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let reason = loop {
            tokio::select! {
                () = token.cancelled() => return,
                _ = terminate.recv() => break "SIGTERM",
                _ = interrupt.recv() => break "SIGINT",
                _ = parent_thread_ended.recv() => {}
                _ = tick.tick() => {}
            }
            if is_orphan(parent) {
                break "the host is gone";
            }
        };
        tracing::info!(reason, "stopping");
        token.cancel();
    });
    Ok(stop)
}

/// Whether the parent process has ended: an orphan gets another parent.
fn is_orphan(parent: Option<Pid>) -> bool {
    getppid() != parent
}
