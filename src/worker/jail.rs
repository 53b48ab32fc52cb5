//! The operating system's wall around a worker: what it may read, the one folder it may write, the system
//! calls it may make and the memory it may have, whatever SQL or a crafted file makes DuckDB do.
//!
//! [`enter`] is called once, after the first message and before DuckDB is opened, while the process has one
//! thread: Landlock and seccomp apply to threads that start later. When DuckDB is open and all threads run,
//! [`seal`] forbids new ones, and [`bound_memory`] follows.
//!
//! It does not judge SQL (the engine's gate does), and it does not restrict `stat`, which Landlock does not
//! cover.

mod process;
mod removal;
#[cfg(target_os = "linux")]
mod seccomp;
#[cfg(target_os = "linux")]
mod view;

use std::path::Path;

use crate::error::{Error, Kind, Result};
use crate::os::Figures;
use crate::protocol::{Enforced, Jail, Walls};
use crate::source::Datasource;

pub(super) use process::{Prepared, prepare};
pub(super) use removal::remove;

/// How to lock a process in.
#[derive(Debug, Clone, Copy)]
pub(super) struct Terms {
    pub(super) walls: Walls,
    /// Whether to fail if the jail does not hold.
    pub(super) required: bool,
    /// Whether [`prepare`] closed all inherited descriptors.
    pub(super) inherits_nothing: bool,
}

/// Locks this process in, for good. Spill files in `temp_dir` are possible only with Landlock: without it no
/// file can be opened for writing at all.
///
/// # Errors
/// [`Kind::NotFound`] if a folder or file of the datasource is gone, [`Kind::Forbidden`] if it is no longer
/// the one that was checked, [`Kind::Unavailable`] if the jail is required and the system has no Landlock.
#[cfg(target_os = "linux")]
pub(super) fn enter(datasource: &Datasource, temp_dir: &Path, terms: Terms) -> Result<Jail> {
    let Terms { walls, required, inherits_nothing } = terms;
    if !walls.jail {
        return Ok(Jail::default());
    }
    let bare = process::bound_resources(&datasource.common.limits) && inherits_nothing;
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

/// Does nothing, because no jail is known for this system. Fails if one is required.
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

/// Forbids this process new threads, once all that it needs run. Each thread costs the machine more than the
/// process's limits count, and a system has a limited number of them.
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

/// Limits what the process may allocate from now on: DuckDB's memory, and that of its functions in addition.
pub(super) fn bound_memory(figures: &Figures, datasource: &Datasource, walls: Walls) {
    if walls.jail {
        process::bound_memory(figures, &datasource.common.limits);
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests;
