//! Registers typed Rust closures as scalar functions through DuckDB's C API.
//!
//! The signature is derived from the Rust types, so that the declared types are those that are read. A NULL
//! argument gives NULL. An error or a panic fails the query and never unwinds into C++.

#![expect(unsafe_code, reason = "DuckDB's vectors are reached through its C API")]

use std::ffi::{CString, c_void};
use std::panic::{AssertUnwindSafe, catch_unwind};

use duckdb::ffi;

use super::vector::{Argument, Column, LogicalType, Output, Returned};
use crate::{Error, Result};

/// The arguments of a chunk of rows: columns of equal length.
pub(super) struct Input {
    chunk: ffi::duckdb_data_chunk,
    rows: usize,
}

impl Input {
    /// Returns the number of rows.
    pub(super) fn rows(&self) -> usize {
        self.rows
    }

    /// Returns argument `index` as values of `A`, which must be its type in the signature.
    pub(super) fn column<A: Argument>(&self, index: usize) -> Column<'_, A> {
        // SAFETY: the chunk has one vector per parameter, of the declared type, flattened by DuckDB, valid
        // and unchanged during the call.
        unsafe { Column::new(ffi::duckdb_data_chunk_get_vector(self.chunk, index as u64), self.rows) }
    }
}

type Body = Box<dyn Fn(&Input, &mut Output) -> std::result::Result<(), String> + Send + Sync>;

/// An overload of a function that is not registered yet.
pub(super) struct Overload {
    name: &'static str,
    parameters: Vec<fn() -> LogicalType>,
    returns: fn() -> LogicalType,
    body: Body,
}

impl Overload {
    /// Creates a function of one argument.
    pub(super) fn unary<A: Argument, R: Returned>(
        name: &'static str,
        function: impl for<'a> Fn(A::Item<'a>) -> Outcome<R::Item> + Send + Sync + 'static,
    ) -> Self {
        Self::new::<R>(name, vec![A::logical_type], move |input, output| {
            let a = input.column::<A>(0);
            for row in 0..input.rows() {
                match a.get(row) {
                    Some(a) => output.put::<R>(row, function(a)?),
                    None => output.put_null(row),
                }
            }
            Ok(())
        })
    }

    /// Creates a function of two arguments.
    pub(super) fn binary<A: Argument, B: Argument, R: Returned>(
        name: &'static str,
        function: impl for<'a> Fn(A::Item<'a>, B::Item<'a>) -> Outcome<R::Item> + Send + Sync + 'static,
    ) -> Self {
        Self::new::<R>(name, vec![A::logical_type, B::logical_type], move |input, output| {
            let (a, b) = (input.column::<A>(0), input.column::<B>(1));
            for row in 0..input.rows() {
                match (a.get(row), b.get(row)) {
                    (Some(a), Some(b)) => output.put::<R>(row, function(a, b)?),
                    _ => output.put_null(row),
                }
            }
            Ok(())
        })
    }

    /// Creates a function of three arguments.
    pub(super) fn ternary<A: Argument, B: Argument, C: Argument, R: Returned>(
        name: &'static str,
        function: impl for<'a> Fn(A::Item<'a>, B::Item<'a>, C::Item<'a>) -> Outcome<R::Item>
        + Send
        + Sync
        + 'static,
    ) -> Self {
        Self::new::<R>(name, vec![A::logical_type, B::logical_type, C::logical_type], move |input, output| {
            let (a, b, c) = (input.column::<A>(0), input.column::<B>(1), input.column::<C>(2));
            for row in 0..input.rows() {
                match (a.get(row), b.get(row), c.get(row)) {
                    (Some(a), Some(b), Some(c)) => output.put::<R>(row, function(a, b, c)?),
                    _ => output.put_null(row),
                }
            }
            Ok(())
        })
    }

    /// Creates a function with any arguments: `body` gets whole chunks and must write every row.
    pub(super) fn new<R: Returned>(
        name: &'static str,
        parameters: Vec<fn() -> LogicalType>,
        body: impl Fn(&Input, &mut Output) -> std::result::Result<(), String> + Send + Sync + 'static,
    ) -> Self {
        Self { name, parameters, returns: R::logical_type, body: Box::new(body) }
    }

    /// Returns the function's name.
    pub(super) fn name(&self) -> &'static str {
        self.name
    }
}

/// A value, NULL, or the error message that fails the query.
pub(super) type Outcome<T> = std::result::Result<Option<T>, String>;

/// Registers `overloads`, which must all have the same name.
///
/// # Safety
/// `connection` must be open.
///
/// # Errors
/// DuckDB refuses them.
pub(super) unsafe fn register(
    connection: ffi::duckdb_connection,
    name: &'static str,
    overloads: impl IntoIterator<Item = Overload>,
) -> Result<()> {
    let refused = || Error::new(format!("DuckDB refuses the function `{name}`"));
    let c_name = CString::new(name).map_err(|_| refused())?;
    // SAFETY: every handle created here is valid until it is destroyed below, once; DuckDB copies what is
    // registered. The extra info is a leaked box that DuckDB passes to `drop_body`.
    unsafe {
        let mut set = ffi::duckdb_create_scalar_function_set(c_name.as_ptr());
        let mut added = true;
        for overload in overloads {
            let mut function = ffi::duckdb_create_scalar_function();
            ffi::duckdb_scalar_function_set_name(function, c_name.as_ptr());
            for parameter in &overload.parameters {
                ffi::duckdb_scalar_function_add_parameter(function, parameter().raw());
            }
            ffi::duckdb_scalar_function_set_return_type(function, (overload.returns)().raw());
            ffi::duckdb_scalar_function_set_function(function, Some(call));
            let body = Box::into_raw(Box::new(overload.body));
            ffi::duckdb_scalar_function_set_extra_info(function, body.cast::<c_void>(), Some(drop_body));
            added &= ffi::duckdb_add_scalar_function_to_set(set, function) == ffi::DuckDBSuccess;
            ffi::duckdb_destroy_scalar_function(&raw mut function);
        }
        let state = ffi::duckdb_register_scalar_function_set(connection, set);
        ffi::duckdb_destroy_scalar_function_set(&raw mut set);
        if added && state == ffi::DuckDBSuccess { Ok(()) } else { Err(refused()) }
    }
}

unsafe extern "C" fn call(
    info: ffi::duckdb_function_info,
    chunk: ffi::duckdb_data_chunk,
    result: ffi::duckdb_vector,
) {
    // SAFETY: DuckDB passes the extra info that `register` has set, a valid `Body`.
    let body = unsafe { &*ffi::duckdb_scalar_function_get_extra_info(info).cast::<Body>() };
    let outcome = guarded(|| {
        // SAFETY: the chunk is valid during the call; its size fits memory.
        let rows = usize::try_from(unsafe { ffi::duckdb_data_chunk_get_size(chunk) }).unwrap_or_default();
        // SAFETY: DuckDB's result vector is flat, of the declared type, with room for the chunk's rows.
        let mut output = unsafe { Output::new(result, rows) };
        body(&Input { chunk, rows }, &mut output)
    });
    if let Err(message) = outcome {
        let message = c_text(&message);
        // SAFETY: `info` is valid during the call and DuckDB copies the text.
        unsafe { ffi::duckdb_scalar_function_set_error(info, message.as_ptr()) };
    }
}

/// Runs `work`; a panic becomes an error, so that nothing unwinds into C++.
pub(super) fn guarded<T>(
    work: impl FnOnce() -> std::result::Result<T, String>,
) -> std::result::Result<T, String> {
    catch_unwind(AssertUnwindSafe(work))
        .unwrap_or_else(|_| Err("a time function failed inside the plugin".to_owned()))
}

/// Converts `text` to a C string; an inner NUL ends it.
pub(super) fn c_text(text: &str) -> CString {
    CString::new(text.split('\0').next().unwrap_or_default()).unwrap_or_default()
}

unsafe extern "C" fn drop_body(body: *mut c_void) {
    // SAFETY: the pointer is the box leaked by `register`, and DuckDB calls this once.
    let body = unsafe { Box::from_raw(body.cast::<Body>()) };
    let _ = catch_unwind(AssertUnwindSafe(|| drop(body)));
}
