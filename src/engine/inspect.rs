//! Examines the files for the health check: whether each report can be read, how many rows there are, and
//! whether the weeks have the same columns.

mod views;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use duckdb::Connection;
use serde::{Deserialize, Serialize};

use super::examine::{MOST_SINGLE_LOOKS, is_without_columns, look_into, schemas};
use super::flaws::{self, Budget, Flaw};
use super::loss::LossKind;
use super::unlisted::Listings;
use super::{Cancel, Engine, error, sql_text, text, weeks};
use crate::error::{Error, Kind, Result};
use crate::limits::MB;
use crate::reports::{self, keys_of};
use crate::source::{Astray, Found, in_a_glob};

pub use views::Views;

/// Columns of a report: names and DuckDB's types.
pub type Columns = Box<[(String, String)]>;

/// How long, and how many bytes of, the reports are read to find damaged ones.
const LONGEST_READING: Duration = Duration::from_secs(4);
const MOST_BYTES: u64 = 1 << 30;

/// What the inspection found.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Inspection {
    /// Rows in all reports.
    pub rows: u64,
    /// Reports that were read.
    pub files: u64,
    /// The newest week as YYYYWW: from the rows, as the views read them, or from the file names if the rows
    /// have none.
    pub newest_week: Option<i64>,
    /// Distinct sets of columns, commonest first, each with an example report and the number of reports that
    /// have it.
    pub schemas: Vec<(Columns, String, u64)>,
    /// Needed columns that reports lack and no folder name gives, each with the first such report and the
    /// number of them.
    pub lacking: Vec<(String, String, u64)>,
    /// What the views lack of the reports, or have in another form, apart from losses that the columns' types
    /// show. One sentence each for the loss and for what to do.
    pub losses: Vec<String>,
    /// Reports that cannot be read, with DuckDB's reason.
    pub broken: Vec<(String, Error)>,
    /// What matches the pattern but is not read: one sentence each for what it is and what to do.
    pub left_out: Vec<String>,
    /// Number of hidden and temporary files that match the pattern and are no reports, with the first.
    pub unwritten: Option<(u64, String)>,
    /// Additional names of reports that are read by another name, one sentence each.
    pub twins: Vec<String>,
    /// Reports without columns, which count as reports without rows.
    pub without_columns: Vec<String>,
    /// Columns that both folder names and reports have, each with such a report.
    pub told_twice: Vec<(String, String)>,
    /// Reports that are not read as they are: one sentence each for why and what to do.
    pub odd: Vec<String>,
    /// Reports that were not read to the end, because they are too many or too large.
    pub unread: u64,
    /// Tables and views in the attached files.
    pub relations: u64,
    /// What the inspection found about those views.
    pub views: Views,
}

impl Inspection {
    /// Returns the error for an inspection longer than `most` bytes.
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
    /// DuckDB's error about a database file, or an error if a folder cannot be listed. Broken reports are
    /// findings and not errors.
    pub fn inspect(&self, cancel: &Cancel) -> Result<Inspection> {
        let listings = Listings::watch();
        let databases = self.hold_databases(cancel)?;
        let connection = self.own_connection()?;
        cancel.watch(connection.interrupt_handle());
        let mut found = Inspection::default();
        let (reports, listed) = self.list_reports()?;
        if !self.datasource.folders.is_empty() || !reports.are_missing() {
            found.left_out = reports.left_out().iter().map(left_out).collect();
            found.twins = reports.twins().iter().map(twin).collect();
            let unwritten = reports.unwritten();
            let first =
                unwritten.first().map(|file| self.datasource.named_inside(file).display().to_string());
            found.unwritten = first.map(|first| (unwritten.len() as u64, first));
            let mut good: Vec<String> =
                reports.files().map(|file| file.to_string_lossy().into_owned()).collect();
            let folders: Vec<_> = self.datasource.report_folders().collect();
            if read_footers(&connection, &good, &folders, &mut found).is_err() {
                // One bad file fails all, so each is read alone.
                let Inspection { left_out, unwritten, twins, .. } = found;
                found = Inspection { left_out, unwritten, twins, ..Inspection::default() };
                for file in std::mem::take(&mut good).into_iter().take(MOST_SINGLE_LOOKS) {
                    cancel.check()?;
                    let one = std::slice::from_ref(&file);
                    match read_footers(&connection, one, &folders, &mut Inspection::default()) {
                        Ok(()) => good.push(file),
                        Err(error) if is_without_columns(&error) => {
                            found.files += 1;
                            found.without_columns.push(file);
                        }
                        Err(error) => {
                            let error = self.named(Path::new(&file), error);
                            found.broken.push((file, error));
                        }
                    }
                }
                read_footers(&connection, &good, &folders, &mut found)?;
            }
            found.told_twice = told_twice(&folders, &found.schemas);
            self.read_to_the_end(&listed.files, cancel, &mut found)?;
            let is_sound = |file: &&Path| {
                let file = file.to_string_lossy();
                !found.broken.iter().any(|(broken, _)| *broken == file)
                    && !found.without_columns.iter().any(|empty| *empty == file)
            };
            let sound: Vec<String> =
                reports.files().filter(is_sound).map(|file| file.to_string_lossy().into_owned()).collect();
            let (groups, mut losses, _) = look_into(&connection, &sound, &reports, &folders)?;
            let (newest, of_no_week) = weeks::tell(&connection, &groups)?;
            found.newest_week = newest.or_else(|| {
                let named = sound.iter().filter_map(|file| reports::week_of_file_name(file));
                named.max().map(reports::IsoWeek::yyyyww)
            });
            losses.retain(|loss| loss.kind != LossKind::Type);
            losses.extend(of_no_week.map(|loss| loss.within(folders.iter().copied())));
            found.losses = losses.iter().map(|loss| format!("{}. {}", loss.what, loss.remedy)).collect();
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

impl Engine {
    /// Returns the error for a report that cannot be read, with what to do.
    fn named(&self, file: &Path, error: Error) -> Error {
        match Some(&error).filter(|error| text::is_of_names(error)).and_then(|_| self.odd_name(file)) {
            Some(column) => Error::new(error.kind, format!("the name of its column `{column}` is not UTF-8"))
                .hint(text::RENAME),
            None => damaged(error),
        }
    }

    /// Reads the content of the reports, about which the footers say nothing: the newest first, and only for
    /// as long as a user would wait.
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
                    found.odd.push(format!("{why}; in the views {}. {}", flaws::SHOWN, flaws::WRITE_UTF8));
                }
            }
        }
        Ok(())
    }
}

/// Returns the error for a report that cannot be read, with what to do.
fn damaged(error: Error) -> Error {
    let hint = error.hint.or_else(|| Some(error::WRITE_AGAIN.to_owned()));
    Error { hint, ..error }
}

/// Describes something that is left out. Only the log tells where a link leads, because Viewers must not
/// learn that.
fn left_out(astray: &Astray) -> String {
    if let Some(link) = astray.link() {
        let target = std::fs::read_link(link).ok();
        let is_there = std::fs::metadata(link).is_ok();
        tracing::warn!(link = %link.display(), leads_to = ?target, is_there, "a link among the reports is not followed");
    }
    let (why, remedy) = astray.explain();
    let told = if astray.link().is_some() {
        " (the plugin's log tells where it leads, and whether something is there)"
    } else {
        ""
    };
    format!("{why}; it is left out{told}. {remedy}")
}

/// Describes an additional name of a report that is read by another name.
fn twin((name, kept): &(PathBuf, PathBuf)) -> String {
    format!("`{}` leads to the same file as `{}`, which counts once", name.display(), kept.display())
}

fn read_footers(
    connection: &Connection,
    files: &[String],
    folders: &[&PathBuf],
    found: &mut Inspection,
) -> Result<()> {
    if files.is_empty() {
        return Ok(());
    }
    let list: Vec<String> = files.iter().map(|file| sql_text(&in_a_glob(Path::new(file)))).collect();
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
    found.lacking = reports::NEEDED
        .iter()
        .filter_map(|needed| {
            let is_it = |name: &str| name.eq_ignore_ascii_case(needed);
            let mut lacking = schemas.iter().filter(|(file, columns)| {
                !columns.iter().any(|(name, _)| is_it(name))
                    && !keys_below(folders, file).iter().any(|(key, _)| is_it(key))
            });
            let (first, _) = lacking.next()?;
            Some(((*needed).to_owned(), first.clone(), 1 + lacking.count() as u64))
        })
        .collect();
    let mut by_columns: BTreeMap<Columns, (String, u64)> = BTreeMap::new();
    for (file, columns) in schemas {
        by_columns.entry(columns.into()).or_insert_with(|| (file, 0)).1 += 1;
    }
    found.schemas = by_columns.into_iter().map(|(columns, (file, count))| (columns, file, count)).collect();
    found.schemas.sort_by_key(|schema| std::cmp::Reverse(schema.2));
    Ok(())
}

/// Returns the columns that both a report and the names of its folders have, each with one such report.
fn told_twice(folders: &[&PathBuf], schemas: &[(Columns, String, u64)]) -> Vec<(String, String)> {
    let mut found = BTreeMap::new();
    for (columns, file, _) in schemas {
        let keys = keys_below(folders, file).into_iter();
        for (key, _) in keys.filter(|(key, _)| columns.iter().any(|(name, _)| name.eq_ignore_ascii_case(key)))
        {
            found.entry(key.to_owned()).or_insert_with(|| file.clone());
        }
    }
    found.into_iter().collect()
}

/// Returns the Hive partition keys in the names of the folders between the datasource's folder and the file.
fn keys_below<'f>(folders: &[&PathBuf], file: &'f str) -> Vec<(&'f str, &'f str)> {
    let inside = folders.iter().find_map(|folder| Path::new(file).strip_prefix(folder).ok());
    inside.and_then(Path::to_str).map(keys_of).unwrap_or_default()
}

fn rows_of<T: duckdb::types::FromSql>(connection: &Connection, sql: &str) -> Result<Vec<T>> {
    connection
        .prepare(sql)
        .and_then(|mut statement| statement.query_map([], |row| row.get(0))?.collect())
        .map_err(|error| error::translate(&error))
}
