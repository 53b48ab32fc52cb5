//! What every process does to itself that holds secrets or large results.

#![expect(unsafe_code, reason = "the C library's switches for its allocator")]

use std::io;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Bytes of a buffer that is given back at once.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
const LARGE_BUFFER: libc::c_int = 256 << 10;

/// Leaves no core file, and is closed to debuggers and to whoever reads another process's memory or environment: for
/// every process that holds secrets, the broker as well as its workers. The limit alone would not do: it does not count
/// where the system pipes core files to a program. What this process reads in `/proc` of itself stays readable, whoever it
/// runs as; of its children, what it opened before they did the same.
///
/// # Errors
/// Those of the operating system.
pub fn close_to_others() -> io::Result<()> {
    limit(Resource::Core, 0);
    #[cfg(target_os = "linux")]
    rustix::process::set_dumpable_behavior(rustix::process::DumpableBehavior::NotDumpable)?;
    Ok(())
}

/// Lets the C library give large buffers back to the system as soon as they are freed. By itself it learns from each
/// large one to keep the next: for the broker, which counts what results take.
pub fn tune_allocator() {
    // SAFETY: called while the process has one thread; the values are ones that mallopt knows.
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    unsafe {
        libc::mallopt(libc::M_MMAP_THRESHOLD, LARGE_BUFFER);
        libc::mallopt(libc::M_TRIM_THRESHOLD, LARGE_BUFFER);
    }
}

/// Lowers a limit for good, to `most` or what the process has already.
pub(crate) fn limit(resource: Resource, most: u64) {
    let most = getrlimit(resource).maximum.map_or(most, |now| now.min(most));
    let limit = Rlimit { current: Some(most), maximum: Some(most) };
    if let Err(error) = setrlimit(resource, limit) {
        tracing::warn!(?resource, %error, "a limit cannot be set");
    }
}
