//! Where a statement reads Parquet files, so that the engine can give DuckDB's reader the arguments that make its answers true,
//! whether a function is called or a file stands where a table does.

use std::ops::Range;

use super::judged;
use super::parser::{Token, TokenKind};
use super::places::{Composed, Places};
use super::tree::{Node, Tree};
use crate::error::{Error, Kind, Result};

/// The functions that read what is in Parquet files.
const FUNCTIONS: [&str; 3] = ["read_parquet", "parquet_scan", "read_single_parquet_file"];
/// What stands for the name of a file.
const FUNCTION: &str = "system.main.parquet_scan";
const CAN_HAVE_NAN: &str = "can_have_nan";

/// One place where a statement reads Parquet files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::engine) struct Reader {
    /// Files, patterns and folders, as they are written.
    pub(in crate::engine) paths: Vec<String>,
    /// Arguments that it is given by name, in small letters, and whether they are plainly true or false.
    given: Vec<(String, Option<bool>)>,
    /// The parts of a name in the place of a table's.
    pub(in crate::engine) parts: Vec<String>,
    form: Form,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Form {
    /// A call of a function of that index, which ends before the closing parenthesis there; whether a comma stands before it.
    Call { function: usize, end: usize, has_comma: bool },
    /// The name of a file in the place of a table's.
    Table { span: Range<usize>, before: Before, alias: Option<String> },
}

/// What is needed before a function where the name of a table does without.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Before {
    Nothing,
    /// `DESCRIBE 'x.parquet'` takes a query.
    From,
    /// `TABLE 'x.parquet'` takes a name only: the word's place.
    Instead(Range<usize>),
}

impl Reader {
    /// What is said of an argument: none where it is not given, otherwise whether it is plainly true or false.
    #[expect(clippy::option_option, reason = "whether it is given, and what is known of its value")]
    pub(in crate::engine) fn given(&self, name: &str) -> Option<Option<bool>> {
        self.given.iter().find(|(known, _)| known == name).map(|(_, value)| *value)
    }

    /// Whether it reads one file only, without arguments for several.
    pub(in crate::engine) fn reads_one(&self) -> bool {
        matches!(self.form, Form::Call { function: 2, .. })
    }

    /// The name of the function that is called; none for a file in the place of a table.
    pub(in crate::engine) fn function(&self) -> Option<&'static str> {
        match self.form {
            Form::Call { function, .. } => FUNCTIONS.get(function).copied(),
            Form::Table { .. } => None,
        }
    }
}

/// A statement with arguments put in.
pub(in crate::engine) struct Composition {
    pub(in crate::engine) sql: String,
    places: Places,
}

impl Composition {
    /// `sql` with the arguments that go to each of its `readers`, ascending; none for one that stays as it is.
    pub(super) fn of(sql: &str, readers: &[Reader], arguments: &[Option<String>]) -> Self {
        let mut text = Composed::of(sql);
        let mut copied = 0;
        for (reader, arguments) in readers.iter().zip(arguments) {
            let Some(arguments) = arguments else { continue };
            match &reader.form {
                Form::Call { end, has_comma, .. } => {
                    text.copy(copied..*end);
                    if !arguments.is_empty() {
                        text.insert(if *has_comma { " " } else { ", " }, *end);
                        text.insert(arguments, *end);
                    }
                    copied = *end;
                }
                Form::Table { span, before, alias } => {
                    match before {
                        Before::Instead(word) => {
                            text.copy(copied..word.start);
                            text.insert("FROM", word.start);
                            text.copy(word.end..span.start);
                        }
                        _ => text.copy(copied..span.start),
                    }
                    let from = if *before == Before::From { "FROM " } else { "" };
                    let path = reader.paths.concat().replace('\'', "''");
                    // Blanks: a text may stand right behind a word, and a word right behind it.
                    text.insert(&format!(" {from}{FUNCTION}('{path}', {arguments})"), span.start);
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

    /// The name of a column as the statement itself gives it: DuckDB calls one after its expression, in which a file may be read.
    pub(super) fn column_name(readers: &[Reader], arguments: &[Option<String>], name: &str) -> String {
        let mut plain = name.to_owned();
        for (reader, arguments) in readers.iter().zip(arguments) {
            // As DuckDB writes what was put in.
            for argument in arguments.iter().flat_map(|arguments| arguments.split(", ")) {
                plain = plain.replace(&format!(", ({argument})"), "");
            }
            let (Form::Table { alias, .. }, [path]) = (&reader.form, reader.paths.as_slice()) else {
                continue;
            };
            let call = format!("\"system\".main.parquet_scan('{}')", path.replace('\'', "''"));
            let table = format!("\"{}\"", path.replace('"', "\"\""));
            for alias in
                alias.iter().flat_map(|alias| [format!("\"{}\"", alias.replace('"', "\"\"")), alias.clone()])
            {
                plain = plain.replace(&format!("{call} AS {alias}"), &table);
            }
            plain = plain.replace(&call, &table);
        }
        plain
    }

    /// Where a position of it is in the statement.
    pub(in crate::engine) fn back(&self, position: usize) -> usize {
        self.places.back(position)
    }
}

/// Whether a statement reads Parquet files, so that its tokens are wanted.
pub(super) fn reads_parquet(tree: &Tree) -> bool {
    tree.nodes.iter().any(|node| function_of(node).is_some() || is_file(tree, node))
}

fn function_of(node: &Node) -> Option<usize> {
    FUNCTIONS.iter().position(|known| known.eq_ignore_ascii_case(&node.function))
}

fn is_file(tree: &Tree, node: &Node) -> bool {
    let is_cte = || node.path.len() == 1 && tree.ctes.iter().any(|cte| cte.eq_ignore_ascii_case(node.name()));
    node.kind == "BASE_TABLE" && judged::is_parquet(&node.full_name()) && !is_cte()
}

/// The places in the text that runs, by its `tokens`; ascending. `back` leads from its positions to the statement's, `judged_back`
/// from the tree's. `None` where one is not found.
///
/// # Errors
/// [`Kind::Forbidden`] where DuckDB is told that no value is NaN.
pub(super) fn find(
    tree: &Tree,
    tokens: &[Token<'_>],
    back: impl Fn(usize) -> usize,
    judged_back: impl Fn(usize) -> usize,
) -> Result<Option<Vec<Reader>>> {
    let mut found = Vec::new();
    for (index, function) in FUNCTIONS.iter().enumerate() {
        let calls = (0..tokens.len()).filter(|at| {
            tokens.get(*at).is_some_and(|token| token.is_name(function))
                && tokens.get(at + 1).is_some_and(|token| token.text == "(")
        });
        let before = found.len();
        for at in calls {
            let Some(call) = call(index, tokens.get(at + 2..).unwrap_or_default())? else { return Ok(None) };
            found.push(call);
        }
        if found.len() - before != tree.nodes.iter().filter(|node| function_of(node) == Some(index)).count() {
            return Ok(None);
        }
    }
    let mut bare: Vec<usize> = Vec::new();
    for node in tree.nodes.iter().filter(|node| is_file(tree, node)) {
        let at = match node.position {
            Some(position) => {
                let place = judged_back(position);
                let mut there = (0..tokens.len())
                    .filter(|at| tokens.get(*at).is_some_and(|token| back(token.start) == place));
                there.find_map(|at| {
                    // Behind `name:` where the other name stands in front.
                    let is_named =
                        node.has_alias && tokens.get(at + 1).is_some_and(|token| token.text == ":");
                    let at = if is_named { at + 2 } else { at };
                    is_named_at(node, tokens, at).then_some(at)
                })
            }
            // Of what stands behind these words it tells none.
            None => (1..tokens.len()).find(|at| {
                before(tokens, *at).is_some() && !bare.contains(at) && is_named_at(node, tokens, *at)
            }),
        };
        let Some(at) = at else { return Ok(None) };
        if node.position.is_none() {
            bare.push(at);
        }
        let Some(table) = table(node, tokens, at) else { return Ok(None) };
        found.push(table);
    }
    found.sort_by_key(|reader| match &reader.form {
        Form::Call { end, .. } => *end,
        Form::Table { span, .. } => span.start,
    });
    found.dedup();
    Ok(Some(found))
}

/// A call, of the tokens behind its opening parenthesis.
fn call(function: usize, tokens: &[Token<'_>]) -> Result<Option<Reader>> {
    let (mut paths, mut given) = (Vec::new(), Vec::new());
    let (mut depth, mut is_path) = (0_usize, true);
    for (at, token) in tokens.iter().enumerate() {
        match token.text {
            ")" if depth == 0 => {
                let has_comma =
                    at.checked_sub(1).and_then(|at| tokens.get(at)).is_some_and(|last| last.text == ",");
                return Ok(Some(Reader {
                    paths,
                    given,
                    parts: Vec::new(),
                    form: Form::Call { function, end: token.start, has_comma },
                }));
            }
            "(" | "[" | "{" => depth += 1,
            ")" | "]" | "}" => depth = depth.saturating_sub(1),
            "," if depth == 0 => is_path = false,
            _ => {}
        }
        if is_path && token.kind == TokenKind::String {
            paths.push(unquoted(token.text));
        }
        let is_assigned = tokens.get(at + 1).is_some_and(|next| ["=", ":=", "=>"].contains(&next.text));
        if is_path || !is_assigned || !is_argument(tokens, at, depth) {
            continue;
        }
        let is_last = tokens.get(at + 3).is_some_and(|next| [",", ")"].contains(&next.text));
        let value = tokens.get(at + 2).filter(|_| is_last).and_then(|value| match () {
            () if value.is_word("TRUE") => Some(true),
            () if value.is_word("FALSE") => Some(false),
            () => None,
        });
        let name = unquoted(token.text).to_ascii_lowercase();
        if name == CAN_HAVE_NAN && value != Some(true) {
            return Err(Error::new(
                Kind::Forbidden,
                "DuckDB would believe without looking into the file that no value in it is NaN",
            )
            .hint(
                "Leave `can_have_nan` away, or write `can_have_nan = true`, which is what it is here anyway",
            )
            .at(token.start));
        }
        given.push((name, value));
    }
    Ok(None)
}

/// Whether a name at the token `at` is that of an argument: as `, name = value`, or as `, (name = value)`, which is how DuckDB stores
/// the text of a view.
fn is_argument(tokens: &[Token<'_>], at: usize, depth: usize) -> bool {
    let text = |at: usize| tokens.get(at).map(|token| token.text);
    let is_inside = |opened: usize| at.checked_sub(opened).and_then(text) == Some("(");
    depth == 0 || (1..=depth).all(is_inside) && at.checked_sub(depth + 1).and_then(text) == Some(",")
}

/// A file in the place of a table, whose name starts at the token `at`.
fn table(node: &Node, tokens: &[Token<'_>], at: usize) -> Option<Reader> {
    let path = node.full_name();
    let parts = node.path.iter().filter(|part| !part.is_empty()).count();
    let (first, last) = (tokens.get(at)?, tokens.get((at + 2 * parts).checked_sub(2)?)?);
    let before = if node.position.is_some() { Before::Nothing } else { before(tokens, at)? };
    // As DuckDB calls it.
    let own = if path.contains(['*', '?', '[']) {
        node.name()
    } else {
        path.rsplit('/').next()?.split('.').next()?
    };
    let alias = (!node.has_alias).then(|| own.to_owned());
    let form = Form::Table { span: first.start..last.end(), before, alias };
    Some(Reader { paths: vec![path], given: Vec::new(), parts: node.path.clone(), form })
}

/// What is needed before a function at the token `at`, by the word before it.
fn before(tokens: &[Token<'_>], at: usize) -> Option<Before> {
    let word = tokens.get(at.checked_sub(1)?)?;
    if word.is_word("TABLE") {
        return Some(Before::Instead(word.start..word.end()));
    }
    let is_shown = ["DESCRIBE", "DESC", "SUMMARIZE"].iter().any(|known| word.is_word(known));
    is_shown.then_some(Before::From)
}

/// Whether the parts of a table's name start at the token `at`, with dots between them.
fn is_named_at(node: &Node, tokens: &[Token<'_>], at: usize) -> bool {
    let mut parts = node.path.iter().filter(|part| !part.is_empty()).enumerate();
    parts.all(|(index, part)| {
        let is_joined = index == 0 || tokens.get(at + 2 * index - 1).is_some_and(|token| token.text == ".");
        is_joined
            && tokens.get(at + 2 * index).is_some_and(|token| unquoted(token.text).eq_ignore_ascii_case(part))
    })
}

/// What a token names: without quotes, if it has any.
fn unquoted(text: &str) -> String {
    for quote in ['\'', '"'] {
        if let Some(inside) = text.strip_prefix(quote).and_then(|rest| rest.strip_suffix(quote)) {
            return inside.replace(&format!("{quote}{quote}"), &quote.to_string());
        }
    }
    text.to_owned()
}
