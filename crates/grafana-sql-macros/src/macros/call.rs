//! Macro calls: finds their arguments, and reads and writes them for the macros.

use std::ops::Range;

use grafana_time::{Bucket, Fill, FillMode};
use jiff::Timestamp;

use super::super::Context;
use super::super::lexer::{Token, TokenKind};
use super::super::offsets::Output;
use super::{Expander, MacroDoc};
use crate::{Error, Result};

/// A macro call that is being expanded.
pub(super) struct Call<'e, 'a> {
    expander: &'e mut Expander<'a>,
    pub(super) doc: &'static MacroDoc,
    /// Byte offset of the macro's `$`.
    pub(super) start: usize,
    /// The tokens of the call, from the macro's name to the closing parenthesis.
    tokens: Range<usize>,
    args: Vec<Range<usize>>,
}

/// A part of a macro's output.
#[derive(Clone, Copy)]
pub(super) enum Part<'p> {
    Text(&'p str),
    /// The argument with this index, expanded.
    Arg(usize),
}

impl<'e, 'a> Call<'e, 'a> {
    pub(super) fn new(
        expander: &'e mut Expander<'a>,
        doc: &'static MacroDoc,
        tokens: Range<usize>,
        args: Vec<Range<usize>>,
    ) -> Self {
        let start = expander.tokens.get(tokens.start).map_or(0, |token| token.start);
        Self { expander, doc, start, tokens, args }
    }

    pub(super) fn context(&self) -> &'a Context<'a> {
        self.expander.context
    }

    /// Returns SQL for an instant that is compared with a column; see [`crate::Dialect`].
    pub(super) fn instant(&self, instant: Timestamp) -> Result<String> {
        self.context().dialect.instant(instant).ok_or_else(|| self.out_of_reach())
    }

    /// Returns SQL for an instant as a value.
    pub(super) fn timestamp(&self, instant: Timestamp) -> Result<String> {
        self.context().dialect.timestamp(instant).ok_or_else(|| self.out_of_reach())
    }

    fn out_of_reach(&self) -> Error {
        let dialect = self.context().dialect;
        Error::new(format!(
            "`{}` cannot be written for {dialect}, whose times have the years 1678 to 2261",
            self.doc.name
        ))
        .hint("Choose a time range within these years")
        .at(self.start)
    }

    /// Whether the call is the whole expression of a column named `time` or `timeend`:
    /// `SELECT $__name() AS time, …`, or `$__time($__name())`.
    pub(super) fn is_named_as_time(&self) -> bool {
        let is_word = |token: &Token<'_>, words: &[&str]| {
            token.kind == TokenKind::Ident && words.iter().any(|word| token.text.eq_ignore_ascii_case(word))
        };
        let solid = |token: &&Token<'_>| !token.is_blank();
        let mut before =
            self.expander.tokens.get(..self.tokens.start).unwrap_or_default().iter().rev().filter(solid);
        let mut after = self.expander.tokens.get(self.tokens.end..).unwrap_or_default().iter().filter(solid);
        let (Some(last), Some(next)) = (before.next(), after.next()) else { return false };
        if last.text == "(" {
            return next.text == ")" && before.next().is_some_and(|token| token.text == "$__time");
        }
        let name = if is_word(next, &["as"]) { after.next() } else { Some(next) };
        let is_time = name.is_some_and(|token| match token.kind {
            TokenKind::Ident => is_word(token, &["time", "timeend"]),
            TokenKind::QuotedIdent => {
                let name = token.text.trim_matches(['"', '`']);
                ["time", "timeend"].iter().any(|time| name.eq_ignore_ascii_case(time))
            }
            _ => false,
        });
        is_time && (last.text == "," || is_word(last, &["select", "distinct", "all"]))
    }

    pub(super) fn arg_count(&self) -> usize {
        self.args.len()
    }

    /// Returns the byte offset of an argument in the query.
    pub(super) fn position(&self, arg: usize) -> usize {
        let first = self.args.get(arg).and_then(|range| self.expander.tokens.get(range.start));
        first.map_or(self.start, |token| token.start)
    }

    /// Returns an argument as written.
    pub(super) fn source(&self, arg: usize) -> &'a str {
        let tokens = self.args.get(arg).and_then(|range| self.expander.tokens.get(range.clone()));
        let (Some(first), Some(last)) = (tokens.and_then(<[_]>::first), tokens.and_then(<[_]>::last)) else {
            return "";
        };
        self.expander.sql.get(first.start..last.end()).unwrap_or_default()
    }

    /// Returns an argument expanded, without enclosing quotes.
    pub(super) fn word(&mut self, arg: usize) -> Result<String> {
        let mut output = Output::default();
        self.write_arg(arg, &mut output)?;
        Ok(unquote(output.text.trim()).to_owned())
    }

    /// Writes the macro's output.
    pub(super) fn write(&mut self, parts: &[Part<'_>], out: &mut Output) -> Result<()> {
        for part in parts {
            match part {
                Part::Text(text) => out.insert(text, self.start),
                Part::Arg(arg) => self.write_arg(*arg, out)?,
            }
        }
        Ok(())
    }

    fn write_arg(&mut self, arg: usize, out: &mut Output) -> Result<()> {
        self.args.get(arg).cloned().map_or(Ok(()), |range| self.expander.write(range, out))
    }

    /// Returns the interval in the second argument; the fill mode in the third argument, if any, is kept for
    /// the frame.
    pub(super) fn bucket_and_fill(&mut self) -> Result<Bucket> {
        let position = self.position(1);
        let text = self.word(1)?;
        let bare =
            text.split_at_checked("interval".len()).filter(|(word, _)| word.eq_ignore_ascii_case("interval"));
        let bare = bare.map_or(text.as_str(), |(_, rest)| unquote(rest.trim()));
        let bucket: Bucket =
            bare.parse().map_err(|error: grafana_time::Error| Error::from(error).at(position))?;
        if self.arg_count() < 3 {
            return Ok(bucket);
        }
        let position = self.position(2);
        let fill = Fill { bucket, mode: fill_mode(&self.word(2)?).map_err(|error| error.at(position))? };
        match self.expander.fill.replace(fill) {
            Some(other) if other != fill => {
                Err(Error::new("the query fills empty buckets in two different ways")
                    .hint(
                        "Give one `$__timeGroup` its fill, and the others none or the same interval and fill",
                    )
                    .at(position))
            }
            _ => Ok(bucket),
        }
    }

    /// Returns the error for a variable in an argument that the caller did not send.
    pub(super) fn unknown_variable(&self, name: &str, arg: usize) -> Error {
        self.expander.unknown_variable(name, &format!("${name}")).at(self.position(arg))
    }
}

impl Expander<'_> {
    /// Returns the arguments of the macro at token `at`, as ranges of tokens without surrounding whitespace,
    /// and the index of the token after the call. Tokens from `end` on belong to an outer call.
    pub(super) fn arguments(
        &self,
        at: usize,
        end: usize,
        doc: &'static MacroDoc,
    ) -> Result<(Vec<Range<usize>>, usize)> {
        let token = |at: usize| self.tokens.get(at).filter(|_| at < end);
        let start = token(at).map_or(0, |token| token.start);
        let mut open = at + 1;
        if doc.fewest() > 0 {
            while token(open).is_some_and(Token::is_blank) {
                open += 1;
            }
        }
        if token(open).is_none_or(|token| token.text != "(") {
            let missing = || {
                Error::new(format!("`{}` needs its arguments in parentheses", doc.name))
                    .hint(format!("Write `{}`", doc.signature))
                    .at(start)
            };
            return if doc.fewest() == 0 { Ok((Vec::new(), at + 1)) } else { Err(missing()) };
        }
        let (args, next) = self.split(open, end, doc, start)?;
        let fits = (doc.fewest()..=doc.most()).contains(&args.len());
        if !fits {
            return Err(Error::new(format!("`{}` takes {}, not {}", doc.name, arity(doc), args.len()))
                .hint(format!("Write `{}`", doc.signature))
                .at(start));
        }
        match args.iter().position(Range::is_empty) {
            Some(empty) => Err(Error::new(format!("argument {} of `{}` is empty", empty + 1, doc.name))
                .hint(format!("Write `{}`", doc.signature))
                .at(args
                    .get(empty)
                    .and_then(|range| self.tokens.get(range.start))
                    .map_or(start, |token| token.start))),
            None => Ok((args, next)),
        }
    }

    /// Splits a call at commas outside brackets, from the `(` at token `open` to its `)`.
    fn split(
        &self,
        open: usize,
        end: usize,
        doc: &'static MacroDoc,
        start: usize,
    ) -> Result<(Vec<Range<usize>>, usize)> {
        let mut brackets = Vec::new();
        let mut args = Vec::new();
        let mut first = open + 1;
        let inside = self.tokens.get(..end).unwrap_or(&self.tokens).iter().enumerate().skip(open);
        for (at, token) in inside.filter(|(_, token)| token.kind == TokenKind::Punct) {
            match token.text {
                "(" => brackets.push(")"),
                "[" => brackets.push("]"),
                "{" => brackets.push("}"),
                "," if brackets.len() == 1 => {
                    args.push(self.trim(first..at));
                    first = at + 1;
                }
                ")" | "]" | "}" => {
                    let expected = brackets.pop().unwrap_or_default();
                    if expected != token.text {
                        return Err(Error::new(format!(
                            "`{}` where `{expected}` is due in the arguments of `{}`",
                            token.text, doc.name
                        ))
                        .hint("Close brackets in the order in which they were opened")
                        .at(token.start));
                    }
                    if brackets.is_empty() {
                        let last = self.trim(first..at);
                        if !(args.is_empty() && last.is_empty()) {
                            args.push(last);
                        }
                        return Ok((args, at + 1));
                    }
                }
                _ => {}
            }
        }
        Err(Error::new(format!("the `)` of `{}` is missing", doc.name))
            .hint(format!("Write `{}`", doc.signature))
            .at(start))
    }

    fn trim(&self, range: Range<usize>) -> Range<usize> {
        let blank = |at: &usize| self.tokens.get(*at).is_some_and(Token::is_blank);
        let start = range.clone().find(|at| !blank(at)).unwrap_or(range.end);
        let end = range.rev().find(|at| !blank(at)).map_or(start, |last| last + 1);
        start..end
    }
}

fn arity(doc: &MacroDoc) -> String {
    let plural = |count: usize| if count == 1 { "argument" } else { "arguments" };
    match (doc.fewest(), doc.most()) {
        (0, 0) => "no arguments".to_owned(),
        (fewest, usize::MAX) => format!("at least {fewest} {}", plural(fewest)),
        (fewest, most) if fewest == most => format!("{fewest} {}", plural(fewest)),
        (fewest, most) => format!("{fewest} to {most} arguments"),
    }
}

/// Reads `NULL`, `previous` or a number.
fn fill_mode(text: &str) -> Result<FillMode> {
    if text.eq_ignore_ascii_case("null") {
        return Ok(FillMode::Null);
    }
    if text.eq_ignore_ascii_case("previous") {
        return Ok(FillMode::Previous);
    }
    let number = text.parse::<f64>().ok().filter(|number| number.is_finite());
    number.map(FillMode::Value).ok_or_else(|| {
        Error::new(format!("`{text}` does not fill an empty bucket"))
            .hint("Use `NULL`, `previous` or a number such as `0`")
    })
}

fn unquote(text: &str) -> &str {
    let inside = |quote: char| text.strip_prefix(quote)?.strip_suffix(quote);
    inside('\'').or_else(|| inside('"')).unwrap_or(text)
}
