//! Where the program is when DuckDB finds a mistake of its own. For the words of such an error DuckDB asks the C library for the stack,
//! which loads `libgcc_s` for that. In the jail nothing can be loaded, and where the library is missing neither; the stack is then
//! empty, and DuckDB ends the process over reading it, so that nobody sees the error.
//!
//! So its calls of `backtrace` are led through here (the linker's `--wrap`, see `build.rs`) and get a stack of one place, always the same.

#![expect(unsafe_code, reason = "stands between DuckDB and the C library")]

use std::ffi::{c_int, c_void};

/// DuckDB passes over the first two.
const FRAMES: usize = 3;

#[unsafe(no_mangle)]
unsafe extern "C" fn __wrap_backtrace(buffer: *mut *mut c_void, size: c_int) -> c_int {
    let frames = usize::try_from(size).unwrap_or_default().min(FRAMES);
    for frame in 0..frames {
        // SAFETY: the buffer has room for `size` addresses, as `backtrace` asks for.
        unsafe { buffer.add(frame).write(__wrap_backtrace as *mut c_void) };
    }
    c_int::try_from(frames).unwrap_or_default()
}
