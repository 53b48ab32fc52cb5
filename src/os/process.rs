//! What a process with secrets or large results sets up for itself.

#![expect(unsafe_code, reason = "the C library's switches for its allocator")]

use std::io;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// The C library returns buffers of at least this many bytes at once.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
const LARGE_BUFFER: libc::c_int = 256 << 10;

/// Prevents core files, and closes the process to debuggers and to whoever reads another process's memory or
/// environment: for every process that holds secrets, the broker as well as its workers. The limit on core
/// files alone is not enough, because it does not apply where the system pipes them to a program. The process
/// can still read its own files in `/proc`, whichever user it runs as; of its children's files only those
/// that it opened before they called this function.
///
/// # Errors
/// Errors of the operating system.
pub fn close_to_others() -> io::Result<()> {
    limit(Resource::Core, 0);
    #[cfg(target_os = "linux")]
    rustix::process::set_dumpable_behavior(rustix::process::DumpableBehavior::NotDumpable)?;
    Ok(())
}

/// Makes the C library return large buffers to the system as soon as they are freed. Otherwise it keeps more
/// with each large buffer. For the broker, which counts what results take.
pub fn tune_allocator() {
    // SAFETY: called while the process has one thread; the values are ones that mallopt knows.
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    unsafe {
        libc::mallopt(libc::M_MMAP_THRESHOLD, LARGE_BUFFER);
        libc::mallopt(libc::M_TRIM_THRESHOLD, LARGE_BUFFER);
    }
}

/// Lowers a limit for good, to `most` or to the current maximum if that is lower.
pub(crate) fn limit(resource: Resource, most: u64) {
    let most = getrlimit(resource).maximum.map_or(most, |now| now.min(most));
    let limit = Rlimit { current: Some(most), maximum: Some(most) };
    if let Err(error) = setrlimit(resource, limit) {
        tracing::warn!(?resource, %error, "a limit cannot be set");
    }
}
