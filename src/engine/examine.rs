//! How the reports are read for the views: which of them hold a column as something else than the views need, which have no
//! column at all, and what the names of their folders tell. Looked up in the files' footers whenever the reports change.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use duckdb::Connection;

use super::durations::Durations;
use super::error::NO_COLUMN;
use super::keys::Keys;
use super::loss::{Group, Loss, LossKind, Schema, file_list, of_these, plainly};
use super::reads::Reports;
use super::weeks::unknown;
use super::{digits, durations, error, sql_name, weeks};
use crate::error::{Error, Kind, Result};
use crate::reports::{NOTHING, Source, Wanted};

/// How many files are looked at one by one, where DuckDB refuses one of them.
pub(super) const MOST_SINGLE_LOOKS: usize = 2_000;

/// DuckDB's name of the type with 24 bits for its digits.
const REAL: &str = "FLOAT";

/// How many losses are named.
const MOST_NAMED: usize = 5;

/// How a file is read: the keys of its folders, its odd columns with their types or the unit of their durations, whether its texts are mended, and whether it has
/// a column of weeks that is read as it is.
type Reading<'a> = (Vec<&'a str>, Vec<(&'a str, &'a str)>, bool, bool);

/// What was found of the reports.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Examined {
    /// How they are read.
    pub(super) sources: Vec<Source>,
    /// What the views do not have of them, or not as it is.
    pub(super) losses: Vec<Loss>,
}

/// What to do about a loss.
const REMEDY: &str = "Write the report again with that column as the others have it, or move it away";

/// The column of weeks.
const WEEK: &str = "week";

/// The files with their columns, in order, and those without any.
///
/// # Errors
/// What DuckDB says of another file that it cannot read.
pub(super) fn schemas(connection: &Connection, files: &[String]) -> Result<(Vec<Schema>, Vec<String>)> {
    match read_schemas(connection, files) {
        Err(error) if error.message.contains(NO_COLUMN) && files.len() <= MOST_SINGLE_LOOKS => {
            let (mut found, mut empty) = (Vec::new(), Vec::new());
            for file in files {
                match read_schemas(connection, std::slice::from_ref(file)) {
                    Err(error) if error.message.contains(NO_COLUMN) => empty.push(file.clone()),
                    one => found.extend(one?),
                }
            }
            Ok((found, empty))
        }
        found => Ok((found?, Vec::new())),
    }
}

/// Whether an error is about a file without any column.
pub(super) fn is_without_columns(error: &Error) -> bool {
    error.message.contains(NO_COLUMN)
}

fn read_schemas(connection: &Connection, files: &[String]) -> Result<Vec<Schema>> {
    if files.is_empty() {
        return Ok(Vec::new());
    }
    let query = format!(
        "SELECT file_name, name, coalesce(duckdb_type, type, ''), coalesce(num_children, 0)::BIGINT FROM system.main.parquet_schema([{}])",
        file_list(files.iter().map(String::as_str))
    );
    let mut statement = connection.prepare(&query).map_err(|error| error::translate(&error))?;
    let mut rows = statement.query([]).map_err(|error| error::translate(&error))?;
    let mut found: Vec<Schema> = Vec::new();
    // Elements that still belong to the file's root, and to the column that was last.
    let (mut left, mut inner) = (0_i64, 0_i64);
    while let Some(row) = rows.next().map_err(|error| error::translate(&error))? {
        let text = |at: usize| row.get::<_, String>(at).map_err(|error| error::translate(&error));
        let children: i64 = row.get(3).map_err(|error| error::translate(&error))?;
        if left == 0 && inner == 0 {
            found.push((text(0)?, Vec::new()));
            left = children;
        } else if inner > 0 {
            inner += children - 1;
        } else {
            left -= 1;
            inner = children;
            let column = (text(1)?, text(2)?);
            if let Some((_, columns)) = found.last_mut() {
                columns.push(column);
            }
        }
    }
    Ok(found)
}

/// Looks at the reports in `folders`. What cannot be looked up is left to the query, whose error names it.
///
/// # Errors
/// Those of the database.
pub(super) fn examine(connection: &Connection, reports: &Reports, folders: &[&PathBuf]) -> Result<Examined> {
    let files: Vec<String> = reports.files().map(|file| file.to_string_lossy().into_owned()).collect();
    let (mut groups, mut losses, is_whole) = look_into(connection, &files, reports, folders)?;
    losses.extend(weeks::odd(connection, &groups)?.map(|loss| loss.within(folders.iter().copied())));
    if let ([group], true) = (groups.as_mut_slice(), is_whole && !reports.are_by_name()) {
        group.source.files = reports.globs();
    }
    Ok(Examined { sources: groups.into_iter().map(|group| group.source).collect(), losses })
}

/// How each of `files` is read, what the views do not have of them, and whether all are read in one way.
///
/// # Errors
/// [`Kind::Cancelled`].
pub(super) fn look_into(
    connection: &Connection,
    files: &[String],
    reports: &Reports,
    folders: &[&PathBuf],
) -> Result<(Vec<Group>, Vec<Loss>, bool)> {
    let (schemas, empty) = match schemas(connection, files) {
        Ok(found) => found,
        Err(error) if error.kind == Kind::Cancelled => return Err(error),
        Err(error) => {
            tracing::debug!(error = error.message, "the reports' columns are not known");
            (files.iter().map(|file| (file.clone(), Vec::new())).collect(), Vec::new())
        }
    };
    let keys = Keys::of(files, folders);
    let mixed = mixed_numbers(&schemas);
    let durations = Durations::among(connection, &schemas)?;
    let mut by_reading: BTreeMap<Reading<'_>, Vec<&str>> = BTreeMap::new();
    for (file, columns) in &schemas {
        let is_odd = |name: &str, of: &str| match Wanted::of(name) {
            Some(wanted) => !wanted.is_met_by(of) || is_narrow(of) && mixed.contains(&name.to_lowercase()),
            None => false,
        };
        let unit = |name: &str| durations.of_percentile(file, name);
        let odd: Vec<(&str, &str)> = columns
            .iter()
            .filter_map(|(name, of)| {
                let read = unit(name).or_else(|| Some(of.as_str()).filter(|of| is_odd(name, of)))?;
                Some((name.as_str(), read))
            })
            .collect();
        let lacks = |key: &&str| !columns.iter().any(|(name, _)| name.eq_ignore_ascii_case(key));
        let has_plain_week = !lacks(&WEEK) && !odd.iter().any(|(name, _)| name.eq_ignore_ascii_case(WEEK));
        let replaces = reports.is_odd(Path::new(file));
        let names = keys.below(file).filter(lacks).collect();
        by_reading.entry((names, odd, replaces, has_plain_week)).or_default().push(file);
    }
    let (mut groups, mut losses) = (Vec::new(), Vec::new());
    let mut told = BTreeSet::new();
    for ((names, odd, replaces, has_plain_week), files) in by_reading {
        told.extend(names.iter().copied());
        let keys = names.into_iter().map(|name| keys.key(name)).collect();
        for (column, of) in &odd {
            losses.extend(lost(connection, column, of, &files)?);
        }
        let odd =
            odd.into_iter().filter_map(|(name, of)| Some((name.to_owned(), needed(name, of)?))).collect();
        let source =
            Source { files: files.iter().copied().map(plainly).collect(), odd, keys: Some(keys), replaces };
        let files = files.into_iter().map(str::to_owned).collect();
        groups.push(Group { files, source, has_plain_week });
    }
    for name in told {
        losses.extend(keys.lost(connection, name)?);
    }
    let is_duration = |file: &str, name: &str| durations.has(file, name);
    losses.extend(digits::of_views(connection, &schemas, &groups, is_duration)?);
    losses.extend(durations.of_views(&schemas));
    let more = losses.len().saturating_sub(MOST_NAMED);
    if more > 0 {
        losses.truncate(MOST_NAMED);
        let what = format!("{more} more columns of reports are not as the views need them");
        losses.push(Loss { what, remedy: REMEDY, kind: LossKind::Type, column: None });
    }
    let is_whole = groups.len() == 1 && empty.is_empty();
    let losses = losses.into_iter().map(|loss| loss.within(folders.iter().copied())).collect();
    Ok((groups, losses, is_whole))
}

/// Columns that the files have as several kinds of numbers.
fn mixed_numbers(schemas: &[Schema]) -> BTreeSet<String> {
    let mut kinds: BTreeMap<String, BTreeSet<&str>> = BTreeMap::new();
    for (name, of) in schemas.iter().flat_map(|(_, columns)| columns) {
        if Wanted::of(name).is_some_and(|wanted| wanted.is_met_by(of)) && of != NOTHING {
            kinds.entry(name.to_lowercase()).or_default().insert(of);
        }
    }
    kinds.into_iter().filter(|(_, kinds)| kinds.len() > 1).map(|(name, _)| name).collect()
}

/// Whether DuckDB rounds other numbers to one of this type, or it to theirs: of REAL and a whole number it makes REAL, and of two
/// DECIMAL that need more than 38 digits one with fewer places.
fn is_narrow(of: &str) -> bool {
    of == REAL || of.starts_with("DECIMAL(")
}

/// What the views need of a column of type `of`, or of durations in that unit.
fn needed(column: &str, of: &str) -> Option<String> {
    if let Some(milliseconds) = durations::milliseconds(column, of) {
        return Some(milliseconds);
    }
    let name = sql_name(column);
    let wanted = Wanted::of(column)?;
    if is_narrow(of) && wanted.is_met_by(of) {
        return Some(format!("CAST({name} AS DOUBLE)"));
    }
    Some(wanted.expression(&name))
}

/// What the views do not have of `column` in `files`, where it is of type `of`.
fn lost(connection: &Connection, column: &str, of: &str, files: &[&str]) -> Result<Option<Loss>> {
    let Some(wanted) = Wanted::of(column) else { return Ok(None) };
    let is_harmless = wanted.is_harmless(of);
    if durations::milliseconds(column, of).is_some() {
        return Ok(None);
    }
    if wanted.is_met_by(of) || is_harmless && wanted == Wanted::Text {
        return Ok(None);
    }
    let Some(first) = files.first() else { return Ok(None) };
    let told = format!("`{column}` is {of} in {}", of_these(first, files.len()));
    let loss = |what: String| {
        let kind = if is_harmless { LossKind::Values } else { LossKind::Type };
        Ok(Some(Loss { what, remedy: REMEDY, kind, column: Some(column.to_lowercase()) }))
    };
    if wanted == Wanted::Text {
        return loss(format!("{told}, and shown as DuckDB writes it"));
    }
    let name = sql_name(column);
    // NaN is how pandas writes a number that is missing.
    let query = format!(
        "SELECT system.main.count(*) FROM system.main.read_parquet([{}], union_by_name = true, can_have_nan = true, hive_partitioning = false) \
         WHERE {name} IS NOT NULL AND {} IS NULL AND system.main.lower(CAST({name} AS VARCHAR)) <> 'nan'",
        file_list(files.iter().copied()),
        wanted.expression(&name)
    );
    match connection.query_row(&query, [], |row| row.get::<_, i64>(0)) {
        Ok(0) => Ok(None),
        Ok(missing) => loss(format!(
            "{told}, where {missing} of its values cannot be read as {} and count as missing",
            wanted.words()
        )),
        Err(error) => {
            unknown::<()>(&error::translate(&error), "what a column holds is not known")?;
            loss(format!("{told}, and the views need {}", wanted.words()))
        }
    }
}

/// Columns of percentiles in which a value is NaN, each with the first such file.
pub(super) type WithNan = Vec<(String, String)>;

/// The columns of percentiles in which a value is NaN.
///
/// # Errors
/// [`Kind::Cancelled`].
pub(super) fn nan(connection: &Connection, schemas: &[Schema]) -> Result<WithNan> {
    let is_percentile = |name: &str, of: &str| {
        Wanted::of(name) == Some(Wanted::Number)
            && !name.eq_ignore_ascii_case("samples")
            && [REAL, "DOUBLE"].contains(&of)
    };
    let columns: BTreeSet<String> = schemas
        .iter()
        .flat_map(|(_, columns)| columns)
        .filter(|(name, of)| is_percentile(name, of))
        .map(|(name, _)| name.to_lowercase())
        .collect();
    let mut with_nan = Vec::new();
    for column in columns {
        let has_it = |columns: &[(String, String)]| {
            columns.iter().any(|(name, of)| name.eq_ignore_ascii_case(&column) && is_percentile(name, of))
        };
        let files = schemas.iter().filter(|(_, columns)| has_it(columns)).map(|(file, _)| file.as_str());
        let query = format!(
            "SELECT system.main.min(file) FROM system.main.read_parquet([{}], union_by_name = true, can_have_nan = true, hive_partitioning = false, filename = 'file') \
             WHERE {} = 'nan'::DOUBLE",
            file_list(files),
            sql_name(&column)
        );
        let found: duckdb::Result<Option<String>> = connection.query_row(&query, [], |row| row.get(0));
        let found = found
            .or_else(|error| unknown(&error::translate(&error), "whether a value is NaN is not known"))?;
        with_nan.extend(found.map(|file| (column, file)));
    }
    Ok(with_nan)
}
