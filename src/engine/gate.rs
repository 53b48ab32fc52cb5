//! The gate: exactly one statement, and nothing in it but reading. An allow-list of parse-tree nodes, walked
//! at every depth of the text that will run, and a deny-list of functions that hide SQL or act.
//!
//! `json_serialize_sql` parses without binding and refuses whatever is not a SELECT. Two readers it refuses
//! as well are let in here: `EXPLAIN` (what it explains is checked) and `PIVOT` without `IN` (checked with lists
//! put in).

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use duckdb::Connection;

use super::{ast, error, lock};
use crate::error::{Error, Kind, Result};
use crate::query::{Token, TokenKind, tokens};

/// Query nodes, table references and modifiers that only read.
const NODES: &[&str] = &[
    "SELECT_NODE",
    "SET_OPERATION_NODE",
    "RECURSIVE_CTE_NODE",
    "CTE_NODE", //
    "BASE_TABLE",
    "SUBQUERY",
    "JOIN",
    "TABLE_FUNCTION",
    "EXPRESSION_LIST",
    "EMPTY",
    "PIVOT",
    "SHOW_REF", //
    "LIMIT_MODIFIER",
    "LIMIT_PERCENT_MODIFIER",
    "ORDER_MODIFIER",
    "DISTINCT_MODIFIER", //
    "ORDER_DEFAULT",
    "ASCENDING",
    "DESCENDING",
];

/// Classes of expressions, none of which acts by itself; functions are judged by name.
const CLASSES: &[&str] = &[
    "BETWEEN",
    "CASE",
    "CAST",
    "COLLATE",
    "COLUMN_REF",
    "COMPARISON",
    "CONJUNCTION",
    "CONSTANT",
    "DEFAULT",
    "FUNCTION",
    "LAMBDA",
    "LAMBDA_REF",
    "OPERATOR",
    "POSITIONAL_REFERENCE",
    "STAR",
    "SUBQUERY",
    "TYPE",
    "WINDOW",
];

/// Functions that hide SQL from this gate, write, wait, log, or change state.
const DENIED_FUNCTIONS: &[&str] = &[
    "checkpoint",
    "create_external_resource",
    "disable_logging",
    "disable_profiling",
    "drop_external_resource",
    "enable_logging",
    "enable_profiling",
    "force_checkpoint",
    "json_execute_serialized_sql",
    "nextval",
    "pg_sleep",
    "query",
    "query_table",
    "set_seed",
    "setseed",
    "sleep_ms",
    "truncate_duckdb_logs",
    "write_log",
];

/// What a statement that passed may need.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Verdict {
    /// The one statement, without what surrounds it.
    pub(super) sql: String,
    /// Where it starts in the text that was checked.
    pub(super) offset: usize,
    /// Tables, views and files it names.
    pub(super) tables: Vec<String>,
    /// Whether it lists what exists (`SHOW`, `duckdb_views()`, …).
    pub(super) lists_catalog: bool,
    /// Whether it can stand in parentheses as a subquery.
    pub(super) is_subquery: bool,
}

impl Verdict {
    /// Of a text that nobody looks at: for tests of the other wall.
    pub(super) fn unchecked(sql: String) -> Self {
        Self { sql, offset: 0, tables: Vec::new(), lists_catalog: true, is_subquery: false }
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
        && let Some(listed) = with_pivot_lists(text)
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
        judge(node).map_err(|error| match node.position {
            Some(position) => error.at(at(position)),
            None => error,
        })?;
    }
    let lists = |node: &ast::Node| {
        node.kind == "SHOW_REF" || node.function.to_ascii_lowercase().starts_with("duckdb_")
    };
    Ok(Verdict {
        sql: statement.to_owned(),
        offset: start,
        lists_catalog: tree.nodes.iter().any(lists),
        tables: tree
            .nodes
            .into_iter()
            .filter(|node| node.kind == "BASE_TABLE")
            .map(|node| node.table)
            .collect(),
        is_subquery,
    })
}

fn judge(node: &ast::Node) -> Result<()> {
    let only_reads = "A datasource query only reads: use SELECT, FROM, WITH, VALUES, DESCRIBE, SUMMARIZE, SHOW, PIVOT or EXPLAIN";
    if node.class == "PARAMETER" {
        return Err(Error::bad_query("the query holds a parameter (`?`, `$1` or `$name`)")
            .hint("Write the value itself, or use a template variable that the dashboard defines"));
    }
    let known = if node.class.is_empty() {
        NODES.contains(&node.kind.as_str())
    } else {
        CLASSES.contains(&node.class.as_str())
    };
    if !known {
        let kind = if node.class.is_empty() { &node.kind } else { &node.class };
        let construct = kind.trim_end_matches("_QUERY_NODE").trim_end_matches("_NODE").replace('_', " ");
        return Err(
            Error::new(Kind::Forbidden, format!("`{construct}` is not allowed in a query")).hint(only_reads)
        );
    }
    let function = node.function.to_ascii_lowercase();
    if DENIED_FUNCTIONS.contains(&function.as_str()) {
        return Err(Error::new(
            Kind::Forbidden,
            format!("the function `{function}` is not allowed in a query"),
        )
        .hint(only_reads));
    }
    Ok(())
}

/// What the person sees when DuckDB cannot serialise the text.
fn refusal(failure: &ast::Failure, text: &str, at: impl Fn(usize) -> usize) -> Error {
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
            _ => {
                "A datasource query only reads: use SELECT, FROM, WITH, VALUES, DESCRIBE, SUMMARIZE, SHOW, PIVOT or EXPLAIN"
            }
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

fn parse(connection: &Connection, sql: &str) -> Result<ast::Tree> {
    let json: String = connection
        .prepare_cached("SELECT json_serialize_sql(?)")
        .and_then(|mut statement| statement.query_row([sql], |row| row.get(0)))
        .map_err(|error| error::translate(&error))?;
    ast::read(&json)
}

fn significant(sql: &str) -> impl Iterator<Item = Token<'_>> + Clone {
    tokens(sql).filter(|token| !token.is_blank())
}

fn is_word(token: &Token<'_>, word: &str) -> bool {
    token.kind == TokenKind::Ident && token.text.eq_ignore_ascii_case(word)
}

/// Bytes of the one statement: from its first token to before its `;`.
fn single_statement(sql: &str) -> Result<(usize, usize)> {
    let mut span: Option<(usize, usize)> = None;
    let mut ended = false;
    for token in significant(sql) {
        match (&mut span, token.text) {
            (_, ";") if token.kind == TokenKind::Punct => ended = span.is_some(),
            (Some(_), _) if ended => {
                return Err(Error::new(Kind::Forbidden, "the query holds more than one statement")
                    .hint("Send one statement per query; `;` may only end it")
                    .at(token.start));
            }
            (Some((_, end)), _) => *end = token.end(),
            (None, _) => span = Some((token.start, token.end())),
        }
    }
    span.ok_or_else(|| Error::bad_query("the query is empty").hint("Write a SELECT statement"))
}

/// Where the statement behind `EXPLAIN [ANALYZE] [(options)]` starts; 0 when nothing is explained.
fn explained(statement: &str) -> usize {
    let mut rest = significant(statement).peekable();
    if !rest.next().is_some_and(|token| is_word(&token, "EXPLAIN")) {
        return 0;
    }
    rest.next_if(|token| is_word(token, "ANALYZE") || is_word(token, "ANALYSE"));
    let mut ahead = rest.clone();
    let options = ahead.next().is_some_and(|token| token.text == "(")
        && ahead.next().is_some_and(|token| {
            ["ANALYZE", "ANALYSE", "FORMAT", "VERBOSE"].iter().any(|word| is_word(&token, word))
        });
    if options {
        for token in rest.by_ref() {
            if token.text == ")" {
                break;
            }
        }
    }
    rest.peek().map_or(0, |token| token.start)
}

/// The text with every `ON` item of its `PIVOT`s written as `(item) IN (0)`, so that it parses as a SELECT and what
/// the items hold is walked too; `None` without a `PIVOT`. What runs is the text as written.
fn with_pivot_lists(sql: &str) -> Option<String> {
    let all: Vec<Token<'_>> = significant(sql).collect();
    let mut inserts: Vec<(usize, &str)> = Vec::new();
    for (index, token) in all.iter().enumerate() {
        if is_word(token, "PIVOT") || is_word(token, "PIVOT_WIDER") {
            pivot_items(all.get(index + 1..).unwrap_or_default(), &mut inserts);
        }
    }
    if inserts.is_empty() {
        return None;
    }
    inserts.sort_by_key(|insert| insert.0);
    let mut text = String::with_capacity(sql.len() + inserts.len() * 8);
    let mut from = 0;
    for (position, insert) in inserts {
        text.push_str(sql.get(from..position)?);
        text.push_str(insert);
        from = position;
    }
    text.push_str(sql.get(from..)?);
    Some(text)
}

/// Notes what to insert around the `ON` items of a PIVOT; `tokens` are those behind its keyword.
fn pivot_items(tokens: &[Token<'_>], inserts: &mut Vec<(usize, &str)>) {
    const ENDS: &[&str] = &["USING", "GROUP", "ORDER", "LIMIT", "OFFSET", "UNION", "EXCEPT", "INTERSECT"];
    let mut depth = 0_usize;
    // Where the item being read starts; none while the source is read.
    let mut start: Option<usize> = None;
    let mut last_end = 0;
    for token in tokens {
        let closes = token.text == ")" && depth == 0;
        let ends = closes || (depth == 0 && ENDS.iter().any(|word| is_word(token, word)));
        match (start, token.text) {
            (None, _) if closes => return,
            (None, _) if depth == 0 && is_word(token, "ON") => start = Some(token.end()),
            (Some(item), ",") if depth == 0 => {
                inserts.extend([(item, " ("), (last_end, ") IN (0) ")]);
                start = Some(token.end());
            }
            (Some(_), _) if ends => break,
            (_, "(") => depth += 1,
            (_, ")") => depth -= 1,
            _ => {}
        }
        last_end = token.end();
    }
    if let Some(item) = start {
        inserts.extend([(item, " ("), (last_end, ") IN (0) ")]);
    }
}

#[cfg(test)]
mod tests;
