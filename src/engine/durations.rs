//! Columns of durations, which pandas and Arrow write as plain integers: DuckDB does not read the Arrow schema in a file, which alone
//! tells that they are durations and in which unit.

use std::collections::BTreeMap;

use arrow::datatypes::{DataType, TimeUnit};
use arrow::ipc::convert::try_schema_from_ipc_buffer;
use duckdb::Connection;

use super::examine::{Schema, file_list};
use super::weeks::unknown;
use super::{error, sql_name};
use crate::error::Result;
use crate::logging;
use crate::reports::Wanted;

/// How such columns are stored.
const STORED: &str = "BIGINT";

/// The percentiles that are durations, by file and name in small letters, with the unit.
pub(super) type Durations = BTreeMap<(String, String), &'static str>;

/// Those of `files` in which a percentile may be one.
///
/// # Errors
/// [`crate::error::Kind::Cancelled`].
pub(super) fn among(connection: &Connection, schemas: &[Schema]) -> Result<Durations> {
    let may_be_one = |(name, of): &(String, String)| of == STORED && is_percentile(name);
    let files = schemas.iter().filter(|(_, columns)| columns.iter().any(may_be_one));
    let list = file_list(files.map(|(file, _)| file.as_str()));
    if list.is_empty() {
        return Ok(Durations::new());
    }
    let query = format!(
        "SELECT file_name, system.main.from_base64(system.main.decode(value)) FROM system.main.parquet_kv_metadata([{list}]) \
         WHERE system.main.decode(key) = 'ARROW:schema'"
    );
    let found: duckdb::Result<Vec<(String, Vec<u8>)>> = connection
        .prepare(&query)
        .and_then(|mut statement| statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?.collect());
    let found =
        found.or_else(|error| unknown(&error::translate(&error), "the Arrow schemas are not known"))?;
    let mut durations = Durations::new();
    for (file, bytes) in found {
        let Some(Ok(schema)) = logging::survived(|| try_schema_from_ipc_buffer(&bytes)) else { continue };
        for field in schema.fields() {
            let DataType::Duration(unit) = field.data_type() else { continue };
            if is_percentile(field.name()) {
                durations.insert((file.clone(), field.name().to_lowercase()), name_of(*unit));
            }
        }
    }
    Ok(durations)
}

/// The milliseconds of `column`, a column of durations in `unit`; none where that is no unit.
pub(super) fn milliseconds(column: &str, unit: &str) -> Option<String> {
    let of_a_second = match unit {
        "seconds" => "1",
        "milliseconds" => "1000",
        "microseconds" => "1000000",
        "nanoseconds" => "1000000000",
        _ => return None,
    };
    let number = format!("CAST({} AS DOUBLE)", sql_name(column));
    // By their full names: an attached file may have macros called like operators.
    Some(format!("system.main.\"/\"(system.main.\"*\"({number}, 1000), {of_a_second})"))
}

fn is_percentile(name: &str) -> bool {
    Wanted::of(name) == Some(Wanted::Number) && !name.eq_ignore_ascii_case("samples")
}

fn name_of(unit: TimeUnit) -> &'static str {
    match unit {
        TimeUnit::Second => "seconds",
        TimeUnit::Millisecond => "milliseconds",
        TimeUnit::Microsecond => "microseconds",
        TimeUnit::Nanosecond => "nanoseconds",
    }
}
