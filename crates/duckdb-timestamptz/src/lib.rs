#![doc = include_str!("../README.md")]
#![expect(unsafe_code, reason = "casts, overloads and options are registered through the C API")]

mod bridge;
mod bucket;
mod cast;
mod civil;
mod function;
mod part;
mod series;
mod text;
mod vector;
mod zone;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::ptr;

use duckdb::{Connection, ffi};

/// The result type of this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// DuckDB refused to register something. Queries and data never cause this error.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Error(String);

impl Error {
    fn new(message: impl Into<String>) -> Self {
        Self(message.into())
    }
}

/// Adds the functions, casts, macros and the option `TimeZone` to an instance. Call it once, before the
/// instance's settings are locked. The instance must be in memory; other databases are attached afterwards,
/// with `memory.main` in the search path.
///
/// # Errors
/// DuckDB refuses one of them, because another extension has registered it or because settings are locked.
///
/// # Safety
/// `connection` and `database` must belong to the same open instance.
pub unsafe fn register(connection: &Connection, database: ffi::duckdb_database) -> Result<()> {
    let mut by_name: BTreeMap<&'static str, Vec<bridge::Overload>> = BTreeMap::new();
    for overload in function::overloads() {
        by_name.entry(overload.name()).or_default().push(overload);
    }
    let raw = RawConnection::open(database)?;
    raw.execute(c"BEGIN TRANSACTION")?;
    for (name, overloads) in by_name {
        // SAFETY: `raw` is open.
        unsafe { bridge::register(raw.0, name, overloads)? };
    }
    raw.execute(c"COMMIT")?;
    // SAFETY: `raw` is open.
    unsafe { cast::register(raw.0)? };
    raw.add_time_zone_option()?;
    connection
        .execute_batch(MACROS)
        .map_err(|error| Error::new(format!("the time macros are refused: {error}")))
}

/// Functions without arguments are macros that use `now()`, so that all current times in a query are equal;
/// DuckDB reads `current_date`, `current_time`, `localtime` and `localtimestamp` as calls of these macros.
/// The result type of `date_part` (and of `extract`) depends on the part, which only DuckDB's own function
/// supports. So a macro passes a TIMESTAMPTZ to it as TIMESTAMP. DATE and TIMESTAMP are handled explicitly,
/// so that they are not cast to TIMESTAMPTZ.
///
/// The macros are in the in-memory database, so its schema `memory.main` must be in the search path.
const MACROS: &str = r#"
CREATE MACRO memory.main."current_date"() AS CAST(CAST(system.main.now() AS TIMESTAMP) AS DATE);
CREATE MACRO memory.main.today() AS CAST(CAST(system.main.now() AS TIMESTAMP) AS DATE);
CREATE MACRO memory.main.get_current_time() AS CAST(system.main.now() AS TIMETZ);
CREATE MACRO memory.main.current_localtime() AS CAST(CAST(system.main.now() AS TIMESTAMP) AS TIME);
CREATE MACRO memory.main.current_localtimestamp() AS CAST(system.main.now() AS TIMESTAMP);
CREATE MACRO memory.main.date_part
    (part, ts TIMESTAMPTZ) AS system.main.date_part(part, CAST(ts AS TIMESTAMP)),
    (part, ts TIMESTAMP) AS system.main.date_part(part, ts),
    (part, ts DATE) AS system.main.date_part(part, ts),
    (part, ts) AS system.main.date_part(part, ts);
CREATE MACRO memory.main.datepart
    (part, ts TIMESTAMPTZ) AS system.main.datepart(part, CAST(ts AS TIMESTAMP)),
    (part, ts) AS system.main.datepart(part, ts);
"#;

/// A connection for the parts of the C API that duckdb-rs does not wrap.
struct RawConnection(ffi::duckdb_connection);

impl RawConnection {
    fn open(database: ffi::duckdb_database) -> Result<Self> {
        let mut connection = ptr::null_mut();
        // SAFETY: the caller of `register` keeps the database open; for a null handle DuckDB returns an
        // error.
        let state = unsafe { ffi::duckdb_connect(database, &raw mut connection) };
        if state == ffi::DuckDBSuccess {
            Ok(Self(connection))
        } else {
            Err(Error::new("DuckDB gives no connection for registering the time functions"))
        }
    }

    fn execute(&self, sql: &std::ffi::CStr) -> Result<()> {
        // SAFETY: the connection is open and the text ends in NUL; no result is requested.
        let state = unsafe { ffi::duckdb_query(self.0, sql.as_ptr(), ptr::null_mut()) };
        if state == ffi::DuckDBSuccess {
            Ok(())
        } else {
            Err(Error::new(format!("DuckDB refuses `{}`", sql.to_string_lossy())))
        }
    }

    /// Adds the option `TimeZone`, so that `current_setting('TimeZone')` is `UTC`.
    fn add_time_zone_option(&self) -> Result<()> {
        // SAFETY: the handles are valid until they are destroyed below, once; DuckDB copies texts and values.
        let state = unsafe {
            let mut option = ffi::duckdb_create_config_option();
            let mut value = ffi::duckdb_create_varchar(c"UTC".as_ptr());
            ffi::duckdb_config_option_set_name(option, c"TimeZone".as_ptr());
            ffi::duckdb_config_option_set_default_value(option, value);
            ffi::duckdb_config_option_set_description(
                option,
                c"The time zone of this session, always UTC".as_ptr(),
            );
            let state = ffi::duckdb_register_config_option(self.0, option);
            ffi::duckdb_destroy_value(&raw mut value);
            ffi::duckdb_destroy_config_option(&raw mut option);
            state
        };
        if state == ffi::DuckDBSuccess {
            Ok(())
        } else {
            Err(Error::new("DuckDB refuses the option `TimeZone`"))
        }
    }
}

impl Drop for RawConnection {
    fn drop(&mut self) {
        // SAFETY: the connection was opened by `open` and is closed once.
        unsafe { ffi::duckdb_disconnect(&raw mut self.0) };
    }
}
