//! What a worker does to itself: descriptors, capabilities, resource limits.

#![expect(unsafe_code, reason = "the C library's switches for its allocator, descriptors and signals")]

use std::io;

use rustix::process::Resource;

use crate::limits::{Limits, MB};
use crate::os::{Figures, limit};

/// Files a worker may have open: a query over years of weekly reports opens hundreds.
const MOST_FILES: u64 = 4096;
/// What one query's functions may allocate beside DuckDB's own memory before an allocation fails.
const BESIDE_DUCKDB: u64 = 88 * MB;
/// Addresses that the C library sets aside in its arenas and does not use yet.
const SET_ASIDE: u64 = 256 * MB;
/// Of the first thread, whose stack grows beside what other limits count. It only reads messages.
const FIRST_STACK: u64 = 8 * MB;
/// Signals that wait, of all processes of the user: none is sent but one that ends the worker.
const MOST_SIGNALS: u64 = 64;

/// What [`prepare`] has made of the process.
pub(in crate::worker) struct Prepared {
    /// Its own, opened while `/proc` can still be.
    pub(in crate::worker) figures: Figures,
    /// Whether no descriptor of the broker's is left.
    pub(in crate::worker) inherits_nothing: bool,
}

/// First thing in a worker, while nothing is open but standard input, output and error: ends with its broker, keeps
/// nothing it inherited.
///
/// # Errors
/// Those of the operating system.
pub(in crate::worker) fn prepare() -> io::Result<Prepared> {
    #[cfg(target_os = "linux")]
    {
        // Holds when the broker's spawning thread ends, even if the socket lives on in a child of the broker.
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
        // SAFETY: ignoring a signal runs no code of ours. A spill file at its limit is then an error and not the end.
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

/// Closes what is open above standard error.
///
/// # Errors
/// When neither the system call is there (Linux before 5.9, an old container profile) nor `/proc`.
#[cfg(target_os = "linux")]
fn close_inherited() -> io::Result<()> {
    // SAFETY: no descriptor above standard error is in use yet; std opened none that it keeps.
    if unsafe { libc::close_range(3, libc::c_uint::MAX, 0) } == 0 {
        return Ok(());
    }
    let numbers = std::fs::read_dir("/proc/self/fd")?
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse::<libc::c_int>().ok());
    // Collected first: the listing has a descriptor of its own, which is closed by now.
    for number in numbers.filter(|number| *number > 2).collect::<Vec<_>>() {
        // SAFETY: as above.
        unsafe { libc::close(number) };
    }
    Ok(())
}

/// Bounds files and privileges. Whether no privilege is left but the one that is kept on purpose.
#[cfg(target_os = "linux")]
pub(super) fn bound_resources(limits: &Limits) -> bool {
    // Of the offset in one file, which has holes; all files together are bounded by DuckDB and the broker's watch.
    limit(Resource::Fsize, limits.disk_bytes().saturating_mul(4));
    limit(Resource::Nofile, MOST_FILES);
    limit(Resource::Stack, FIRST_STACK);
    limit(Resource::Memlock, 0);
    limit(Resource::Sigpending, MOST_SIGNALS);
    drop_capabilities()
}

/// A root's worker keeps only the right to read what it is shown; reports may belong to other users.
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

/// Bounds what is allocated from now on, so that most of what DuckDB's own limit does not see fails as an allocation
/// and not as the end of the process. Addresses are bounded, too: memory that is written and then closed to writing is
/// not counted as data, and what is only looked at still takes page tables.
pub(super) fn bound_memory(figures: &Figures, limits: &Limits) {
    let Some(now) = figures.size() else { return };
    let more = BESIDE_DUCKDB + limits.memory_bytes;
    limit(Resource::Data, now.data.saturating_add(more));
    limit(Resource::As, now.addresses.saturating_add(more + SET_ASIDE));
}
