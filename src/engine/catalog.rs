//! Lists what a query can name: tables, views and their columns, for completion and the command line.

use std::io::{self, Write};

use arrow::array::{AsArray, StringArray};
use grafana_frames::shape::{Each, Text};
use serde::{Deserialize, Serialize};

use super::unlisted::Listings;
use super::{Cancel, Engine, error, start_at};
use crate::error::{Error, Kind, Result};
use crate::limits::MB;

/// The form of the JSON that [`Engine::catalog`] writes. It holds no data: the list of a large database takes
/// much memory, so it is written, sent and passed on as text.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "a form: nothing is read from it")]
pub struct Catalog {
    /// Tables and views.
    relations: Each<Relation>,
}

/// A table or view.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "a form: nothing is read from it")]
struct Relation {
    /// The attached file that holds it; empty for the views over the reports.
    database: Text,
    /// Its schema; empty for `main`.
    schema: Text,
    /// Its name.
    name: Text,
    /// Its columns, in order.
    columns: Each<Column<Text>>,
}

/// A column.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Column<T> {
    /// Its name.
    name: T,
    /// DuckDB's name of its type.
    #[serde(rename = "type")]
    type_name: T,
}

impl Engine {
    /// Writes the catalog as JSON in the form of [`Catalog`], at most `most` bytes. Leaves out the views if
    /// reports are missing or broken.
    ///
    /// # Errors
    /// DuckDB's error about an attached file, an error if a folder cannot be listed, [`Kind::Exhausted`] if
    /// the list is longer, or the sink's error.
    pub fn catalog(&self, cancel: &Cancel, most: usize, sink: &mut impl Write) -> Result<()> {
        let listings = Listings::watch();
        let databases = self.hold_databases(cancel)?;
        let connection = self.own_connection()?;
        if let Some(held) = &databases {
            start_at(&connection, &self.bases_of(&held.definitions().reads), &self.datasource.base_path)?;
        }
        cancel.watch(connection.interrupt_handle());
        let made = self.list_reports().and_then(|(reports, _)| self.make_views(cancel, true, &reports));
        if let Err(error) = made {
            tracing::debug!(error = error.message, "the views are left out of the catalog");
        }
        cancel.watch(connection.interrupt_handle());
        let columns = "\
            SELECT CASE WHEN database_name = 'memory' THEN '' ELSE database_name END, \
            CASE WHEN schema_name = 'main' THEN '' ELSE schema_name END, table_name, column_name, data_type \
            FROM system.main.duckdb_columns() WHERE NOT internal ORDER BY 1, 2, 3, column_index";
        let mut statement = connection.prepare(columns).map_err(|error| error::translate(&error))?;
        let mut list = List { sink, left: most, columns: 0, last: None };
        for batch in statement.stream_arrow([]).map_err(|error| error::translate(&error))? {
            let batch = batch.map_err(|error| error::translate(&error))?;
            let texts: Vec<&StringArray> =
                batch.columns().iter().filter_map(|column| column.as_string_opt::<i32>()).collect();
            let [databases, schemas, names, columns, types] = texts.as_slice() else {
                return Err(Error::internal("the catalog has other columns than it should"));
            };
            for row in 0..batch.num_rows() {
                let relation = [databases, schemas, names].map(|texts| texts.value(row));
                let column = Column { name: columns.value(row), type_name: types.value(row) };
                list.add(relation, &column).map_err(|error| Error::internal(error.to_string()))?;
            }
            cancel.check()?;
        }
        list.end(most)?;
        listings.check()
    }
}

/// The list as it is written.
struct List<'a, W> {
    sink: &'a mut W,
    /// Bytes that may still be written.
    left: usize,
    columns: u64,
    /// The current relation.
    last: Option<[String; 3]>,
}

impl<W: Write> List<'_, W> {
    fn add(&mut self, relation: [&str; 3], column: &Column<&str>) -> io::Result<()> {
        self.columns += 1;
        let is_next = self.last.as_ref().is_none_or(|last| *last != relation);
        let mut text = Vec::new();
        if is_next {
            text.extend_from_slice(if self.last.is_some() { b"]}," } else { br#"{"relations":["# });
            let [database, schema, name] = relation;
            text.extend_from_slice(br#"{"database":"#);
            serde_json::to_writer(&mut text, database)?;
            text.extend_from_slice(br#","schema":"#);
            serde_json::to_writer(&mut text, schema)?;
            text.extend_from_slice(br#","name":"#);
            serde_json::to_writer(&mut text, name)?;
            text.extend_from_slice(br#","columns":["#);
            self.last = Some(relation.map(str::to_owned));
        } else {
            text.push(b',');
        }
        serde_json::to_writer(&mut text, column)?;
        self.write(&text)
    }

    /// Writes the text if there is room for it; after the first text without room, writes nothing more.
    fn write(&mut self, text: &[u8]) -> io::Result<()> {
        if let Some(left) = self.left.checked_sub(text.len()) {
            self.left = left;
            self.sink.write_all(text)
        } else {
            self.left = 0;
            Ok(())
        }
    }

    fn end(mut self, most: usize) -> Result<()> {
        let end: &[u8] = if self.last.is_some() { b"]}]}" } else { br#"{"relations":[]}"# };
        if self.left < end.len() {
            let (columns, most) = (self.columns, most as u64 / MB);
            let message =
                format!("the tables and views have {columns} columns, whose list is longer than {most} MB");
            return Err(Error::new(Kind::Exhausted, message)
                .hint("Ask for the columns of one of them: `DESCRIBE name`"));
        }
        self.write(end).map_err(|error| Error::internal(error.to_string()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use grafana_frames::shape;

    fn list(most: usize, columns: &[([&str; 3], &str)]) -> Result<Vec<u8>> {
        let mut text = Vec::new();
        let mut list = List { sink: &mut text, left: most, columns: 0, last: None };
        for (relation, name) in columns {
            list.add(*relation, &Column { name, type_name: "VARCHAR" }).unwrap();
        }
        list.end(most)?;
        shape::check::<Catalog>(&text).unwrap();
        Ok(text)
    }

    #[test]
    fn a_list_is_whole_or_an_error_that_says_how_long_it_is() {
        assert_eq!(list(100, &[]).unwrap(), br#"{"relations":[]}"#);
        let columns =
            [(["", "", "a"], "x"), (["", "", "a"], "y\""), (["d", "s", "a"], "x"), (["d", "t", "a"], "x")];
        let text = list(1_000, &columns).unwrap();
        let found: serde_json::Value = serde_json::from_slice(&text).unwrap();
        let column = |name: &str| serde_json::json!({ "name": name, "type": "VARCHAR" });
        let relation = |database: &str, schema: &str, columns: &[serde_json::Value]| serde_json::json!({ "database": database, "schema": schema, "name": "a", "columns": columns });
        let expected = [
            relation("", "", &[column("x"), column("y\"")]),
            relation("d", "s", &[column("x")]),
            relation("d", "t", &[column("x")]),
        ];
        assert_eq!(found["relations"], serde_json::json!(expected));
        assert_eq!(list(text.len(), &columns).unwrap(), text);
        for most in 0..text.len() {
            let error = list(most, &columns).unwrap_err();
            assert!(error.message.contains("have 4 columns, whose list is longer"), "{error}");
        }
    }
}
