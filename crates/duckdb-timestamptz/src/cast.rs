//! Casts that DuckDB without ICU lacks or supports only partly: TIMESTAMPTZ to DATE and TIME, VARCHAR to
//! TIMESTAMPTZ.
//!
//! There are also casts that no DuckDB build has: pandas and polars write `TIMESTAMPTZ_NS`, for which DuckDB
//! has neither a cast to TIMESTAMP nor functions. With an implicit cast to TIMESTAMPTZ, every function and
//! comparison of TIMESTAMPTZ accepts it, as those of TIMESTAMP accept `TIMESTAMP_NS`.
//!
//! Nanoseconds are rounded down to microseconds. DuckDB's own casts round to the nearest microsecond. With
//! them, every function of TIMESTAMP puts the last moment of a week, as pandas writes the end of a period,
//! into the next week.

#![expect(unsafe_code, reason = "duckdb-rs has no wrapper for casts")]

use std::ffi::c_void;

use duckdb::ffi;

use super::bridge::{c_text, guarded};
use super::civil::{self, DATE_INFINITY, INFINITY};
use super::text;
use super::vector::{
    Argument, Column, Date, Output, Returned, Text, Time, Timestamp, TimestampNs, TimestampTz, TimestampTzNs,
};
use crate::{Error, Result};

/// Registers the casts.
///
/// # Safety
/// `connection` must be open.
///
/// # Errors
/// DuckDB refuses one of them.
pub(super) unsafe fn register(connection: ffi::duckdb_connection) -> Result<()> {
    // SAFETY: guaranteed by the caller.
    unsafe {
        add::<TimestampTz, Date>(connection, "TIMESTAMPTZ to DATE", None, to_date)?;
        add::<TimestampTz, Time>(connection, "TIMESTAMPTZ to TIME", None, to_time)?;
        add::<Text, TimestampTz>(connection, "VARCHAR to TIMESTAMPTZ", None, text::parse)?;
        add::<Text, TimestampTzNs>(connection, "VARCHAR to TIMESTAMPTZ_NS", None, text::parse_nanoseconds)?;
        add::<TimestampNs, TimestampTzNs>(connection, "TIMESTAMP_NS to TIMESTAMPTZ_NS", None, Ok)?;
        add::<TimestampTzNs, Date>(connection, "TIMESTAMPTZ_NS to DATE", None, |ns| to_date(floored(ns)))?;
        add::<TimestampTzNs, Time>(connection, "TIMESTAMPTZ_NS to TIME", None, |ns| to_time(floored(ns)))?;
        add::<TimestampTzNs, Timestamp>(connection, "TIMESTAMPTZ_NS to TIMESTAMP", None, |ns| {
            Ok(floored(ns))
        })?;
        let name = "TIMESTAMPTZ_NS to TIMESTAMPTZ";
        add::<TimestampTzNs, TimestampTz>(connection, name, Some(TO_TIMESTAMPTZ), |ns| Ok(floored(ns)))?;
        let name = "TIMESTAMP_NS to TIMESTAMPTZ";
        add::<TimestampNs, TimestampTz>(connection, name, Some(TO_TIMESTAMPTZ), |ns| Ok(floored(ns)))?;
        let name = "TIMESTAMP_NS to TIMESTAMP";
        add::<TimestampNs, Timestamp>(connection, name, Some(TO_TIMESTAMP), |ns| Ok(floored(ns)))?;
        add::<TimestampNs, Date>(connection, "TIMESTAMP_NS to DATE", None, |ns| to_date(floored(ns)))?;
        add::<TimestampNs, Time>(connection, "TIMESTAMP_NS to TIME", None, |ns| to_time(floored(ns)))
    }
}

/// The cost of an implicit cast to TIMESTAMPTZ: as high as that of DuckDB's own (`TargetTypeCost`), and
/// higher than that of a cast to TIMESTAMP, which `TIMESTAMP_NS` also has.
const TO_TIMESTAMPTZ: i64 = 123;
const TO_TIMESTAMP: i64 = 120;

/// Rounds nanoseconds down to microseconds.
fn floored(ns: i64) -> i64 {
    if civil::is_finite(ns) { ns.div_euclid(1000) } else { ns }
}

/// Returns the date in UTC; infinities stay infinite.
pub(super) fn to_date(micros: i64) -> std::result::Result<i32, String> {
    match micros {
        INFINITY => Ok(DATE_INFINITY),
        micros if micros == -INFINITY => Ok(-DATE_INFINITY),
        micros => i32::try_from(civil::split(micros).0).map_err(|_| "date out of range".to_owned()),
    }
}

fn to_time(micros: i64) -> std::result::Result<i64, String> {
    if civil::is_finite(micros) {
        Ok(civil::split(micros).1)
    } else {
        Err("infinity has no time of day".to_owned())
    }
}

type Function<A, R> =
    for<'a> fn(<A as Argument>::Item<'a>) -> std::result::Result<<R as Returned>::Item, String>;

unsafe fn add<A: Argument + 'static, R: Returned + 'static>(
    connection: ffi::duckdb_connection,
    name: &str,
    implicit_cost: Option<i64>,
    function: Function<A, R>,
) -> Result<()> {
    // SAFETY: every handle is valid until it is destroyed below, once; DuckDB copies what is registered. The
    // extra info is a box that DuckDB passes to `drop_function`. Without an implicit cost the cast must be
    // written explicitly.
    let state = unsafe {
        let mut cast = ffi::duckdb_create_cast_function();
        ffi::duckdb_cast_function_set_source_type(cast, A::logical_type().raw());
        ffi::duckdb_cast_function_set_target_type(cast, R::logical_type().raw());
        if let Some(cost) = implicit_cost {
            ffi::duckdb_cast_function_set_implicit_cast_cost(cast, cost);
        }
        ffi::duckdb_cast_function_set_function(cast, Some(run::<A, R>));
        let extra = Box::into_raw(Box::new(function));
        ffi::duckdb_cast_function_set_extra_info(cast, extra.cast::<c_void>(), Some(drop_function::<A, R>));
        let state = ffi::duckdb_register_cast_function(connection, cast);
        ffi::duckdb_destroy_cast_function(&raw mut cast);
        state
    };
    if state == ffi::DuckDBSuccess {
        Ok(())
    } else {
        Err(Error::new(format!("DuckDB refuses the cast {name}")))
    }
}

unsafe extern "C" fn run<A: Argument + 'static, R: Returned + 'static>(
    info: ffi::duckdb_function_info,
    count: ffi::idx_t,
    source: ffi::duckdb_vector,
    target: ffi::duckdb_vector,
) -> bool {
    // SAFETY: DuckDB passes the extra info that `add` has set.
    let function = unsafe { *ffi::duckdb_cast_function_get_extra_info(info).cast::<Function<A, R>>() };
    // SAFETY: `info` is valid during the call.
    let trying =
        unsafe { ffi::duckdb_cast_function_get_cast_mode(info) } == ffi::duckdb_cast_mode_DUCKDB_CAST_TRY;
    let rows = usize::try_from(count).unwrap_or_default();
    let outcome = guarded(|| {
        // SAFETY: DuckDB passes flat vectors of the registered types with `count` rows.
        let (column, mut output) = unsafe { (Column::<A>::new(source, rows), Output::new(target, rows)) };
        let mut clean = true;
        for row in 0..rows {
            match column.get(row).map(function) {
                None => output.put_null(row),
                Some(Ok(item)) => output.put::<R>(row, Some(item)),
                Some(Err(message)) if trying => {
                    clean = false;
                    let message = c_text(&message);
                    // SAFETY: the row is within the target vector; DuckDB copies the text.
                    unsafe {
                        ffi::duckdb_cast_function_set_row_error(info, message.as_ptr(), row as u64, target);
                    }
                }
                Some(Err(message)) => return Err(message),
            }
        }
        Ok(clean)
    });
    outcome.unwrap_or_else(|message| {
        let message = c_text(&message);
        // SAFETY: `info` is valid during the call; DuckDB copies the text.
        unsafe { ffi::duckdb_cast_function_set_error(info, message.as_ptr()) };
        false
    })
}

unsafe extern "C" fn drop_function<A: Argument, R: Returned>(function: *mut c_void) {
    // SAFETY: the pointer is the box made by `add`, given back once.
    drop(unsafe { Box::from_raw(function.cast::<Function<A, R>>()) });
}
