//! DuckDB's flat vectors as typed columns: the Rust type determines the DuckDB type and the memory layout.

#![expect(unsafe_code, reason = "DuckDB's vectors are reached through its C API")]

use std::ffi::c_void;
use std::marker::PhantomData;
use std::{ptr, slice, str};

use duckdb::ffi;

use super::civil::Interval;

/// An owned DuckDB type.
pub(super) struct LogicalType(ffi::duckdb_logical_type);

impl LogicalType {
    /// Creates a type without parameters.
    pub(super) fn of(id: ffi::DUCKDB_TYPE) -> Self {
        // SAFETY: creates a new handle, which Drop destroys.
        Self(unsafe { ffi::duckdb_create_logical_type(id) })
    }

    /// Returns the type of lists of `self`.
    pub(super) fn list(self) -> Self {
        // SAFETY: `self` is alive; the new handle does not refer to it.
        Self(unsafe { ffi::duckdb_create_list_type(self.0) })
    }

    /// Returns the handle, which is valid as long as `self`.
    pub(super) fn raw(&self) -> ffi::duckdb_logical_type {
        self.0
    }
}

impl Drop for LogicalType {
    fn drop(&mut self) {
        // SAFETY: the handle was created by this type and is destroyed once.
        unsafe { ffi::duckdb_destroy_logical_type(&raw mut self.0) };
    }
}

/// A type that functions accept as argument.
pub(super) trait Argument {
    /// The value of one row.
    type Item<'a>;
    /// How a vector stores one row.
    type Cell: Copy;
    /// Returns the DuckDB type.
    fn logical_type() -> LogicalType;
    /// Reads a cell.
    ///
    /// # Safety
    /// `cell` must be a valid row of a vector that lives for `'a`.
    unsafe fn read<'a>(cell: *const Self::Cell) -> Self::Item<'a>;
}

/// A type that functions return.
pub(super) trait Returned {
    /// The value of one row.
    type Item;
    /// Returns the DuckDB type.
    fn logical_type() -> LogicalType;
    /// Writes a row.
    ///
    /// # Safety
    /// `row` must be within `vector`, a flat vector of this type whose values start at `data`.
    unsafe fn write(vector: ffi::duckdb_vector, data: *mut c_void, row: usize, item: Self::Item);
}

/// Implements types that are stored as one plain value per row.
macro_rules! plain {
    ($($(#[$doc:meta])* $name:ident = $item:ty as $id:ident;)*) => { $(
        $(#[$doc])*
        pub(super) struct $name;

        impl Argument for $name {
            type Item<'a> = $item;
            type Cell = $item;
            fn logical_type() -> LogicalType {
                LogicalType::of(ffi::$id)
            }
            unsafe fn read<'a>(cell: *const $item) -> Self::Item<'a> {
                // SAFETY: guaranteed by the caller.
                unsafe { *cell }
            }
        }

        impl Returned for $name {
            type Item = $item;
            fn logical_type() -> LogicalType {
                LogicalType::of(ffi::$id)
            }
            unsafe fn write(_vector: ffi::duckdb_vector, data: *mut c_void, row: usize, item: $item) {
                // SAFETY: guaranteed by the caller; the vector stores this type.
                unsafe { data.cast::<$item>().add(row).write(item) };
            }
        }
    )* };
}

plain! {
    /// TIMESTAMP WITH TIME ZONE: microseconds since 1970-01-01 UTC.
    TimestampTz = i64 as DUCKDB_TYPE_DUCKDB_TYPE_TIMESTAMP_TZ;
    /// TIMESTAMP: microseconds since 1970-01-01 in an unspecified zone.
    Timestamp = i64 as DUCKDB_TYPE_DUCKDB_TYPE_TIMESTAMP;
    /// `TIMESTAMPTZ_NS`: nanoseconds since 1970-01-01 UTC.
    TimestampTzNs = i64 as DUCKDB_TYPE_DUCKDB_TYPE_TIMESTAMP_TZ_NS;
    /// `TIMESTAMP_NS`: nanoseconds since 1970-01-01 in an unspecified zone.
    TimestampNs = i64 as DUCKDB_TYPE_DUCKDB_TYPE_TIMESTAMP_NS;
    /// DATE: days since 1970-01-01.
    Date = i32 as DUCKDB_TYPE_DUCKDB_TYPE_DATE;
    /// TIME: microseconds since midnight.
    Time = i64 as DUCKDB_TYPE_DUCKDB_TYPE_TIME;
    /// TIME WITH TIME ZONE: microseconds × 2²⁴ + (57,599 − offset in seconds).
    TimeTz = u64 as DUCKDB_TYPE_DUCKDB_TYPE_TIME_TZ;
    /// INTERVAL.
    Span = Interval as DUCKDB_TYPE_DUCKDB_TYPE_INTERVAL;
    /// BIGINT.
    BigInt = i64 as DUCKDB_TYPE_DUCKDB_TYPE_BIGINT;
    /// DOUBLE.
    Double = f64 as DUCKDB_TYPE_DUCKDB_TYPE_DOUBLE;
}

/// VARCHAR.
pub(super) struct Text;

impl Argument for Text {
    type Item<'a> = &'a str;
    type Cell = ffi::duckdb_string_t;
    fn logical_type() -> LogicalType {
        LogicalType::of(ffi::DUCKDB_TYPE_DUCKDB_TYPE_VARCHAR)
    }
    unsafe fn read<'a>(cell: *const ffi::duckdb_string_t) -> Self::Item<'a> {
        // SAFETY: the cell is a valid string, inlined or not. DuckDB keeps VARCHAR as valid UTF-8; bytes that
        // are not become an empty text.
        unsafe {
            let length = ffi::duckdb_string_t_length(*cell) as usize;
            let data = ffi::duckdb_string_t_data(cell.cast_mut()).cast::<u8>();
            str::from_utf8(slice::from_raw_parts(data, length)).unwrap_or_default()
        }
    }
}

impl Returned for Text {
    type Item = String;
    fn logical_type() -> LogicalType {
        <Self as Argument>::logical_type()
    }
    unsafe fn write(vector: ffi::duckdb_vector, _data: *mut c_void, row: usize, item: String) {
        // SAFETY: guaranteed by the caller; DuckDB copies the text.
        unsafe {
            ffi::duckdb_vector_assign_string_element_len(
                vector,
                row as u64,
                item.as_ptr().cast(),
                item.len() as u64,
            );
        }
    }
}

/// `VARCHAR[]`, for an argument whose content is not read.
pub(super) struct TextList;

impl Argument for TextList {
    type Item<'a> = ();
    type Cell = ffi::duckdb_list_entry;
    fn logical_type() -> LogicalType {
        <Text as Argument>::logical_type().list()
    }
    unsafe fn read<'a>(_cell: *const ffi::duckdb_list_entry) -> Self::Item<'a> {}
}

/// `TIMESTAMP WITH TIME ZONE[]`.
pub(super) struct TimestampTzList;

impl Returned for TimestampTzList {
    type Item = Vec<i64>;
    fn logical_type() -> LogicalType {
        <TimestampTz as Argument>::logical_type().list()
    }
    unsafe fn write(vector: ffi::duckdb_vector, data: *mut c_void, row: usize, item: Vec<i64>) {
        // SAFETY: the child vector is enlarged before it is written; entries are offset and length within it.
        unsafe {
            let offset = ffi::duckdb_list_vector_get_size(vector);
            let length = item.len() as u64;
            ffi::duckdb_list_vector_reserve(vector, offset + length);
            let child = ffi::duckdb_list_vector_get_child(vector);
            let cells = ffi::duckdb_vector_get_data(child).cast::<i64>();
            ptr::copy_nonoverlapping(
                item.as_ptr(),
                cells.add(usize::try_from(offset).unwrap_or_default()),
                item.len(),
            );
            ffi::duckdb_list_vector_set_size(vector, offset + length);
            let entries = data.cast::<ffi::duckdb_list_entry>();
            entries.add(row).write(ffi::duckdb_list_entry { offset, length });
        }
    }
}

/// An argument of a function for a chunk of rows.
pub(super) struct Column<'a, A: Argument> {
    cells: *const A::Cell,
    validity: *const u64,
    rows: usize,
    lifetime: PhantomData<&'a ()>,
}

impl<'a, A: Argument> Column<'a, A> {
    /// # Safety
    /// `vector` must be a flat vector of `A` with `rows` rows that lives, unchanged, for `'a`.
    pub(super) unsafe fn new(vector: ffi::duckdb_vector, rows: usize) -> Self {
        // SAFETY: guaranteed by the caller.
        let (cells, validity) =
            unsafe { (ffi::duckdb_vector_get_data(vector).cast(), ffi::duckdb_vector_get_validity(vector)) };
        Self { cells, validity, rows, lifetime: PhantomData }
    }

    /// Returns the value of row `row`; `None` for NULL.
    pub(super) fn get(&self, row: usize) -> Option<A::Item<'a>> {
        if row >= self.rows {
            return None;
        }
        // SAFETY: `row` is within the vector; a null mask means that all rows are valid.
        unsafe {
            let valid = self.validity.is_null() || (*self.validity.add(row / 64) >> (row % 64)) & 1 == 1;
            valid.then(|| A::read(self.cells.add(row)))
        }
    }
}

impl Column<'_, Text> {
    /// Whether both rows hold the same bytes at the same address, as in every row of a constant argument.
    pub(super) fn same(&self, left: usize, right: usize) -> bool {
        if left >= self.rows || right >= self.rows {
            return false;
        }
        let cells = self.cells.cast::<[u64; 2]>();
        // SAFETY: both rows are within the vector; a string is 16 bytes, aligned to 8, with zeroes after a
        // short text.
        unsafe { *cells.add(left) == *cells.add(right) }
    }
}

/// The vector that a function or cast writes its results to.
pub(super) struct Output {
    vector: ffi::duckdb_vector,
    data: *mut c_void,
    rows: usize,
}

impl Output {
    /// # Safety
    /// `vector` must be a flat vector with room for `rows` rows, of the type that is then put into it.
    pub(super) unsafe fn new(vector: ffi::duckdb_vector, rows: usize) -> Self {
        // SAFETY: guaranteed by the caller.
        Self { vector, data: unsafe { ffi::duckdb_vector_get_data(vector) }, rows }
    }

    /// Writes row `row`; `None` becomes NULL.
    pub(super) fn put<R: Returned>(&mut self, row: usize, item: Option<R::Item>) {
        match item {
            // SAFETY: the row is within the vector, whose type is `R`.
            Some(item) if row < self.rows => unsafe { R::write(self.vector, self.data, row, item) },
            _ => self.put_null(row),
        }
    }

    /// Makes row `row` NULL.
    pub(super) fn put_null(&mut self, row: usize) {
        if row >= self.rows {
            return;
        }
        // SAFETY: the mask is made writable first, and the row is within it.
        unsafe {
            ffi::duckdb_vector_ensure_validity_writable(self.vector);
            ffi::duckdb_validity_set_row_invalid(ffi::duckdb_vector_get_validity(self.vector), row as u64);
        }
    }
}
