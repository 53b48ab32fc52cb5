//! What the health check wants to know of the files themselves: whether each report can be read, how many
//! rows there are, and whether the weeks agree on their columns.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use duckdb::Connection;
use serde::{Deserialize, Serialize};

use super::flaws::{self, Budget, Flaw};
use super::unlisted::Listings;
use super::{Cancel, Engine, error, sql_text, text};
use crate::error::{Error, Kind, Result};
use crate::limits::MB;
use crate::reports;
use crate::source::{Astray, Found, in_a_glob};

/// How many broken files are looked for one by one.
const MOST_SINGLE_LOOKS: usize = 2_000;

/// How long and how much of the reports is read to find damaged ones.
const LONGEST_READING: Duration = Duration::from_secs(4);
const MOST_BYTES: u64 = 1 << 30;
/// Weeks among which the newest is looked for.
const MOST_WEEKS: u32 = 10_000;

/// What was found.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Inspection {
    /// Rows in all reports.
    pub rows: u64,
    /// Reports that were read.
    pub files: u64,
    /// The newest week as YYYYWW: of the rows, or of the file names where the rows tell none.
    pub newest_week: Option<i64>,
    /// Distinct sets of columns with one report that has it and how many do, commonest first.
    pub schemas: Vec<(String, String, u64)>,
    /// Reports that cannot be read, with DuckDB's reason.
    pub broken: Vec<(String, Error)>,
    /// What matches like a report and is not read: what it is and what to do, a sentence each.
    pub left_out: Vec<String>,
    /// Reports that are not read as they are: why and what to do, a sentence each.
    #[serde(default)]
    pub odd: Vec<String>,
    /// Reports that were not read to their end, because there are too many or they are too large.
    #[serde(default)]
    pub unread: u64,
    /// Tables and views in the attached files.
    pub relations: u64,
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
        let _databases = self.hold_databases(cancel)?;
        let connection = self.own_connection()?;
        cancel.watch(connection.interrupt_handle());
        let mut found = Inspection::default();
        if !self.datasource.folders.is_empty() {
            let (reports, listed) = self.list_reports()?;
            found.left_out = reports.left_out().iter().map(left_out).collect();
            let files: Vec<String> =
                reports.files().map(|file| file.to_string_lossy().into_owned()).collect();
            if read_footers(&connection, &files, &mut found).is_err() {
                // One bad file fails them all: look at each.
                found = Inspection { left_out: std::mem::take(&mut found.left_out), ..Inspection::default() };
                let mut good = Vec::new();
                for file in files.into_iter().take(MOST_SINGLE_LOOKS) {
                    cancel.check()?;
                    match read_footers(&connection, std::slice::from_ref(&file), &mut Inspection::default()) {
                        Ok(()) => good.push(file),
                        Err(error) => {
                            let error = self.named(Path::new(&file), error);
                            found.broken.push((file, error));
                        }
                    }
                }
                read_footers(&connection, &good, &mut found)?;
            }
            self.read_to_the_end(&listed.files, cancel, &mut found)?;
            let is_sound = |file: &&Path| {
                let file = file.to_string_lossy();
                !found.broken.iter().any(|(broken, _)| *broken == file)
            };
            let sound: Vec<&Path> = reports.files().filter(is_sound).collect();
            found.newest_week = newest_week(&connection, &sound).or_else(|| {
                let named =
                    sound.iter().filter_map(|file| reports::week_of_file_name(&file.to_string_lossy()));
                named.max().map(reports::IsoWeek::yyyyww)
            });
        }
        if !self.datasource.databases.is_empty() {
            let count = "SELECT system.main.count(*) FROM (SELECT 1 FROM system.main.duckdb_tables() WHERE NOT internal UNION ALL SELECT 1 FROM system.main.duckdb_views() WHERE NOT internal)";
            found.relations = rows_of(&connection, count)?.into_iter().next().unwrap_or(0);
        }
        listings.check()?;
        Ok(found)
    }
}

impl Engine {
    /// The error over a report that cannot be read, with what to do.
    fn named(&self, file: &Path, error: Error) -> Error {
        match Some(&error).filter(|error| text::is_of_names(error)).and_then(|_| self.odd_name(file)) {
            Some(column) => Error::new(error.kind, format!("the name of its column `{column}` is not UTF-8"))
                .hint(text::RENAME),
            None => damaged(error),
        }
    }

    /// Reads what is in the reports, of which the footers tell nothing: the newest first, and no more than a person waits for.
    fn read_to_the_end(&self, files: &[Found], cancel: &Cancel, found: &mut Inspection) -> Result<()> {
        let is_broken = |file: &Found| found.broken.iter().any(|(broken, _)| Path::new(broken) == file.path);
        let mut sound: Vec<Found> = files.iter().filter(|file| !is_broken(file)).cloned().collect();
        sound.sort_unstable_by(|one, other| other.path.file_name().cmp(&one.path.file_name()));
        let searched = self.look_for_flaws(&sound, Budget::new(LONGEST_READING, MOST_BYTES), cancel)?;
        found.unread = searched.unread as u64;
        for (file, flaw) in searched.flawed {
            match flaw {
                Flaw::Damaged(error) => {
                    found.broken.push((file.to_string_lossy().into_owned(), damaged(error)));
                }
                Flaw::Name(_) => {}
                Flaw::Texts(columns) => {
                    let why = flaws::not_utf8(&file, &columns);
                    found.odd.push(format!(
                        "{why}; the views show `?` for each byte that is not. {}",
                        flaws::WRITE_UTF8
                    ));
                }
            }
        }
        Ok(())
    }
}

/// The error over a report that cannot be read, with what to do.
fn damaged(error: Error) -> Error {
    let hint = error.hint.or_else(|| Some(flaws::WRITE_AGAIN.to_owned()));
    Error { hint, ..error }
}

/// What is said of something that is left out. The log alone tells where a link leads: that is no business of Viewers.
fn left_out(astray: &Astray) -> String {
    if let Some(link) = astray.link() {
        let target = std::fs::read_link(link);
        tracing::warn!(link = %link.display(), leads_to = ?target.ok(), "a link among the reports is not followed");
    }
    let (why, remedy) = astray.explain();
    let told = if astray.link().is_some() { " (the plugin's log tells where it leads)" } else { "" };
    format!("{why}{told}, and left out: {remedy}")
}

/// The newest week that the rows of `files` tell: names may be wrong.
fn newest_week(connection: &Connection, files: &[&Path]) -> Option<i64> {
    let files: Vec<String> = files.iter().map(|file| sql_text(&in_a_glob(file))).collect();
    let from = format!("FROM system.main.read_parquet([{}], union_by_name = true)", files.join(", "));
    let is_week = |week: &i64| reports::IsoWeek::from_yyyyww(*week).is_some();
    let newest = format!("SELECT TRY_CAST(system.main.max(week) AS BIGINT) {from}");
    let newest = rows_of::<Option<i64>>(connection, &newest).ok()?.into_iter().next().flatten();
    if newest.as_ref().is_some_and(is_week) {
        return newest;
    }
    // Rows may tell numbers that are no week, and those may be many.
    let weeks = format!(
        "SELECT DISTINCT TRY_CAST(week AS BIGINT) AS week {from} WHERE TRY_CAST(week AS BIGINT) IS NOT NULL ORDER BY week DESC LIMIT {MOST_WEEKS}"
    );
    rows_of::<i64>(connection, &weeks).ok()?.into_iter().find(is_week).or(newest)
}

fn read_footers(connection: &Connection, files: &[String], found: &mut Inspection) -> Result<()> {
    if files.is_empty() {
        return Ok(());
    }
    let list: Vec<String> = files.iter().map(|file| sql_text(file)).collect();
    let list = list.join(", ");
    let columns = format!(
        "SELECT file_name, system.main.string_agg(name || ' ' || coalesce(duckdb_type, type), ', ' ORDER BY column_id) \
         FROM system.main.parquet_schema([{list}]) WHERE num_children IS NULL OR num_children = 0 GROUP BY file_name ORDER BY file_name"
    );
    let schemas: Vec<(String, String)> = connection
        .prepare(&columns)
        .and_then(|mut statement| statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?.collect())
        .map_err(|error| error::translate(&error))?;
    let rows = rows_of::<u64>(
        connection,
        &format!(
            "SELECT system.main.sum(num_rows)::UBIGINT FROM system.main.parquet_file_metadata([{list}])"
        ),
    )?;
    found.rows = rows.into_iter().next().unwrap_or(0);
    found.files = files.len() as u64;
    let mut by_columns: BTreeMap<String, (String, u64)> = BTreeMap::new();
    for (file, columns) in schemas {
        by_columns.entry(columns).or_insert_with(|| (file, 0)).1 += 1;
    }
    found.schemas = by_columns.into_iter().map(|(columns, (file, count))| (columns, file, count)).collect();
    found.schemas.sort_by_key(|schema| std::cmp::Reverse(schema.2));
    Ok(())
}

fn rows_of<T: duckdb::types::FromSql>(connection: &Connection, sql: &str) -> Result<Vec<T>> {
    connection
        .prepare(sql)
        .and_then(|mut statement| statement.query_map([], |row| row.get(0))?.collect())
        .map_err(|error| error::translate(&error))
}
