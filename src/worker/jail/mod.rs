//! The operating system's wall around a worker: what it may read, the one folder it may write, the system calls it
//! may make and the memory it may have, whatever SQL or a crafted file makes of DuckDB.
//!
//! [`enter`] is called once, between the first message and opening DuckDB, while the process has one thread: Landlock
//! and seccomp hold for threads that start later. When DuckDB is open and all threads run, [`seal`] forbids further ones and
//! [`bound_memory`] follows.
//!
//! Not for: judging SQL (that is the engine's gate), and `stat`, which Landlock does not cover.

mod process;
mod removal;
#[cfg(target_os = "linux")]
mod seccomp;
#[cfg(target_os = "linux")]
mod view;

use std::path::Path;

use serde::{Deserialize, Serialize};

use super::Walls;
use super::figures::Figures;
use crate::error::{Error, Kind, Result};
use crate::source::Datasource;

pub(super) use process::{Prepared, prepare};
pub use process::{close_to_others, give_memory_back};
pub(super) use removal::{DONE, SPILL, is_written, remove};

/// How much of the jail the system gave.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Jail {
    /// Files: only the datasource's can be read, only the temp folder can be written.
    pub landlock: Enforced,
    /// System calls: no new program, no socket, no signal to others.
    pub seccomp: bool,
    /// Whether nothing that was inherited is left: descriptors, capabilities.
    pub bare: bool,
}

/// How far Landlock is enforced.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Enforced {
    /// All that this version knows of.
    Full,
    /// The kernel is older: which files can be opened is covered, the rest is left to seccomp.
    Partial,
    /// The kernel has no Landlock, or something forbids its use.
    #[default]
    No,
}

impl Jail {
    /// Whether files outside the datasource cannot be opened even if DuckDB wants to.
    #[must_use]
    pub fn holds(self) -> bool {
        self.landlock != Enforced::No && self.seccomp
    }

    /// What is missing, each as a sentence for the operator.
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

/// How a process is locked in.
#[derive(Debug, Clone, Copy)]
pub(super) struct Terms {
    pub(super) walls: Walls,
    /// Whether to fail where the jail does not hold.
    pub(super) required: bool,
    /// What [`prepare`] said.
    pub(super) inherits_nothing: bool,
}

/// Locks this process in, for good. Spill files are possible in `temp_dir` only where Landlock is: without it nothing
/// can be opened for writing at all.
///
/// # Errors
/// [`Kind::NotFound`] when a folder or file of the datasource is gone, [`Kind::Forbidden`] when it is no longer the one
/// that was checked, [`Kind::Unavailable`] when the jail is required and the system has no Landlock.
#[cfg(target_os = "linux")]
pub(super) fn enter(datasource: &Datasource, temp_dir: &Path, terms: Terms) -> Result<Jail> {
    let Terms { walls, required, inherits_nothing } = terms;
    if !walls.jail {
        return Ok(Jail::default());
    }
    let bare = process::bound_resources(&datasource.limits) && inherits_nothing;
    let landlock =
        if walls.landlock { view::restrict(datasource, temp_dir, view::NEWEST)? } else { Enforced::No };
    let seccomp = match seccomp::apply(landlock != Enforced::No) {
        Ok(()) => true,
        Err(error) => {
            tracing::warn!(%error, "system calls cannot be restricted");
            false
        }
    };
    let jail = Jail { landlock, seccomp, bare };
    refuse_if(required, jail)?;
    Ok(jail)
}

/// No jail is known for this system.
#[cfg(not(target_os = "linux"))]
pub(super) fn enter(_: &Datasource, _: &Path, terms: Terms) -> Result<Jail> {
    refuse_if(terms.required, Jail::default())?;
    Ok(Jail::default())
}

fn refuse_if(required: bool, jail: Jail) -> Result<()> {
    match jail.gaps().first().filter(|_| required && !jail.holds()) {
        None => Ok(()),
        Some(gap) => Err(Error::new(Kind::Unavailable, format!("`require_jail` is set, but {gap}")).hint(
            "Use Linux 5.13 or later with Landlock enabled and allowed by the container's seccomp profile, or remove `require_jail` from the ini section [plugin.duckdb-perf-datasource]",
        )),
    }
}

/// Forbids this process new threads, once all that it needs run: each costs the machine more than its limits count, and
/// one of the threads that a system has.
pub(super) fn seal(jail: Jail) {
    #[cfg(target_os = "linux")]
    if jail.seccomp
        && let Err(error) = seccomp::forbid_threads_and_filters()
    {
        tracing::warn!(%error, "threads cannot be bounded");
    }
    #[cfg(not(target_os = "linux"))]
    let _ = jail;
}

/// Bounds what the process may allocate from now on: DuckDB's memory and what its functions take beside it.
pub(super) fn bound_memory(figures: &Figures, datasource: &Datasource, walls: Walls) {
    if walls.jail {
        process::bound_memory(figures, &datasource.limits);
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests;
