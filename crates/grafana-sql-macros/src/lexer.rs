//! Splits SQL into tokens as DuckDB 2.0's own scanner does: it distinguishes strings, comments, dollar quotes
//! and quoted identifiers from other text. The tokens' texts joined are the input. It never fails: a token
//! that is still open at the end of the text has `closed: false`.
//!
//! It must not be used to judge a query; the engine's gate uses DuckDB's own tokenizer for that. This lexer
//! reads texts that still contain macros and template variables. A test in the gate compares the two on
//! random texts. They differ only in texts that could not run anyway: `$tag$` without a second `$tag$` opens
//! no dollar quote here, and `a${b}` ends the identifier before a template variable.

mod blanks;

use std::collections::HashMap;

/// The kind of a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TokenKind {
    /// Spaces, line breaks, and the Unicode spaces that DuckDB treats as spaces.
    Whitespace,
    /// `-- …` (without its line break) or `/* … */`, which may be nested.
    Comment,
    /// `'…'`, where `''` is a quote. The prefixes of `x'…'` and `b'…'` are separate identifiers.
    String,
    /// `E'…'` with its prefix, where `\` also escapes.
    EscapeString,
    /// `"…"` or `` `…` ``.
    QuotedIdent,
    /// `$$…$$` or `$tag$…$tag$`.
    DollarQuote,
    /// A number: digits, point, exponent.
    Number,
    /// A bare word. It may contain `$`, but ends before `${…}`.
    Ident,
    /// `$name`: a macro, a template variable or a named parameter.
    Name,
    /// `${…}`: a template variable. If no `}` comes before a quote, `$`, comment or line break, the token is
    /// only `${` and not closed.
    Braced,
    /// `$1`: a positional parameter.
    Parameter,
    /// Any other single character.
    Punct,
}

/// A piece of SQL text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Token<'a> {
    /// The token's kind.
    pub kind: TokenKind,
    /// The token's text, including quotes.
    pub text: &'a str,
    /// Byte offset of its first byte.
    pub start: usize,
    /// Whether a quoted token or comment is terminated.
    pub closed: bool,
}

impl Token<'_> {
    /// Returns the byte offset after the token.
    #[must_use]
    pub fn end(&self) -> usize {
        self.start + self.text.len()
    }

    /// Whether the token is whitespace or a comment.
    #[must_use]
    pub fn is_blank(&self) -> bool {
        matches!(self.kind, TokenKind::Whitespace | TokenKind::Comment)
    }
}

/// Returns the tokens of `sql` in order, in time linear in its length.
#[must_use]
pub fn tokens(sql: &str) -> Tokens<'_> {
    Tokens { sql, position: 0, last_tags: None, blanks: blanks::replaced(sql) }
}

/// Replaces the Unicode spaces that DuckDB treats as spaces by plain spaces, as DuckDB does before scanning.
#[must_use]
pub fn with_plain_spaces(sql: &str) -> String {
    let blanks = blanks::replaced(sql);
    sql.char_indices().map(|(at, c)| if blanks.binary_search(&at).is_ok() { ' ' } else { c }).collect()
}

/// The iterator returned by [`tokens`].
#[derive(Debug, Clone)]
pub struct Tokens<'a> {
    sql: &'a str,
    position: usize,
    /// The last position of each `$tag$`. It is built when the first one is met, so that no text is searched
    /// repeatedly for a missing second tag.
    last_tags: Option<HashMap<&'a str, usize>>,
    /// The positions of the Unicode spaces that count as spaces, in order.
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
    /// Returns kind, length in bytes and `closed` of the first token of `rest`, which is not empty.
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

    /// Whether the character `at` bytes after the current position is whitespace: in ASCII, or a Unicode
    /// space that DuckDB replaces by a space.
    fn is_space(&self, at: usize, c: char) -> bool {
        match c {
            ' ' | '\t'..='\r' => true,
            _ if c.is_ascii() || self.blanks.is_empty() => false,
            _ => self.blanks.binary_search(&(self.position + at)).is_ok(),
        }
    }

    /// Returns the length in bytes of the longest prefix of `rest` whose characters (with their offsets) all
    /// `pass`.
    fn run(rest: &str, pass: impl Fn(usize, char) -> bool) -> usize {
        rest.char_indices().find(|(at, c)| !pass(*at, *c)).map_or(rest.len(), |(at, _)| at)
    }

    /// Returns the length in bytes of the bare word at the start of `rest`.
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
            // The letter is the prefix of the literal that follows.
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

/// Whether the character may be in the name of a template variable or macro.
pub(super) fn is_word(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_'
}

/// Whether the character may be in `${…}`. A `$` ends the scan, which keeps it linear.
pub(super) fn is_inside_braces(c: char) -> bool {
    !matches!(c, '}' | '{' | '$' | '\'' | '"' | '`' | '\n' | '\r')
}

/// Returns the length in bytes of the longest prefix of `text` whose characters all `pass`.
pub(super) fn run(text: &str, pass: impl Fn(char) -> bool) -> usize {
    text.find(|c| !pass(c)).unwrap_or(text.len())
}

/// Letters, `_`, non-ASCII characters, and control characters that are not whitespace.
fn is_ident_start(c: char) -> bool {
    c.is_ascii_alphabetic()
        || c == '_'
        || !c.is_ascii()
        || (c.is_ascii_control() && !matches!(c, '\t'..='\r'))
}

/// Returns the length in bytes of the `${…}` at the start of `text`.
fn braced(text: &str) -> Option<usize> {
    let inside = text.strip_prefix("${")?;
    let inside = inside.get(..run(inside, is_inside_braces)).filter(|inside| {
        // DuckDB would read a comment here.
        !inside.contains("--") && !inside.contains("/*")
    })?;
    let length = 2 + inside.len();
    (text.as_bytes().get(length) == Some(&b'}')).then_some(length + 1)
}

/// Returns the length of a number: digits and dots, `_` between digits, and an exponent where a number may
/// have one. An exponent's `e` without digits does not belong to the number, except at the end of the text.
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

/// Returns the end of the literal whose opening quote is at `open`; a doubled quote does not end it.
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

/// Returns the length of the `$tag$` or `$$` at the start of `text`; `is_space` gets offsets into `text`.
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
