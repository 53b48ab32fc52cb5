//! Columns that files hold in different types, and in which DuckDB's common type for them loses digits: of BIGINT and DOUBLE it
//! makes DOUBLE, which rounds whole numbers beyond 2^53.

use std::collections::{BTreeMap, BTreeSet};

use duckdb::Connection;

use super::examine::{Loss, LossKind, Schema, file_list, of_these};
use super::weeks::unknown;
use super::{error, sql_name};
use crate::error::Result;
use crate::reports::{NOTHING, Wanted};

/// What to do about it.
const REMEDY: &str = "Write that column with one type in all files, or read the files apart";

/// Types whose values every type that is made of them holds, apart from FLOAT.
const SMALL: [&str; 8] =
    ["BOOLEAN", "TINYINT", "SMALLINT", "INTEGER", "UTINYINT", "USMALLINT", "UINTEGER", "DATE"];
const LARGE: [&str; 4] = ["BIGINT", "UBIGINT", "HUGEINT", "UHUGEINT"];

/// How long the values are that are named.
const LONGEST: usize = 60;

/// A column of one type in some files.
struct Column<'a> {
    name: &'a str,
    of: &'a str,
    files: Vec<&'a str>,
}

/// What is lost where the files are read together. `for_views` leaves out what the views read by itself.
///
/// # Errors
/// [`crate::error::Kind::Cancelled`].
pub(super) fn lost(connection: &Connection, schemas: &[Schema], for_views: bool) -> Result<Vec<Loss>> {
    let mut columns: BTreeMap<String, BTreeMap<&str, Column<'_>>> = BTreeMap::new();
    for (file, its) in schemas {
        for (name, of) in its.iter().filter(|(_, of)| of != NOTHING) {
            let column = columns.entry(name.to_lowercase()).or_default();
            column.entry(of).or_insert(Column { name, of, files: Vec::new() }).files.push(file);
        }
    }
    let is_cast = |name: &str| for_views && Wanted::of(name).is_some() && name != "samples";
    columns.retain(|name, types| types.len() > 1 && !is_cast(name));
    let mut found = Vec::new();
    for (name, types) in &columns {
        let Some(whole) = common(connection, name, types)? else { continue };
        for column in types.values() {
            if let Some((value, read)) = example(connection, column, &whole)? {
                let others: BTreeSet<&str> = types.keys().copied().filter(|of| *of != column.of).collect();
                let others: Vec<&str> = others.into_iter().collect();
                found.push(Loss {
                    what: format!(
                        "`{}` is {} in {} and {} elsewhere, and read as {whole}, in which digits are lost: {value} becomes {read}",
                        column.name,
                        column.of,
                        of_these(column.files.first().unwrap_or(&""), column.files.len()),
                        others.join(", ")
                    ),
                    remedy: REMEDY,
                    kind: LossKind::Values,
                });
            }
        }
    }
    Ok(found)
}

/// The type that DuckDB makes of all.
fn common(connection: &Connection, name: &str, types: &BTreeMap<&str, Column<'_>>) -> Result<Option<String>> {
    let firsts = types.values().filter_map(|column| column.files.first().copied());
    let query = format!(
        "SELECT column_type FROM (DESCRIBE SELECT {} FROM system.main.read_parquet([{}], union_by_name = true, hive_partitioning = false))",
        sql_name(name),
        file_list(firsts)
    );
    let found = connection.query_row(&query, [], |row| row.get(0)).map(Some);
    found.or_else(|error| unknown(&error::translate(&error), "the type of a column is not known"))
}

/// A value of the column that is another one in the type `whole`, and that.
fn example(connection: &Connection, column: &Column<'_>, whole: &str) -> Result<Option<(String, String)>> {
    if is_exact(column.of, whole) {
        return Ok(None);
    }
    let name = sql_name(column.name);
    let most = if whole == "FLOAT" { 1_i64 << 24 } else { 1_i64 << 53 };
    // Files and row groups without such values are passed over.
    let large = match column.of {
        of if !LARGE.contains(&of) && !SMALL.contains(&of) => String::new(),
        of if of.starts_with('U') => format!("{name} > {most} AND "),
        _ => format!("({name} > {most} OR {name} < -{most}) AND "),
    };
    let query = format!(
        "SELECT CAST({name} AS VARCHAR), CAST(CAST({name} AS {whole}) AS VARCHAR) \
         FROM system.main.read_parquet([{}], union_by_name = true, can_have_nan = true, hive_partitioning = false) \
         WHERE {large}TRY_CAST({name} AS {whole}) IS NOT NULL AND TRY_CAST(TRY_CAST({name} AS {whole}) AS {}) IS DISTINCT FROM {name} LIMIT 1",
        file_list(column.files.iter().copied()),
        column.of
    );
    let found: duckdb::Result<Vec<(String, String)>> =
        connection.prepare(&query).and_then(|mut statement| {
            statement.query_map([], |row| Ok((row.get::<_, String>(0)?, row.get::<_, String>(1)?)))?.collect()
        });
    let found =
        found.or_else(|error| unknown(&error::translate(&error), "whether digits are lost is not known"))?;
    Ok(found.into_iter().next().map(|(value, read)| (shortened(&value), shortened(&read))))
}

/// Whether every value of the type `of` is the same one in the type `whole`.
fn is_exact(of: &str, whole: &str) -> bool {
    let is_small = SMALL.contains(&of);
    let is_whole_number = LARGE.contains(&whole) || SMALL.contains(&whole) || whole.starts_with("DECIMAL(");
    of == whole
        || whole == "VARCHAR"
        || is_small
            && (whole != "FLOAT" || of == "BOOLEAN" || of.ends_with("TINYINT") || of.ends_with("SMALLINT"))
        || LARGE.contains(&of) && is_whole_number && !whole.ends_with(']')
        || of == "FLOAT" && whole == "DOUBLE"
}

fn shortened(value: &str) -> String {
    match value.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}…", value.get(..end).unwrap_or_default()),
        None => value.to_owned(),
    }
}
