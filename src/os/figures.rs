//! How much memory a process has, as the system tells it.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;
use std::time::Duration;

/// How often, and after what time, a new process's figures are looked for again.
const ATTEMPTS: u32 = 100;
const BETWEEN: Duration = Duration::from_millis(2);

/// A process's figures in `/proc`. Opened once, because they may be out of reach later: to a worker by its jail; to the
/// broker where `/proc` hides processes (`hidepid`, systemd's `ProtectProc=invisible`), which hides those that are closed
/// to debuggers from their own user.
#[derive(Debug)]
pub(crate) struct Figures {
    status: Option<File>,
}

/// A process's memory in bytes.
pub(crate) struct Size {
    /// What it has of the machine: in memory, swapped out, and the tables of its pages.
    pub(crate) taken: u64,
    /// Writable and private, touched or not: what `RLIMIT_DATA` counts.
    pub(crate) data: u64,
    /// What `RLIMIT_AS` counts.
    pub(crate) addresses: u64,
}

impl Figures {
    /// Those of a process that has just been started. Until its executable is in place it is as closed as its parent.
    pub(crate) async fn of_new(pid: u32) -> Self {
        for _ in 0..ATTEMPTS {
            if status(pid).is_ok() {
                break;
            }
            tokio::time::sleep(BETWEEN).await;
        }
        Self::of(pid)
    }

    /// Opens them. That they cannot be had is logged.
    pub(crate) fn of(pid: u32) -> Self {
        let status = status(pid);
        if let Err(error) = &status {
            tracing::warn!(%error, pid, "the memory of a worker cannot be watched");
        }
        Self { status: status.ok() }
    }

    /// `None` when the process has ended, or the figures cannot be had.
    pub(crate) fn size(&self) -> Option<Size> {
        let mut text = [0; 4096];
        let length = self.status.as_ref()?.read_at(&mut text, 0).ok()?;
        // The process's own name is among it, and a line that does not fit any more.
        let text = String::from_utf8_lossy(text.get(..length)?);
        let of = |name: &str| {
            let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
            line?
                .trim()
                .strip_suffix(" kB")?
                .parse::<u64>()
                .ok()
                .map(|kilobytes| kilobytes.saturating_mul(1024))
        };
        let resident = of("VmRSS")?;
        let beside = [of("VmSwap"), of("VmPTE")].into_iter().flatten();
        Some(Size {
            taken: beside.fold(resident, u64::saturating_add),
            data: of("VmData")?,
            addresses: of("VmSize")?,
        })
    }
}

fn status(pid: u32) -> io::Result<File> {
    File::open(format!("/proc/{pid}/status"))
}

/// How many locks on ranges of files each of the processes has; nothing where that cannot be read. The kernel has memory for
/// each, bounds their number for nobody, and counts it as nobody's.
pub(crate) fn locks(pids: &[u32]) -> Vec<usize> {
    let text = std::fs::read_to_string("/proc/locks").unwrap_or_default();
    let mut counts = vec![0; pids.len()];
    // `1: POSIX  ADVISORY  READ 1234 08:01:123 0 EOF`
    for holder in text.lines().filter_map(|line| line.split_whitespace().nth(4)?.parse::<u32>().ok()) {
        for (count, _) in counts.iter_mut().zip(pids).filter(|(_, pid)| **pid == holder) {
            *count += 1;
        }
    }
    counts
}
