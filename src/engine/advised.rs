//! Adds hints to a query's error, from the query's own text and from the files in the folders.

use std::path::Path;

use super::{Engine, error};
use crate::error::{Detail, Error, Kind};
use crate::query;
use crate::reports::{PARQUET_ENDINGS, has_ending_of_parquet};

/// Endings, besides those of Parquet files, of files that DuckDB reads as tables.
const OTHER_ENDINGS: [&str; 3] = ["csv", "json", "duckdb"];

impl Engine {
    /// Adds a likely reason to an error that has no hint.
    pub(super) fn advised(&self, error: Error, sql: &str) -> Error {
        if error.kind != Kind::BadQuery || error.hint.is_some() {
            return error;
        }
        if query::has_macro_in_quotes(sql) {
            return error.hint(error::MACRO_IN_QUOTES);
        }
        if let Some(name) = file_without_quotes(&error, sql) {
            return error.hint(format!("The name of a file stands in quotes: FROM '{name}'"));
        }
        let hint = match &error.detail {
            Some(Detail::NoTable { name }) => self.file_of_that_name(name),
            _ => None,
        };
        match hint {
            Some(hint) => error.hint(hint),
            None => error,
        }
    }

    /// Returns a hint for a missing table whose name is that of a file or folder of the datasource.
    fn file_of_that_name(&self, name: &str) -> Option<String> {
        let found = self.reach.find(name).ok()?;
        if found.is_folder && found.astray.is_empty() {
            let name = name.trim_end_matches('/');
            return Some(format!("That is a folder: name the files in it, as in FROM '{name}/*.parquet'"));
        }
        let is_there = |name: &String| {
            let found = self.reach.find(name);
            found.is_ok_and(|found| {
                found.astray.is_empty() && found.files.iter().any(|file| file.look.is_some())
            })
        };
        let mut names = PARQUET_ENDINGS.iter().chain(&OTHER_ENDINGS).map(|ending| format!("{name}.{ending}"));
        names
            .find(is_there)
            .map(|name| format!("The name of a file has its ending, and stands in quotes: FROM '{name}'"))
    }
}

/// Returns the unquoted file name at which DuckDB's parser stopped, because it has characters that only a
/// quoted name may have.
fn file_without_quotes<'a>(error: &Error, sql: &'a str) -> Option<&'a str> {
    let at = error.position.filter(|_| error.message.starts_with("Parser Error: syntax error"))?;
    let is_end = |c: char| c.is_whitespace() || "(),;'\"`".contains(c);
    let (before, behind) = sql.split_at_checked(at)?;
    let begin = before.rfind(is_end).map_or(0, |end| end + 1);
    let end = at + behind.find(is_end).unwrap_or(behind.len());
    let name = sql.get(begin..end)?;
    let is_quoted = sql.get(..begin)?.ends_with(['\'', '"', '`']);
    (!is_quoted && has_ending_of_a_file(name)).then_some(name)
}

fn has_ending_of_a_file(name: &str) -> bool {
    let ending = Path::new(name).extension();
    has_ending_of_parquet(Path::new(name))
        || ending.is_some_and(|ending| OTHER_ENDINGS.iter().any(|known| ending.eq_ignore_ascii_case(known)))
}
