//! Determines how the views read the reports: which reports have a column in a type other than the views
//! need, which have no columns, and which columns the folder names give. The file footers are read whenever
//! the reports change.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use duckdb::Connection;

use super::durations::Durations;
use super::error::NO_COLUMN;
use super::keys::Keys;
use super::loss::{Group, Loss, LossKind, Schema, file_list, of_these, plainly};
use super::reads::Reports;
use super::weeks::unknown;
use super::{digits, durations, error, spelling, sql_name, weeks};
use crate::error::{Error, Kind, Result};
use crate::reports::{NOTHING, Source, Wanted};

/// The most files that are read one by one if DuckDB refuses one of them.
pub(super) const MOST_SINGLE_LOOKS: usize = 2_000;

/// DuckDB's name of the type with a 24-bit significand.
const REAL: &str = "FLOAT";

/// The most losses that are named.
const MOST_NAMED: usize = 5;

/// How a file is read: its Hive partition keys; its odd columns with their types or the unit of their
/// durations; whether bytes that are not UTF-8 are replaced; and whether its column `week` is read unchanged.
type Reading<'a> = (Vec<&'a str>, Vec<(&'a str, &'a str)>, bool, bool);

/// What the examination of the reports found.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Examined {
    /// How the reports are read.
    pub(super) sources: Vec<Source>,
    /// What the views lack of the reports, or have in another form.
    pub(super) losses: Vec<Loss>,
}

/// The hint about a loss.
const REMEDY: &str = "Write the report again with that column as the others have it, or move it away";

/// The column that holds the week.
const WEEK: &str = "week";

/// Returns the files with their columns, in order, and the files without columns.
///
/// # Errors
/// DuckDB's error if another file cannot be read.
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

/// Returns whether an error is about a file without columns.
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
    // Number of schema elements still to come: of the file's root, and of the last column.
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

/// Examines the reports in `folders`. What cannot be determined here is left to the query, whose error will
/// name it.
///
/// # Errors
/// DuckDB's errors.
pub(super) fn examine(connection: &Connection, reports: &Reports, folders: &[&PathBuf]) -> Result<Examined> {
    let files: Vec<String> = reports.files().map(|file| file.to_string_lossy().into_owned()).collect();
    let (mut groups, mut losses, is_whole) = look_into(connection, &files, reports, folders)?;
    losses.extend(weeks::odd(connection, &groups)?.map(|loss| loss.within(folders.iter().copied())));
    if let ([group], true) = (groups.as_mut_slice(), is_whole && !reports.are_by_name()) {
        group.source.files = reports.globs();
    }
    Ok(Examined { sources: groups.into_iter().map(|group| group.source).collect(), losses })
}

/// Returns how each of `files` is read, what the views lack of them, and whether all are read in one way.
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
    losses.extend(spelling::of(&schemas));
    losses.extend(spelling::as_text(&schemas, |name| Wanted::of(name).is_none()));
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

/// Returns the columns that the files store as different kinds of numbers.
fn mixed_numbers(schemas: &[Schema]) -> BTreeSet<String> {
    let mut kinds: BTreeMap<String, BTreeSet<&str>> = BTreeMap::new();
    for (name, of) in schemas.iter().flat_map(|(_, columns)| columns) {
        if Wanted::of(name).is_some_and(|wanted| wanted.is_met_by(of)) && of != NOTHING {
            kinds.entry(name.to_lowercase()).or_default().insert(of);
        }
    }
    kinds.into_iter().filter(|(_, kinds)| kinds.len() > 1).map(|(name, _)| name).collect()
}

/// Returns whether values of this type, or other numbers read together with it, get rounded: DuckDB combines
/// REAL and a whole number to REAL, and two DECIMAL types that need more than 38 digits to one with fewer
/// decimal places.
fn is_narrow(of: &str) -> bool {
    of == REAL || of.starts_with("DECIMAL(")
}

/// Returns the expression that the views need for a column of type `of`, or for durations in that unit.
fn needed(column: &str, of: &str) -> Option<String> {
    if let Some(milliseconds) = durations::milliseconds(column, of) {
        return Some(milliseconds);
    }
    let name = sql_name(column);
    let wanted = Wanted::of(column)?;
    if is_narrow(of) && wanted.is_met_by(of) {
        return Some(format!("CAST({name} AS DOUBLE)"));
    }
    Some(wanted.expression_of(&name, of))
}

/// Returns the loss in the views for `column` of type `of` in `files`.
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
    // pandas writes a missing number as NaN.
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

/// Percentile columns that contain NaN, each with the first such file.
pub(super) type WithNan = Vec<(String, String)>;

/// Finds the percentile columns that contain NaN.
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
