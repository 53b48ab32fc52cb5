//! Splits a statement by DuckDB's own tokens and recomposes it: `EXPLAIN`, `CREATE VIEW` and `PIVOT`.

use std::hash::{BuildHasher as _, RandomState};
use std::ops::Range;

use super::judge::may_name_an_array;
use super::parser::{Token, TokenKind};
use super::places::Composed;
use crate::error::{Error, Kind, Result};

/// Formats of a query plan. The first is the default.
const FORMATS: &[&str] = &["default", "text", "json", "html", "graphviz", "yaml", "mermaid"];

/// Removes the comments, and the `;` at the end.
pub(super) fn significant<'a>(tokens: Vec<Token<'a>>) -> Vec<Token<'a>> {
    let mut all: Vec<Token<'a>> =
        tokens.into_iter().filter(|token| token.kind != TokenKind::Comment).collect();
    let ended = all.iter().rposition(|token| token.kind != TokenKind::Terminator);
    all.truncate(ended.map_or(0, |at| at + 1));
    all
}

/// The parts of an `EXPLAIN`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Explained {
    analyze: bool,
    format: &'static str,
    /// Index of the first token of the explained statement.
    pub(super) body: usize,
}

impl Explained {
    /// Reads the tokens of one statement; returns `None` if it is not an `EXPLAIN`.
    ///
    /// # Errors
    /// [`Kind::Forbidden`] for options other than `ANALYZE` and `FORMAT`, [`Kind::BadQuery`] for an unknown
    /// format.
    pub(super) fn read(tokens: &[Token<'_>]) -> Result<Option<Self>> {
        if !tokens.first().is_some_and(|token| token.is_word("EXPLAIN")) {
            return Ok(None);
        }
        let mut found = Self { analyze: false, format: "default", body: 1 };
        if tokens.get(1).is_some_and(is_analyze) {
            found.analyze = true;
            found.body = 2;
        }
        let opens = tokens.get(found.body).is_some_and(|token| token.text == "(");
        if opens && tokens.get(found.body + 1).is_some_and(is_option) {
            found.read_options(tokens)?;
        }
        Ok(Some(found))
    }

    /// Reads `(option, …)`, which starts where the body would otherwise start.
    fn read_options(&mut self, tokens: &[Token<'_>]) -> Result<()> {
        let mut at = self.body + 1;
        loop {
            let option = tokens.get(at);
            at += 1;
            match option {
                Some(token) if is_analyze(token) => self.analyze = true,
                Some(token) if token.is_word("FORMAT") => {
                    self.format = format(tokens.get(at))?;
                    at += 1;
                }
                other => return Err(no_option(other.or(tokens.last()))),
            }
            let next = tokens.get(at);
            at += 1;
            match next.map(|token| token.text) {
                Some(",") => {}
                Some(")") => break,
                _ => return Err(no_option(next.or(tokens.last()))),
            }
        }
        self.body = at;
        Ok(())
    }

    /// Returns the text to put before the body. It always has options, so that DuckDB never takes a body in
    /// parentheses for options.
    pub(super) fn head(&self) -> String {
        format!("EXPLAIN ({}FORMAT {}) ", if self.analyze { "ANALYZE, " } else { "" }, self.format)
    }
}

fn is_analyze(token: &Token<'_>) -> bool {
    token.is_word("ANALYZE") || token.is_word("ANALYSE")
}

/// Returns whether a word after `EXPLAIN (` begins an option and not a query.
fn is_option(token: &Token<'_>) -> bool {
    is_analyze(token) || ["FORMAT", "VERBOSE", "SQL"].iter().any(|word| token.is_word(word))
}

fn format(token: Option<&Token<'_>>) -> Result<&'static str> {
    let found = FORMATS.iter().find(|format| token.is_some_and(|token| token.is_name(format)));
    found.copied().ok_or_else(|| {
        let known = FORMATS.join(", ");
        let error =
            Error::bad_query("`EXPLAIN` has no such format").hint(format!("Write one of these: {known}"));
        match token {
            Some(token) => error.at(token.start),
            None => error,
        }
    })
}

fn no_option(token: Option<&Token<'_>>) -> Error {
    let error = Error::new(Kind::Forbidden, "`EXPLAIN` takes the options `ANALYZE` and `FORMAT` only")
        .hint("Write EXPLAIN, EXPLAIN ANALYZE or EXPLAIN (FORMAT json)");
    match token {
        Some(token) => error.at(token.start),
        None => error,
    }
}

/// Returns where the query of `CREATE VIEW name (columns) AS query` starts, and the range of the columns with
/// their parentheses, if any.
pub(super) fn query_of_view(tokens: &[Token<'_>]) -> Option<(usize, Option<Range<usize>>)> {
    let mut depth = 0_usize;
    let mut columns = None;
    let at = tokens.iter().position(|token| {
        match token.text {
            "(" => {
                columns.get_or_insert(token.start..token.end());
                depth += 1;
            }
            ")" => {
                depth = depth.saturating_sub(1);
                columns = columns.take().map(|columns| columns.start..token.end());
            }
            _ => {}
        }
        depth == 0 && token.is_word("AS")
    })?;
    tokens.get(at + 1).map(|token| (token.start, columns))
}

/// A `PIVOT` without `IN` in two forms: the text that runs, and the same text with a list of one value after
/// each item of `ON` that has none. DuckDB serialises only the second; its tree shows that the values became
/// the lists of a pivot.
pub(super) struct Pivoted<'a> {
    pub(super) run: Composed<'a>,
    pub(super) judged: Composed<'a>,
    /// The prefix of the values; the number of the list follows.
    pub(super) value: String,
    /// Number of lists that were put in.
    pub(super) lists: usize,
}

impl<'a> Pivoted<'a> {
    /// Composes both forms from the tokens of `sql` with index `from` and above, with `head` in front;
    /// returns `None` if no list can be put in.
    pub(super) fn of(sql: &'a str, tokens: &[Token<'_>], from: usize, head: &str) -> Option<Self> {
        let tokens = tokens.get(from..)?;
        let mut items: Vec<Range<usize>> = Vec::new();
        for (index, token) in tokens.iter().enumerate() {
            if token.is_word("PIVOT") || token.is_word("PIVOT_WIDER") {
                items.extend(items_of(tokens.get(index + 1..).unwrap_or_default()));
            }
        }
        let (first, last) = (tokens.first()?, tokens.last()?);
        if items.is_empty() {
            return None;
        }
        // An item of one pivot may contain another pivot.
        let mut marks: Vec<(usize, bool)> =
            items.iter().flat_map(|item| [(item.start, true), (item.end, false)]).collect();
        marks.sort_unstable();
        // The value is random, so that nobody can write it in the query beforehand.
        let [one, other] = [RandomState::new(), RandomState::new()].map(|state| state.hash_one(sql));
        let value = format!("pivoted_{one:016x}{other:016x}_");
        let mut lists = 0;
        let (mut run, mut judged) = (Composed::of(sql), Composed::of(sql));
        run.insert(head, first.start);
        let mut copied = first.start;
        for (place, opens) in marks {
            for text in [&mut run, &mut judged] {
                text.copy(copied..place);
                text.insert(if opens { "(" } else { ")" }, place);
            }
            if !opens {
                judged.insert(&format!(" IN ('{value}{lists}')"), place);
                lists += 1;
            }
            copied = place;
        }
        for text in [&mut run, &mut judged] {
            text.copy(copied..last.end());
        }
        Some(Self { run, judged, value, lists })
    }
}

/// Checks that every call of `function`, which reads files, gives types as literal texts without fixed-size
/// arrays.
///
/// # Errors
/// [`Kind::Forbidden`] at the first token that is not understood.
pub(super) fn check_types_of(function: &str, tokens: &[Token<'_>]) -> Result<()> {
    const PLAIN: &[&str] = &[",", ":", "=", ":=", "=>", "(", ")", "[", "]", "{", "}", "-"];
    const MAKE_VALUES: &[&str] = &["MAP", "STRUCT_PACK", "LIST_VALUE", "ROW"];
    let calls = tokens.iter().zip(tokens.iter().skip(1)).enumerate();
    for (at, _) in calls.filter(|(_, (name, next))| name.is_name(function) && next.text == "(") {
        let mut depth = 0_usize;
        let mut is_path = true;
        let mut before: Option<&Token<'_>> = None;
        for token in tokens.iter().skip(at + 1) {
            let is_call = token.text == "("
                && before.is_some_and(|word| {
                    let is_word = matches!(word.kind, TokenKind::Keyword | TokenKind::Identifier);
                    is_word && depth > 0 && !MAKE_VALUES.iter().any(|made| word.is_word(made))
                });
            let is_odd = match token.kind {
                TokenKind::Operator => !PLAIN.contains(&token.text) || is_call,
                TokenKind::String => {
                    !token.text.starts_with('\'')
                        || before.is_some_and(|one| one.kind == TokenKind::String)
                        || !is_path && may_name_an_array(token.text)
                }
                TokenKind::Keyword | TokenKind::Identifier => {
                    ["SELECT", "FROM", "VALUES"].iter().any(|word| token.is_word(word))
                }
                _ => false,
            };
            if is_odd {
                let message = format!(
                    "`{function}` takes types as texts, written out, and none that is an array of fixed size"
                );
                return Err(Error::new(Kind::Forbidden, message)
                    .hint("Write them out: columns = {'name': 'VARCHAR', 'values': 'INTEGER[]'}")
                    .at(token.start));
            }
            match token.text {
                "(" | "[" | "{" => depth += 1,
                ")" | "]" | "}" => depth = depth.saturating_sub(1),
                "," if depth == 1 => is_path = false,
                _ => {}
            }
            if depth == 0 {
                break;
            }
            before = Some(token);
        }
    }
    Ok(())
}

/// Returns whether a token joins expressions into a larger one.
fn joins(token: &Token<'_>) -> bool {
    const WORDS: &[&str] = &[
        "NOT", "AND", "OR", "IS", "LIKE", "ILIKE", "GLOB", "SIMILAR", "BETWEEN", "COLLATE", "AT", "IN",
        "ISNULL", "NOTNULL",
    ];
    let is_operator = token.kind == TokenKind::Operator && !["::", ")", "]", "}", ":"].contains(&token.text);
    is_operator || WORDS.iter().any(|word| token.is_word(word))
}

/// Returns the items of `ON` in a `PIVOT` that have no `IN`; `tokens` follow the keyword `PIVOT`.
fn items_of(tokens: &[Token<'_>]) -> Vec<Range<usize>> {
    const ENDS: &[&str] = &["USING", "GROUP", "ORDER", "LIMIT", "OFFSET", "UNION", "EXCEPT", "INTERSECT"];
    let mut items = Vec::new();
    let mut depth = 0_usize;
    // Whether the item so far is too complex for a list after it: `a || b IN ('x')` is one expression.
    let mut is_compound = false;
    // The current item and whether it has a list; `None` within the source.
    let mut item: Option<(Option<Range<usize>>, bool)> = None;
    let mut is_behind_a_dot = false;
    for token in tokens {
        let was_behind_a_dot = std::mem::replace(&mut is_behind_a_dot, token.text.ends_with('.'));
        let opens = matches!(token.text, "(" | "[" | "{") || token.is_word("CASE");
        let closes = matches!(token.text, ")" | "]" | "}") || token.is_word("END");
        if closes && depth == 0 {
            break;
        }
        if depth == 0 {
            if token.is_word("ON") && !was_behind_a_dot {
                // The items so far belong to a join in the source.
                items.clear();
                is_compound = false;
                item = Some((None, false));
                continue;
            }
            if item.is_some() && ENDS.iter().any(|word| token.is_word(word)) {
                break;
            }
        }
        if opens {
            depth += 1;
        } else if closes {
            depth -= 1;
        }
        let Some((span, has_list)) = &mut item else { continue };
        if depth == 0 && token.text == "," {
            items.extend(span.take().filter(|_| !*has_list));
            *has_list = false;
            is_compound = false;
            continue;
        }
        if depth == 0 {
            *has_list |= token.is_word("IN") && !is_compound;
            is_compound |= joins(token);
        }
        *span = Some(span.as_ref().map_or(token.start, |span| span.start)..token.end());
    }
    if let Some((Some(span), false)) = item {
        items.push(span);
    }
    items
}
