//! Folders that could not be listed. DuckDB takes a folder that it cannot open for an empty one, and the end of a listing that
//! broke off for its end: a query would answer from some of its files, or from none, as if there were no more.
//!
//! So its calls of `opendir` and `readdir` are led through here (the linker's `--wrap`, see `build.rs`), and a query during
//! which one failed has no result.

#![cfg_attr(target_os = "linux", expect(unsafe_code, reason = "stands between DuckDB and the C library"))]

use std::io;
use std::sync::atomic::{AtomicI32, AtomicU64, Ordering};

use rustix::io::Errno;

use super::error;
use crate::error::{Error, Kind, Result};
#[cfg(target_os = "linux")]
use crate::source::passes_by;

/// How many listings failed in this process, and the last one's error number.
static FAILED: AtomicU64 = AtomicU64::new(0);
static LAST: AtomicI32 = AtomicI32::new(0);

/// Looks whether a listing fails from now on; also one of another query, because DuckDB's threads belong to all.
#[derive(Debug)]
pub(super) struct Listings(u64);

impl Listings {
    pub(super) fn watch() -> Self {
        Self(FAILED.load(Ordering::SeqCst))
    }

    /// # Errors
    /// [`Kind::Exhausted`] when descriptors or memory were missing, which is another query's fault more often than not;
    /// [`Kind::NotFound`] for anything else.
    pub(super) fn check(&self) -> Result<()> {
        if FAILED.load(Ordering::SeqCst) == self.0 {
            return Ok(());
        }
        Err(failed(io::Error::from_raw_os_error(LAST.load(Ordering::SeqCst))))
    }
}

/// What is said of a folder that could not be listed.
#[expect(clippy::needless_pass_by_value, reason = "for map_err")]
pub(super) fn failed(cause: io::Error) -> Error {
    let (kind, hint) = match Errno::from_io_error(&cause) {
        Some(Errno::MFILE | Errno::NFILE) => (Kind::Exhausted, error::TOO_MANY_FILES),
        Some(Errno::NOMEM) => (Kind::Exhausted, error::NO_MEMORY),
        _ => (Kind::NotFound, "Look after the file system that the datasource's folders are on"),
    };
    Error::new(kind, format!("a folder could not be listed: {cause}")).hint(hint)
}

/// Counts a failure, unless the folder is one that patterns pass by.
#[cfg(target_os = "linux")]
fn note(error: &io::Error) {
    if let Some(number) = error.raw_os_error().filter(|_| !passes_by(error)) {
        LAST.store(number, Ordering::SeqCst);
        FAILED.fetch_add(1, Ordering::SeqCst);
    }
}

#[cfg(target_os = "linux")]
mod wrapped {
    use std::ffi::{c_char, c_int, c_void};
    use std::io;

    unsafe extern "C" {
        fn __real_opendir(path: *const c_char) -> *mut c_void;
        fn __real_readdir(folder: *mut c_void) -> *mut c_void;
        fn __errno_location() -> *mut c_int;
    }

    #[unsafe(no_mangle)]
    unsafe extern "C" fn __wrap_opendir(path: *const c_char) -> *mut c_void {
        // SAFETY: passed on as it came.
        let folder = unsafe { __real_opendir(path) };
        if folder.is_null() {
            super::note(&io::Error::last_os_error());
        }
        folder
    }

    #[unsafe(no_mangle)]
    unsafe extern "C" fn __wrap_readdir(folder: *mut c_void) -> *mut c_void {
        // SAFETY: passed on as it came; the error number is this thread's. Only it tells the end from a failure.
        let entry = unsafe {
            *__errno_location() = 0;
            __real_readdir(folder)
        };
        if entry.is_null() {
            let error = io::Error::last_os_error();
            if error.raw_os_error() != Some(0) {
                super::note(&error);
            }
        }
        entry
    }
}
