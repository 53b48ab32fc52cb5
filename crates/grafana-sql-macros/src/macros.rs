//! Expands macros and variables in one pass over the tokens of a query. The macros are defined in `table`;
//! `call` finds their arguments.

mod call;
mod epoch;
mod panels;
mod suggest;
mod table;
mod timestamps;
mod weeks;

use std::ops::Range;

use grafana_time::Fill;

pub use table::{MacroDoc, macro_table};
pub use weeks::week_condition;

use super::interpolate::{Reference, Written, in_quotes, in_the_open, lookup, reference_at};
use super::lexer::{Token, TokenKind, is_word, tokens};
use super::offsets::Output;
use super::{Context, Prepared};
use crate::{Error, Result};
use call::Call;

/// The deepest nesting of macro calls; each level may repeat its argument.
const DEEPEST: usize = 8;
/// The most bytes by which the expanded text may exceed the original text.
const MOST_ADDED: usize = 2 << 20;

/// Replaces variables and macros; see [`super::prepare`].
pub(super) fn expand(raw_sql: &str, context: &Context<'_>) -> Result<Prepared> {
    let tokens: Vec<Token<'_>> = tokens(raw_sql).collect();
    if let Some(open) = tokens.iter().find(|token| !token.closed) {
        return Err(unterminated(open));
    }
    if tokens.iter().all(Token::is_blank) {
        return Err(Error::new("the query is empty").hint("Write a SELECT into the query's SQL text"));
    }
    let mut output = Output::default();
    let all = 0..tokens.len();
    let mut expander = Expander { sql: raw_sql, tokens, context, fill: None, is_weekly: false, depth: 0 };
    expander.write(all, &mut output)?;
    let Expander { fill, is_weekly, .. } = expander;
    Ok(Prepared { sql: output.text, fill, is_weekly, offsets: output.offsets })
}

/// The state of an expansion.
struct Expander<'a> {
    sql: &'a str,
    tokens: Vec<Token<'a>>,
    context: &'a Context<'a>,
    fill: Option<Fill>,
    is_weekly: bool,
    /// The current nesting of macro calls.
    depth: usize,
}

impl<'a> Expander<'a> {
    /// Writes the tokens of `range` with macros and variables expanded.
    fn write(&mut self, range: Range<usize>, out: &mut Output) -> Result<()> {
        let mut at = range.start;
        let mut after_string = false;
        while let Some(token) = self.tokens.get(at).copied().filter(|_| at < range.end) {
            self.check_length(out, token.start)?;
            at = match token.kind {
                // In an argument, a line comment would also comment out the text that follows the argument.
                TokenKind::Comment if self.depth > 0 => {
                    out.insert(" ", token.start);
                    at + 1
                }
                TokenKind::String | TokenKind::EscapeString | TokenKind::QuotedIdent => {
                    self.check_macro_in_quotes(at, &token)?;
                    self.write_quoted(&token, out)?;
                    at + 1
                }
                TokenKind::Name | TokenKind::Braced => self.write_dollar(at, range.end, after_string, out)?,
                TokenKind::Parameter => return Err(parameter(&token)),
                TokenKind::Punct if token.text == "[" => self.write_bracket(at, after_string, out)?,
                TokenKind::Ident => {
                    self.check_ident(&token)?;
                    out.copy(token.text, token.start);
                    at + 1
                }
                _ => {
                    out.copy(token.text, token.start);
                    at + 1
                }
            };
            if !token.is_blank() {
                after_string = matches!(token.kind, TokenKind::String | TokenKind::EscapeString);
            }
        }
        Ok(())
    }

    fn check_length(&self, out: &Output, start: usize) -> Result<()> {
        if out.text.len() <= self.sql.len().saturating_add(MOST_ADDED) {
            return Ok(());
        }
        let most = MOST_ADDED >> 20;
        Err(Error::new(format!("macros and variables add more than {most} MiB to the query"))
            .hint("Choose fewer values, or nest fewer macros")
            .at(start))
    }

    /// Refuses a string that is only a macro call, if it is compared, cast or named `time`: there it would
    /// match nothing or everything. In other places it may be data, such as a text about macros.
    fn check_macro_in_quotes(&self, at: usize, token: &Token<'_>) -> Result<()> {
        let Some(call) = macro_in_quotes(token) else { return Ok(()) };
        let solid = |token: &&Token<'_>| !token.is_blank();
        let is_word = |token: Option<&Token<'_>>, words: &[&str]| {
            token.is_some_and(|token| words.iter().any(|word| token.text.eq_ignore_ascii_case(word)))
        };
        let before = self.tokens.get(..at).and_then(|before| before.iter().rev().find(solid));
        let after = self.tokens.get(at + 1..).and_then(|after| after.iter().find(solid));
        let is_compared = is_word(before, &["=", "<", ">", "between", "and"])
            || is_word(after, &["=", "<", ">", "!", "between"]);
        let is_cast = is_word(before, &["timestamp", "timestamptz", "date"])
            || is_word(before, &["("]) && is_word(after, &["as"])
            || self.sql.get(token.end()..).is_some_and(|rest| rest.starts_with("::"));
        let (mut words_before, mut words_after) = (
            self.tokens.get(..at).unwrap_or_default().iter().rev().filter(solid),
            self.tokens.get(at + 1..).unwrap_or_default().iter().filter(solid),
        );
        let is_in_list = is_word(words_before.next(), &["("]) && is_word(words_before.next(), &["in"]);
        let is_time = is_word(words_after.next(), &["as"]) && is_word(words_after.next(), &["time"]);
        if !is_compared && !is_cast && !is_in_list && !is_time {
            return Ok(());
        }
        Err(Error::new(format!("`{call}` stands inside quotes, where it is only text"))
            .hint(format!("Write `{call}` without the quotes"))
            .at(token.start))
    }

    /// Writes a string or quoted identifier. Only known variables in it are replaced; anything else that
    /// looks like one may be data (`'… WHERE id = $1'`).
    fn write_quoted(&mut self, token: &Token<'a>, out: &mut Output) -> Result<()> {
        let escapes = token.kind == TokenKind::EscapeString;
        let quote = token.text.chars().next_back().unwrap_or('\'');
        // The closing quote is cut off, so that no reference extends beyond it.
        let content = token.text.get(..token.text.len() - quote.len_utf8()).unwrap_or_default();
        let bytes = content.as_bytes();
        let mut copied = 0;
        let mut at = 0;
        while let Some(byte) = bytes.get(at).copied() {
            if escapes && byte == b'\\' {
                at += 2;
                continue;
            }
            let rest = if matches!(byte, b'$' | b'[') { content.get(at..) } else { None };
            let Some(reference) = rest.and_then(reference_at) else {
                at += 1;
                continue;
            };
            if let Some(variable) = lookup(reference.name, self.context) {
                let place = token.start + at;
                let text =
                    in_quotes(reference, &variable, quote, escapes).map_err(|error| error.at(place))?;
                out.copy(content.get(copied..at).unwrap_or_default(), token.start + copied);
                out.insert(&text, place);
                self.check_length(out, place)?;
                copied = at + reference.text.len();
            }
            at += reference.text.len();
        }
        out.copy(token.text.get(copied..).unwrap_or_default(), token.start + copied);
        Ok(())
    }

    /// Writes `$name` or `${name}` outside quotes: a macro call or a variable. Returns the index of the token
    /// after it.
    fn write_dollar(&mut self, at: usize, end: usize, after_string: bool, out: &mut Output) -> Result<usize> {
        let Some(token) = self.tokens.get(at).copied() else { return Ok(at + 1) };
        let Some(reference) = reference_at(token.text) else {
            return Err(Error::new(format!("`{}` is not a template variable", token.text))
                .hint("Write `${name}` or `${name:format}`; a name has letters, digits and `_`")
                .at(token.start));
        };
        let is_own = self.context.variables.get(reference.name).is_some();
        if let Some(doc) = table::find(token.text).filter(|_| !is_own) {
            let (args, next) = self.arguments(at, end, doc)?;
            if self.depth >= DEEPEST {
                return Err(Error::new(format!("macros are nested more than {DEEPEST} deep"))
                    .hint("Use a subquery or a `WITH` for the inner part")
                    .at(token.start));
            }
            self.depth += 1;
            self.is_weekly |= doc.is_weekly();
            let done = doc.run(&mut Call::new(self, doc, at..next, args), out);
            self.depth -= 1;
            return done.map(|()| next);
        }
        match lookup(reference.name, self.context) {
            Some(variable) => {
                write_value(reference, &variable, token.start, after_string, out)?;
                Ok(at + 1)
            }
            None => Err(self.unknown(reference).at(token.start)),
        }
    }

    /// Writes `[`: a variable if `[[name]]` names one, otherwise a bracket. Returns the index of the token
    /// after it.
    fn write_bracket(&mut self, at: usize, after_string: bool, out: &mut Output) -> Result<usize> {
        let Some(token) = self.tokens.get(at).copied() else { return Ok(at + 1) };
        let found = self.sql.get(token.start..).filter(|rest| rest.starts_with("[[")).and_then(reference_at);
        let found = found.and_then(|reference| Some((reference, lookup(reference.name, self.context)?)));
        let Some((reference, variable)) = found else {
            out.copy(token.text, token.start);
            return Ok(at + 1);
        };
        write_value(reference, &variable, token.start, after_string, out)?;
        let end = token.start + reference.text.len();
        let inside = self.tokens.iter().skip(at).take_while(|token| token.start < end).count();
        Ok(at + inside)
    }

    /// Refuses an identifier such as `tbl_$name` if `$name` is a known variable or macro, because DuckDB
    /// reads it as a single identifier.
    fn check_ident(&self, token: &Token<'_>) -> Result<()> {
        for (dollar, _) in token.text.match_indices('$') {
            let rest = token.text.get(dollar + 1..).unwrap_or_default();
            let name = rest.get(..super::lexer::run(rest, is_word)).unwrap_or_default();
            if table::find(&format!("${name}")).is_some() {
                return Err(Error::new(format!(
                    "`{}` is one identifier for {}",
                    token.text, self.context.dialect
                ))
                .hint(format!("Put a space before `${name}`, so that it is a macro"))
                .at(token.start + dollar));
            }
            if !name.is_empty() && self.context.variables.get(name).is_some() {
                let before = token.text.get(..dollar).unwrap_or_default();
                return Err(Error::new(format!(
                    "`{}` is one identifier for {}",
                    token.text, self.context.dialect
                ))
                .hint(format!("To put the variable's text into the name, write `{before}${{{name}:raw}}`"))
                .at(token.start + dollar));
            }
        }
        Ok(())
    }

    fn unknown(&self, reference: Reference<'_>) -> Error {
        let name = reference.name;
        if reference.text.starts_with("${") && table::find(&format!("${name}")).is_some() {
            return Error::new(format!("`{}` is a macro in braces", reference.text))
                .hint(format!("Write it as `${name}(…)`"));
        }
        if name.starts_with("__") {
            let hint = match suggest::nearest(name, macro_names()) {
                Some(near) => format!("Did you mean `${near}`?"),
                None => {
                    "A macro that every query knows is `$__timeFilter(column)`; the query editor lists all"
                        .to_owned()
                }
            };
            return Error::new(format!("unknown macro `{}`", reference.text)).hint(hint);
        }
        self.unknown_variable(name, reference.text)
    }

    fn unknown_variable(&self, name: &str, text: &str) -> Error {
        let names = || self.context.variables.0.keys().map(String::as_str);
        let as_macro = format!("__{name}");
        let hint = if let Some(found) = macro_names().find(|known| known.eq_ignore_ascii_case(&as_macro)) {
            format!("Did you mean the macro `${found}`?")
        } else if let Some(near) = suggest::nearest(name, names()) {
            format!("Did you mean `${near}`?")
        } else if names().next().is_some() {
            format!("The variables of this query are {}", suggest::list(names()))
        } else {
            "No variables came with this query: define it on the dashboard, pass its value along, or write the value itself"
                .to_owned()
        };
        Error::new(format!("unknown variable `{text}`")).hint(hint)
    }
}

/// Writes a variable that is outside quotes.
fn write_value(
    reference: Reference<'_>,
    variable: &super::Variable,
    start: usize,
    after_string: bool,
    out: &mut Output,
) -> Result<()> {
    match in_the_open(reference, variable).map_err(|error| error.at(start))? {
        // SQL joins two string literals on consecutive lines, and after `E'a'` the second one would have
        // escapes, too.
        Written::Literal(text) if after_string => out.insert_value(&format!("({text})"), start),
        Written::Literal(text) => out.insert_value(&text, start),
        Written::Verbatim(text) => out.insert(&text, start),
    }
    Ok(())
}

/// Whether a string in the SQL is only a macro call.
#[must_use]
pub fn has_macro_in_quotes(sql: &str) -> bool {
    // The first check is cheap and decides for most texts.
    sql.contains("$__") && tokens(sql).any(|token| macro_in_quotes(&token).is_some())
}

/// Returns the macro call if a string contains nothing else.
fn macro_in_quotes<'a>(token: &Token<'a>) -> Option<&'a str> {
    let inside = token.text.strip_prefix(['e', 'E']).unwrap_or(token.text).strip_prefix('\'')?;
    let call = inside.strip_suffix('\'')?.trim();
    let name_len = 1 + super::lexer::run(call.strip_prefix('$')?, is_word);
    table::find(call.get(..name_len)?)?;
    let rest = call.get(name_len..)?;
    (rest.starts_with('(') && rest.ends_with(')')).then_some(call)
}

/// Returns the names of all macros without `$`.
fn macro_names() -> impl Iterator<Item = &'static str> {
    macro_table().iter().filter_map(|doc| doc.name.strip_prefix('$'))
}

fn unterminated(token: &Token<'_>) -> Error {
    let (what, end) = match token.kind {
        TokenKind::Comment => ("comment", "*/"),
        TokenKind::QuotedIdent if token.text.starts_with('`') => ("quoted identifier", "`"),
        TokenKind::QuotedIdent => ("quoted identifier", "\""),
        TokenKind::DollarQuote => ("dollar-quoted string", "$$"),
        TokenKind::Braced => ("template variable", "}"),
        _ => ("string", "'"),
    };
    let end = if end == "`" { "a backtick".to_owned() } else { format!("`{end}`") };
    let hint = match token.kind {
        TokenKind::String | TokenKind::EscapeString => {
            "Close it with `'`; a `'` inside is written `''`".to_owned()
        }
        _ => format!("Close it with {end}"),
    };
    Error::new(format!("unterminated {what}")).hint(hint).at(token.start)
}

fn parameter(token: &Token<'_>) -> Error {
    Error::new(format!("`{}` is a query parameter, and nothing fills it", token.text))
        .hint("Write the value itself, or a template variable such as `$name`; inside a string `$1` stays as it is")
        .at(token.start)
}
