//! The gate: lets through exactly one statement that only reads. It applies an allow-list of parse-tree nodes
//! to the whole tree of the text that will run, and a deny-list of functions that hide SQL or have side
//! effects.
//!
//! A separate DuckDB instance ([`parser`]) parses the text: it tells how many statements the text holds and
//! of what kind, splits it into tokens and prints the parse tree. `json_serialize_sql` refuses everything
//! that is not a SELECT. The gate also lets in two kinds of statement that `json_serialize_sql` refuses, and
//! composes their text itself: `EXPLAIN`, with fixed options before the checked query, and `PIVOT` without
//! `IN`, which is checked with lists put in. Only the checked text runs: [`Verdict::sql`], never the text
//! that was sent.

mod columns;
mod composition;
mod handles;
mod judge;
mod judged;
mod parser;
mod places;
mod plan;
mod readers;
mod replacing;
mod scanner;
mod statement;
mod tree;
mod verdict;

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use parking_lot::Mutex;

use self::composition::Composition;
pub(super) use self::composition::Put;
pub(super) use self::judged::is_function_of_the_engine;
use self::parser::{Parser, Statement, StatementKind, Token};
use self::places::Places;
use self::plan::{Plan, empty, no_subquery, not_allowed};
pub(super) use self::readers::Reader;
use self::statement::{check_types_of, query_of_view, significant};
pub(super) use self::verdict::{Form, Reads, Verdict};
use super::error;
use crate::error::{Error, Kind, Result};
use crate::query;

/// The gate of one engine.
pub(super) struct Gate {
    parser: Parser,
    /// Verdicts by text, because a dashboard sends the same text again and again.
    verdicts: Mutex<HashMap<String, Arc<Verdict>>>,
    /// Texts that were composed from checked texts and that passed themselves.
    composed: Mutex<HashSet<String>>,
}

impl Gate {
    const MOST: usize = 256;
    const LONGEST: usize = 64 << 10;

    /// Opens the gate with its own DuckDB instance.
    ///
    /// # Errors
    /// [`Kind::Internal`] if DuckDB cannot be opened.
    pub(super) fn open() -> Result<Self> {
        Ok(Self { parser: Parser::open()?, verdicts: Mutex::default(), composed: Mutex::default() })
    }

    /// Checks `sql`, or returns the kept verdict on it. Binds and runs nothing.
    ///
    /// # Errors
    /// [`Kind::BadQuery`] if the text does not parse, is empty or has parameters; [`Kind::Forbidden`] for a
    /// second statement and for anything but reading, with the construct and its position.
    pub(super) fn check(&self, sql: &str) -> Result<Arc<Verdict>> {
        if let Some(known) = self.verdicts.lock().get(sql) {
            return Ok(Arc::clone(known));
        }
        let verdict = Arc::new(self.judge(sql)?);
        if sql.len() <= Self::LONGEST {
            let mut known = self.verdicts.lock();
            if known.len() >= Self::MOST {
                known.clear();
            }
            known.insert(sql.to_owned(), Arc::clone(&verdict));
        }
        Ok(verdict)
    }

    /// Adds the arguments in `put` to each place where the statement of `verdict` reads Parquet files, and
    /// checks the composed text like any other.
    ///
    /// # Errors
    /// [`Kind::Forbidden`] if the composed text is a different statement.
    pub(super) fn with_arguments(&self, verdict: &Verdict, put: &[Option<Put>]) -> Result<Composition> {
        let composition = verdict.with_arguments(put);
        let sql = &composition.sql;
        if *sql == verdict.sql || self.composed.lock().contains(sql) {
            return Ok(composition);
        }
        if !verdict.is_of(sql, &self.judge_text(sql)?) {
            return Err(not_followed());
        }
        if sql.len() <= Self::LONGEST {
            let mut known = self.composed.lock();
            if known.len() >= Self::MOST {
                known.clear();
            }
            known.insert(sql.clone());
        }
        Ok(composition)
    }

    fn judge(&self, sql: &str) -> Result<Verdict> {
        if let Some(at) = sql.find('\0') {
            return Err(Error::bad_query("the query holds a NUL character").hint("Remove it").at(at));
        }
        if !replacing::may_be_in(sql) {
            return self.judge_text(sql);
        }
        let (walled, count) = replacing::walled(sql, &significant(self.parser.tokens(sql)?));
        let verdict =
            self.judge_text(&walled.text).map_err(|error| moved(error, |at| walled.places.back(at)))?;
        if verdict.replaces == count {
            Ok(verdict.out_of(walled.places))
        } else {
            Err(replacing::not_walled())
        }
    }

    fn judge_text(&self, sql: &str) -> Result<Verdict> {
        let (statement, places) = self.single_statement(sql)?;
        let tokens = significant(self.parser.tokens(&statement.text)?);
        let text = match (tokens.first(), tokens.last()) {
            (Some(first), Some(last)) => statement.text.get(first.start..last.end()).unwrap_or_default(),
            _ => return Err(empty()),
        };
        let plan = Plan::of(&statement, text, &tokens).map_err(|error| moved(error, |at| places.back(at)))?;
        let at = |position: usize| places.back(plan.judged_places.back(position));
        let tree = self.tree(&plan.judged)?;
        if let Some(failure) = tree.failure {
            return Err(self.refusal(&failure, &plan.judged, at)?);
        }
        // DuckDB also parses the exact text that runs, if that differs from the one sent: without the comment
        // before it, DuckDB may take other Unicode spaces for plain ones.
        let is_whole = sql == plan.run;
        let parsed = if is_whole { None } else { Some(self.parser.statements(&plan.run)?) };
        let runs_whole = match parsed {
            None => true,
            Some(Ok(again)) => {
                matches!(again.as_slice(), [one] if one.kind == statement.kind && one.text == plan.run)
            }
            Some(Err(why)) if why.kind == Kind::Exhausted => return Err(why),
            Some(Err(_)) => false,
        };
        if tree.statements != 1 || !runs_whole {
            return Err(not_followed());
        }
        for node in &tree.nodes {
            if let Err(error) = judge::judge(node) {
                let position = match node.position {
                    Some(position) => Some(position),
                    None => place_of(node, &significant(self.parser.tokens(&plan.judged)?)),
                };
                return Err(match position {
                    Some(position) => error.at(at(position)),
                    None => error,
                });
            }
        }
        let names_types = |node: &&tree::Node| {
            let is_one = |name: &str| judged::NAME_TYPES.iter().any(|known| known.eq_ignore_ascii_case(name));
            node.names.iter().any(|(_, name)| is_one(name))
                && judged::verdict(&node.function) == judged::Verdict::ReadsFiles
        };
        let readers: BTreeSet<_> =
            tree.nodes.iter().filter(names_types).map(|node| node.function.to_ascii_lowercase()).collect();
        for function in &readers {
            let tokens = significant(self.parser.tokens(&plan.judged)?);
            check_types_of(function, &tokens).map_err(|error| moved(error, at))?;
        }
        if let Some((value, lists)) = &plan.lists {
            let is_there_once = |list: usize| {
                let value = format!("{value}{list}");
                tree.pivot_values.iter().filter(|found| **found == value).count() == 1
            };
            if !(0..*lists).all(is_there_once) {
                return Err(not_followed());
            }
        }
        let readers = if readers::reads_parquet(&tree) {
            let tokens = significant(self.parser.tokens(&plan.run)?);
            let back = |position: usize| plan.run_places.back(position);
            readers::find(&tree, &tokens, back, |position| plan.judged_places.back(position))
                .map_err(|error| moved(error, |at| places.back(back(at))))?
                .ok_or_else(not_followed)?
        } else {
            Vec::new()
        };
        let is_select = statement.kind == StatementKind::Select;
        Ok(Verdict::of(&tree, &tokens, is_select).with(plan, places, readers))
    }

    /// Returns the only statement of `sql`, and how its positions map back to `sql`.
    fn single_statement(&self, sql: &str) -> Result<(Statement, Places)> {
        let mut statements = match self.parser.statements(sql)? {
            Ok(statements) => statements,
            Err(why) if why.kind == Kind::Exhausted => return Err(why),
            Err(why) => {
                let tree = self.tree(sql)?;
                // The text parses now, so that DuckDB only lacked a resource a moment ago.
                let failure = tree.failure.ok_or(Error { kind: Kind::Exhausted, ..why })?;
                // DuckDB gives positions in the text with plain spaces.
                let places = Places::of_end(sql, &query::with_plain_spaces(sql)).unwrap_or_default();
                return Err(self.refusal(&failure, sql, |at| places.back(at))?);
            }
        };
        let all: String = statements.iter().map(|statement| statement.text.as_str()).collect();
        let places = Places::of_end(sql, &all).ok_or_else(not_followed)?;
        match (statements.pop(), statements.first()) {
            (Some(one), None) => Ok((one, places)),
            (Some(_), Some(first)) => {
                Err(Error::new(Kind::Forbidden, "the query holds more than one statement")
                    .hint("Send one statement per query; `;` may only end it")
                    .at(places.back(first.text.len())))
            }
            (None, _) => Err(empty()),
        }
    }

    fn tree(&self, sql: &str) -> Result<tree::Tree> {
        tree::read(&self.parser.tree(sql)?)
    }

    /// Returns the error for a text that DuckDB cannot serialise.
    ///
    /// # Errors
    /// Fails if the text cannot be split into tokens.
    fn refusal(&self, failure: &tree::Failure, text: &str, at: impl Fn(usize) -> usize) -> Result<Error> {
        if failure.kind == "not implemented" {
            if failure.message.contains("parameters") {
                return Ok(Error::bad_query("the query holds parameters (`?`, `$1` or `$name`)")
                    .hint("Write the values themselves"));
            }
            let tokens = significant(self.parser.tokens(text)?);
            return Ok(moved(not_allowed(tokens.first()), at));
        }
        if failure.message.contains("Cannot pivot on subquery") {
            return Ok(no_subquery());
        }
        Ok(error::of_class("Parser", &failure.message, failure.position.map(at)))
    }

    /// Returns the verdict on the query of a `CREATE VIEW` statement, and the view's column names in
    /// parentheses (empty if it lists none).
    ///
    /// # Errors
    /// [`Kind::BadQuery`] if `sql` creates no view or does not parse; [`Kind::Forbidden`] if a query may not
    /// do what the view does.
    pub(super) fn check_view(&self, sql: &str) -> Result<(Arc<Verdict>, String)> {
        let found = query_of_view(&significant(self.parser.tokens(sql)?));
        let (query, columns) = found
            .and_then(|(at, columns)| Some((sql.get(at..)?, columns.and_then(|columns| sql.get(columns)))))
            .ok_or_else(|| Error::bad_query("this makes no view"))?;
        Ok((self.check_stored(query)?, columns.unwrap_or_default().to_owned()))
    }

    /// Checks the text of a view or macro, which DuckDB runs as stored.
    ///
    /// # Errors
    /// Those of [`Gate::check`], and [`Kind::Forbidden`] for constructs that are allowed only in a text that
    /// the gate composes.
    pub(super) fn check_stored(&self, sql: &str) -> Result<Arc<Verdict>> {
        let verdict = self.check(sql)?;
        if verdict.replaces > 0 { Err(replacing::not_walled()) } else { Ok(verdict) }
    }
}

/// Returns the position of a construct for which DuckDB gives none: of a statement inside a CTE, its keyword,
/// preferably one in parentheses; of a table or a called function, its name.
fn place_of(node: &tree::Node, tokens: &[Token<'_>]) -> Option<usize> {
    let pairs = || tokens.iter().zip(tokens.iter().skip(1));
    if node.kind.ends_with("_QUERY_NODE") {
        let word = judge::construct(&node.kind);
        let words = pairs().filter(|(_, token)| token.is_word(&word));
        let (in_parentheses, elsewhere): (Vec<_>, Vec<_>) = words.partition(|(before, _)| before.text == "(");
        return in_parentheses.first().or(elsewhere.first()).map(|(_, token)| token.start);
    }
    if !node.function.is_empty() {
        let mut calls = pairs().filter(|(name, next)| next.text == "(" && name.is_name(&node.function));
        return calls.next().map(|(name, _)| name.start);
    }
    let parts: Vec<_> = node.path.iter().filter(|part| !part.is_empty()).collect();
    // The parts of a name are separated by dots.
    let starts = |at: usize| {
        let mut found = parts.iter().zip(tokens.iter().skip(at).step_by(2));
        at + 2 * parts.len() <= tokens.len() + 1 && found.all(|(part, token)| token.is_name(part))
    };
    (0..tokens.len())
        .find(|&at| !parts.is_empty() && starts(at))
        .and_then(|at| tokens.get(at))
        .map(|token| token.start)
}

fn moved(error: Error, to: impl Fn(usize) -> usize) -> Error {
    Error { position: error.position.map(to), ..error }
}

/// Returns the refusal of a text that the gate cannot follow.
fn not_followed() -> Error {
    Error::new(Kind::Forbidden, "the query is written in a way that cannot be checked").hint(
        "Write it more simply: one statement, plain spaces, and in `PIVOT` every item of `ON` a column, or in parentheses",
    )
}

#[cfg(test)]
mod planted_tests;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod token_tests;
#[cfg(test)]
pub(crate) use token_tests::read_anything;
