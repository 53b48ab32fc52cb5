//! What a query can name: tables, views and their columns, for completion and for the command line.

use serde::{Deserialize, Serialize};

use super::unlisted::Listings;
use super::{Cancel, Engine, error};
use crate::error::Result;

/// Everything a query can name.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Catalog {
    /// Tables and views.
    pub relations: Vec<Relation>,
}

/// A table or view.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Relation {
    /// The attached file it is in; empty for the views over the reports.
    pub database: String,
    /// Its name.
    pub name: String,
    /// Its columns, in order.
    pub columns: Vec<Column>,
}

/// A column.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Column {
    /// Its name.
    pub name: String,
    /// DuckDB's name of its type.
    #[serde(rename = "type")]
    pub type_name: String,
}

impl Engine {
    /// Lists what there is. A view over reports that are missing or broken is left out.
    ///
    /// # Errors
    /// What DuckDB says of an attached file, or a folder that cannot be listed now.
    pub fn catalog(&self, cancel: &Cancel) -> Result<Catalog> {
        let listings = Listings::watch();
        let _databases = self.hold_databases(cancel)?;
        let connection = self.own_connection()?;
        cancel.watch(connection.interrupt_handle());
        let made = self.list_reports().and_then(|(reports, _)| self.make_views(cancel, true, &reports));
        if let Err(error) = made {
            tracing::debug!(error = error.message, "the views are left out of the catalog");
        }
        cancel.watch(connection.interrupt_handle());
        let mut catalog = Catalog::default();
        let columns = "SELECT CASE WHEN database_name = 'memory' THEN '' ELSE database_name END, table_name, column_name, data_type \
                       FROM system.main.duckdb_columns() WHERE NOT internal ORDER BY 1, 2, column_index";
        let rows: Vec<(String, String, String, String)> = connection
            .prepare(columns)
            .and_then(|mut statement| {
                statement
                    .query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?)))?
                    .collect()
            })
            .map_err(|error| error::translate(&error))?;
        for (database, name, column, type_name) in rows {
            let column = Column { name: column, type_name };
            match catalog.relations.last_mut() {
                Some(last) if last.database == database && last.name == name => last.columns.push(column),
                _ => catalog.relations.push(Relation { database, name, columns: vec![column] }),
            }
        }
        listings.check()?;
        Ok(catalog)
    }
}
