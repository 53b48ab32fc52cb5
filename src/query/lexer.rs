//! Splits SQL text into tokens, as DuckDB 2.0's own scanner does where it matters: what is a string, a
//! comment, a dollar quote or a quoted identifier, and what is not. Lossless: the tokens' texts joined are
//! the input. Never fails: what is left open at the end of the text is a token with `closed: false`.
//!
//! Checked against the engine: `/* /* */ */` nests; `--` ends at `\n` or `\r`; `E'\''` escapes and
//! keeps doing so in a literal continued on the next line; `` `x` `` is an identifier; `a$b` is one identifier;
//! `$tag$` without its twin further on is no dollar quote. It does not parse: `1.5.2` is two numbers here.

use std::collections::HashMap;

/// What a token is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TokenKind {
    /// Spaces, line ends, and the Unicode spaces that DuckDB takes for spaces.
    Whitespace,
    /// `-- …` (without its line end) or `/* … */`, nested.
    Comment,
    /// `'…'`, where `''` is a quote. The prefixes of `x'…'` and `b'…'` are identifiers of their own.
    String,
    /// `E'…'` with its prefix, where `\` escapes too; or its continuation on a later line, without prefix.
    EscapeString,
    /// `"…"` or `` `…` ``.
    QuotedIdent,
    /// `$$…$$` or `$tag$…$tag$`.
    DollarQuote,
    /// Digits with what belongs to them.
    Number,
    /// A bare word; may hold `$` inside, but ends before `$__` and `${`.
    Ident,
    /// `$name`: macro, template variable or named parameter.
    Name,
    /// `${…}`: template variable. Not closed when no `}` comes before a quote, `$` or line end.
    Braced,
    /// `$1`: a query parameter.
    Parameter,
    /// Any other single character.
    Punct,
}

/// A piece of SQL text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Token<'a> {
    /// What it is.
    pub kind: TokenKind,
    /// Its text, quotes and all.
    pub text: &'a str,
    /// Byte offset of its first byte.
    pub start: usize,
    /// Whether a quoted token or comment has its end.
    pub closed: bool,
}

impl Token<'_> {
    /// Byte offset after its last byte.
    #[must_use]
    pub fn end(&self) -> usize {
        self.start + self.text.len()
    }

    /// Whether it means nothing to the parser.
    #[must_use]
    pub fn is_blank(&self) -> bool {
        matches!(self.kind, TokenKind::Whitespace | TokenKind::Comment)
    }
}

/// The tokens of `sql`, in order, in time linear in its length.
#[must_use]
pub fn tokens(sql: &str) -> Tokens<'_> {
    Tokens { sql, position: 0, last_tags: None, escape: Continuation::None }
}

/// Iterator of [`tokens`].
#[derive(Debug, Clone)]
pub struct Tokens<'a> {
    sql: &'a str,
    position: usize,
    /// Where each `$tag$` occurs last; made when the first one is met, so that no search for a missing twin
    /// is ever repeated.
    last_tags: Option<HashMap<&'a str, usize>>,
    escape: Continuation,
}

/// Whether a `'` met now would continue an `E'…'` literal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Continuation {
    None,
    /// An `E'…'` has just ended; a line end must come first.
    AfterString,
    /// … and a line end has come.
    AfterLineEnd,
}

impl<'a> Iterator for Tokens<'a> {
    type Item = Token<'a>;

    fn next(&mut self) -> Option<Token<'a>> {
        let start = self.position;
        let rest = self.sql.get(start..).filter(|rest| !rest.is_empty())?;
        let (kind, length, closed) = self.scan(rest);
        let text = rest.get(..length).unwrap_or(rest);
        self.position = start + text.len();
        self.escape = match (kind, self.escape) {
            (TokenKind::EscapeString, _) => Continuation::AfterString,
            (TokenKind::Whitespace, Continuation::AfterString) if text.contains(['\n', '\r']) => {
                Continuation::AfterLineEnd
            }
            (TokenKind::Whitespace, state) => state,
            (TokenKind::Comment, state) if text.starts_with("--") => state,
            _ => Continuation::None,
        };
        Some(Token { kind, text, start, closed })
    }
}

impl<'a> Tokens<'a> {
    /// Kind, length in bytes and whether it is closed, of the token that `rest` (not empty) starts with.
    fn scan(&mut self, rest: &'a str) -> (TokenKind, usize, bool) {
        let bytes = rest.as_bytes();
        let first = rest.chars().next().unwrap_or_default();
        let second = bytes.get(1).copied().unwrap_or_default();
        let part = |kind, (length, closed)| (kind, length, closed);
        match first {
            _ if is_space(first) => (TokenKind::Whitespace, run(rest, is_space), true),
            '-' if second == b'-' => (TokenKind::Comment, run(rest, |c| !matches!(c, '\n' | '\r')), true),
            '/' if second == b'*' => part(TokenKind::Comment, block_comment(bytes)),
            '\'' if self.escape == Continuation::AfterLineEnd => {
                part(TokenKind::EscapeString, quoted(bytes, 0, true))
            }
            '\'' => part(TokenKind::String, quoted(bytes, 0, false)),
            'e' | 'E' if second == b'\'' => part(TokenKind::EscapeString, quoted(bytes, 1, true)),
            '"' | '`' => part(TokenKind::QuotedIdent, quoted(bytes, 0, false)),
            '$' => self.dollar(rest),
            '0'..='9' => (TokenKind::Number, number(bytes), true),
            '.' if second.is_ascii_digit() => (TokenKind::Number, number(bytes), true),
            _ if is_ident_start(first) => (TokenKind::Ident, ident(rest), true),
            _ => (TokenKind::Punct, first.len_utf8(), true),
        }
    }

    fn dollar(&mut self, rest: &'a str) -> (TokenKind, usize, bool) {
        let bytes = rest.as_bytes();
        let tag_length = dollar_tag(rest);
        if let Some(tag) = tag_length.and_then(|length| rest.get(..length)) {
            let opened = self.position + tag.len();
            let sql = self.sql;
            let last = self.last_tags.get_or_insert_with(|| last_tags(sql)).get(tag).copied();
            if last.is_some_and(|last| last >= opened) {
                let length = rest.get(tag.len()..).and_then(|body| body.find(tag));
                return match length {
                    Some(length) => (TokenKind::DollarQuote, length + 2 * tag.len(), true),
                    None => (TokenKind::DollarQuote, rest.len(), false),
                };
            }
            if tag == "$$" {
                return (TokenKind::DollarQuote, rest.len(), false);
            }
        }
        match bytes.get(1).copied().unwrap_or_default() {
            b'{' => {
                let inside = run(rest.get(2..).unwrap_or_default(), is_inside_braces);
                let closed = bytes.get(2 + inside) == Some(&b'}');
                (TokenKind::Braced, 2 + inside + usize::from(closed), closed)
            }
            b'0'..=b'9' => (
                TokenKind::Parameter,
                1 + run(rest.get(1..).unwrap_or_default(), |c| c.is_ascii_digit()),
                true,
            ),
            second if second.is_ascii_alphabetic() || second == b'_' => {
                (TokenKind::Name, 1 + run(rest.get(1..).unwrap_or_default(), is_word), true)
            }
            _ => (TokenKind::Punct, 1, true),
        }
    }
}

/// A character of a template variable's or macro's name.
pub(super) fn is_word(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_'
}

/// A character that may stand in `${…}`. The end of the scan at the next `$` keeps it linear.
pub(super) fn is_inside_braces(c: char) -> bool {
    !matches!(c, '}' | '{' | '$' | '\'' | '"' | '`' | '\n' | '\r')
}

/// Length in bytes of the longest start of `text` whose characters all pass.
pub(super) fn run(text: &str, pass: impl Fn(char) -> bool) -> usize {
    text.find(|c| !pass(c)).unwrap_or(text.len())
}

/// ASCII blanks, and the Unicode ones that DuckDB replaces by spaces before it reads a query; no others.
fn is_space(c: char) -> bool {
    matches!(
        c,
        ' ' | '\t'..='\r'
            | '\u{a0}'
            | '\u{2000}'..='\u{200b}'
            | '\u{202f}'
            | '\u{205f}'
            | '\u{2060}'
            | '\u{3000}'
            | '\u{feff}'
    )
}

fn is_ident_start(c: char) -> bool {
    c.is_ascii_alphabetic() || c == '_' || !c.is_ascii()
}

fn ident(rest: &str) -> usize {
    let mut end = 0;
    for (at, c) in rest.char_indices() {
        let belongs = match c {
            '$' => {
                let after = rest.get(at + 1..).unwrap_or_default();
                !after.starts_with("__") && !after.starts_with('{')
            }
            _ => (is_ident_start(c) || c.is_ascii_digit()) && !is_space(c),
        };
        if !belongs {
            break;
        }
        end = at + c.len_utf8();
    }
    end
}

/// Digits with `_` between, a fraction, and an exponent when digits follow it.
fn number(bytes: &[u8]) -> usize {
    let digit = |at: usize| bytes.get(at).is_some_and(u8::is_ascii_digit);
    let digits = |mut at: usize| {
        while digit(at) || (bytes.get(at) == Some(&b'_') && digit(at + 1)) {
            at += 1;
        }
        at
    };
    let mut end = digits(0);
    if bytes.get(end) == Some(&b'.') {
        end = digits(end + 1);
    }
    if matches!(bytes.get(end), Some(b'e' | b'E')) {
        let sign = usize::from(matches!(bytes.get(end + 1), Some(b'+' | b'-')));
        if digit(end + 1 + sign) {
            end = digits(end + 1 + sign);
        }
    }
    end
}

/// End of the literal whose opening quote is at `open`; a doubled quote stands for itself.
fn quoted(bytes: &[u8], open: usize, escapes: bool) -> (usize, bool) {
    let quote = bytes.get(open).copied();
    let mut at = open + 1;
    while let Some(byte) = bytes.get(at).copied() {
        if escapes && byte == b'\\' {
            at += 2;
        } else if Some(byte) == quote {
            if bytes.get(at + 1).copied() != quote {
                return (at + 1, true);
            }
            at += 2;
        } else {
            at += 1;
        }
    }
    (bytes.len(), false)
}

fn block_comment(bytes: &[u8]) -> (usize, bool) {
    let mut depth = 1_usize;
    let mut at = 2;
    while let (Some(first), Some(second)) = (bytes.get(at), bytes.get(at + 1)) {
        match (first, second) {
            (b'/', b'*') => {
                depth += 1;
                at += 2;
            }
            (b'*', b'/') => {
                depth -= 1;
                at += 2;
                if depth == 0 {
                    return (at, true);
                }
            }
            _ => at += 1,
        }
    }
    (bytes.len(), false)
}

/// Length of the `$tag$` or `$$` that `text` starts with.
fn dollar_tag(text: &str) -> Option<usize> {
    let inside = text.get(1..)?;
    let length = run(inside, |c| (is_ident_start(c) || c.is_ascii_digit()) && !is_space(c));
    let valid =
        !inside.starts_with(|c: char| c.is_ascii_digit()) && inside.as_bytes().get(length) == Some(&b'$');
    valid.then_some(length + 2)
}

fn last_tags(sql: &str) -> HashMap<&str, usize> {
    let mut last = HashMap::new();
    for (at, _) in sql.match_indices('$') {
        let rest = sql.get(at..).unwrap_or_default();
        if let Some(tag) = dollar_tag(rest).and_then(|length| rest.get(..length)) {
            last.insert(tag, at);
        }
    }
    last
}

#[cfg(test)]
mod tests;
