//! The views and macros in database files. A query runs them by naming them, so they are checked like its own
//! text, which also tells what they read. A query that names a refused one is refused; the other definitions
//! stay usable.
//!
//! DuckDB gives neither the defaults of a macro's parameters nor the expressions of generated columns, so
//! those are not checked here. The engine's settings, the read-only transaction and the jail still apply to
//! them.

use std::collections::HashMap;
use std::sync::Arc;

use duckdb::Connection;
use parking_lot::Mutex;

use super::gate::{Gate, Verdict, is_function_of_the_engine};
use super::reads::Stored;
use super::reads::ViewReads;
use super::{error, sql_text};
use crate::error::{Error, Kind, Result};

/// A table or view by database, schema and name.
pub(super) type Relation = [String; 3];

/// The percentile columns of tables and views that hold NaN. It is kept with the definitions and so looked
/// for once per version of the files.
#[derive(Debug, Default)]
pub(super) struct WithNan(pub(super) Mutex<HashMap<Relation, Vec<String>>>);

/// The definitions in the attached files.
#[derive(Debug, Default)]
pub(super) struct Definitions {
    /// What their views and macros read.
    pub(super) reads: ViewReads,
    /// Tables and views by database, schema and name, in the order in which their names are looked up.
    pub(super) relations: Vec<Relation>,
    /// What is known of NaN in them.
    pub(super) with_nan: WithNan,
    /// Views and macros that a query may not name, by name in lower case, with the reason.
    refused: HashMap<Object, Error>,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Object {
    View(String),
    Macro(String),
}

impl Object {
    fn phrase(&self) -> String {
        match self {
            Self::View(name) => format!("the view `{name}`"),
            Self::Macro(name) => format!("the macro `{name}`"),
        }
    }
}

impl Definitions {
    /// Reads the definitions of the attached `databases`. `connection` is one of the plugin's own.
    ///
    /// # Errors
    /// Fails if the definitions cannot be listed: then no query may use the files.
    pub(super) fn read(gate: &Gate, connection: &Connection, databases: &[String]) -> Result<Self> {
        let mut found = Self::default();
        if databases.is_empty() {
            return Ok(found);
        }
        let names: Vec<String> = databases.iter().map(|name| sql_text(name)).collect();
        let names = names.join(", ");
        let views = format!(
            "SELECT database_name, schema_name, view_name, sql FROM system.main.duckdb_views() \
             WHERE NOT internal AND database_name IN ({names})"
        );
        let macros = format!(
            "SELECT database_name, schema_name, function_name, macro_definition, function_type FROM system.main.duckdb_functions() \
             WHERE macro_definition IS NOT NULL AND database_name IN ({names})"
        );
        let relations = format!(
            "SELECT database_name, schema_name, table_name FROM system.main.duckdb_tables() WHERE database_name IN ({names}) \
             UNION ALL SELECT database_name, schema_name, view_name FROM system.main.duckdb_views() \
             WHERE NOT internal AND database_name IN ({names})"
        );
        for path in rows(connection, &relations, |row| {
            Ok([row.get::<_, String>(0)?, row.get::<_, String>(1)?, row.get::<_, String>(2)?])
        })? {
            found.reads.add_relation(path.each_ref().map(String::as_str));
            found.relations.push(path);
        }
        let place = |[database, ..]: &Relation| databases.iter().position(|name| name == database);
        found.relations.sort_by_key(place);
        let mut judged = Vec::new();
        for [database, schema, name, sql] in rows(connection, &views, |row| {
            Ok([row.get::<_, String>(0)?, row.get(1)?, row.get(2)?, row.get(3)?])
        })? {
            let verdict = gate.check_view(&sql).map(|(verdict, columns)| {
                let stored = Stored::of(&database, &schema, columns, &sql, databases);
                found.reads.add(name.clone(), Some(stored), Arc::clone(&verdict));
                verdict
            });
            judged.push((Object::View(name.to_lowercase()), verdict));
        }
        for [database, schema, name, body, kind] in rows(connection, &macros, |row| {
            Ok([row.get::<_, String>(0)?, row.get(1)?, row.get(2)?, row.get(3)?, row.get(4)?])
        })? {
            let gives_table = kind == "table_macro";
            if gives_table {
                found.reads.add_table_macro([&database, &schema, &name]);
            }
            let text = if gives_table { body } else { format!("SELECT {body}") };
            let verdict = gate.check_stored(&text);
            if let Ok(verdict) = &verdict {
                found.reads.add(name.clone(), None, Arc::clone(verdict));
            }
            judged.push((Object::Macro(name.to_lowercase()), verdict));
        }
        found.refuse(judged);
        Ok(found)
    }

    /// Keeps the refused definitions, and those that name a refused one, directly or through others.
    fn refuse(&mut self, judged: Vec<(Object, Result<Arc<Verdict>>)>) {
        let mut passed = Vec::new();
        for (object, verdict) in judged {
            match verdict {
                Ok(verdict) => passed.push((object, verdict)),
                Err(error) => {
                    self.refused.insert(object, error);
                }
            }
        }
        loop {
            let before = self.refused.len();
            passed.retain(|(object, verdict)| match self.named_by(verdict) {
                Some((_, error)) => {
                    let error = error.clone();
                    self.refused.insert(object.clone(), error);
                    false
                }
                None => true,
            });
            if self.refused.len() == before {
                return;
            }
        }
    }

    /// Returns a refused definition that the text of `verdict` names. DuckDB calls some functions by
    /// unqualified names itself, for `SUMMARIZE` or a lone `session_user`, and would find a macro of that
    /// name in the file instead. Such a refused macro counts as named by every text.
    fn named_by(&self, verdict: &Verdict) -> Option<(&Object, &Error)> {
        let shadow = self
            .refused
            .iter()
            .find(|(object, _)| matches!(object, Object::Macro(name) if is_function_of_the_engine(name)));
        if shadow.is_some() {
            return shadow;
        }
        let views = verdict.names.iter().map(|name| Object::View(name.to_lowercase()));
        let macros = verdict.functions.iter().map(|name| Object::Macro(name.to_lowercase()));
        views.chain(macros).find_map(|object| self.refused.get_key_value(&object))
    }

    /// Checks whether a query may run.
    ///
    /// # Errors
    /// [`Kind::Forbidden`] if it names a view or macro that does more than a query may.
    pub(super) fn check(&self, verdict: &Verdict) -> Result<()> {
        let Some((object, error)) = self.named_by(verdict) else { return Ok(()) };
        let message =
            format!("{} of the database file may not be queried: {}", object.phrase(), error.message);
        let hint = error.hint.as_deref().unwrap_or("What a query names is judged like its own text");
        Err(Error::new(Kind::Forbidden, message).hint(hint))
    }
}

fn rows<T>(
    connection: &Connection,
    sql: &str,
    read: impl Fn(&duckdb::Row<'_>) -> duckdb::Result<T>,
) -> Result<Vec<T>> {
    connection
        .prepare(sql)
        .and_then(|mut statement| statement.query_map([], |row| read(row))?.collect())
        .map_err(|error| error::translate(&error))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns the definitions of a file, attached as catalog `f`, in which `sql` has run.
    fn of_a_file(gate: &Gate, sql: &str) -> Definitions {
        let folder = tempfile::tempdir().unwrap();
        let connection = Connection::open_in_memory().unwrap();
        let file = folder.path().join("f.duckdb");
        connection.execute_batch(&format!("ATTACH '{}' AS f; {sql}", file.display())).unwrap();
        Definitions::read(gate, &connection, &["f".to_owned()]).unwrap()
    }

    #[test]
    fn what_does_more_than_a_query_may_is_refused_however_far_away() {
        let gate = Gate::open().unwrap();
        let found = of_a_file(
            &gate,
            "CREATE MACRO f.told() AS current_setting('temp_directory'); CREATE MACRO f.twice(a) AS a || f.told(); \
             CREATE VIEW f.over AS SELECT f.twice('x') AS a; CREATE VIEW f.plain AS SELECT 1 AS a; CREATE MACRO f.half(a) AS a / 2",
        );
        for sql in [
            "SELECT told()",
            "SELECT TWICE('a')",
            "FROM f.main.\"Over\"",
            "SHOW over",
            "FROM pragma_table_info('f.over')",
        ] {
            let error = found.check(&gate.check(sql).unwrap()).expect_err(sql);
            assert!(
                error.kind == Kind::Forbidden && error.message.contains("may not be queried"),
                "{sql}: {error}"
            );
        }
        for sql in ["FROM plain", "SELECT half(1)", "SELECT 'told', \"over\" FROM plain"] {
            assert!(found.check(&gate.check(sql).unwrap()).is_ok(), "{sql}");
        }
    }

    /// `SELECT session_user` calls the macro, although nothing in the text shows it.
    #[test]
    fn a_refused_macro_with_the_name_of_a_function_of_the_engine_stops_all() {
        let gate = Gate::open().unwrap();
        let found = of_a_file(&gate, "CREATE MACRO f.session_user() AS current_setting('temp_directory')");
        for sql in ["SELECT session_user", "SUMMARIZE t", "SELECT 1"] {
            assert!(found.check(&gate.check(sql).unwrap()).is_err(), "{sql}");
        }
        let harmless = of_a_file(&gate, "CREATE MACRO f.session_user() AS 'me'");
        assert!(harmless.check(&gate.check("SELECT session_user").unwrap()).is_ok());
    }

    #[test]
    fn what_is_named_reads_files_through_macros_too() {
        let gate = Gate::open().unwrap();
        let found = of_a_file(
            &gate,
            "CREATE MACRO f.m() AS TABLE SELECT * FROM read_text('l*k/x.csv'); CREATE VIEW f.v AS SELECT 1 AS a; \
             CREATE MACRO f.over() AS TABLE SELECT * FROM f.m()",
        );
        for (sql, expected) in [("FROM m()", 1), ("FROM over()", 2), ("SELECT 1", 0), ("SHOW v", 1)] {
            let verdict = gate.check(sql).unwrap();
            assert_eq!(found.reads.split(&verdict).0.len(), expected, "{sql}");
        }
    }
}
