//! Restrictions that a worker sets for itself: descriptors, capabilities, resource limits.

#![expect(unsafe_code, reason = "the C library's switches for its allocator, descriptors and signals")]

use std::io;

use rustix::process::Resource;

use crate::limits::{Limits, MB};
use crate::os::{Figures, limit};

/// Files a worker may have open: a query over years of weekly reports opens hundreds.
const MOST_FILES: u64 = 4096;
/// What one query's functions may allocate in addition to DuckDB's own memory before an allocation fails.
const BESIDE_DUCKDB: u64 = 88 * MB;
/// Bytes of address space that the C library reserves in its arenas and does not use yet.
const SET_ASIDE: u64 = 256 * MB;
/// Bytes of the first thread's stack, which other limits do not count. The thread only reads messages.
const FIRST_STACK: u64 = 8 * MB;
/// Maximum number of pending signals, of all processes of the user. A worker is sent none but the one that
/// ends it.
const MOST_SIGNALS: u64 = 64;

/// The result of [`prepare`].
pub(in crate::worker) struct Prepared {
    /// The process's own figures, opened while `/proc` is still within reach.
    pub(in crate::worker) figures: Figures,
    /// Whether all descriptors of the broker are closed.
    pub(in crate::worker) inherits_nothing: bool,
}

/// Prepares a worker. Must come first, while nothing is open but standard input, output and error: the
/// process then ends with its broker, and keeps nothing that it inherited.
///
/// # Errors
/// Errors of the operating system.
pub(in crate::worker) fn prepare() -> io::Result<Prepared> {
    #[cfg(target_os = "linux")]
    {
        // Applies when the broker's spawning thread ends, even if a child of the broker keeps the socket
        // open.
        rustix::process::set_parent_process_death_signal(Some(rustix::process::Signal::KILL))?;
        let inherits_nothing = match close_inherited() {
            Ok(()) => true,
            Err(error) => {
                tracing::warn!(%error, "inherited descriptors stay open");
                false
            }
        };
        // Fewer arenas: a third less memory after heavy queries at the same speed.
        // SAFETY: the process has one thread; the value is one that mallopt knows.
        #[cfg(target_env = "gnu")]
        unsafe {
            libc::mallopt(libc::M_ARENA_MAX, 2);
        }
        // SAFETY: ignoring a signal runs no code of ours. A spill file at its limit then causes an error and
        // does not end the process.
        unsafe {
            libc::signal(libc::SIGXFSZ, libc::SIG_IGN);
        }
        Ok(Prepared { figures: Figures::of(std::process::id()), inherits_nothing })
    }
    #[cfg(not(target_os = "linux"))]
    {
        Ok(Prepared { figures: Figures::of(std::process::id()), inherits_nothing: false })
    }
}

/// Closes all descriptors above standard error.
///
/// # Errors
/// If there is neither the system call (Linux before 5.9, an old container profile) nor `/proc`.
#[cfg(target_os = "linux")]
fn close_inherited() -> io::Result<()> {
    // SAFETY: no descriptor above standard error is in use yet; std opened none that it keeps.
    if unsafe { libc::close_range(3, libc::c_uint::MAX, 0) } == 0 {
        return Ok(());
    }
    let numbers = std::fs::read_dir("/proc/self/fd")?
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse::<libc::c_int>().ok());
    // Collected first, because the listing has a descriptor of its own, which is closed by now.
    for number in numbers.filter(|number| *number > 2).collect::<Vec<_>>() {
        // SAFETY: as above.
        unsafe { libc::close(number) };
    }
    Ok(())
}

/// Limits files and privileges. Returns whether no privilege is left except the one that is kept on purpose.
#[cfg(target_os = "linux")]
pub(super) fn bound_resources(limits: &Limits) -> bool {
    // The limit is on the offset in one file, which may have holes; DuckDB and the broker's watch limit all
    // files together.
    limit(Resource::Fsize, limits.disk_bytes().saturating_mul(4));
    limit(Resource::Nofile, MOST_FILES);
    limit(Resource::Stack, FIRST_STACK);
    limit(Resource::Memlock, 0);
    limit(Resource::Sigpending, MOST_SIGNALS);
    drop_capabilities()
}

/// Drops capabilities. A worker of root keeps only the right to read what its jail shows, because reports may
/// belong to other users. Returns whether that worked.
#[cfg(target_os = "linux")]
fn drop_capabilities() -> bool {
    use rustix::thread::{CapabilitySet, CapabilitySets};
    let kept = rustix::thread::capabilities(None)
        .map_or(CapabilitySet::empty(), |sets| sets.permitted & CapabilitySet::DAC_READ_SEARCH);
    let sets = CapabilitySets { effective: kept, permitted: kept, inheritable: CapabilitySet::empty() };
    match rustix::thread::set_capabilities(None, sets) {
        Ok(()) => true,
        Err(error) => {
            tracing::warn!(%error, "the worker keeps its capabilities");
            false
        }
    }
}

/// Limits what is allocated from now on, so that most memory which DuckDB's own limit does not see causes a
/// failed allocation and not the end of the process. The address space is limited, too: memory that is
/// written and then made read-only is not counted as data, and memory that is only read still takes page
/// tables.
pub(super) fn bound_memory(figures: &Figures, limits: &Limits) {
    let Some(now) = figures.size() else { return };
    let more = BESIDE_DUCKDB + limits.memory_bytes;
    limit(Resource::Data, now.data.saturating_add(more));
    limit(Resource::As, now.addresses.saturating_add(more + SET_ASIDE));
}
