//! The gate: exactly one statement, and nothing in it but reading. An allow-list of parse-tree nodes, walked
//! at every depth of the text that will run, and a deny-list of functions that hide SQL or act.
//!
//! `json_serialize_sql` parses without binding and refuses whatever is not a SELECT. Two readers it refuses
//! as well are let in here: `EXPLAIN` (what it explains is checked) and `PIVOT` without `IN` (checked with lists
//! put in).

mod judged;
mod pivot;
mod statement;
mod tree;

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use duckdb::Connection;

use self::statement::{explained, is_word, significant, single_statement};
use super::{error, lock};
use crate::error::{Error, Kind, Result};

/// What a statement that passed may need.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Verdict {
    /// The one statement, without what surrounds it.
    pub(super) sql: String,
    /// Where it starts in the text that was checked.
    pub(super) offset: usize,
    /// Tables, views and files it names.
    pub(super) tables: Vec<String>,
    /// Files and patterns that its functions read.
    pub(super) files: Vec<String>,
    /// Whether it lists what exists (`SHOW`, `duckdb_views()`, …).
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
            tables: Vec::new(),
            files: Vec::new(),
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
        judge(node).map_err(|error| match node.position.or_else(|| place_of(node, text)) {
            Some(position) => error.at(at(position)),
            None => error,
        })?;
    }
    let lists = |node: &tree::Node| {
        node.kind == "SHOW_REF" || node.function.to_ascii_lowercase().starts_with("duckdb_")
    };
    let lists_catalog = tree.nodes.iter().any(lists);
    let is_restless = tree.nodes.iter().any(|node| judged::is_restless(&node.function))
        || significant(text).any(|token| {
            let word = token.text.trim_matches(['"', '`', '\'']);
            judged::RESTLESS_WORDS.iter().any(|known| known.eq_ignore_ascii_case(word))
        });
    let databases: Vec<String> = tree.nodes.iter().flat_map(databases_of).cloned().collect();
    Ok(Verdict {
        sql: statement.to_owned(),
        offset: start,
        lists_catalog,
        // `EXPLAIN ANALYZE` tells times, and what PIVOT makes of its lists is not followed.
        is_repeatable: is_subquery && !lists_catalog && !is_restless && databases.is_empty(),
        databases,
        files: tree.nodes.iter().flat_map(files_of).cloned().collect(),
        tables: tree
            .nodes
            .into_iter()
            .filter(|node| node.kind == "BASE_TABLE")
            .map(|node| node.table)
            .collect(),
        is_subquery,
    })
}

/// What a function that reads files is given.
fn files_of(node: &tree::Node) -> &[String] {
    match (&node.first, judged::verdict(&node.function)) {
        (tree::Argument::Written(paths), judged::Verdict::ReadsFiles) => paths,
        _ => &[],
    }
}

/// What a node opens as a database file, where it names no table.
fn databases_of(node: &tree::Node) -> &[String] {
    if judged::opens_database(&node.function) {
        files_of(node)
    } else if judged::is_database(&node.path) {
        std::slice::from_ref(&node.path)
    } else {
        &[]
    }
}

const ONLY_READS: &str = "A datasource query only reads: use SELECT, FROM, WITH, VALUES, DESCRIBE, SUMMARIZE, SHOW, PIVOT or EXPLAIN";

fn judge(node: &tree::Node) -> Result<()> {
    if node.class == "PARAMETER" {
        return Err(Error::bad_query("the query holds a parameter (`?`, `$1` or `$name`)")
            .hint("Write the value itself, or use a template variable that the dashboard defines"));
    }
    let (allowed, kind) = match node.class.as_str() {
        "" => (judged::NODES, &node.kind),
        _ => (judged::CLASSES, &node.class),
    };
    if !allowed.contains(&kind.as_str()) {
        return Err(Error::new(Kind::Forbidden, format!("`{}` is not allowed in a query", construct(kind)))
            .hint(ONLY_READS));
    }
    let function = node.function.to_ascii_lowercase();
    let verdict = if node.in_from && judged::DENIED_IN_FROM.contains(&function.as_str()) {
        judged::Verdict::Denied("hides")
    } else {
        judged::verdict(&function)
    };
    match (verdict, &node.first) {
        (judged::Verdict::Denied(reason), _) => {
            let message = format!("the function `{function}` is not allowed in a query");
            return Err(Error::new(Kind::Forbidden, message).hint(judged::instead(reason)));
        }
        (judged::Verdict::ReadsFiles, tree::Argument::Written(paths)) => {
            paths.iter().try_for_each(|path| check_path(path))?;
        }
        (judged::Verdict::ReadsFiles, _) => {
            let message = format!("`{function}` takes its path as a text or a list of texts, written out");
            let hint = "A template variable may be part of the text: 'weekly_${week}.parquet'";
            return Err(Error::new(Kind::Forbidden, message).hint(hint));
        }
        (judged::Verdict::Reads, _) => {}
    }
    check_path(&node.path)?;
    if node.exports_state {
        return Err(Error::new(Kind::Forbidden, "`EXPORT_STATE` is not allowed in a query")
            .hint("Aggregate to the result itself"));
    }
    if function == "current_setting" {
        let name = match &node.first {
            tree::Argument::Written(texts) => texts.concat(),
            _ => String::new(),
        };
        if !judged::SETTINGS.iter().any(|known| known.eq_ignore_ascii_case(&name)) {
            return Err(Error::new(
                Kind::Forbidden,
                "`current_setting` tells only of settings that say nothing about the machine",
            )
            .hint(format!("Write one of these names as a text: {}", judged::SETTINGS.join(", "))));
        }
    }
    Ok(())
}

fn check_path(path: &str) -> Result<()> {
    if !judged::climbs(path) {
        return Ok(());
    }
    Err(Error::new(Kind::Forbidden, "`..` behind a folder's name is not allowed in a path")
        .hint("Write the path without it; relative paths start at the datasource's `basePath`"))
}

/// `COPY_QUERY_NODE` → `COPY`.
fn construct(kind: &str) -> String {
    kind.trim_end_matches("_QUERY_NODE").trim_end_matches("_NODE").replace('_', " ")
}

/// Where a statement inside a CTE starts, which DuckDB does not tell: at its keyword, in parentheses if it stands so.
fn place_of(node: &tree::Node, text: &str) -> Option<usize> {
    if !node.kind.ends_with("_QUERY_NODE") {
        return None;
    }
    let word = construct(&node.kind);
    let words = significant(text).zip(significant(text).skip(1)).filter(|(_, token)| is_word(token, &word));
    let (in_parentheses, elsewhere): (Vec<_>, Vec<_>) = words.partition(|(before, _)| before.text == "(");
    in_parentheses.first().or(elsewhere.first()).map(|(_, token)| token.start)
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
            _ => ONLY_READS,
        };
        return Error::new(Kind::Forbidden, format!("`{word}` statements are not allowed"))
            .hint(hint)
            .at(at(head.map_or(0, |token| token.start)));
    }
    if failure.message.contains("Cannot pivot on subquery") {
        return Error::new(Kind::Forbidden, "a subquery in the `ON` list of `PIVOT` is not supported")
            .hint("List the values in `IN (…)`, or leave `IN` away: then every value gets a column");
    }
    let error = Error::bad_query(format!("Parser Error: {}", failure.message));
    match failure.position {
        Some(position) => error.at(at(position)),
        None => error,
    }
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
mod tests;
