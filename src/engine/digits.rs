//! Finds columns that lose digits because the type they are read as cannot hold them. DuckDB combines BIGINT
//! in one file and DOUBLE in another to DOUBLE, which rounds whole numbers beyond 2^53. The views do the same
//! to percentiles.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use duckdb::Connection;

use super::loss::{Group, Loss, LossKind, Schema, file_list, of_these};
use super::weeks::unknown;
use super::{error, sql_name, views};
use crate::error::Result;
use crate::reports::{self, NOTHING, Source, Wanted};

/// The hint about lost digits.
const REMEDY: &str = "Write that column with one type in all files, or read the files apart";

/// Types whose values fit in every type that DuckDB combines them to, except FLOAT.
const SMALL: [&str; 8] =
    ["BOOLEAN", "TINYINT", "SMALLINT", "INTEGER", "UTINYINT", "USMALLINT", "UINTEGER", "DATE"];
const LARGE: [&str; 4] = ["BIGINT", "UBIGINT", "HUGEINT", "UHUGEINT"];

/// Matches a text that is a whole number with more digits than DOUBLE always keeps.
const LONG_NUMBER: &str = r"\s*[-+]?\d{16,}(\.0*)?\s*";

/// The most characters that are shown of a value.
const LONGEST: usize = 60;

/// A column that has one type in some files.
struct Column<'a> {
    name: &'a str,
    of: &'a str,
    /// The type it becomes when these files are read together, and the final type.
    on_the_way: &'a str,
    whole: &'a str,
    files: Vec<&'a str>,
}

/// The types of columns, by column name in lower case.
type Types = BTreeMap<String, String>;

/// Returns what is lost when DuckDB's reader reads the files together.
///
/// # Errors
/// [`crate::error::Kind::Cancelled`].
pub(super) fn of_files(connection: &Connection, schemas: &[Schema]) -> Result<Vec<Loss>> {
    let all = by_type(schemas);
    let mut found = Vec::new();
    for (name, types) in all.iter().filter(|(_, types)| types.len() > 1) {
        let Some(whole) = common(connection, name, types)? else { continue };
        for (of, (name, files)) in types {
            let column = Column { name, of, on_the_way: &whole, whole: &whole, files: files.clone() };
            found.extend(loss(connection, &column, types.keys().copied())?);
        }
    }
    Ok(found)
}

/// Returns what is lost when the views read `groups`. `is_duration(file, column)` tells whether a column
/// holds durations; such columns are skipped.
///
/// # Errors
/// [`crate::error::Kind::Cancelled`].
pub(super) fn of_views(
    connection: &Connection,
    schemas: &[Schema],
    groups: &[Group],
    is_duration: impl Fn(&str, &str) -> bool,
) -> Result<Vec<Loss>> {
    let mut all = by_type(schemas);
    all.retain(|name, types| {
        let has_float = types.contains_key("FLOAT");
        let is_doubtful = |of: &&str| !is_exact(of, "DOUBLE") || has_float && !is_exact(of, "FLOAT");
        let is_cast = |of: &&str| name != "samples" || !Wanted::Number.is_met_by(of);
        let is_asked = match Wanted::of(name) {
            Some(Wanted::Number) => types.len() > 1 || types.keys().any(is_cast),
            Some(Wanted::Week | Wanted::Text | Wanted::Flag) => false,
            None => types.len() > 1,
        };
        is_asked && types.keys().any(is_doubtful)
    });
    if all.is_empty() {
        return Ok(Vec::new());
    }
    let columns_of: HashMap<&str, _> = schemas.iter().map(|(file, its)| (file.as_str(), its)).collect();
    let sources: Vec<Source> = groups.iter().map(|group| some_of(group, &columns_of)).collect();
    let Some(whole) = types_of(connection, &reports::all_weeks(&sources))? else { return Ok(Vec::new()) };
    let mut found = Vec::new();
    let mut told = BTreeSet::new();
    for (group, some) in groups.iter().zip(&sources) {
        let Some(on_the_way) = types_of(connection, &some.all())? else { continue };
        let here: HashSet<&str> = group.files.iter().map(String::as_str).collect();
        for (lower, types) in &all {
            let Some((whole, on_the_way)) = whole.get(lower).zip(on_the_way.get(lower)) else { continue };
            for (of, (name, files)) in types {
                let is_here = |file: &&str| here.contains(file) && !is_duration(file, lower);
                let files: Vec<&str> = files.iter().copied().filter(is_here).collect();
                if files.is_empty() || told.contains(&(lower, of)) {
                    continue;
                }
                let column = Column { name, of, on_the_way, whole, files };
                if let Some(loss) = loss(connection, &column, types.keys().copied())? {
                    told.insert((lower, of));
                    found.push(loss);
                }
            }
        }
    }
    Ok(found)
}

/// Columns by name in lower case and by type: the name as first written, and the files that have the column.
type ByType<'a> = BTreeMap<String, BTreeMap<&'a str, (&'a str, Vec<&'a str>)>>;

fn by_type(schemas: &[Schema]) -> ByType<'_> {
    let mut columns = ByType::new();
    for (file, its) in schemas {
        for (name, of) in its.iter().filter(|(_, of)| of != NOTHING) {
            let types = columns.entry(name.to_lowercase()).or_default();
            types.entry(of).or_insert((name, Vec::new())).1.push(file);
        }
    }
    columns
}

/// Returns a source with the same types but only one file for each set of columns.
fn some_of(group: &Group, columns_of: &HashMap<&str, &Vec<(String, String)>>) -> Source {
    let mut known = HashSet::new();
    let files = group.files.iter().filter(|file| known.insert(columns_of.get(file.as_str())));
    Source { files: files.map(|file| super::loss::plainly(file)).collect(), ..group.source.clone() }
}

/// Returns the types of a query's columns.
fn types_of(connection: &Connection, query: &str) -> Result<Option<Types>> {
    let sql = views::with_own_functions(query);
    let described = format!("SELECT system.main.lower(column_name), column_type FROM (DESCRIBE {sql})");
    let found: duckdb::Result<Types> = connection
        .prepare(&described)
        .and_then(|mut statement| statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?.collect());
    found
        .map(Some)
        .or_else(|error| unknown(&error::translate(&error), "the types of the views' columns are not known"))
}

/// Returns the type to which DuckDB's reader combines `types`.
fn common(
    connection: &Connection,
    name: &str,
    types: &BTreeMap<&str, (&str, Vec<&str>)>,
) -> Result<Option<String>> {
    let firsts = types.values().filter_map(|(_, files)| files.first().copied());
    let query = format!(
        "SELECT column_type FROM (DESCRIBE SELECT {} FROM system.main.read_parquet([{}], union_by_name = true, hive_partitioning = false))",
        sql_name(name),
        file_list(firsts)
    );
    let found = connection.query_row(&query, [], |row| row.get(0)).map(Some);
    found.or_else(|error| unknown(&error::translate(&error), "the type of a column is not known"))
}

/// Returns what a column loses; `types` are all types it has in the files.
fn loss<'a>(
    connection: &Connection,
    column: &Column<'_>,
    types: impl Iterator<Item = &'a str>,
) -> Result<Option<Loss>> {
    let Some((value, read)) = example(connection, column)? else { return Ok(None) };
    let others: Vec<&str> = types.filter(|of| *of != column.of).collect();
    let others =
        if others.is_empty() { String::new() } else { format!(" and {} elsewhere", others.join(", ")) };
    let narrowest = if column.on_the_way == "FLOAT" { column.on_the_way } else { column.whole };
    Ok(Some(Loss {
        what: format!(
            "`{}` is {} in {}{others}, and read as {narrowest}, in which digits are lost: {value} becomes {read}",
            column.name,
            column.of,
            of_these(column.files.first().unwrap_or(&""), column.files.len()),
        ),
        remedy: REMEDY,
        kind: LossKind::Values,
        column: Some(column.name.to_lowercase()),
    }))
}

/// Returns a value of the column that changes when it is read, and what it becomes.
fn example(connection: &Connection, column: &Column<'_>) -> Result<Option<(String, String)>> {
    let Column { of, on_the_way, whole, .. } = *column;
    if is_exact(of, on_the_way) && is_exact(on_the_way, whole) {
        return Ok(None);
    }
    let name = sql_name(column.name);
    let read = format!("TRY_CAST(TRY_CAST({name} AS {on_the_way}) AS {whole})");
    let is_other = if of == "VARCHAR" {
        // Only whole numbers among the texts are compared, because any DOUBLE rounds decimal places.
        let number = format!("TRY_CAST({name} AS HUGEINT)");
        format!(
            "system.main.regexp_full_match({name}, '{LONG_NUMBER}') AND {number} IS DISTINCT FROM TRY_CAST({read} AS HUGEINT)"
        )
    } else {
        format!("TRY_CAST({read} AS {of}) IS DISTINCT FROM {name}")
    };
    let query = format!(
        "SELECT CAST({name} AS VARCHAR), CAST({read} AS VARCHAR) \
         FROM system.main.read_parquet([{}], union_by_name = true, can_have_nan = true, hive_partitioning = false) \
         WHERE {}{read} IS NOT NULL AND {is_other} LIMIT 1",
        file_list(column.files.iter().copied()),
        large(&name, of, &[on_the_way, whole]),
    );
    let found: duckdb::Result<Vec<(String, String)>> =
        connection.prepare(&query).and_then(|mut statement| {
            statement.query_map([], |row| Ok((row.get::<_, String>(0)?, row.get::<_, String>(1)?)))?.collect()
        });
    let found =
        found.or_else(|error| unknown(&error::translate(&error), "whether digits are lost is not known"))?;
    Ok(found.into_iter().next().map(|(value, read)| (shortened(&value), shortened(&read))))
}

/// Returns a condition by which DuckDB skips files and row groups without values that could lose a digit on
/// the way through `types`.
fn large(name: &str, of: &str, types: &[&str]) -> String {
    let (most, digits) = match types {
        // In another DECIMAL, small values lose their last digits, too.
        types if !types.iter().all(|of| ["FLOAT", "DOUBLE"].contains(of)) => return String::new(),
        types if types.contains(&"FLOAT") => (1_i64 << 24, 6_usize),
        _ => (1_i64 << 53, 15),
    };
    let (most, can_be_negative) = match decimal(of) {
        Some((_, places)) if places <= digits => {
            (format!("CAST('1{}' AS {of})", "0".repeat(digits - places)), true)
        }
        None if LARGE.contains(&of) || SMALL.contains(&of) => (most.to_string(), !of.starts_with('U')),
        _ => return String::new(),
    };
    if can_be_negative {
        format!("({name} > {most} OR {name} < -{most}) AND ")
    } else {
        format!("{name} > {most} AND ")
    }
}

/// Returns whether the type `whole` holds every value of the type `of` exactly.
fn is_exact(of: &str, whole: &str) -> bool {
    let is_small = SMALL.contains(&of);
    let is_whole_number = LARGE.contains(&whole) || SMALL.contains(&whole) || whole.starts_with("DECIMAL(");
    let has_room = match (decimal(of), decimal(whole)) {
        (Some((digits, places)), Some((room, more))) => places <= more && digits - places <= room - more,
        // DOUBLE returns numbers of up to 15 digits unchanged.
        (Some((digits, _)), None) => whole == "DOUBLE" && digits <= 15,
        (None, _) => false,
    };
    of == whole
        || whole == "VARCHAR"
        || is_small
            && (whole != "FLOAT" || of == "BOOLEAN" || of.ends_with("TINYINT") || of.ends_with("SMALLINT"))
        || LARGE.contains(&of) && is_whole_number && !whole.ends_with(']')
        || of == "FLOAT" && whole == "DOUBLE"
        || has_room
}

/// Returns the number of digits of a DECIMAL, and how many of them are decimal places.
fn decimal(of: &str) -> Option<(usize, usize)> {
    let (digits, places) = of.strip_prefix("DECIMAL(")?.strip_suffix(')')?.split_once(',')?;
    let (digits, places) = (digits.trim().parse().ok()?, places.trim().parse().ok()?);
    (places <= digits).then_some((digits, places))
}

fn shortened(value: &str) -> String {
    match value.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}…", value.get(..end).unwrap_or_default()),
        None => value.to_owned(),
    }
}
