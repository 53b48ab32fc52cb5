//! A statement with additional arguments for its readers of Parquet files, and how to map it back to what the
//! user wrote.

use super::places::{Composed, Places};
use super::readers::{Before, Form, Reader};
use crate::reports::string_literal;

/// The function that replaces a file name.
const FUNCTION: &str = "system.main.parquet_scan";

/// What is put into one reader.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(in crate::engine) struct Put {
    /// Arguments to add to the written ones, separated by commas.
    pub(in crate::engine) arguments: String,
    /// Paths that replace the written ones; if empty, those stay.
    pub(in crate::engine) paths: Vec<String>,
}

impl Put {
    /// Returns the paths as DuckDB's list literal, without brackets.
    fn list(&self) -> Option<String> {
        let quoted = self.paths.iter().map(|path| string_literal(path));
        (!self.paths.is_empty()).then(|| quoted.collect::<Vec<_>>().join(", "))
    }
}

/// A statement with additional arguments.
pub(in crate::engine) struct Composition {
    pub(in crate::engine) sql: String,
    places: Places,
}

impl Composition {
    /// Puts `put` into the `readers` of `sql`, in ascending order; `None` leaves a reader unchanged.
    pub(super) fn of(sql: &str, readers: &[Reader], put: &[Option<Put>]) -> Self {
        let mut text = Composed::of(sql);
        let mut copied = 0;
        for (reader, put) in readers.iter().zip(put) {
            let Some(put) = put else { continue };
            let arguments = &put.arguments;
            match &reader.form {
                Form::Call { end, has_comma, path } => {
                    if let Some((path, list)) = path.as_ref().zip(put.list()) {
                        text.copy(copied..path.start);
                        text.insert(&format!("[{list}]"), path.start);
                        copied = path.end;
                    }
                    text.copy(copied..*end);
                    if !arguments.is_empty() {
                        text.insert(if *has_comma { " " } else { ", " }, *end);
                        text.insert(arguments, *end);
                    }
                    copied = *end;
                }
                Form::Table { span, before, alias } => {
                    match before {
                        Before::Instead(word, other) => {
                            text.copy(copied..word.start);
                            text.insert(other, word.start);
                            text.copy(word.end..span.start);
                        }
                        _ => text.copy(copied..span.start),
                    }
                    let from = if *before == Before::From { "FROM " } else { "" };
                    let path = match put.list() {
                        Some(list) => format!("[{list}]"),
                        None => string_literal(&reader.paths.concat()),
                    };
                    // Blanks are added because a quoted file name may stand directly between two words.
                    text.insert(&format!(" {from}{FUNCTION}({path}, {arguments})"), span.start);
                    if let Some(alias) = alias.as_ref().filter(|alias| !alias.is_empty()) {
                        text.insert(&format!(" AS \"{}\"", alias.replace('"', "\"\"")), span.start);
                    }
                    text.insert(" ", span.start);
                    copied = span.end;
                }
            }
        }
        text.copy(copied..sql.len());
        Self { sql: text.text, places: text.places }
    }

    /// Removes what was put in from DuckDB's text about the statement `sql`: from a message, or from the name
    /// of a column, which is its expression and may read a file. What the user wrote stays.
    pub(super) fn as_written(sql: &str, readers: &[Reader], put: &[Option<Put>], said: &str) -> String {
        let mut plain = said.to_owned();
        let mut put_back = |from: &str, to: &str| {
            if !sql.contains(from) {
                plain = plain.replace(from, to);
            }
        };
        for (reader, put) in readers.iter().zip(put) {
            // DuckDB prints the list in this form.
            if let Some(list) = put.as_ref().and_then(Put::list) {
                let quoted: Vec<_> = reader.paths.iter().map(|path| string_literal(path)).collect();
                let written = quoted.join(", ");
                let written = if quoted.len() == 1 { written } else { format!("list_value({written})") };
                put_back(&format!("list_value({list})"), &written);
            }
            for argument in put.iter().flat_map(|put| put.arguments.split(", ")) {
                put_back(&format!(", ({argument})"), "");
                // DuckDB prints a function's named arguments in this form.
                if let Some((name, _)) = argument.split_once(' ') {
                    put_back(&format!(", \"{name}\" := BOOLEAN"), "");
                }
            }
            let (Form::Table { alias, .. }, [path]) = (&reader.form, reader.paths.as_slice()) else {
                continue;
            };
            let call = format!("\"system\".main.parquet_scan({})", string_literal(path));
            let table = format!("\"{}\"", path.replace('"', "\"\""));
            for alias in
                alias.iter().flat_map(|alias| [format!("\"{}\"", alias.replace('"', "\"\"")), alias.clone()])
            {
                put_back(&format!("{call} AS {alias}"), &table);
            }
            put_back(&call, &table);
        }
        plain
    }

    /// Maps a position in the composed text to the statement.
    pub(in crate::engine) fn back(&self, position: usize) -> usize {
        self.places.back(position)
    }
}
