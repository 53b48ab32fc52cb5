//! The gate: exactly one statement, and nothing in it but reading. An allow-list of parse-tree nodes, walked
//! at every depth of the text that will run, and a deny-list of functions that hide SQL or act.
//!
//! `json_serialize_sql` parses without binding and refuses whatever is not a SELECT. Two readers it refuses
//! as well are let in here: `EXPLAIN` (what it explains is checked) and `PIVOT` without `IN` (checked with lists
//! put in).

mod judge;
mod judged;
mod pivot;
mod statement;
mod tree;

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use duckdb::Connection;

use self::statement::{explained, is_name, is_word, query_of_view, significant, single_statement};
use super::{error, lock};
use crate::error::{Error, Kind, Result};

/// What a text reads.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Reads {
    /// Tables and views it names, without catalog and schema.
    pub(super) tables: Vec<String>,
    /// Files and patterns that it reads, as tables or by its functions.
    pub(super) files: Vec<String>,
}

impl Reads {
    fn of(tree: &tree::Tree) -> Self {
        let tables = || tree.nodes.iter().filter(|node| node.kind == "BASE_TABLE");
        Self {
            files: tables()
                .map(tree::Node::full_name)
                .filter(|name| judged::may_be_file(name))
                .chain(tree.nodes.iter().flat_map(files_of).cloned())
                .collect(),
            tables: tables().map(|table| table.name().to_owned()).collect(),
        }
    }
}

/// What a statement that passed may need.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Verdict {
    /// The one statement, without what surrounds it.
    pub(super) sql: String,
    /// Where it starts in the text that was checked.
    pub(super) offset: usize,
    /// What it names and reads.
    pub(super) reads: Reads,
    /// Whether it lists what exists (`SHOW`, `duckdb_views()`, `information_schema.tables`, …).
    pub(super) lists_catalog: bool,
    /// Whether it can stand in parentheses as a subquery.
    pub(super) is_subquery: bool,
    /// Database files that it reads by their paths, and keeps from their writers.
    pub(super) databases: Vec<String>,
    /// Whether it gives the same again while the files it reads are the same, as far as its text can tell.
    pub(super) is_repeatable: bool,
}

impl Verdict {
    /// Of a text that nobody looks at: for tests of the other wall.
    pub(super) fn unchecked(sql: String) -> Self {
        Self {
            sql,
            offset: 0,
            reads: Reads::default(),
            lists_catalog: true,
            is_subquery: false,
            databases: Vec::new(),
            is_repeatable: false,
        }
    }
}

/// Verdicts by text: a dashboard asks the same again and again.
#[derive(Default)]
pub(super) struct Verdicts(Mutex<HashMap<String, Arc<Verdict>>>);

impl Verdicts {
    const MOST: usize = 256;
    const LONGEST: usize = 64 << 10;

    /// Checks `sql`, or remembers that it passed.
    ///
    /// # Errors
    /// As [`check`].
    pub(super) fn check(&self, connection: &Connection, sql: &str) -> Result<Arc<Verdict>> {
        if let Some(known) = lock(&self.0).get(sql) {
            return Ok(Arc::clone(known));
        }
        let verdict = Arc::new(check(connection, sql)?);
        if sql.len() <= Self::LONGEST {
            let mut known = lock(&self.0);
            if known.len() >= Self::MOST {
                known.clear();
            }
            known.insert(sql.to_owned(), Arc::clone(&verdict));
        }
        Ok(verdict)
    }
}

/// Checks one text. `connection` parses; nothing is bound or run.
///
/// # Errors
/// [`Kind::BadQuery`] for text that does not parse, is empty or has parameters; [`Kind::Forbidden`] for a
/// second statement and for anything but reading, naming the construct and its position.
pub(super) fn check(connection: &Connection, sql: &str) -> Result<Verdict> {
    if let Some(at) = sql.find('\0') {
        return Err(Error::bad_query("the query holds a NUL character").hint("Remove it").at(at));
    }
    let (start, end) = single_statement(sql)?;
    let statement = sql.get(start..end).unwrap_or_default();
    let body = explained(statement);
    let text = statement.get(body..).unwrap_or_default();
    let at = |position: usize| start + body + position;
    let mut tree = parse(connection, text)?;
    let mut is_subquery = body == 0;
    if tree.failure.as_ref().is_some_and(|failure| failure.kind == "not implemented")
        && let Some(listed) = pivot::with_pivot_lists(text)
    {
        tree = parse(connection, &listed)?;
        is_subquery = false;
        for node in &mut tree.nodes {
            node.position = None;
        }
    }
    if let Some(failure) = tree.failure {
        return Err(refusal(&failure, text, at));
    }
    if tree.statements != 1 {
        return Err(Error::new(Kind::Forbidden, format!("the query holds {} statements", tree.statements))
            .hint("Send one statement per query"));
    }
    for node in &tree.nodes {
        judge::judge(node).map_err(|error| match node.position.or_else(|| place_of(node, text)) {
            Some(position) => error.at(at(position)),
            None => error,
        })?;
    }
    let reads = Reads::of(&tree);
    let lists_catalog = tree
        .nodes
        .iter()
        .any(|node| node.kind == "SHOW_REF" || node.function.to_ascii_lowercase().starts_with("duckdb_"))
        || reads.tables.iter().any(|table| judged::view(table).is_some());
    let is_restless = tree.nodes.iter().any(|node| judged::is_restless(&node.function))
        || significant(text).any(|token| {
            let word = token.text.trim_matches(['"', '`', '\'']);
            judged::RESTLESS_WORDS.iter().any(|known| known.eq_ignore_ascii_case(word))
        });
    let databases: Vec<String> = tree.nodes.iter().flat_map(databases_of).collect();
    Ok(Verdict {
        sql: statement.to_owned(),
        offset: start,
        lists_catalog,
        // `EXPLAIN ANALYZE` tells times, and what PIVOT makes of its lists is not followed.
        is_repeatable: is_subquery && !lists_catalog && !is_restless && databases.is_empty(),
        databases,
        reads,
        is_subquery,
    })
}

/// What the view that `sql` makes reads. Nothing is judged: its owner may do more than who asks.
///
/// # Errors
/// [`Kind::BadQuery`] for what is no view or does not parse.
pub(super) fn read_by_view(connection: &Connection, sql: &str) -> Result<Reads> {
    let (start, end) = single_statement(sql)?;
    let statement = sql.get(start..end).unwrap_or_default();
    let Some(query) = query_of_view(statement).and_then(|at| statement.get(at..)) else {
        return Err(Error::bad_query("this makes no view"));
    };
    let tree = parse(connection, query)?;
    match tree.failure {
        Some(failure) => Err(refusal(&failure, query, |at| at)),
        None => Ok(Reads::of(&tree)),
    }
}

/// What a function that reads files is given.
fn files_of(node: &tree::Node) -> &[String] {
    match (&node.first, judged::verdict(&node.function)) {
        (tree::Argument::Written(paths), judged::Verdict::ReadsFiles) => paths,
        _ => &[],
    }
}

/// What a node opens as database files, where it names no table.
fn databases_of(node: &tree::Node) -> Vec<String> {
    if judged::opens_database(&node.function) {
        return files_of(node).to_vec();
    }
    Some(node.full_name()).filter(|name| judged::is_database(name)).into_iter().collect()
}

/// Where a construct is that DuckDB does not tell the place of: a statement inside a CTE at its keyword, in parentheses
/// if it stands so; a table or a called function at its name.
fn place_of(node: &tree::Node, text: &str) -> Option<usize> {
    let pairs = || significant(text).zip(significant(text).skip(1));
    if node.kind.ends_with("_QUERY_NODE") {
        let word = judge::construct(&node.kind);
        let words = pairs().filter(|(_, token)| is_word(token, &word));
        let (in_parentheses, elsewhere): (Vec<_>, Vec<_>) = words.partition(|(before, _)| before.text == "(");
        return in_parentheses.first().or(elsewhere.first()).map(|(_, token)| token.start);
    }
    if !node.function.is_empty() {
        let mut calls = pairs().filter(|(name, next)| next.text == "(" && is_name(name, &node.function));
        return calls.next().map(|(name, _)| name.start);
    }
    let tokens: Vec<_> = significant(text).collect();
    let parts: Vec<_> = node.path.iter().filter(|part| !part.is_empty()).collect();
    // Between the parts of a name are dots.
    let starts = |at: usize| {
        let mut found = parts.iter().zip(tokens.iter().skip(at).step_by(2));
        at + 2 * parts.len() <= tokens.len() + 1 && found.all(|(part, token)| is_name(token, part))
    };
    (0..tokens.len())
        .find(|&at| !parts.is_empty() && starts(at))
        .and_then(|at| tokens.get(at))
        .map(|token| token.start)
}

/// What the person sees when DuckDB cannot serialise the text.
fn refusal(failure: &tree::Failure, text: &str, at: impl Fn(usize) -> usize) -> Error {
    if failure.kind == "not implemented" {
        if failure.message.contains("parameters") {
            return Error::bad_query("the query holds parameters (`?`, `$1` or `$name`)")
                .hint("Write the values themselves");
        }
        let head = significant(text).next();
        let word = head.map_or_else(String::new, |token| token.text.to_uppercase());
        let hint = match word.as_str() {
            "PRAGMA" => "Use DESCRIBE, SHOW or the duckdb_…() table functions instead of PRAGMA",
            "SET" | "RESET" | "USE" => "Settings of DuckDB belong to the datasource's settings",
            _ => judge::ONLY_READS,
        };
        return Error::new(Kind::Forbidden, format!("`{word}` statements are not allowed"))
            .hint(hint)
            .at(at(head.map_or(0, |token| token.start)));
    }
    if failure.message.contains("Cannot pivot on subquery") {
        return Error::new(Kind::Forbidden, "a subquery in the `ON` list of `PIVOT` is not supported")
            .hint("List the values in `IN (…)`, or leave `IN` away: then every value gets a column");
    }
    error::of_class("Parser", &failure.message, failure.position.map(at))
}

fn parse(connection: &Connection, sql: &str) -> Result<tree::Tree> {
    let json: String = connection
        .prepare_cached("SELECT json_serialize_sql(?)")
        .and_then(|mut statement| statement.query_row([sql], |row| row.get(0)))
        .map_err(|error| error::translate(&error))?;
    tree::read(&json)
}

/// The parts that run before DuckDB parses, and the reader of its tree, on any text.
#[cfg(test)]
pub(crate) fn read_anything(text: &str) {
    if let Ok((start, end)) = single_statement(text) {
        let statement = &text[start..end];
        let body = &statement[explained(statement)..];
        if let Some(listed) = pivot::with_pivot_lists(body) {
            assert!(listed.len() > body.len());
        }
    }
    for json in [text, &format!("{{\"error\":false,\"statements\":[{{\"node\":{{{text}}}}}]}}")] {
        let read = tree::read(json);
        // As a string of the person's, the same text makes no node.
        let quoted = serde_json::Value::from(json).to_string();
        let held = format!(
            "{{\"error\":false,\"statements\":[{{\"node\":{{\"type\":\"EMPTY\",\"alias\":{quoted}}}}}]}}"
        );
        let held = tree::read(&held).unwrap();
        assert_eq!((held.nodes.len(), held.statements), (1, 1));
        drop(read);
    }
}

#[cfg(test)]
mod planted_tests;
#[cfg(test)]
mod tests;
