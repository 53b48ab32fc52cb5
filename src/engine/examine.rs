//! How the reports are read for the views: which of them hold a column as something else than the views need, which have no
//! column at all, and what the names of their folders tell. Looked up in the files' footers whenever the reports change.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use duckdb::Connection;

use super::reads::Reports;
use super::{error, sql_name, sql_text};
use crate::error::{Error, Kind, Result};
use crate::reports::{Key, Source, Wanted, keys_of};
use crate::source::in_a_glob;

/// How many files are looked at one by one, where DuckDB refuses one of them.
pub(super) const MOST_SINGLE_LOOKS: usize = 2_000;

/// DuckDB's name of the type with 24 bits for its digits.
const REAL: &str = "FLOAT";

/// How many losses are named.
const MOST_NAMED: usize = 5;

/// What DuckDB says of a file without any column, which is what an empty data frame becomes.
const NO_COLUMN: &str = "Need at least one non-root column";

/// A file and its columns: names and DuckDB's types. Nested ones are one column.
pub(super) type Schema = (String, Vec<(String, String)>);

/// How a file is read: the keys of its folders, its odd columns with their types, and whether its texts are mended.
type Reading<'a> = (Vec<&'a str>, Vec<(&'a str, &'a str)>, bool);

/// What was found of the reports.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Examined {
    /// How they are read.
    pub(super) sources: Vec<Source>,
    /// What the views do not have of them: a sentence each, without its end.
    pub(super) losses: Vec<String>,
}

/// What to do about a loss.
pub(super) const REMEDY: &str =
    "Write the report again with that column as the others have it, or move it away";

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
    let list: Vec<String> = files.iter().map(|file| sql_text(&in_a_glob(Path::new(file)))).collect();
    let query = format!(
        "SELECT file_name, name, coalesce(duckdb_type, type, ''), coalesce(num_children, 0)::BIGINT FROM system.main.parquet_schema([{}])",
        list.join(", ")
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
    let (schemas, empty) = match schemas(connection, &files) {
        Ok(found) => found,
        Err(error) if error.kind == Kind::Cancelled => return Err(error),
        Err(error) => {
            tracing::debug!(error = error.message, "the reports' columns are not known");
            (files.iter().map(|file| (file.clone(), Vec::new())).collect(), Vec::new())
        }
    };
    let keys = Keys::of(&files, folders);
    let mixed = mixed_reals(&schemas);
    let mut groups: BTreeMap<Reading<'_>, Vec<&str>> = BTreeMap::new();
    for (file, columns) in &schemas {
        let is_odd = |name: &str, of: &str| match Wanted::of(name) {
            Some(wanted) => !wanted.is_met_by(of) || of == REAL && mixed.contains(&name.to_lowercase()),
            None => false,
        };
        let odd: Vec<(&str, &str)> = columns
            .iter()
            .filter(|(name, of)| is_odd(name, of))
            .map(|(name, of)| (name.as_str(), of.as_str()))
            .collect();
        let lacks = |key: &&str| !columns.iter().any(|(name, _)| name.eq_ignore_ascii_case(key));
        let replaces = reports.is_odd(Path::new(file));
        groups.entry((keys.below(file).filter(lacks).collect(), odd, replaces)).or_default().push(file);
    }
    let is_whole = groups.len() == 1 && empty.is_empty() && !reports.are_by_name();
    let mut examined = Examined::default();
    for ((names, odd, replaces), files) in groups {
        let keys = names.into_iter().map(|name| keys.key(name)).collect();
        for (column, of) in &odd {
            examined.losses.extend(lost(connection, column, of, &files));
        }
        let odd =
            odd.into_iter().filter_map(|(name, of)| Some((name.to_owned(), needed(name, of)?))).collect();
        let files = if is_whole {
            reports.globs()
        } else {
            files.into_iter().map(|file| in_a_glob(Path::new(file))).collect()
        };
        examined.sources.push(Source { files, odd, keys: Some(keys), replaces });
    }
    let more = examined.losses.len().saturating_sub(MOST_NAMED);
    if more > 0 {
        examined.losses.truncate(MOST_NAMED);
        examined
            .losses
            .push(format!("{more} more columns of reports are of other types than the views need"));
    }
    Ok(examined)
}

/// Columns that some files have as REAL and others as another kind of number: DuckDB makes REAL of both, in which large whole
/// numbers are rounded.
fn mixed_reals(schemas: &[Schema]) -> BTreeSet<String> {
    let mut kinds: BTreeMap<String, BTreeSet<bool>> = BTreeMap::new();
    for (name, of) in schemas.iter().flat_map(|(_, columns)| columns) {
        if Wanted::of(name).is_some_and(|wanted| wanted.is_met_by(of)) {
            kinds.entry(name.to_lowercase()).or_default().insert(of == REAL);
        }
    }
    kinds.into_iter().filter(|(_, kinds)| kinds.len() > 1).map(|(name, _)| name).collect()
}

/// What the views need of a column of type `of`.
fn needed(column: &str, of: &str) -> Option<String> {
    let name = sql_name(column);
    if of == REAL {
        return Some(format!("CAST({name} AS DOUBLE)"));
    }
    Wanted::of(column).map(|wanted| wanted.expression(&name))
}

/// What the views do not have of `column` in `files`, where it is of type `of`.
fn lost(connection: &Connection, column: &str, of: &str, files: &[&str]) -> Option<String> {
    let wanted = Wanted::of(column)?;
    if wanted.is_met_by(of) || wanted.is_harmless(of) {
        return None;
    }
    let first = files.first().map(|file| file.rsplit('/').next().unwrap_or(file))?;
    let more = match files.len() - 1 {
        0 => String::new(),
        1 => " and one other report".to_owned(),
        more => format!(" and {more} other reports"),
    };
    let told = format!("`{column}` is {of} in `{first}`{more}");
    if wanted == Wanted::Text {
        return Some(format!("{told}, and shown as DuckDB writes it"));
    }
    let list: Vec<String> = files.iter().map(|file| sql_text(&in_a_glob(Path::new(file)))).collect();
    let name = sql_name(column);
    let query = format!(
        "SELECT system.main.count(*) FROM system.main.read_parquet([{}], union_by_name = true, can_have_nan = true, hive_partitioning = false) \
         WHERE {name} IS NOT NULL AND {} IS NULL",
        list.join(", "),
        wanted.expression(&name)
    );
    match connection.query_row(&query, [], |row| row.get::<_, i64>(0)) {
        Ok(0) => None,
        Ok(missing) => Some(format!(
            "{told}, where {missing} of its values cannot be read as {} and count as missing",
            wanted.words()
        )),
        Err(error) => {
            tracing::debug!(%error, "what a column holds is not known");
            Some(format!("{told}, and the views need {}", wanted.words()))
        }
    }
}

/// What the folders below those of the datasource tell.
struct Keys<'a> {
    roots: Vec<&'a str>,
    values: BTreeMap<String, (&'a str, Vec<&'a str>)>,
}

impl<'a> Keys<'a> {
    fn of(files: &'a [String], folders: &[&'a PathBuf]) -> Self {
        let roots = folders.iter().filter_map(|folder| folder.to_str()).collect();
        let mut keys = Self { roots, values: BTreeMap::new() };
        for file in files {
            for (key, value) in keys_of(keys.inside(file)) {
                let known = keys.values.entry(key.to_lowercase()).or_insert_with(|| (key, Vec::new()));
                known.1.push(value);
            }
        }
        keys
    }

    /// The path of `file` below the folder that it is in.
    fn inside<'f>(&self, file: &'f str) -> &'f str {
        let behind = |root: &&str| file.strip_prefix(root.trim_end_matches('/'))?.strip_prefix('/');
        self.roots.iter().filter_map(behind).min_by_key(|rest| rest.len()).unwrap_or_default()
    }

    /// The keys of one file, as they are first written.
    fn below<'s>(&'s self, file: &str) -> impl Iterator<Item = &'a str> + use<'s, 'a> {
        let mut names: BTreeSet<String> = BTreeSet::new();
        names.extend(keys_of(self.inside(file)).into_iter().map(|(key, _)| key.to_lowercase()));
        self.values.iter().filter(move |(name, _)| names.contains(*name)).map(|(_, (key, _))| *key)
    }

    fn key(&self, name: &str) -> Key {
        let values = self.values.get(&name.to_lowercase()).map_or(&[][..], |(_, values)| values.as_slice());
        Key::of(name, values.iter().copied(), &self.roots)
    }
}
