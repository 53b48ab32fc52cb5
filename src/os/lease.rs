//! Tells whether a file is open for writing.

#![cfg_attr(target_os = "linux", expect(unsafe_code, reason = "leases are asked for through the C library"))]

use std::fs::File;
use std::io;
use std::path::Path;

/// Returns whether any process has the file open for writing; `false` if the file system cannot tell, such as
/// NFS.
///
/// # Errors
/// Errors of the operating system, such as for a file that cannot be opened.
#[cfg(target_os = "linux")]
pub(crate) fn is_written(path: &Path) -> io::Result<bool> {
    use std::os::fd::AsRawFd as _;
    /// From fcntl(2); the crate lacks it.
    const F_SETSIG: libc::c_int = 10;
    let file = open(path)?;
    let set = |command, value: libc::c_int| {
        // SAFETY: these commands take a number, and the descriptor is open.
        match unsafe { libc::fcntl(file.as_raw_fd(), command, value) } {
            -1 => Err(io::Error::last_os_error()),
            _ => Ok(()),
        }
    };
    // A lease for reading is granted only on a file that nobody has open for writing. If somebody opens it
    // meanwhile, the kernel sends a signal: here one that is ignored, because the default one ends the
    // process.
    set(F_SETSIG, libc::SIGURG)?;
    match set(libc::F_SETLEASE, libc::F_RDLCK) {
        // Given back here, because a process that is just being started may have the descriptor, too.
        Ok(()) => {
            set(libc::F_SETLEASE, libc::F_UNLCK)?;
            Ok(false)
        }
        Err(error) => Ok(error.raw_os_error() == Some(libc::EAGAIN)),
    }
}

/// Returns `false`: this system cannot tell whether a file is open for writing.
///
/// # Errors
/// Errors of the operating system, such as for a file that cannot be opened.
#[cfg(not(target_os = "linux"))]
pub(crate) fn is_written(path: &Path) -> io::Result<bool> {
    open(path).map(|_| false)
}

/// Opens a file that a worker made, for reading. It may be a link or a pipe by now.
fn open(path: &Path) -> io::Result<File> {
    use rustix::fs::{Mode, OFlags};
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    Ok(File::from(rustix::fs::open(path, flags, Mode::empty())?))
}
