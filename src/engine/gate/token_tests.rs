//! Compares our lexer with DuckDB's tokenizer, and runs the gate's token functions on any text.

use super::statement::{Explained, Pivoted};
use super::*;

/// The class of a piece of text for both lexers. Numbers and operators are left out, because no macro and no
/// literal depends on them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Class {
    Comment,
    String,
    QuotedIdentifier,
    Word,
}

type Region = (usize, usize, Class);

/// Returns the part of `plain` that corresponds to `piece`, with plain spaces for Unicode spaces. `plain` is
/// the rest of that text, and is advanced past the piece.
fn take<'a>(piece: &str, plain: &mut &'a str) -> &'a str {
    let end = plain.char_indices().nth(piece.chars().count()).map_or(plain.len(), |(at, _)| at);
    let (taken, rest) = plain.split_at(end);
    *plain = rest;
    taken
}

/// Returns the regions of our lexer, as byte ranges in the text with plain spaces.
fn ours(sql: &str, plain: &str) -> Vec<Region> {
    use query::TokenKind as Kind;
    let (mut rest, mut start) = (plain, 0);
    let mut regions: Vec<Region> = Vec::new();
    // The kind of the previous token.
    let mut before: Option<Kind> = None;
    for token in query::tokens(sql) {
        let end = start + take(token.text, &mut rest).len();
        let region = match token.kind {
            Kind::Comment => Some((start, Class::Comment)),
            Kind::String | Kind::EscapeString | Kind::DollarQuote => Some((start, Class::String)),
            Kind::QuotedIdent => Some((start, Class::QuotedIdentifier)),
            Kind::Ident => Some((start, Class::Word)),
            // After an operator, DuckDB takes the name for a word.
            Kind::Name => Some((start + 1, Class::Word)),
            _ => None,
        };
        let last = regions.last_mut().filter(|last| last.1 == start && before.is_some());
        match (region, last) {
            // The letter before `x'…'` belongs to the literal, and a word may continue after a variable's
            // name.
            (Some((_, Class::String)), Some(last))
                if before == Some(Kind::Ident)
                    && ["x", "b", "n"].contains(&plain[last.0..last.1].to_lowercase().as_str()) =>
            {
                *last = (last.0, end, Class::String);
            }
            (Some((_, Class::Word)), Some(last))
                if before == Some(Kind::Name) && token.kind == Kind::Ident =>
            {
                last.1 = end;
            }
            (None, Some(last))
                if before == Some(Kind::Ident) && token.kind == Kind::Braced && token.closed =>
            {
                last.1 += 1;
            }
            (Some((start, class)), _) => regions.push((start, end, class)),
            (None, _) => {}
        }
        before = Some(token.kind);
        start = end;
    }
    regions
}

/// Returns the ranges of `${…}` in a text, inside which DuckDB sees words and operators.
fn variables(sql: &str, plain: &str) -> Vec<(usize, usize)> {
    let (mut rest, mut start) = (plain, 0);
    let mut found = Vec::new();
    for token in query::tokens(sql) {
        let end = start + take(token.text, &mut rest).len();
        if token.kind == query::TokenKind::Braced && token.closed {
            found.push((start, end));
        }
        start = end;
    }
    found
}

fn theirs(parser: &Parser, sql: &str) -> Vec<Region> {
    let tokens = parser.tokens(sql).unwrap();
    let region = |token: &Token<'_>| match token.kind {
        parser::TokenKind::Comment => {
            // After a `$` that opens no string, DuckDB places the comment's start there.
            let opens = token.text.find("--").into_iter().chain(token.text.find("/*")).min().unwrap_or(0);
            let text =
                token.text.strip_suffix(['\n', '\r']).filter(|_| token.text[opens..].starts_with("--"));
            Some((token.start + opens, token.start + text.unwrap_or(token.text).len(), Class::Comment))
        }
        parser::TokenKind::String => Some((token.start, token.end(), Class::String)),
        parser::TokenKind::Identifier if token.text.starts_with(['"', '`']) => {
            Some((token.start, token.end(), Class::QuotedIdentifier))
        }
        // A lone `$` at the end of a text.
        parser::TokenKind::Identifier if token.text.starts_with('$') => None,
        parser::TokenKind::Keyword | parser::TokenKind::Identifier => {
            Some((token.start, token.end(), Class::Word))
        }
        _ => None,
    };
    tokens.iter().filter_map(region).collect()
}

/// Fails if our lexer and DuckDB's tokenizer split `sql` differently.
fn compare(parser: &Parser, sql: &str) {
    let text = query::with_plain_spaces(sql);
    let mut ours = ours(sql, &text);
    let mut theirs = theirs(parser, &text);
    // For DuckDB, a dollar quote without an end reaches to the end of the text; for us, its tag is a
    // variable.
    if let Some(&(start, end, Class::String)) = theirs.last()
        && text[start..].starts_with('$')
        && end == text.len()
        && !ours.contains(&(start, end, Class::String))
    {
        ours.retain(|region| region.0 < start);
        theirs.pop();
    }
    let variables = variables(sql, &text);
    theirs.retain(|word| !variables.iter().any(|of| of.0 < word.1 && word.0 < of.1 && word.0 > of.0));
    assert_eq!(ours, theirs, "{sql:?}");
}

/// Runs everything that reads tokens and trees on `text`.
pub(crate) fn read_anything(text: &str) {
    static PARSER: std::sync::OnceLock<Parser> = std::sync::OnceLock::new();
    let parser = PARSER.get_or_init(|| Parser::open().unwrap());
    let plain = text.replace('\0', "");
    compare(parser, &plain);
    let tokens = significant(parser.tokens(text).unwrap());
    let from = match Explained::read(&tokens) {
        Ok(Some(explained)) => explained.body,
        _ => 0,
    };
    if let Some(pivoted) = Pivoted::of(text, &tokens, from, "") {
        let judged = &pivoted.judged.text;
        let without = (0..pivoted.lists)
            .fold(judged.clone(), |text, list| text.replace(&format!(" IN ('{}{list}')", pivoted.value), ""));
        assert_eq!(without, pivoted.run.text);
        assert_eq!(judged.matches(&pivoted.value).count(), pivoted.lists);
        for at in 0..judged.len() {
            assert!(pivoted.judged.places.back(at) <= text.len());
        }
    }
    assert!(query_of_view(&tokens).is_none_or(|(at, columns)| {
        at <= text.len() && columns.is_none_or(|columns| text.get(columns).is_some())
    }));
    for json in [text, &format!("{{\"error\":false,\"statements\":[{{\"node\":{{{text}}}}}]}}")] {
        let read = tree::read(json);
        // Inside a user's string, the same JSON must not create a node.
        let quoted = serde_json::Value::from(json).to_string();
        let held = format!(
            "{{\"error\":false,\"statements\":[{{\"node\":{{\"type\":\"EMPTY\",\"alias\":{quoted}}}}}]}}"
        );
        let held = tree::read(&held).unwrap();
        assert_eq!((held.nodes.len(), held.statements), (1, 1));
        drop(read);
    }
}

#[test]
fn the_lexer_cuts_odd_texts_as_duckdb_does() {
    let parser = Parser::open().unwrap();
    for sql in [
        "a$__q$ b$__q$ 'c'",
        "x${v}$q$ 'y' $q$",
        "a${v$q$ b",
        "${a--b}\n'c'",
        "a\u{1}b\u{7f}$x$ 'c' $x$",
        "E'\\''\n'\\' 'b'",
        "x'41' b'1' n'ü' N'a''b' ex'y'",
        "/*'*/\u{a0}a\u{a0}'b'\u{3000}c",
        "`'`\u{feff}\"a\u{a0}\"\u{2003}b",
        "$t$a$t$'b'$t$ c",
        "$a$a$a$b '",
        "$$$ 'a' $$ 'b'",
        "1..e5e6_1 2e+ 3e+4 .5e .e5 1_0_ 1e",
        "-- a\r'b' --\n/* /* */ ' */ 'c'",
        "<--x\n'y' */*z*/'w'",
        "$1e5$a$x$a$ $ $( $",
        "\u{a0}\u{a0}$x\u{a0}$",
        "'\u{a0}' \u{a0} -- \u{a0}\n\u{a0} x\u{a0}",
    ] {
        compare(&parser, sql);
    }
}

/// DuckDB decides which Unicode spaces count as spaces, if a text parses.
#[test]
fn unicode_spaces_are_replaced_where_duckdb_replaces_them() {
    const PIECES: &[&str] = &[
        "a",
        "'b'",
        "\"c\"",
        "`d`",
        "/* ' */",
        "/* \" */",
        "-- '\n",
        "$$e$$",
        "$t$f$t$",
        "`'`",
        "`\"`",
        "$$'$$",
        "1",
        "+",
        ",",
        "'\u{a0}'",
        "\"\u{2003}\"",
        "`\u{3000}`",
        "$$\u{feff}$$",
        "--\u{a0}\n",
        "/*\u{a0}*/",
        " ",
        " ",
    ];
    let parser = Parser::open().unwrap();
    let mut random = 0x2545_f491_4f6c_dd1d_u64;
    let mut next = |below: usize| {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        usize::try_from(random >> 33).unwrap() % below
    };
    let mut parsed = 0;
    for _ in 0..20_000 {
        let mut sql = "SELECT 0 ".to_owned();
        for _ in 0..=next(9) {
            sql.push_str(PIECES[next(PIECES.len())]);
            if next(2) == 0 {
                sql.push(['\u{a0}', '\u{2003}', '\u{3000}', '\u{feff}', '\u{202f}', '\u{2060}'][next(6)]);
            }
        }
        if let Ok(statements) = parser.statements(&sql).unwrap() {
            parsed += 1;
            let all: String = statements.into_iter().map(|statement| statement.text).collect();
            assert_eq!(all, query::with_plain_spaces(&sql), "{sql:?}");
        }
    }
    assert!(parsed > 1_000, "{parsed}");
}
