//! Finds bytes that are not UTF-8 where text is expected. DuckDB does not check all text that it passes on,
//! such as column names in a file and the results of functions about files. duckdb-rs panics over such a
//! name, and a Rust string must never hold such bytes.

#![expect(
    unsafe_code,
    reason = "duckdb-rs tells no names before it runs a statement, and fails on them after"
)]

use std::ffi::{CStr, CString};
use std::path::Path;
use std::ptr;

use arrow::array::{Array as _, RecordBatch};
use arrow::datatypes::DataType;
use duckdb::core::LogicalTypeHandle;
use duckdb::ffi;

use super::file_set::FileSet;
use super::{Engine, listed, sql_text};
use crate::error::{Error, Result};
use crate::source::in_a_glob;

/// The most files in which a name is searched.
const MOST_FILES: usize = 2_000;

/// The hint about a name that is not UTF-8. DuckDB cannot read such a column, whatever name the query uses
/// for it.
pub(super) const RENAME: &str =
    "Rename it where the file is written; until then the other columns can be read by their names";

/// Checks that all texts of a batch are UTF-8.
///
/// # Errors
/// [`crate::error::Kind::BadQuery`] for the first column in which a text, at any depth, is not UTF-8.
pub(super) fn check(batch: &RecordBatch) -> Result<()> {
    let schema = batch.schema_ref();
    for (field, column) in schema.fields().iter().zip(batch.columns()) {
        if holds_text(field.data_type()) && column.to_data().validate_full().is_err() {
            return Err(Error::bad_query(format!(
                "column `{}` holds a text that is not UTF-8",
                field.name()
            ))
            .hint("Read it as bytes with encode(…), or leave the column out"));
        }
    }
    Ok(())
}

fn holds_text(kind: &DataType) -> bool {
    match kind {
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View | DataType::Dictionary(..) => true,
        DataType::List(item)
        | DataType::LargeList(item)
        | DataType::FixedSizeList(item, _)
        | DataType::Map(item, _) => holds_text(item.data_type()),
        DataType::Struct(fields) => fields.iter().any(|field| holds_text(field.data_type())),
        DataType::Union(fields, _) => fields.iter().any(|(_, field)| holds_text(field.data_type())),
        _ => false,
    }
}

/// Returns the message about a column whose name is not UTF-8.
pub(super) fn misnamed(file: &Path, column: &str) -> String {
    format!("`{}` has a column whose name is not UTF-8, `{column}`", file.display())
}

/// Returns whether a DuckDB error may be about such a name.
pub(super) fn is_of_names(error: &Error) -> bool {
    error.message.contains("Invalid unicode")
}

impl Engine {
    /// Returns the error for a statement with a column whose name, or a name inside its type, is not UTF-8.
    pub(super) fn of_names(&self, set: &FileSet) -> Error {
        let mut files = set.files().filter(|file| listed::is_parquet(file)).take(MOST_FILES);
        let told = files.find_map(|file| Some(misnamed(file, &self.odd_name(file)?)));
        Error::bad_query(told.unwrap_or_else(|| "the name of a column is not UTF-8".to_owned())).hint(RENAME)
    }

    /// Returns the first column of a Parquet file whose name, or a name inside its type, is not UTF-8, as
    /// readable as possible.
    pub(super) fn odd_name(&self, file: &Path) -> Option<String> {
        let sql = format!("FROM system.main.read_parquet({})", sql_text(&in_a_glob(file)));
        let names = names(self.database.raw(), &sql);
        let shown = |name: &[u8]| String::from_utf8_lossy(name).into_owned();
        if let Some(odd) = names.iter().find(|name| std::str::from_utf8(name).is_err()) {
            return Some(shown(odd));
        }
        let connection = self.own_connection().ok()?;
        let statement = connection.prepare(&sql).ok()?;
        let has_odd = |place: usize| has_odd_name(&statement.column_logical_type(place), 0);
        (0..statement.column_count()).find(|place| has_odd(*place)).map(|place| {
            names.get(place).map_or_else(String::new, |name| format!("{} (inside its type)", shown(name)))
        })
    }
}

/// Returns whether a name inside a type is not UTF-8: DuckDB returns such names with replacement characters.
fn has_odd_name(kind: &LogicalTypeHandle, depth: usize) -> bool {
    use duckdb::core::LogicalTypeId::{Struct, Union};
    let is_named = matches!(kind.id(), Struct | Union);
    depth < 64
        && (0..kind.num_children()).any(|index| {
            is_named && kind.child_name(index).contains(char::REPLACEMENT_CHARACTER)
                || has_odd_name(&kind.child(index), depth + 1)
        })
}

/// Returns the bytes of a statement's column names; empty if the statement cannot be prepared.
fn names(database: ffi::duckdb_database, sql: &str) -> Vec<Vec<u8>> {
    let Ok(sql) = CString::new(sql) else { return Vec::new() };
    let mut names = Vec::new();
    let mut connection: ffi::duckdb_connection = ptr::null_mut();
    // SAFETY: the database is open for as long as the engine; what is created here is checked, used on this
    // thread only and destroyed once. A name is a NUL-terminated copy that this code must free.
    unsafe {
        if ffi::duckdb_connect(database, &raw mut connection) != ffi::DuckDBSuccess {
            return names;
        }
        let mut statement: ffi::duckdb_prepared_statement = ptr::null_mut();
        if ffi::duckdb_prepare(connection, sql.as_ptr(), &raw mut statement) == ffi::DuckDBSuccess {
            for column in 0..ffi::duckdb_prepared_statement_column_count(statement) {
                let name = ffi::duckdb_prepared_statement_column_name(statement, column);
                if !name.is_null() {
                    names.push(CStr::from_ptr(name).to_bytes().to_vec());
                    ffi::duckdb_free(name.cast_mut().cast());
                }
            }
        }
        ffi::duckdb_destroy_prepare(&raw mut statement);
        ffi::duckdb_disconnect(&raw mut connection);
    }
    names
}
