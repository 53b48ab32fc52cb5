//! The weeks that the reports' rows tell: the newest, and numbers that are no week.

use duckdb::Connection;

use super::error;
use super::loss::{Group, Loss, LossKind, file_list, of_these};
use crate::error::{Error, Kind, Result};
use crate::query::{Dialect, week_condition};
use crate::reports::{IsoWeek, Source};

/// What to do about rows of no week.
const REMEDY: &str = "Write the report again with the ISO week of each row as YYYYWW, or move it away; until then panels and the API leave \
                      such rows out where they go by weeks";

/// Rows of no week, in some files.
#[derive(Debug, Default)]
struct Odd {
    rows: i64,
    files: i64,
    first_file: Option<String>,
    /// One of the numbers, which may be too large for any week.
    example: Option<String>,
    newest: Option<i64>,
}

/// The newest week of the rows of `groups`, and what is to be said of rows of none.
///
/// # Errors
/// [`Kind::Cancelled`]. What cannot be read is left to the queries, whose errors name it.
pub(super) fn tell(connection: &Connection, groups: &[Group]) -> Result<(Option<i64>, Option<Loss>)> {
    let mut all = Odd::default();
    for group in groups {
        all.add(read(connection, &group.source, &group.files)?);
    }
    Ok((all.newest, all.loss()))
}

/// What is to be said of rows of no week. Files in which, by the bounds of their column, every number is a week are not read.
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

/// What the rows of some files tell.
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

/// Those of the files in which a number may be no week: within one year every integer between two weeks is one.
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

/// What is not known for an error that a query will tell: nothing.
pub(super) fn unknown<T: Default>(error: &Error, what: &str) -> Result<T> {
    if error.kind == Kind::Cancelled {
        return Err(error.clone());
    }
    tracing::debug!(error = error.message, "{what}");
    Ok(T::default())
}
