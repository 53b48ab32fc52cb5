//! Tables and views of the attached files that read no files themselves. Tells a query of NaN in their
//! percentiles, which DuckDB takes for the largest number, and of an unqualified name that several files
//! have.

use std::collections::BTreeSet;

use duckdb::Connection;

use super::arguments::Arguments;
use super::definitions::{Definitions, Relation};
use super::reads::knows_nan;
use super::weeks::unknown;
use super::{Cancel, Engine, error, gate, sql_name};
use crate::error::Result;
use crate::reports::PERCENTILES;

/// What to do about NaN.
const REMEDY: &str = "write NULL in its place";

impl Engine {
    /// Adds the notices about the tables and views of the attached files that the statement of `verdict`
    /// names.
    ///
    /// # Errors
    /// [`crate::error::Kind::Cancelled`], or the error of opening a connection.
    pub(super) fn tell_of_relations(
        &self,
        verdict: &gate::Verdict,
        definitions: &Definitions,
        cancel: &Cancel,
        told: &mut Arguments,
    ) -> Result<()> {
        let names: BTreeSet<String> =
            verdict.reads.tables.iter().map(|name| name.to_ascii_lowercase()).collect();
        let text = verdict.sql.to_ascii_lowercase();
        for name in names {
            let mut found: Vec<&Relation> = definitions
                .relations
                .iter()
                .filter(|[.., known]| known.eq_ignore_ascii_case(&name))
                .collect();
            let times = |those: &[String]| those.iter().filter(|one| one.eq_ignore_ascii_case(&name)).count();
            let is_bare = times(&verdict.reads.tables) > times(&verdict.qualified);
            let bare: Vec<&Relation> =
                found.iter().copied().filter(|[_, schema, _]| schema == "main").collect();
            if let (true, [first, _, ..]) = (is_bare, bare.as_slice()) {
                told.notices.push(of_several(first, &bare));
            }
            if is_bare && times(&verdict.qualified) == 0 {
                found = bare;
                found.truncate(1);
            }
            for relation in found {
                let mut columns = self.nan_in(relation, definitions, cancel)?;
                columns.retain(|column| verdict.columns.may_have(column) && !knows_nan(&text, column));
                if let Some(first) = columns.first() {
                    told.notices.push(format!(
                        "{}, which DuckDB takes for the largest number, so that it counts as slow and as the slowest: {REMEDY}, or `nullif({first}, 'nan')` in the query",
                        held(relation, &columns)
                    ));
                }
            }
        }
        Ok(())
    }

    /// Returns the percentile columns of a table or view that hold NaN; none if it reads files, about which
    /// [`Engine::stored_views`] tells.
    ///
    /// # Errors
    /// [`crate::error::Kind::Cancelled`], or the error of opening a connection.
    pub(super) fn nan_in(
        &self,
        relation: &Relation,
        definitions: &Definitions,
        cancel: &Cancel,
    ) -> Result<Vec<String>> {
        if let Some(known) = definitions.with_nan.0.lock().get(relation) {
            return Ok(known.clone());
        }
        let [database, _, name] = relation;
        let of_it = definitions.reads.all().iter().find(|view| {
            view.name.eq_ignore_ascii_case(name)
                && view.stored.as_ref().is_some_and(|stored| stored.database == *database)
        });
        let reads_files = |verdict: &gate::Verdict| !verdict.reads.files.is_empty();
        let is_of_files = of_it.is_some_and(|view| {
            let below = definitions.reads.named_by(&view.verdict);
            reads_files(&view.verdict) || below.iter().any(|view| reads_files(&view.verdict))
        });
        let mut columns = Vec::new();
        if !is_of_files {
            let connection = self.own_connection()?;
            cancel.watch(connection.interrupt_handle());
            columns = look(&connection, relation)?;
        }
        definitions.with_nan.0.lock().insert(relation.clone(), columns.clone());
        Ok(columns)
    }
}

fn look(connection: &Connection, relation: &Relation) -> Result<Vec<String>> {
    let named = relation.each_ref().map(|part| sql_name(part)).join(".");
    let list = format!(
        "SELECT column_name FROM (DESCRIBE FROM {named}) WHERE column_type IN ('FLOAT', 'DOUBLE') \
         AND system.main.lower(column_name) IN ('{}')",
        PERCENTILES.join("', '")
    );
    let columns: duckdb::Result<Vec<String>> = connection
        .prepare(&list)
        .and_then(|mut statement| statement.query_map([], |row| row.get(0))?.collect());
    let columns = columns
        .or_else(|error| unknown(&error::translate(&error), "the columns of a table are not known"))?;
    let mut with_nan = Vec::new();
    for column in columns {
        let query =
            format!("SELECT EXISTS (FROM {named} WHERE {} = CAST('nan' AS DOUBLE))", sql_name(&column));
        let found: duckdb::Result<bool> = connection.query_row(&query, [], |row| row.get(0));
        let holds = found
            .or_else(|error| unknown(&error::translate(&error), "whether a value is NaN is not known"))?;
        if holds {
            with_nan.push(column.to_lowercase());
        }
    }
    Ok(with_nan)
}

/// Says which columns of a table or view hold NaN: `` `p95_ms` of `perf_all_weeks` in the database file
/// `perf` holds NaN ``.
pub(super) fn held([database, schema, name]: &Relation, columns: &[String]) -> String {
    let columns: Vec<String> = columns.iter().map(|column| format!("`{column}`")).collect();
    let name = if schema == "main" { name.clone() } else { format!("{schema}.{name}") };
    let holds = if columns.len() == 1 { "holds" } else { "hold" };
    format!("{} of `{name}` in the database file `{database}` {holds} NaN", columns.join(", "))
}

/// Returns the notice about a name that several files have, of which DuckDB takes the first.
fn of_several([first, _, name]: &Relation, all: &[&Relation]) -> String {
    let files: Vec<String> = all.iter().map(|[database, ..]| format!("`{database}`")).collect();
    let names: Vec<String> = all.iter().map(|[database, ..]| format!("`{database}.{name}`")).collect();
    format!(
        "`{name}` is in several database files ({}), and the one of `{first}` is read: write {}",
        files.join(", "),
        names.join(" or ")
    )
}
