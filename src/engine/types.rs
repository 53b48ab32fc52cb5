//! DuckDB's types on the way to Arrow: which columns must be cast first, and the type name that each column
//! carries as a tag.

use std::collections::HashMap;
use std::sync::Arc;

use arrow::datatypes::{Field, Schema, SchemaRef};
use duckdb::Statement;
use duckdb::core::{LogicalTypeHandle, LogicalTypeId};

use super::sql_name;
use crate::frame::SQL_TYPE;

/// How a column is read so that Arrow carries its values unchanged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reading {
    /// Without a cast.
    Plain,
    /// Cast to text. Arrow would lose values (UHUGEINT wraps, TIMETZ drops its offset), reject them (VARIANT)
    /// or return unreadable bytes (BIT, BIGNUM, GEOMETRY); an ENUM would copy its dictionary into every
    /// batch.
    Text,
    /// As JSON: a nested type that contains one of the types cast to text.
    Json,
}

/// Determines how to read each column of a prepared statement.
pub(super) fn readings(statement: &Statement<'_>) -> Vec<Reading> {
    (0..statement.column_count()).map(|column| reading(&statement.column_logical_type(column))).collect()
}

fn reading(kind: &LogicalTypeHandle) -> Reading {
    match kind.id() {
        LogicalTypeId::Enum => Reading::Text,
        id if is_misread(id) => Reading::Text,
        _ if holds_misread(kind, 0) => Reading::Json,
        _ => Reading::Plain,
    }
}

fn is_misread(id: LogicalTypeId) -> bool {
    matches!(
        id,
        LogicalTypeId::Variant
            | LogicalTypeId::TimeTZ
            | LogicalTypeId::Bit
            | LogicalTypeId::Bignum
            | LogicalTypeId::UHugeint
            | LogicalTypeId::Geometry
    )
}

fn holds_misread(kind: &LogicalTypeHandle, depth: usize) -> bool {
    // A type nested more deeply is read as JSON, so that walking types cannot exhaust the stack.
    depth > 64
        || (0..kind.num_children())
            .map(|index| kind.child(index))
            .any(|child| is_misread(child.id()) || holds_misread(&child, depth + 1))
}

/// Wraps `sql` so that each column is read as in `readings`. `names` are the columns' names.
pub(super) fn wrap(sql: &str, names: &[String], readings: &[Reading]) -> String {
    let aliases: Vec<String> = (0..readings.len()).map(|index| format!("c{index}")).collect();
    let columns: Vec<String> = readings
        .iter()
        .zip(&aliases)
        .zip(names)
        .map(|((reading, alias), name)| {
            let value = match reading {
                Reading::Plain => alias.clone(),
                Reading::Text => format!("{alias}::VARCHAR"),
                Reading::Json => format!("system.main.to_json({alias})"),
            };
            // An empty name cannot be written as an identifier; the frame names such columns itself.
            if name.is_empty() { value } else { format!("{value} AS {}", sql_name(name)) }
        })
        .collect();
    format!("SELECT {} FROM (\n{sql}\n) AS q({})", columns.join(", "), aliases.join(", "))
}

/// Returns the type name of each column for `frame`: DuckDB's alias (`JSON`) or name of the type before any
/// cast, or `JSON` for columns read as JSON.
pub(super) fn names(statement: &Statement<'_>, readings: &[Reading]) -> Vec<String> {
    let name = |(column, reading): (usize, &Reading)| {
        if *reading == Reading::Json {
            return "JSON".to_owned();
        }
        let kind = statement.column_logical_type(column);
        kind.get_alias().unwrap_or_else(|| type_name(kind.id()).to_owned())
    };
    readings.iter().enumerate().map(name).collect()
}

/// Returns the schema with each field tagged with its type name, and each field's name passed through
/// `called`.
pub(super) fn tagged(schema: &Schema, names: Vec<String>, called: impl Fn(&str) -> String) -> SchemaRef {
    let fields = schema.fields().iter().zip(names.into_iter().chain(std::iter::repeat(String::new())));
    Arc::new(Schema::new(
        fields
            .map(|(field, name)| {
                let called = called(field.name());
                field
                    .as_ref()
                    .clone()
                    .with_name(called)
                    .with_metadata(HashMap::from([(SQL_TYPE.to_owned(), name)]))
            })
            .collect::<Vec<Field>>(),
    ))
}

fn type_name(id: LogicalTypeId) -> &'static str {
    use LogicalTypeId as Id;
    match id {
        Id::Boolean => "BOOLEAN",
        Id::Tinyint => "TINYINT",
        Id::Smallint => "SMALLINT",
        Id::Integer => "INTEGER",
        Id::Bigint => "BIGINT",
        Id::UTinyint => "UTINYINT",
        Id::USmallint => "USMALLINT",
        Id::UInteger => "UINTEGER",
        Id::UBigint => "UBIGINT",
        Id::Hugeint => "HUGEINT",
        Id::UHugeint => "UHUGEINT",
        Id::Bignum => "BIGNUM",
        Id::Float => "FLOAT",
        Id::Double => "DOUBLE",
        Id::Decimal => "DECIMAL",
        Id::Varchar | Id::StringLiteral => "VARCHAR",
        Id::Blob => "BLOB",
        Id::Bit => "BIT",
        Id::Uuid => "UUID",
        Id::Enum => "ENUM",
        Id::Date => "DATE",
        Id::Time => "TIME",
        Id::TimeNs => "TIME_NS",
        Id::TimeTZ => "TIME WITH TIME ZONE",
        Id::Timestamp => "TIMESTAMP",
        Id::TimestampS => "TIMESTAMP_S",
        Id::TimestampMs => "TIMESTAMP_MS",
        Id::TimestampNs => "TIMESTAMP_NS",
        Id::TimestampTZ => "TIMESTAMP WITH TIME ZONE",
        Id::Interval => "INTERVAL",
        Id::List => "LIST",
        Id::Array => "ARRAY",
        Id::Struct => "STRUCT",
        Id::Map => "MAP",
        Id::Union => "UNION",
        Id::Variant => "VARIANT",
        Id::Geometry => "GEOMETRY",
        Id::SqlNull => "NULL",
        _ => "UNKNOWN",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_arrow_misreads_is_cast_and_the_rest_left_alone() {
        let connection = duckdb::Connection::open_in_memory().unwrap();
        let sql = "SELECT 1 AS a, 'x'::VARIANT AS b, ['101'::BIT] AS \"b\", {'t': 1} AS s, 1::UHUGEINT AS u, 'x'::ENUM('x') AS e";
        let statement = connection.prepare(sql).unwrap();
        let found = readings(&statement);
        assert_eq!(
            found,
            [Reading::Plain, Reading::Text, Reading::Json, Reading::Plain, Reading::Text, Reading::Text]
        );
        let names = ["a", "b", "b", "s", "u", "e"].map(str::to_owned);
        let wrapped = wrap(sql, &names, &found);
        let rows: Vec<(i32, String, String)> = connection
            .prepare(&wrapped)
            .unwrap()
            .query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))
            .unwrap()
            .collect::<Result<_, _>>()
            .unwrap();
        assert_eq!(rows, [(1, "x".to_owned(), "[\"101\"]".to_owned())]);
    }
}
