//! Splits SQL text into tokens where DuckDB 2.0's own scanner does: what is a string, a comment, a dollar quote or a
//! quoted identifier, and what is not. Lossless: the tokens' texts joined are the input. Never fails: what is left open
//! at the end of the text is a token with `closed: false`.
//!
//! Not for judging a query: the engine's gate asks DuckDB's own tokenizer. This one reads texts that still hold macros and
//! template variables, and a test in the gate compares the two on random texts. They differ where a text could not run
//! anyway: `$tag$` without its twin opens no dollar quote here, and `a${b}` ends the identifier before a template variable.

mod blanks;

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
    /// `E'…'` with its prefix, where `\` escapes too.
    EscapeString,
    /// `"…"` or `` `…` ``.
    QuotedIdent,
    /// `$$…$$` or `$tag$…$tag$`.
    DollarQuote,
    /// Digits with what belongs to them.
    Number,
    /// A bare word; may hold `$` inside, but ends before `${…}`.
    Ident,
    /// `$name`: macro, template variable or named parameter.
    Name,
    /// `${…}`: template variable. Not closed, and only `${`, when no `}` comes before a quote, `$`, comment or line end.
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
    Tokens { sql, position: 0, last_tags: None, blanks: blanks::replaced(sql) }
}

/// The text with plain spaces for the Unicode spaces that mean one, as DuckDB's scanner gets it.
#[must_use]
pub fn with_plain_spaces(sql: &str) -> String {
    let blanks = blanks::replaced(sql);
    sql.char_indices().map(|(at, c)| if blanks.binary_search(&at).is_ok() { ' ' } else { c }).collect()
}

/// Iterator of [`tokens`].
#[derive(Debug, Clone)]
pub struct Tokens<'a> {
    sql: &'a str,
    position: usize,
    /// Where each `$tag$` occurs last; made when the first one is met, so that no search for a missing twin
    /// is ever repeated.
    last_tags: Option<HashMap<&'a str, usize>>,
    /// Where the Unicode spaces are that mean a space, in order.
    blanks: Vec<usize>,
}

impl<'a> Iterator for Tokens<'a> {
    type Item = Token<'a>;

    fn next(&mut self) -> Option<Token<'a>> {
        let start = self.position;
        let rest = self.sql.get(start..).filter(|rest| !rest.is_empty())?;
        let (kind, length, closed) = self.scan(rest);
        let text = rest.get(..length).unwrap_or(rest);
        self.position = start + text.len();
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
            _ if self.is_space(0, first) => {
                (TokenKind::Whitespace, Self::run(rest, |at, c| self.is_space(at, c)), true)
            }
            '-' if second == b'-' => (TokenKind::Comment, run(rest, |c| !matches!(c, '\n' | '\r')), true),
            '/' if second == b'*' => part(TokenKind::Comment, block_comment(bytes)),
            '\'' => part(TokenKind::String, quoted(bytes, 0, false)),
            'e' | 'E' if second == b'\'' => part(TokenKind::EscapeString, quoted(bytes, 1, true)),
            // `x'…'`, `b'…'` and `n'…'` begin with an identifier of one letter.
            'x' | 'X' | 'b' | 'B' | 'n' | 'N' if second == b'\'' => (TokenKind::Ident, 1, true),
            '"' | '`' => part(TokenKind::QuotedIdent, quoted(bytes, 0, false)),
            '$' => self.dollar(rest),
            '0'..='9' => (TokenKind::Number, number(bytes), true),
            '.' if second.is_ascii_digit() => (TokenKind::Number, number(bytes), true),
            _ if is_ident_start(first) => (TokenKind::Ident, self.ident(rest), true),
            _ => (TokenKind::Punct, first.len_utf8(), true),
        }
    }

    /// Whether the character at `at` bytes behind the position is a blank: an ASCII one, or a Unicode one that DuckDB
    /// replaces by a space.
    fn is_space(&self, at: usize, c: char) -> bool {
        match c {
            ' ' | '\t'..='\r' => true,
            _ if c.is_ascii() || self.blanks.is_empty() => false,
            _ => self.blanks.binary_search(&(self.position + at)).is_ok(),
        }
    }

    /// Length in bytes of the longest start of `rest` whose characters, with their places in it, all pass.
    fn run(rest: &str, pass: impl Fn(usize, char) -> bool) -> usize {
        rest.char_indices().find(|(at, c)| !pass(*at, *c)).map_or(rest.len(), |(at, _)| at)
    }

    /// Length in bytes of the bare word that `rest` starts with.
    fn ident(&self, rest: &str) -> usize {
        Self::run(rest, |at, c| match c {
            '$' => braced(rest.get(at..).unwrap_or_default()).is_none(),
            _ => (is_ident_start(c) || c.is_ascii_digit()) && !self.is_space(at, c),
        })
    }

    fn dollar(&mut self, rest: &'a str) -> (TokenKind, usize, bool) {
        let bytes = rest.as_bytes();
        let tag_length = dollar_tag(rest, |at, c| self.is_space(at, c));
        if let Some(tag) = tag_length.and_then(|length| rest.get(..length)) {
            let opened = self.position + tag.len();
            let sql = self.sql;
            let last = self.last_tags.get_or_insert_with(|| last_tags(sql, &self.blanks)).get(tag).copied();
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
            b'{' => match braced(rest) {
                Some(length) => (TokenKind::Braced, length, true),
                None => (TokenKind::Braced, 2, false),
            },
            b'0'..=b'9' => (TokenKind::Parameter, 1 + number(bytes.get(1..).unwrap_or_default()), true),
            // The letter is the prefix of the literal behind it.
            b'e' | b'E' | b'x' | b'X' | b'b' | b'B' | b'n' | b'N' if bytes.get(2) == Some(&b'\'') => {
                (TokenKind::Punct, 1, true)
            }
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

/// Letters, `_`, what is not ASCII, and the control characters that are no blanks.
fn is_ident_start(c: char) -> bool {
    c.is_ascii_alphabetic()
        || c == '_'
        || !c.is_ascii()
        || (c.is_ascii_control() && !matches!(c, '\t'..='\r'))
}

/// Length in bytes of the `${…}` that `text` starts with.
fn braced(text: &str) -> Option<usize> {
    let inside = text.strip_prefix("${")?;
    let inside = inside.get(..run(inside, is_inside_braces)).filter(|inside| {
        // DuckDB would see the comment.
        !inside.contains("--") && !inside.contains("/*")
    })?;
    let length = 2 + inside.len();
    (text.as_bytes().get(length) == Some(&b'}')).then_some(length + 1)
}

/// Digits and dots with `_` between digits, and exponents where a number can have one. What follows an exponent's mark
/// without a digit does not belong to it, but at the end of the text.
fn number(bytes: &[u8]) -> usize {
    let at = |index: usize| bytes.get(index).copied().unwrap_or_default();
    let is_initial = |byte: u8| byte.is_ascii_digit() || byte == b'.';
    let is_mark = |byte: u8| matches!(byte, b'e' | b'E');
    let mut end = 1;
    while let Some(&byte) = bytes.get(end) {
        let before = at(end - 1);
        let belongs = match byte {
            b'_' => before.is_ascii_digit() && at(end + 1).is_ascii_digit(),
            b'e' | b'E' => !is_mark(before) && (at(0).is_ascii_digit() || before.is_ascii_digit()),
            b'+' | b'-' => is_mark(before),
            _ => is_initial(byte),
        };
        if !belongs {
            while !is_initial(at(end - 1)) {
                end -= 1;
            }
            break;
        }
        end += 1;
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

/// Length of the `$tag$` or `$$` that `text` starts with; `is_space` tells blanks by their place in it.
fn dollar_tag(text: &str, is_space: impl Fn(usize, char) -> bool) -> Option<usize> {
    let is_tag =
        |at: usize, c: char| (c.is_ascii_alphanumeric() || c == '_' || !c.is_ascii()) && !is_space(at, c);
    let (end, last) = text.char_indices().skip(1).find(|(at, c)| !is_tag(*at, *c))?;
    let starts_with_digit = text.as_bytes().get(1).is_some_and(u8::is_ascii_digit);
    (last == '$' && !starts_with_digit).then_some(end + 1)
}

fn last_tags<'a>(sql: &'a str, blanks: &[usize]) -> HashMap<&'a str, usize> {
    let mut last = HashMap::new();
    for (at, _) in sql.match_indices('$') {
        let rest = sql.get(at..).unwrap_or_default();
        let is_space = |inside: usize, _| blanks.binary_search(&(at + inside)).is_ok();
        if let Some(tag) = dollar_tag(rest, is_space).and_then(|length| rest.get(..length)) {
            last.insert(tag, at);
        }
    }
    last
}

#[cfg(test)]
mod tests;
