//! Finds where a statement reads Parquet files, through a function call or a file name in place of a table.
//! There the engine adds the arguments that DuckDB's reader needs for correct results.

use std::collections::HashMap;
use std::ops::Range;

use super::judged;
use super::parser::{Token, TokenKind};
use super::tree::{Argument, Node, Tree};
use crate::error::{Error, Kind, Result};

/// The functions that read the content of Parquet files.
const FUNCTIONS: [&str; 2] = ["read_parquet", "parquet_scan"];
const CAN_HAVE_NAN: &str = "can_have_nan";

/// One place where a statement reads Parquet files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::engine) struct Reader {
    /// Files, patterns and folders, as written.
    pub(in crate::engine) paths: Vec<String>,
    /// Names of its named arguments in lower case, and each value if it is literally true or false.
    given: Vec<(String, Option<bool>)>,
    /// The parts of the name: of the function, or of the file in place of a table.
    pub(in crate::engine) parts: Vec<String>,
    pub(super) form: Form,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Form {
    /// A call: the position of its closing parenthesis, whether a comma comes right before that, and where
    /// its paths are.
    Call { end: usize, has_comma: bool, path: Option<Range<usize>> },
    /// The name of a file in place of a table name.
    Table { span: Range<usize>, before: Before, alias: Option<String> },
}

/// What must come before a function call that replaces a table name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Before {
    Nothing,
    /// `DESCRIBE 'x.parquet'` needs `FROM` before a call.
    From,
    /// `TABLE 'x.parquet'` and `SHOW 'x.parquet'` accept only a name: the position of that word, and its
    /// replacement for a query.
    Instead(Range<usize>, &'static str),
}

impl Reader {
    /// Returns `None` if the argument is not given, otherwise its value if that is literally true or false.
    #[expect(clippy::option_option, reason = "whether it is given, and what is known of its value")]
    pub(in crate::engine) fn given(&self, name: &str) -> Option<Option<bool>> {
        self.given.iter().find(|(known, _)| known == name).map(|(_, value)| *value)
    }

    /// Returns whether this is a function call and not a file name in place of a table.
    pub(in crate::engine) fn is_call(&self) -> bool {
        matches!(self.form, Form::Call { .. })
    }
}

/// Returns whether a statement reads Parquet files, so that its tokens are needed.
pub(super) fn reads_parquet(tree: &Tree) -> bool {
    tree.nodes.iter().any(|node| function_of(node).is_some() || is_file(node))
}

fn function_of(node: &Node) -> Option<usize> {
    FUNCTIONS.iter().position(|known| known.eq_ignore_ascii_case(&node.function))
}

fn is_file(node: &Node) -> bool {
    node.kind == "BASE_TABLE" && judged::is_parquet(&node.full_name())
}

/// Returns the refusal of a file name that is also the name of a CTE: inside the CTE it means the file,
/// elsewhere it may mean either.
fn of_two_things(tree: &Tree, node: &Node) -> Option<Error> {
    let is_cte = node.path.len() == 1 && tree.ctes.iter().any(|cte| cte.eq_ignore_ascii_case(node.name()));
    is_cte.then(|| {
        let message = format!("`{}` may be the CTE of that name or the file", node.name());
        Error::new(Kind::Forbidden, message).hint("Call the CTE something else")
    })
}

/// Finds the readers in the text that runs, given by its `tokens`, in ascending order. `back` maps positions
/// of that text to the statement, `judged_back` those of the tree. Returns `None` if a reader is not found in
/// the tokens.
///
/// # Errors
/// [`Kind::Forbidden`] if a call tells DuckDB that no value is NaN.
pub(super) fn find(
    tree: &Tree,
    tokens: &[Token<'_>],
    back: impl Fn(usize) -> usize,
    judged_back: impl Fn(usize) -> usize,
) -> Result<Option<Vec<Reader>>> {
    // Where text was inserted, several tokens map to the same position.
    let mut at_place: HashMap<usize, Vec<usize>> = HashMap::new();
    for (at, token) in tokens.iter().enumerate() {
        at_place.entry(back(token.start)).or_default().push(at);
    }
    // DuckDB gives no position for names after these words.
    let mut bare: Vec<usize> = (1..tokens.len()).filter(|at| before(tokens, *at).is_some()).collect();
    let mut found = Vec::new();
    for node in &tree.nodes {
        let function = function_of(node);
        if function.is_none() && !is_file(node) {
            continue;
        }
        if let Some(refused) = of_two_things(tree, node) {
            return Err(match node.position {
                Some(position) => {
                    let at =
                        at_place.get(&judged_back(position)).and_then(|there| tokens.get(*there.first()?));
                    Error { position: at.map(|token| token.start), ..refused }
                }
                None => refused,
            });
        }
        let is_it = |at: &usize| match function {
            Some(function) => name_of_call(tokens, *at, function).is_some(),
            None => is_named_at(node, tokens, *at),
        };
        let at = match node.position {
            Some(position) => {
                let there = at_place.get(&judged_back(position)).into_iter().flatten();
                // In `name: table` the alias comes first, so the table starts two tokens later.
                let behind = |at: usize| if is(tokens, at + 1, ":") { at + 2 } else { at };
                there.map(|at| behind(*at)).find(is_it)
            }
            None => bare.iter().position(is_it).map(|index| bare.remove(index)),
        };
        let Some(at) = at else { return Ok(None) };
        let reader = match function.zip(function.and_then(|function| name_of_call(tokens, at, function))) {
            Some((_, name)) => {
                let parts = (at..=name).step_by(2).filter_map(|at| tokens.get(at));
                let parts = parts.map(|token| unquoted(token.text)).collect();
                call(node, parts, tokens.get(name + 2..).unwrap_or_default())?
            }
            // DuckDB's own error says that a file has no versions.
            None if is_of_a_time(tokens, node, at) => continue,
            None => table(node, tokens, at),
        };
        let Some(reader) = reader else { return Ok(None) };
        found.push(reader);
    }
    found.sort_by_key(|reader| match &reader.form {
        Form::Call { end, .. } => *end,
        Form::Table { span, .. } => span.start,
    });
    found.dedup();
    Ok(Some(found))
}

/// Returns the token that is the last part of a called function's name, if such a name starts at the token
/// `at`.
fn name_of_call(tokens: &[Token<'_>], mut at: usize, function: usize) -> Option<usize> {
    while is(tokens, at + 1, ".") {
        at += 2;
    }
    let is_it = tokens.get(at)?.is_name(FUNCTIONS.get(function)?) && is(tokens, at + 1, "(");
    is_it.then_some(at)
}

fn is(tokens: &[Token<'_>], at: usize, text: &str) -> bool {
    tokens.get(at).is_some_and(|token| token.text == text)
}

/// Returns whether `AT (…)` follows the table name that starts at the token `at`.
fn is_of_a_time(tokens: &[Token<'_>], node: &Node, at: usize) -> bool {
    let behind = at + 2 * node.path.iter().filter(|part| !part.is_empty()).count() - 1;
    tokens.get(behind).is_some_and(|token| token.is_word("AT")) && is(tokens, behind + 1, "(")
}

/// Reads a call from the tokens after its opening parenthesis.
fn call(node: &Node, parts: Vec<String>, tokens: &[Token<'_>]) -> Result<Option<Reader>> {
    let mut given = Vec::new();
    let (mut depth, mut is_path) = (0_usize, true);
    let mut behind_path = None;
    for (at, token) in tokens.iter().enumerate() {
        match token.text {
            ")" if depth == 0 => {
                let has_comma =
                    at.checked_sub(1).and_then(|at| tokens.get(at)).is_some_and(|last| last.text == ",");
                for (_, name) in &node.names {
                    let name = name.to_ascii_lowercase();
                    if given.iter().any(|(known, _)| *known == name) {
                        continue;
                    }
                    // The argument is written in a way that the loop below does not recognise.
                    if name == CAN_HAVE_NAN {
                        return Err(no_promise().at(token.start));
                    }
                    given.push((name, None));
                }
                let paths = match &node.first {
                    Argument::Written(paths) => paths.clone(),
                    Argument::None | Argument::Computed => Vec::new(),
                };
                let last = behind_path.unwrap_or(at).checked_sub(1).and_then(|last| tokens.get(last));
                let path = tokens.first().zip(last).map(|(first, last)| first.start..last.end());
                let form = Form::Call { end: token.start, has_comma, path };
                return Ok(Some(Reader { paths, given, parts, form }));
            }
            "(" | "[" | "{" => depth += 1,
            ")" | "]" | "}" => depth = depth.saturating_sub(1),
            "," if depth == 0 => {
                is_path = false;
                behind_path = behind_path.or(Some(at));
            }
            _ => {}
        }
        let is_assigned = tokens.get(at + 1).is_some_and(|next| ["=", ":=", "=>"].contains(&next.text));
        if is_path || !is_assigned || !is_argument(tokens, at, depth) {
            continue;
        }
        let is_last = tokens.get(at + 3).is_some_and(|next| [",", ")"].contains(&next.text));
        let value = tokens.get(at + 2).filter(|_| is_last).and_then(truth);
        let name = unquoted(token.text).to_ascii_lowercase();
        if name == CAN_HAVE_NAN && value != Some(true) {
            return Err(no_promise().at(token.start));
        }
        given.push((name, value));
    }
    Ok(None)
}

fn no_promise() -> Error {
    Error::new(
        Kind::Forbidden,
        "DuckDB would believe without looking into the file that no value in it is NaN",
    )
    .hint("Leave `can_have_nan` away, or write `can_have_nan = true`, which is what it is here anyway")
}

/// Returns the token's value if it is literally true or false.
fn truth(token: &Token<'_>) -> Option<bool> {
    let text = unquoted(token.text).to_ascii_lowercase();
    match (token.kind, text.as_str()) {
        (TokenKind::Keyword | TokenKind::Identifier | TokenKind::String, "true")
        | (TokenKind::Number | TokenKind::String, "1")
        | (TokenKind::String, "t") => Some(true),
        (TokenKind::Keyword | TokenKind::Identifier | TokenKind::String, "false")
        | (TokenKind::Number | TokenKind::String, "0")
        | (TokenKind::String, "f") => Some(false),
        _ => None,
    }
}

/// Returns whether the name at the token `at` is that of an argument: as `, name = value`, or as `, (name =
/// value)`, which is how DuckDB stores the text of a view.
fn is_argument(tokens: &[Token<'_>], at: usize, depth: usize) -> bool {
    let text = |at: usize| tokens.get(at).map(|token| token.text);
    let is_inside = |opened: usize| at.checked_sub(opened).and_then(text) == Some("(");
    depth == 0 || (1..=depth).all(is_inside) && at.checked_sub(depth + 1).and_then(text) == Some(",")
}

/// Reads a file name in place of a table, which starts at the token `at`.
fn table(node: &Node, tokens: &[Token<'_>], at: usize) -> Option<Reader> {
    let path = node.full_name();
    let parts = node.path.iter().filter(|part| !part.is_empty()).count();
    let (first, last) = (tokens.get(at)?, tokens.get((at + 2 * parts).checked_sub(2)?)?);
    let before = if node.position.is_some() { Before::Nothing } else { before(tokens, at)? };
    // The alias that DuckDB would give the table.
    let own = if path.contains(['*', '?', '[']) {
        node.name()
    } else {
        path.rsplit('/').next()?.split('.').next()?
    };
    let alias = node.alias.is_empty().then(|| own.to_owned());
    let form = Form::Table { span: first.start..last.end(), before, alias };
    Some(Reader { paths: vec![path], given: Vec::new(), parts: node.path.clone(), form })
}

/// Returns what must come before a function call at the token `at`, by the word before it.
fn before(tokens: &[Token<'_>], at: usize) -> Option<Before> {
    let word = tokens.get(at.checked_sub(1)?)?;
    for (known, other) in [("TABLE", "FROM"), ("SHOW", "DESCRIBE FROM")] {
        if word.is_word(known) {
            return Some(Before::Instead(word.start..word.end(), other));
        }
    }
    let is_shown = ["DESCRIBE", "DESC", "SUMMARIZE"].iter().any(|known| word.is_word(known));
    is_shown.then_some(Before::From)
}

/// Returns whether the parts of a table's name start at the token `at`, separated by dots.
fn is_named_at(node: &Node, tokens: &[Token<'_>], at: usize) -> bool {
    let mut parts = node.path.iter().filter(|part| !part.is_empty()).enumerate();
    parts.all(|(index, part)| {
        let is_joined = index == 0 || tokens.get(at + 2 * index - 1).is_some_and(|token| token.text == ".");
        is_joined
            && tokens.get(at + 2 * index).is_some_and(|token| unquoted(token.text).eq_ignore_ascii_case(part))
    })
}

/// Returns the text of a token without its quotes.
pub(super) fn unquoted(text: &str) -> String {
    for quote in ['\'', '"', '`'] {
        if let Some(inside) = text.strip_prefix(quote).and_then(|rest| rest.strip_suffix(quote)) {
            return inside.replace(&format!("{quote}{quote}"), &quote.to_string());
        }
    }
    text.to_owned()
}

#[cfg(test)]
#[path = "readers_tests.rs"]
mod tests;
