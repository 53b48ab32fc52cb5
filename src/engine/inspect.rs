//! What the health check wants to know of the files themselves: whether each report can be read, how many
//! rows there are, and whether the weeks agree on their columns.

mod views;

use std::collections::BTreeMap;
use std::path::Path;

use duckdb::Connection;
use serde::{Deserialize, Serialize};

use super::examine::{MOST_SINGLE_LOOKS, is_without_columns, schemas};
use super::unlisted::Listings;
use super::{Cancel, Engine, error, sql_text};
use crate::error::{Error, Kind, Result};
use crate::limits::MB;
use crate::reports::{self, keys_of};
use crate::source::{Datasource, in_a_glob};

pub use views::Views;

/// Columns of a report: names and DuckDB's types.
pub type Columns = Vec<(String, String)>;

/// What was found.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Inspection {
    /// Rows in all reports.
    pub rows: u64,
    /// Reports that were read.
    pub files: u64,
    /// The newest week as YYYYWW: of the file names, or of the rows where no name tells one.
    pub newest_week: Option<i64>,
    /// Distinct sets of columns with one report that has it and how many do, commonest first.
    pub schemas: Vec<(Columns, String, u64)>,
    /// Reports that cannot be read, with DuckDB's reason.
    pub broken: Vec<(String, Error)>,
    /// What matches like a report and is not read: what it is and what to do, a sentence each.
    pub left_out: Vec<String>,
    /// Reports without any column, which count as ones without rows.
    pub without_columns: Vec<String>,
    /// Columns that the names of folders tell and reports have too, with such a report.
    pub told_twice: Vec<(String, String)>,
    /// Tables and views in the attached files.
    pub relations: u64,
    /// What is known of these views.
    pub views: Views,
}

impl Inspection {
    /// The error of one that is longer than `most` bytes.
    pub(crate) fn too_long(&self, most: u64) -> Error {
        let (schemas, broken, most) = (self.schemas.len(), self.broken.len(), most / MB);
        Error::new(
            Kind::Exhausted,
            format!(
                "what there is to say of the reports is longer than {most} MB: they have {schemas} different sets of \
                 columns, and {broken} of them cannot be read"
            ),
        )
        .hint("Move the reports that do not belong there, or set `reports` to a pattern that matches fewer")
    }
}

impl Engine {
    /// Reads the reports' footers and the database files' catalogs.
    ///
    /// # Errors
    /// What DuckDB says of a database file, or a folder that cannot be listed now. Broken reports are not errors but findings.
    pub fn inspect(&self, cancel: &Cancel) -> Result<Inspection> {
        let listings = Listings::watch();
        let databases = self.hold_databases(cancel)?;
        let connection = self.own_connection()?;
        cancel.watch(connection.interrupt_handle());
        let mut found = Inspection::default();
        let (reports, _) = self.list_reports()?;
        if !self.datasource.folders.is_empty() || !reports.are_missing() {
            found.left_out = reports
                .left_out()
                .iter()
                .map(|astray| {
                    let (why, remedy) = astray.explain();
                    format!("{why}, and left out: {remedy}")
                })
                .collect();
            let files: Vec<String> =
                reports.files().map(|file| file.to_string_lossy().into_owned()).collect();
            let named = files
                .iter()
                .filter_map(|file| reports::week_of_file_name(file))
                .max()
                .map(reports::IsoWeek::yyyyww);
            let mut good = files;
            if read_footers(&connection, &good, &mut found).is_err() {
                // One bad file fails them all: look at each.
                found = Inspection { left_out: found.left_out, ..Inspection::default() };
                for file in std::mem::take(&mut good).into_iter().take(MOST_SINGLE_LOOKS) {
                    cancel.check()?;
                    match read_footers(&connection, std::slice::from_ref(&file), &mut Inspection::default()) {
                        Ok(()) => good.push(file),
                        Err(error) if is_without_columns(&error) => {
                            found.files += 1;
                            found.without_columns.push(file);
                        }
                        Err(error) => found.broken.push((file, error)),
                    }
                }
                read_footers(&connection, &good, &mut found)?;
            }
            found.told_twice = told_twice(&self.datasource, &found.schemas);
            found.newest_week = named.or_else(|| newest_week(&connection, &good));
        }
        if let Some(held) = &databases {
            found.views = self.inspect_views(held.definitions(), cancel)?;
            let count = "SELECT system.main.count(*) FROM (SELECT 1 FROM system.main.duckdb_tables() WHERE NOT internal UNION ALL SELECT 1 FROM system.main.duckdb_views() WHERE NOT internal AND database_name NOT IN ('memory', 'temp'))";
            found.relations = rows_of(&connection, count)?.into_iter().next().unwrap_or(0);
        }
        listings.check()?;
        Ok(found)
    }
}

fn read_footers(connection: &Connection, files: &[String], found: &mut Inspection) -> Result<()> {
    if files.is_empty() {
        return Ok(());
    }
    let list: Vec<String> = files.iter().map(|file| sql_text(file)).collect();
    let list = list.join(", ");
    let (schemas, _) = schemas(connection, files)?;
    let rows = rows_of::<u64>(
        connection,
        &format!(
            "SELECT system.main.sum(num_rows)::UBIGINT FROM system.main.parquet_file_metadata([{list}])"
        ),
    )?;
    found.rows = rows.into_iter().next().unwrap_or(0);
    found.files += files.len() as u64;
    let mut by_columns: BTreeMap<Columns, (String, u64)> = BTreeMap::new();
    for (file, columns) in schemas {
        by_columns.entry(columns).or_insert_with(|| (file, 0)).1 += 1;
    }
    found.schemas = by_columns.into_iter().map(|(columns, (file, count))| (columns, file, count)).collect();
    found.schemas.sort_by_key(|schema| std::cmp::Reverse(schema.2));
    Ok(())
}

/// The newest week in the rows of `files`, of which some may hold text or nothing of the kind.
fn newest_week(connection: &Connection, files: &[String]) -> Option<i64> {
    let list: Vec<String> = files.iter().map(|file| sql_text(&in_a_glob(Path::new(file)))).collect();
    let newest = format!(
        "SELECT system.main.max(TRY_CAST(CAST(week AS VARCHAR) AS BIGINT)) \
         FROM system.main.read_parquet([{}], union_by_name = true, hive_partitioning = false)",
        list.join(", ")
    );
    rows_of::<Option<i64>>(connection, &newest).ok()?.into_iter().next().flatten()
}

/// Columns that the folders of one of these reports tell although it has them itself.
fn told_twice(datasource: &Datasource, schemas: &[(Columns, String, u64)]) -> Vec<(String, String)> {
    let mut found = BTreeMap::new();
    for (columns, file, _) in schemas {
        let mut folders = datasource.report_folders();
        let inside = folders.find_map(|folder| Path::new(file).strip_prefix(folder).ok());
        let keys = inside.and_then(Path::to_str).map(keys_of).unwrap_or_default();
        for (key, _) in
            keys.into_iter().filter(|(key, _)| columns.iter().any(|(name, _)| name.eq_ignore_ascii_case(key)))
        {
            found.entry(key.to_owned()).or_insert_with(|| file.clone());
        }
    }
    found.into_iter().collect()
}

fn rows_of<T: duckdb::types::FromSql>(connection: &Connection, sql: &str) -> Result<Vec<T>> {
    connection
        .prepare(sql)
        .and_then(|mut statement| statement.query_map([], |row| row.get(0))?.collect())
        .map_err(|error| error::translate(&error))
}
