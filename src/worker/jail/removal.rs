//! Removal of files that a worker no longer needs. The worker does not remove them itself, because a file
//! that is removed and still open takes disk space that nobody can count. It moves them to a folder in which
//! it can neither open nor move anything, and the broker removes them there once no process has them open for
//! writing (`broker/disk.rs`).
//!
//! DuckDB removes its spill files through the C library's `remove`, which is redirected to here (the linker's
//! `--wrap`, see `build.rs`).

#![cfg_attr(
    target_os = "linux",
    expect(unsafe_code, reason = "what stands between DuckDB and the C library")
)]

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use crate::protocol::{DONE, SPILL};

/// Returns the folder to which files are moved from `spill`, a worker's [`SPILL`].
pub(super) fn done_beside(spill: &Path) -> Option<PathBuf> {
    spill
        .parent()
        .filter(|_| spill.file_name().is_some_and(|name| name == SPILL))
        .map(|folder| folder.join(DONE))
}

/// Removes a file of the temp folder. If the jail forbids that, hands it over to the broker.
///
/// # Errors
/// Errors of the operating system.
pub(in crate::worker) fn remove(path: &Path) -> io::Result<()> {
    match std::fs::remove_file(path) {
        #[cfg(target_os = "linux")]
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => hand_over(path),
        removed => removed,
    }
}

/// Moves a file to where the broker removes it. If it cannot be moved (Linux before 5.19, NFS), it stays,
/// empty.
#[cfg(target_os = "linux")]
fn hand_over(path: &Path) -> io::Result<()> {
    use rustix::fs::{CWD, RenameFlags, renameat_with};
    use std::sync::atomic::{AtomicU64, Ordering};
    /// Number of the next file. No file replaces another, because that would remove it.
    static NEXT: AtomicU64 = AtomicU64::new(0);
    let done = path.parent().and_then(done_beside).ok_or(io::ErrorKind::PermissionDenied)?;
    let place = done.join(NEXT.fetch_add(1, Ordering::Relaxed).to_string());
    renameat_with(CWD, path, CWD, &place, RenameFlags::NOREPLACE)
        .or_else(|_| File::options().write(true).truncate(true).open(path).map(drop))
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
        // SAFETY: the path is passed on unchanged.
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
