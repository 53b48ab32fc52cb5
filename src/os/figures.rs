//! The memory of a process, as the system reports it.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;
use std::time::Duration;

/// How often the figures of a new process are tried, and the time between two tries.
const ATTEMPTS: u32 = 100;
const BETWEEN: Duration = Duration::from_millis(2);

/// The figures of a process in `/proc`. The file is opened once, because it may be out of reach later: for a
/// worker because of its jail; for the broker where `/proc` hides processes (`hidepid`, systemd's
/// `ProtectProc=invisible`): those that are closed to debuggers are then hidden even from their own user.
#[derive(Debug)]
pub(crate) struct Figures {
    status: Option<File>,
}

/// A process's memory in bytes.
pub(crate) struct Size {
    /// What the process takes of the machine: resident memory, swapped memory and page tables.
    pub(crate) taken: u64,
    /// Writable private memory, touched or not: what `RLIMIT_DATA` counts.
    pub(crate) data: u64,
    /// Address space: what `RLIMIT_AS` counts.
    pub(crate) addresses: u64,
}

impl Figures {
    /// Opens the figures of a process that has just been started. They are out of reach until its executable
    /// is in place, because until then it is as closed as its parent.
    pub(crate) async fn of_new(pid: u32) -> Self {
        for _ in 0..ATTEMPTS {
            if status(pid).is_ok() {
                break;
            }
            tokio::time::sleep(BETWEEN).await;
        }
        Self::of(pid)
    }

    /// Opens the figures of a process. Logs a warning if that fails.
    pub(crate) fn of(pid: u32) -> Self {
        let status = status(pid);
        if let Err(error) = &status {
            tracing::warn!(%error, pid, "the memory of a worker cannot be watched");
        }
        Self { status: status.ok() }
    }

    /// Returns the memory; `None` if the process has ended or the figures cannot be read.
    pub(crate) fn size(&self) -> Option<Size> {
        let mut text = [0; 4096];
        let length = self.status.as_ref()?.read_at(&mut text, 0).ok()?;
        // The text holds the process's own name, which may be any bytes, and may end within a line.
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

/// Returns how many locks on ranges of files each process has; 0 if that cannot be read. Each lock takes
/// memory of the kernel, which neither limits their number nor counts that memory for any process.
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
