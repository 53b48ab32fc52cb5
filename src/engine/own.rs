//! The plugin's own objects in DuckDB's `memory` database: the views over the reports, and the macros that
//! replace ICU's functions. No query's transaction can write there. If DuckDB runs a query as several
//! statements, the objects are compared afterwards nevertheless: a replaced view would give wrong data to all
//! later queries.

use std::collections::BTreeSet;

use duckdb::Connection;

use super::{Engine, error};
use crate::error::{Error, Result};

/// One object of `memory`, as a line.
type Object = String;

/// Lists all objects except the views, which [`super::views`] creates again.
const OBJECTS: &str = "\
    SELECT 'function ' || schema_name || '.' || function_name || CASE WHEN macro_definition IS NULL THEN '' ELSE ' ' || macro_definition END \
    FROM system.main.duckdb_functions() WHERE database_name = 'memory' \
    UNION ALL SELECT 'table ' || schema_name || '.' || table_name FROM system.main.duckdb_tables() WHERE database_name = 'memory' \
    UNION ALL SELECT 'type ' || schema_name || '.' || type_name FROM system.main.duckdb_types() \
    WHERE database_name = 'memory' AND NOT internal \
    UNION ALL SELECT 'sequence ' || schema_name || '.' || sequence_name FROM system.main.duckdb_sequences() WHERE database_name = 'memory' \
    UNION ALL SELECT 'schema ' || schema_name FROM system.main.duckdb_schemas() WHERE database_name = 'memory' AND NOT internal \
    UNION ALL SELECT 'database ' || database_name FROM system.main.duckdb_databases() WHERE readonly IS FALSE";
const VIEWS: &str = "\
    SELECT schema_name || '.' || view_name || ' ' || sql FROM system.main.duckdb_views() WHERE database_name = 'memory' AND NOT internal";

/// The objects that existed when the engine was opened.
#[derive(Debug)]
pub(super) struct OwnObjects(BTreeSet<Object>);

impl OwnObjects {
    pub(super) fn read(connection: &Connection) -> Result<Self> {
        list(connection, OBJECTS).map(Self)
    }
}

/// Lists the current views.
pub(super) fn views(connection: &Connection) -> Result<BTreeSet<Object>> {
    list(connection, VIEWS)
}

fn list(connection: &Connection, sql: &str) -> Result<BTreeSet<Object>> {
    connection
        .prepare(sql)
        .and_then(|mut statement| statement.query_map([], |row| row.get(0))?.collect())
        .map_err(|error| error::translate(&error))
}

impl Engine {
    /// Compares the current objects with those that the plugin created.
    ///
    /// # Errors
    /// [`crate::error::Kind::Internal`] if they differ: this worker must not answer any further query.
    pub(super) fn check_own_objects(&self) -> Result<()> {
        let connection = self.own_connection()?;
        if OwnObjects::read(&connection)?.0 == self.own.0 && self.views_are_as_made(&connection)? {
            return Ok(());
        }
        Err(Error::internal(
            "a query changed what the plugin keeps in DuckDB, so that its worker is replaced",
        )
        .hint("Please report it with the query"))
    }
}
