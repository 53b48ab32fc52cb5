//! Replaces the stack trace of DuckDB's internal errors. For such an error DuckDB asks the C library for the
//! stack, which loads `libgcc_s`. That fails in the jail, where nothing can be loaded, and wherever the
//! library is missing. DuckDB then crashes while it reads the empty stack, and the error is lost.
//!
//! So DuckDB's calls of `backtrace` pass through this module (the linker's `--wrap`, see `build.rs`) and get
//! a stack with always the same address.

#![expect(unsafe_code, reason = "stands between DuckDB and the C library")]

use std::ffi::{c_int, c_void};

/// DuckDB skips the first two frames.
const FRAMES: usize = 3;

#[unsafe(no_mangle)]
unsafe extern "C" fn __wrap_backtrace(buffer: *mut *mut c_void, size: c_int) -> c_int {
    let frames = usize::try_from(size).unwrap_or_default().min(FRAMES);
    for frame in 0..frames {
        // SAFETY: the buffer has room for `size` addresses, as `backtrace` requires.
        unsafe { buffer.add(frame).write(__wrap_backtrace as *mut c_void) };
    }
    c_int::try_from(frames).unwrap_or_default()
}
