//! The walls around a worker: which ones the broker asks for, and how much of them the system enforces.

use serde::{Deserialize, Serialize};

/// The walls between SQL and the machine: all of them, except in tests and measurements. A worker receives
/// them with the first message on its socket, so nothing outside the broker can take one down.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Walls {
    /// The gate and DuckDB's own locked settings. If off, the text runs unchecked in an unrestricted DuckDB.
    pub gate: bool,
    /// The operating system's jail: Landlock, seccomp, resource limits.
    pub jail: bool,
    /// Landlock within the jail. If off, the jail is as on a kernel without Landlock.
    pub landlock: bool,
}

impl Default for Walls {
    fn default() -> Self {
        Self { gate: true, jail: true, landlock: true }
    }
}

/// How much of the jail the system enforces.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Jail {
    /// How far files are restricted: only the datasource's can be read, only the temp folder can be written.
    pub landlock: Enforced,
    /// Whether system calls are restricted: no new program, no socket, no signal to other processes.
    pub seccomp: bool,
    /// Whether inherited descriptors and capabilities were given up.
    pub bare: bool,
}

/// How far Landlock is enforced.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Enforced {
    /// All rules that this version knows.
    Full,
    /// The kernel is older: it restricts which files can be opened, and leaves the rest to seccomp.
    Partial,
    /// The kernel has no Landlock, or something forbids its use.
    #[default]
    No,
}

impl Jail {
    /// Returns whether files outside the datasource cannot be opened even if DuckDB tries to.
    #[must_use]
    pub fn holds(self) -> bool {
        self.landlock != Enforced::No && self.seccomp
    }

    /// Returns what is missing, each as a sentence for the operator.
    #[must_use]
    pub fn gaps(self) -> Vec<&'static str> {
        let walls = match (self.landlock, self.seccomp) {
            (Enforced::Full, true) => None,
            (Enforced::Partial, true) => Some(
                "this system's Landlock is older than that of Linux 6.12: what it does not know (by its age signals and abstract sockets, TCP, files that are emptied) is left to seccomp alone",
            ),
            (Enforced::No, true) => Some(
                "this system has no Landlock: workers cannot write files or reach the network, but what they read is bounded by DuckDB's own settings only",
            ),
            (Enforced::No, false) => Some(
                "this system has neither Landlock nor seccomp: workers are bounded by the gate and DuckDB's own settings only",
            ),
            (Enforced::Full, false) => Some(
                "this system has no seccomp: workers are bounded by Landlock, the gate and DuckDB's own settings",
            ),
            (Enforced::Partial, false) => Some(
                "this system has no seccomp, and its Landlock is older than that of Linux 6.12: workers are bounded by the gate and DuckDB's own settings, and in which files they open by Landlock",
            ),
        };
        let bare = (!self.bare).then_some(
            "workers could not give up all descriptors or capabilities that they inherited: the plugin's log names the reason",
        );
        walls.into_iter().chain(bare).collect()
    }
}
