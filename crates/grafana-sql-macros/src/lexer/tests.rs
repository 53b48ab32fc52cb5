//! Tests the tokens of unusual texts.

use super::TokenKind::{
    Braced, Comment, DollarQuote, EscapeString, Ident, Name, Number, Parameter, Punct, QuotedIdent, String,
};
use super::*;
use proptest::prelude::*;

/// Returns kinds and texts without whitespace.
fn lex(sql: &str) -> Vec<(TokenKind, &str)> {
    let blank = |token: &Token<'_>| token.kind != TokenKind::Whitespace;
    tokens(sql).filter(blank).map(|token| (token.kind, token.text)).collect()
}

#[test]
fn one_token_each() {
    let cases = [
        ("'a''b'", String),
        (r"'a\'", String),
        (r"E'a\'b'", EscapeString),
        (r"e'a\\'", EscapeString),
        ("E'a''b'", EscapeString),
        ("\"a\"\"b -- c\"", QuotedIdent),
        ("`a``b'c`", QuotedIdent),
        ("/* a /* b */ c */", Comment),
        ("/*/*/ 1 */*/", Comment),
        ("-- it's \u{2028} here", Comment),
        ("$$a'b$c$$", DollarQuote),
        ("$t$a$$b$T$c$t$", DollarQuote),
        ("$é$a$é$", DollarQuote),
        ("$__x$ $__timeFilter(a) $__x$", DollarQuote),
        ("1_000.5e-3", Number),
        (".5", Number),
        ("a$b", Ident),
        ("a$$", Ident),
        ("été", Ident),
        ("a\u{2028}b", Ident),
        ("$__timeFilter", Name),
        ("$name", Name),
        ("${name:date:YYYY MM}", Braced),
        ("$12", Parameter),
        ("$", Punct),
    ];
    for (sql, kind) in cases {
        assert_eq!(lex(sql), [(kind, sql)], "{sql}");
    }
}

#[test]
fn neighbours() {
    let cases: &[(&str, &[(TokenKind, &str)])] = &[
        ("1e'a'", &[(Number, "1"), (EscapeString, "e'a'")]),
        ("0x1F", &[(Number, "0"), (Ident, "x1F")]),
        ("x'41'", &[(Ident, "x"), (String, "'41'")]),
        ("ae'b'", &[(Ident, "ae"), (String, "'b'")]),
        ("7//* c */2", &[(Number, "7"), (Punct, "/"), (Comment, "/* c */"), (Number, "2")]),
        ("1--c\r+2", &[(Number, "1"), (Comment, "--c"), (Punct, "+"), (Number, "2")]),
        ("$a$b$c", &[(Name, "$a"), (Name, "$b"), (Name, "$c")]),
        ("$a$x$a$b", &[(DollarQuote, "$a$x$a$"), (Ident, "b")]),
        ("a$__b$c", &[(Ident, "a$__b$c")]),
        ("a$__q$ x$__q$", &[(Ident, "a$__q$"), (Ident, "x$__q$")]),
        ("a${b}c", &[(Ident, "a"), (Braced, "${b}"), (Ident, "c")]),
        ("\u{a0}$x", &[(Name, "$x")]),
        // DuckDB reads it as part of a tag, and does not replace it.
        ("$x\u{a0} ", &[(Name, "$x"), (Ident, "\u{a0}")]),
        ("$e'\\'' $v'\\'", &[(Punct, "$"), (EscapeString, "e'\\''"), (Name, "$v"), (String, "'\\'")]),
        // In a literal that continues on the next line, `\` escapes nothing.
        ("E'a'\n--x\n'b\\' c", &[(EscapeString, "E'a'"), (Comment, "--x"), (String, "'b\\'"), (Ident, "c")]),
        ("a\u{1}b\u{7f}$x$ \u{1f}", &[(Ident, "a\u{1}b\u{7f}$x$"), (Ident, "\u{1f}")]),
        // A quote in a block comment or in backticks affects the Unicode spaces after it.
        ("/*'*/a\u{a0}b 'c' d", &[(Comment, "/*'*/"), (Ident, "a\u{a0}b"), (String, "'c'"), (Ident, "d")]),
        ("`\"`\u{a0}b", &[(QuotedIdent, "`\"`"), (Ident, "\u{a0}b")]),
        ("a${b$q$ x", &[(Ident, "a$"), (Punct, "{"), (Ident, "b$q$"), (Ident, "x")]),
        ("${b--}\n", &[(Braced, "${"), (Ident, "b"), (Comment, "--}")]),
        ("1..e5$a$x$a$", &[(Number, "1..e5"), (DollarQuote, "$a$x$a$")]),
        ("1e5x1e", &[(Number, "1e5"), (Ident, "x1e")]),
        ("E'a' 'b\\'", &[(EscapeString, "E'a'"), (String, "'b\\'")]),
    ];
    for (sql, expected) in cases {
        assert_eq!(&lex(sql), expected, "{sql}");
    }
}

#[test]
fn open_ends_are_told() {
    for sql in ["'a", "E'a\\'", "E'a\\", "\"a", "`a", "/* /* */", "/*/", "$$a", "${a", "${a'}"] {
        let token = tokens(sql).next().unwrap();
        assert!(!token.closed, "{sql}");
    }
}

proptest! {
    #[test]
    fn lossless(sql in r#"([$'"`/*\-\\\n\r {}eE\[\]a1_.é\u{a0}]|\$\$|\$a\$|--|/\*|\*/|\PC){0,60}"#) {
        let joined: std::string::String = tokens(&sql).map(|token| token.text).collect();
        prop_assert_eq!(&joined, &sql);
        let mut at = 0;
        for token in tokens(&sql) {
            prop_assert_eq!(token.start, at);
            prop_assert!(!token.text.is_empty());
            at = token.end();
        }
    }
}
