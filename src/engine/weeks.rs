//! Reads the weeks of the reports' rows: the newest one, and numbers that are not a week.

use duckdb::Connection;

use super::error;
use super::loss::{Group, Loss, LossKind, file_list, of_these};
use crate::error::{Error, Kind, Result};
use crate::query::{Dialect, week_condition};
use crate::reports::{IsoWeek, Source};

/// The hint about rows whose number is not a week.
const REMEDY: &str = "Write the report again with the ISO week of each row as YYYYWW, or move it away; until then panels and the API leave \
                      such rows out where they go by weeks";

/// Rows whose number is not a week, in some files, and the newest week there.
#[derive(Debug, Default)]
struct Odd {
    rows: i64,
    files: i64,
    first_file: Option<String>,
    /// One of these numbers, as text because it may be too large for any week.
    example: Option<String>,
    newest: Option<i64>,
}

/// Returns the newest week in the rows of `groups`, and the loss for rows whose number is not a week.
///
/// # Errors
/// [`Kind::Cancelled`]. Other errors are left to the queries, which will report them.
pub(super) fn tell(connection: &Connection, groups: &[Group]) -> Result<(Option<i64>, Option<Loss>)> {
    let mut all = Odd::default();
    for group in groups {
        all.add(read(connection, &group.source, &group.files)?);
    }
    Ok((all.newest, all.loss()))
}

/// Returns the loss for rows whose number is not a week. Files are not read if the bounds of their column
/// `week` show that every number is a week.
///
/// # Errors
/// [`Kind::Cancelled`].
pub(super) fn odd(connection: &Connection, groups: &[Group]) -> Result<Option<Loss>> {
    let mut all = Odd::default();
    for group in groups {
        let files =
            if group.has_plain_week { doubtful(connection, &group.files)? } else { group.files.clone() };
        all.add(read(connection, &group.source, &files)?);
    }
    Ok(all.loss())
}

impl Odd {
    fn add(&mut self, other: Self) {
        self.rows += other.rows;
        self.files += other.files;
        self.first_file = self.first_file.take().or(other.first_file);
        self.example = self.example.take().or(other.example);
        self.newest = self.newest.max(other.newest);
    }

    fn loss(self) -> Option<Loss> {
        let (file, example) = self.first_file.zip(self.example)?;
        let rows = if self.rows == 1 { "1 row".to_owned() } else { format!("{} rows", self.rows) };
        let files = of_these(&file, usize::try_from(self.files).unwrap_or(1));
        Some(Loss {
            what: format!("`week` is no ISO week ({example}, for example) in {rows} of {files}"),
            remedy: REMEDY,
            kind: LossKind::Weeks,
            column: Some("week".to_owned()),
        })
    }
}

/// Reads the weeks of some files.
fn read(connection: &Connection, source: &Source, files: &[String]) -> Result<Odd> {
    if files.is_empty() {
        return Ok(Odd::default());
    }
    let (oldest, newest) = IsoWeek::bounds();
    let [oldest, newest] = [oldest, newest].map(IsoWeek::from_yyyyww);
    let is_week = match oldest.zip(newest) {
        Some((oldest, newest)) => week_condition(oldest, newest, Dialect::DuckDb).join("week"),
        None => return Ok(Odd::default()),
    };
    let source =
        Source { files: files.iter().map(|file| super::loss::plainly(file)).collect(), ..source.clone() };
    let query = format!(
        "SELECT system.main.max(week) FILTER (is_week), system.main.count(*) FILTER (NOT is_week), \
         system.main.count(DISTINCT file) FILTER (NOT is_week), system.main.min(file) FILTER (NOT is_week), \
         system.main.arg_min(written, file) FILTER (NOT is_week) \
         FROM (SELECT TRY_CAST(week AS BIGINT) AS week, CAST(week AS VARCHAR) AS written, file, coalesce({is_week}, false) AS is_week FROM ({}) WHERE week IS NOT NULL)",
        source.weeks()
    );
    let found = connection.query_row(&query, [], |row| {
        Ok(Odd {
            newest: row.get(0)?,
            rows: row.get(1)?,
            files: row.get(2)?,
            first_file: row.get(3)?,
            example: row.get(4)?,
        })
    });
    found.or_else(|error| unknown(&error::translate(&error), "the weeks of the rows are not known"))
}

/// Returns the files in which a number may not be a week: between two weeks of one year every integer is a
/// week.
fn doubtful(connection: &Connection, files: &[String]) -> Result<Vec<String>> {
    let (oldest, newest) = IsoWeek::bounds();
    let bounds = "TRY_CAST(coalesce(stats_min_value, stats_min) AS BIGINT) AS low, TRY_CAST(coalesce(stats_max_value, stats_max) AS BIGINT) AS high";
    let query = format!(
        "SELECT DISTINCT file_name FROM (SELECT file_name, {bounds} FROM system.main.parquet_metadata([{}]) WHERE system.main.lower(path_in_schema) = 'week') \
         WHERE NOT coalesce(low >= {oldest} AND high <= {newest} AND low // 100 = high // 100 AND low % 100 >= 1 AND high % 100 <= 52, false) ORDER BY 1",
        file_list(files.iter().map(String::as_str))
    );
    let found: duckdb::Result<Vec<String>> = connection
        .prepare(&query)
        .and_then(|mut statement| statement.query_map([], |row| row.get(0))?.collect());
    found.or_else(|error| unknown(&error::translate(&error), "the bounds of the weeks are not known"))
}

/// Logs an error that a query will report itself, and returns the default. Fails only if the job was
/// cancelled.
pub(super) fn unknown<T: Default>(error: &Error, what: &str) -> Result<T> {
    if error.kind == Kind::Cancelled {
        return Err(error.clone());
    }
    tracing::debug!(error = error.message, "{what}");
    Ok(T::default())
}
