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
pub(super) struct Figures {
    statm: Option<File>,
    page: u64,
}

/// A process's memory in bytes.
pub(super) struct Size {
    pub(super) resident: u64,
    /// Writable and private, touched or not: what `RLIMIT_DATA` counts.
    pub(super) data: u64,
}

impl Figures {
    /// Those of a process that has just been started. Until its executable is in place it is as closed as its parent.
    pub(super) async fn of_new(pid: u32) -> Self {
        for _ in 0..ATTEMPTS {
            if statm(pid).is_ok() {
                break;
            }
            tokio::time::sleep(BETWEEN).await;
        }
        Self::of(pid)
    }

    /// Opens them. That they cannot be had is logged.
    pub(super) fn of(pid: u32) -> Self {
        let statm = statm(pid);
        if let Err(error) = &statm {
            tracing::warn!(%error, pid, "the memory of a worker cannot be watched");
        }
        Self { statm: statm.ok(), page: rustix::param::page_size() as u64 }
    }

    /// `None` when the process has ended, or the figures cannot be had.
    pub(super) fn size(&self) -> Option<Size> {
        let mut text = [0; 256];
        let length = self.statm.as_ref()?.read_at(&mut text, 0).ok()?;
        let text = std::str::from_utf8(text.get(..length)?).ok()?;
        let mut pages = text.split_whitespace().map(|pages| pages.parse::<u64>().ok());
        let resident = pages.nth(1)??.saturating_mul(self.page);
        let data = pages.nth(3)??.saturating_mul(self.page);
        Some(Size { resident, data })
    }
}

fn statm(pid: u32) -> io::Result<File> {
    File::open(format!("/proc/{pid}/statm"))
}
