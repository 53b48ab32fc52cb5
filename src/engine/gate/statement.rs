//! Where the one statement of a text is, and where the one that it explains. By tokens, before DuckDB parses anything.

use crate::error::{Error, Kind, Result};
use crate::query::{Token, TokenKind, tokens};

/// The tokens that mean something.
pub(super) fn significant(sql: &str) -> impl Iterator<Item = Token<'_>> + Clone {
    tokens(sql).filter(|token| !token.is_blank())
}

/// Whether a token is this unquoted word.
pub(super) fn is_word(token: &Token<'_>, word: &str) -> bool {
    token.kind == TokenKind::Ident && token.text.eq_ignore_ascii_case(word)
}

/// Whether a token names this, bare or quoted.
pub(super) fn is_name(token: &Token<'_>, name: &str) -> bool {
    let text = match token.kind {
        TokenKind::Ident => token.text,
        TokenKind::QuotedIdent | TokenKind::String => {
            token.text.trim_matches(|quote| ['"', '`', '\''].contains(&quote))
        }
        _ => return false,
    };
    text.eq_ignore_ascii_case(name)
}

/// Bytes of the one statement: from its first token to before its `;`.
///
/// # Errors
/// [`Kind::Forbidden`] for a second statement, [`Kind::BadQuery`] for none.
pub(super) fn single_statement(sql: &str) -> Result<(usize, usize)> {
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
pub(super) fn explained(statement: &str) -> usize {
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

/// Where the query of `CREATE VIEW name (columns) AS query` starts.
pub(super) fn query_of_view(statement: &str) -> Option<usize> {
    let mut depth = 0_usize;
    let mut rest = significant(statement);
    rest.find(|token| {
        match token.text {
            "(" => depth += 1,
            ")" => depth = depth.saturating_sub(1),
            _ => {}
        }
        depth == 0 && is_word(token, "AS")
    })?;
    rest.next().map(|token| token.start)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_query_of_a_view() {
        for sql in [
            "CREATE VIEW v AS QUERY",
            "CREATE VIEW s.\"as\" (\"as\", b) AS QUERY",
            "create or replace view v as /* as */ QUERY",
        ] {
            assert_eq!(query_of_view(sql).and_then(|at| sql.get(at..)), Some("QUERY"), "{sql}");
        }
        assert_eq!(query_of_view("CREATE VIEW v"), None);
        assert_eq!(query_of_view("CREATE VIEW v AS"), None);
    }
}
