//! Tokens of odd texts.

use super::TokenKind::{
    Braced, Comment, DollarQuote, EscapeString, Ident, Name, Number, Parameter, Punct, QuotedIdent, String,
};
use super::*;
use proptest::prelude::*;

/// Kinds and texts without whitespace.
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
    let cases: [(&str, &[(TokenKind, &str)]); 13] = [
        ("1e'a'", &[(Number, "1"), (EscapeString, "e'a'")]),
        ("0x1F", &[(Number, "0"), (Ident, "x1F")]),
        ("x'41'", &[(Ident, "x"), (String, "'41'")]),
        ("ae'b'", &[(Ident, "ae"), (String, "'b'")]),
        ("7//* c */2", &[(Number, "7"), (Punct, "/"), (Comment, "/* c */"), (Number, "2")]),
        ("1--c\r+2", &[(Number, "1"), (Comment, "--c"), (Punct, "+"), (Number, "2")]),
        ("$a$b$c", &[(Name, "$a"), (Name, "$b"), (Name, "$c")]),
        ("$a$x$a$b", &[(DollarQuote, "$a$x$a$"), (Ident, "b")]),
        ("a$__b", &[(Ident, "a"), (Name, "$__b")]),
        ("a${b}c", &[(Ident, "a"), (Braced, "${b}"), (Ident, "c")]),
        ("\u{a0}$x\u{a0}", &[(Name, "$x")]),
        ("E'a'\n--x\n'b\\'c'", &[(EscapeString, "E'a'"), (Comment, "--x"), (EscapeString, "'b\\'c'")]),
        ("E'a' 'b\\'", &[(EscapeString, "E'a'"), (String, "'b\\'")]),
    ];
    for (sql, expected) in cases {
        assert_eq!(lex(sql), expected, "{sql}");
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
