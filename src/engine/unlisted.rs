//! Detects folders that could not be listed. DuckDB takes a folder that it cannot open for an empty one, and
//! a listing that broke off for a complete one. A query would then silently read only some of its files, or
//! none.
//!
//! So DuckDB's calls of `opendir` and `readdir` pass through this module (the linker's `--wrap`, see
//! `build.rs`), and a query during which one failed has no result.

#![cfg_attr(target_os = "linux", expect(unsafe_code, reason = "stands between DuckDB and the C library"))]

use std::io;
use std::sync::atomic::{AtomicI32, AtomicU64, Ordering};

use rustix::io::Errno;

use super::error;
use crate::error::{Error, Kind, Result};
#[cfg(target_os = "linux")]
use crate::source::passes_by;

/// How many listings failed in this process, and the error number of the last one.
static FAILED: AtomicU64 = AtomicU64::new(0);
static LAST: AtomicI32 = AtomicI32::new(0);

/// Detects listings that fail after its creation, in any query: DuckDB's threads are shared by all queries.
#[derive(Debug)]
pub(super) struct Listings(u64);

impl Listings {
    pub(super) fn watch() -> Self {
        Self(FAILED.load(Ordering::SeqCst))
    }

    /// Checks that no listing has failed.
    ///
    /// # Errors
    /// [`Kind::Exhausted`] if file descriptors or memory ran out, usually because of another query;
    /// [`Kind::NotFound`] for any other reason.
    pub(super) fn check(&self) -> Result<()> {
        if FAILED.load(Ordering::SeqCst) == self.0 {
            return Ok(());
        }
        Err(failed(io::Error::from_raw_os_error(LAST.load(Ordering::SeqCst))))
    }
}

/// Returns the error for a folder that could not be listed.
#[expect(clippy::needless_pass_by_value, reason = "for map_err")]
pub(super) fn failed(cause: io::Error) -> Error {
    let (kind, hint) = match Errno::from_io_error(&cause) {
        Some(Errno::MFILE | Errno::NFILE) => (Kind::Exhausted, error::TOO_MANY_FILES),
        Some(Errno::NOMEM) => (Kind::Exhausted, error::NO_MEMORY),
        _ => (Kind::NotFound, "Look after the file system that the datasource's folders are on"),
    };
    Error::new(kind, format!("a folder could not be listed: {cause}")).hint(hint)
}

/// Counts a failure, unless patterns skip such a folder.
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
        // SAFETY: the argument is passed on unchanged.
        let folder = unsafe { __real_opendir(path) };
        if folder.is_null() {
            super::note(&io::Error::last_os_error());
        }
        folder
    }

    #[unsafe(no_mangle)]
    unsafe extern "C" fn __wrap_readdir(folder: *mut c_void) -> *mut c_void {
        // SAFETY: the argument is passed on unchanged; the error number belongs to this thread. It alone
        // tells the end of the listing from a failure.
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
