//! Columns of durations, which pandas and Arrow store as plain integers. Only the Arrow schema in a file
//! tells that they are durations and in which unit, and DuckDB does not read that schema.

use std::collections::{BTreeMap, BTreeSet};

use arrow::datatypes::{DataType, TimeUnit};
use arrow::ipc::convert::try_schema_from_ipc_buffer;
use duckdb::Connection;

use super::loss::{Loss, LossKind, Schema, file_list, of_these};
use super::weeks::unknown;
use super::{error, sql_name};
use crate::error::Result;
use crate::logging;
use crate::reports::{NOTHING, Wanted};

/// The type in which such columns are stored.
const STORED: &str = "BIGINT";

/// The hint about different units.
const REMEDY: &str = "Write that column with one unit in all files, or read the files apart";

/// Columns of durations, by file and by name in lower case, with the unit.
#[derive(Debug, Default)]
pub(super) struct Durations(BTreeMap<(String, String), &'static str>);

impl Durations {
    /// Finds the durations in the files of `schemas`.
    ///
    /// # Errors
    /// [`crate::error::Kind::Cancelled`].
    pub(super) fn among(connection: &Connection, schemas: &[Schema]) -> Result<Self> {
        // In a single file only percentiles matter.
        let is_asked = |name: &str| is_percentile(name) || schemas.len() > 1 && Wanted::of(name).is_none();
        let may_be_one = |(name, of): &(String, String)| of == STORED && is_asked(name);
        let files = schemas.iter().filter(|(_, columns)| columns.iter().any(may_be_one));
        let list = file_list(files.map(|(file, _)| file.as_str()));
        if list.is_empty() {
            return Ok(Self::default());
        }
        let query = format!(
            "SELECT file_name, system.main.from_base64(system.main.decode(value)) FROM system.main.parquet_kv_metadata([{list}]) \
             WHERE system.main.decode(key) = 'ARROW:schema'"
        );
        let found: duckdb::Result<Vec<(String, Vec<u8>)>> =
            connection.prepare(&query).and_then(|mut statement| {
                statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?.collect()
            });
        let found =
            found.or_else(|error| unknown(&error::translate(&error), "the Arrow schemas are not known"))?;
        let mut durations = BTreeMap::new();
        for (file, bytes) in found {
            let Some(Ok(schema)) = logging::survived(|| try_schema_from_ipc_buffer(&bytes)) else { continue };
            for field in schema.fields() {
                let DataType::Duration(unit) = field.data_type() else { continue };
                if is_asked(field.name()) {
                    durations.insert((file.clone(), field.name().to_lowercase()), name_of(*unit));
                }
            }
        }
        Ok(Self(durations))
    }

    /// Returns whether a column, named in lower case, holds durations in that file.
    pub(super) fn has(&self, file: &str, name: &str) -> bool {
        self.unit(file, name).is_some()
    }

    /// Returns the unit of a percentile column, which the views read as milliseconds.
    pub(super) fn of_percentile(&self, file: &str, name: &str) -> Option<&'static str> {
        if is_percentile(name) { self.unit(file, &name.to_lowercase()) } else { None }
    }

    /// Returns the losses when the views read these columns.
    pub(super) fn of_views(&self, schemas: &[Schema]) -> Vec<Loss> {
        self.mixed(schemas, |name| !is_percentile(name))
    }

    /// Returns the losses when a query reads the files by their names.
    pub(super) fn of_files(&self, schemas: &[Schema]) -> Vec<Loss> {
        self.mixed(schemas, |_| true)
    }

    fn unit(&self, file: &str, name: &str) -> Option<&'static str> {
        self.0.get(&(file.to_owned(), name.to_owned())).copied()
    }

    /// Returns the columns that are durations in one file, and another type or unit in another: DuckDB reads
    /// them all as the stored numbers.
    fn mixed(&self, schemas: &[Schema], is_asked: impl Fn(&str) -> bool) -> Vec<Loss> {
        let names: BTreeSet<&str> = self.0.keys().map(|(_, name)| name.as_str()).collect();
        let names = names.into_iter().filter(|name| is_asked(name));
        names
            .filter_map(|name| {
                let mut kinds: BTreeMap<String, Vec<&str>> = BTreeMap::new();
                for (file, columns) in schemas {
                    let Some((_, of)) = columns.iter().find(|(known, _)| known.to_lowercase() == name) else {
                        continue;
                    };
                    let unit = self.unit(file, name).map(|unit| format!("durations in {unit}"));
                    kinds.entry(unit.unwrap_or_else(|| of.clone())).or_default().push(file);
                }
                kinds.remove(NOTHING);
                let (unit, files) = kinds.iter().find(|(kind, _)| kind.starts_with("durations"))?;
                let others: Vec<&str> =
                    kinds.keys().filter(|kind| *kind != unit).map(String::as_str).collect();
                (!others.is_empty()).then(|| Loss {
                    what: format!(
                        "`{name}` is {unit} in {} and {} elsewhere, and all are read as plain numbers",
                        of_these(files.first().unwrap_or(&""), files.len()),
                        others.join(", ")
                    ),
                    remedy: REMEDY,
                    kind: LossKind::Values,
                    column: Some(name.to_owned()),
                })
            })
            .collect()
    }
}

/// Returns an expression for the milliseconds of `column`, which holds durations in `unit`; `None` if `unit`
/// is unknown.
pub(super) fn milliseconds(column: &str, unit: &str) -> Option<String> {
    let of_a_second = match unit {
        "seconds" => "1",
        "milliseconds" => "1000",
        "microseconds" => "1000000",
        "nanoseconds" => "1000000000",
        _ => return None,
    };
    let number = format!("CAST({} AS DOUBLE)", sql_name(column));
    // The operators are fully qualified, because an attached file may have macros named like operators.
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
