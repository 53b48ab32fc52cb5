//! Files that a worker has done with. It removes none itself: a file that is removed and still open takes room that nobody
//! sees. It moves them to a folder in which it can neither open nor move anything, and the broker removes them there when
//! nobody writes them any more (`disk.rs`).
//!
//! DuckDB removes what it spilled through the C library's `remove`, which is led through here (the linker's `--wrap`, see
//! `build.rs`).

#![cfg_attr(
    target_os = "linux",
    expect(unsafe_code, reason = "leases, and what stands between DuckDB and the C library")
)]

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

/// In a worker's folder: where it may write.
pub(in crate::worker) const SPILL: &str = "spill";
/// … and where it moves what it has done with.
pub(in crate::worker) const DONE: &str = "done";

/// Where files go from `spill`, a worker's [`SPILL`].
pub(super) fn done_beside(spill: &Path) -> Option<PathBuf> {
    spill
        .parent()
        .filter(|_| spill.file_name().is_some_and(|name| name == SPILL))
        .map(|folder| folder.join(DONE))
}

/// Removes a file of the temp folder, or where the jail forbids it, does what leads to that.
///
/// # Errors
/// Those of the operating system.
pub(in crate::worker) fn remove(path: &Path) -> io::Result<()> {
    match std::fs::remove_file(path) {
        #[cfg(target_os = "linux")]
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => hand_over(path),
        removed => removed,
    }
}

/// Gives a file to the broker. Where it cannot be moved (Linux before 5.19, NFS) it stays, empty.
#[cfg(target_os = "linux")]
fn hand_over(path: &Path) -> io::Result<()> {
    use rustix::fs::{CWD, RenameFlags, renameat_with};
    use std::sync::atomic::{AtomicU64, Ordering};
    /// No file takes the place of another: that would remove it.
    static NEXT: AtomicU64 = AtomicU64::new(0);
    let done = path.parent().and_then(done_beside).ok_or(io::ErrorKind::PermissionDenied)?;
    let place = done.join(NEXT.fetch_add(1, Ordering::Relaxed).to_string());
    renameat_with(CWD, path, CWD, &place, RenameFlags::NOREPLACE)
        .or_else(|_| File::options().write(true).truncate(true).open(path).map(drop))
}

/// Whether somebody has the file open for writing. A file system that cannot tell, such as NFS, counts as no.
///
/// # Errors
/// When it cannot be opened.
#[cfg(target_os = "linux")]
pub(in crate::worker) fn is_written(path: &Path) -> io::Result<bool> {
    use std::os::fd::AsRawFd as _;
    /// Of fcntl(2); the crate lacks it.
    const F_SETSIG: libc::c_int = 10;
    let file = open(path)?;
    let set = |command, value: libc::c_int| {
        // SAFETY: these commands take a number, and the descriptor is open.
        match unsafe { libc::fcntl(file.as_raw_fd(), command, value) } {
            -1 => Err(io::Error::last_os_error()),
            _ => Ok(()),
        }
    };
    // A lease for reading is given only on a file that nobody writes. Whoever opens it meanwhile sends a signal: one that
    // is ignored, and not the usual one, which ends the process.
    set(F_SETSIG, libc::SIGURG)?;
    match set(libc::F_SETLEASE, libc::F_RDLCK) {
        // Given back here: a process that is just being started may have the descriptor, too.
        Ok(()) => {
            set(libc::F_SETLEASE, libc::F_UNLCK)?;
            Ok(false)
        }
        Err(error) => Ok(error.raw_os_error() == Some(libc::EAGAIN)),
    }
}

/// Whether somebody has the file open for writing: not known on this system.
///
/// # Errors
/// When it cannot be opened.
#[cfg(not(target_os = "linux"))]
pub(in crate::worker) fn is_written(path: &Path) -> io::Result<bool> {
    open(path).map(|_| false)
}

/// Opens for reading what a worker made, whatever it is by now.
fn open(path: &Path) -> io::Result<File> {
    use rustix::fs::{Mode, OFlags};
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    Ok(File::from(rustix::fs::open(path, flags, Mode::empty())?))
}

#[cfg(target_os = "linux")]
mod wrapped {
    use std::ffi::{CStr, OsStr, c_char, c_int};
    use std::io;
    use std::os::unix::ffi::OsStrExt as _;
    use std::path::Path;

    unsafe extern "C" {
        fn __real_remove(path: *const c_char) -> c_int;
    }

    #[unsafe(no_mangle)]
    unsafe extern "C" fn __wrap_remove(path: *const c_char) -> c_int {
        // SAFETY: passed on as it came.
        let removed = unsafe { __real_remove(path) };
        if removed == 0 || io::Error::last_os_error().kind() != io::ErrorKind::PermissionDenied {
            return removed;
        }
        // SAFETY: the path ends in NUL, as `remove` asks for, too.
        let path = Path::new(OsStr::from_bytes(unsafe { CStr::from_ptr(path) }.to_bytes()));
        match super::hand_over(path) {
            Ok(()) => 0,
            Err(error) => {
                // SAFETY: the error number is this thread's.
                unsafe { *libc::__errno_location() = error.raw_os_error().unwrap_or(libc::EPERM) };
                -1
            }
        }
    }
}
