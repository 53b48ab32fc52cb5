//! Handles of DuckDB's C API v2 that destroy themselves, and its calls with a `Result`.

#![expect(unsafe_code, reason = "the C API tells statements and tokens, which duckdb-rs has no wrapper for")]

use std::ffi::CString;
use std::ptr;

use libduckdb_sys::v2::{self, DUCKDB_V2_ERROR};

use super::super::error;
use crate::error::{Error, Result};

/// An in-memory instance. Its environment must outlive it, and its sessions must not.
pub(super) struct Instance {
    environment: v2::duckdb_v2_environment_handle,
    pub(super) handle: v2::duckdb_v2_instance_handle,
    pub(super) factory: v2::duckdb_v2_factory_handle,
}

// SAFETY: the handles are locked inside DuckDB; sessions are created from any thread.
unsafe impl Send for Instance {}
// SAFETY: as above; the factory only creates values without an owner.
unsafe impl Sync for Instance {}

impl Instance {
    pub(super) fn open(options: &[(&str, &str)]) -> Result<Self> {
        let names: Vec<v2::duckdb_v2_str> = options.iter().map(|(name, _)| (*name).into()).collect();
        let values: Vec<v2::duckdb_v2_str> = options.iter().map(|(_, value)| (*value).into()).collect();
        let mut opened =
            Self { environment: ptr::null_mut(), handle: ptr::null_mut(), factory: ptr::null_mut() };
        // SAFETY: the out pointers are valid for the call; `Drop` destroys what was created.
        call(|error| unsafe { v2::duckdb_v2_environment_create(&raw mut opened.environment, error) })?;
        // SAFETY: as above; both lists have the given length and outlive the call.
        call(|error| unsafe {
            v2::duckdb_v2_instance_create_with_options(
                opened.environment,
                names.as_ptr(),
                values.as_ptr(),
                options.len() as u64,
                &raw mut opened.handle,
                error,
            )
        })?;
        // SAFETY: the instance is open; the factory is borrowed from it.
        call(|error| unsafe {
            v2::duckdb_v2_instance_get_factory(opened.handle, &raw mut opened.factory, error)
        })?;
        Ok(opened)
    }
}

impl Drop for Instance {
    fn drop(&mut self) {
        // SAFETY: each handle is destroyed once, null handles are ignored, and no session exists any more.
        unsafe {
            v2::duckdb_v2_instance_destroy(&raw mut self.handle);
            v2::duckdb_v2_environment_destroy(&raw mut self.environment);
        }
    }
}

/// The statements of a text, parsed one by one.
pub(super) struct Statements(v2::duckdb_v2_statement_iterator_handle);

impl Statements {
    pub(super) fn of(connection: v2::duckdb_v2_connection_handle, sql: &str) -> Result<Self> {
        let text = CString::new(sql).map_err(|_| Error::bad_query("the query holds a NUL character"))?;
        let mut statements = Self(ptr::null_mut());
        // SAFETY: the connection is alive; the text ends in NUL and is copied.
        call(|error| unsafe {
            v2::duckdb_v2_parse_sql(connection, text.as_ptr(), &raw mut statements.0, error)
        })?;
        Ok(statements)
    }

    pub(super) fn next(&self) -> Result<Option<ParsedStatement>> {
        let mut statement = ParsedStatement(ptr::null_mut());
        // SAFETY: the iterator is alive; `Drop` destroys the statement.
        call(|error| unsafe { v2::duckdb_v2_statement_iterator_next(self.0, &raw mut statement.0, error) })?;
        Ok((!statement.0.is_null()).then_some(statement))
    }
}

pub(super) struct ParsedStatement(pub(super) v2::duckdb_v2_sql_statement_handle);
pub(super) struct Tokens(pub(super) v2::duckdb_v2_token_iterator_handle);
pub(super) struct Value(pub(super) v2::duckdb_v2_value_handle);
pub(super) struct ResultHandle(pub(super) v2::duckdb_v2_result_handle);
pub(super) struct Chunk(pub(super) v2::duckdb_v2_data_chunk_handle);

/// Each handle is created once, destroyed once, and ignored if it is null.
macro_rules! destroyed_by {
    ($($handle:ident: $destroy:ident),* $(,)?) => {$(
        impl Drop for $handle {
            fn drop(&mut self) {
                // SAFETY: the handle has no other owner, and is not used again.
                unsafe { v2::$destroy(&raw mut self.0) };
            }
        }
    )*};
}
destroyed_by! {
    Statements: duckdb_v2_statement_iterator_destroy,
    ParsedStatement: duckdb_v2_sql_statement_destroy,
    Tokens: duckdb_v2_token_iterator_destroy,
    Value: duckdb_v2_value_destroy,
    ResultHandle: duckdb_v2_result_destroy,
    Chunk: duckdb_v2_data_chunk_destroy,
}

/// Copies a text that DuckDB lends.
///
/// # Safety
/// The owner of the text must be alive.
pub(super) unsafe fn copied(text: v2::duckdb_v2_str) -> String {
    let length = usize::try_from(text.len).unwrap_or_default();
    if length == 0 || text.ptr.is_null() {
        return String::new();
    }
    // SAFETY: DuckDB lends as many bytes as it tells.
    let bytes = unsafe { std::slice::from_raw_parts(text.ptr.cast::<u8>(), length) };
    String::from_utf8_lossy(bytes).into_owned()
}

/// Makes one call, and returns its error message if it fails.
pub(super) fn call(make: impl FnOnce(*mut v2::duckdb_v2_error_info_handle) -> DUCKDB_V2_ERROR) -> Result<()> {
    let mut info = ptr::null_mut();
    let code = make(&raw mut info);
    let message = take_message(info);
    if code == DUCKDB_V2_ERROR::DUCKDB_V2_ERROR_NONE {
        return Ok(());
    }
    Err(error::from_text(&message.unwrap_or_else(|| "DuckDB's parser failed".to_owned())))
}

fn take_message(mut info: v2::duckdb_v2_error_info_handle) -> Option<String> {
    if info.is_null() {
        return None;
    }
    let mut text = v2::duckdb_v2_str::default();
    // SAFETY: the handle is alive and lends its text, which is copied before it is destroyed, once.
    unsafe {
        v2::duckdb_v2_error_info_get_text(info, &raw mut text);
        let text = copied(text);
        v2::duckdb_v2_error_info_destroy(&raw mut info);
        Some(text)
    }
}
