//! Handles `utf8_validation`, with which a query reads a file although its texts are not UTF-8. DuckDB
//! replaces bytes while it reads, but applies filters earlier, to statistics and Bloom filters over the
//! file's original bytes: a filter on a replaced text would miss some or all rows. So such a call is wrapped
//! in a subquery with a LIMIT, below which DuckDB pushes no filter.

use super::parser::{Token, TokenKind};
use super::places::Composed;
use super::tree;
use crate::error::{Error, Kind};

/// The name of the argument.
const ARGUMENT: &str = "utf8_validation";
/// The functions that take it.
const READERS: [&str; 2] = ["parquet_scan", "read_parquet"];
/// The text before and after a wrapped call. No file has more rows than the limit.
const WALL: [&str; 2] = ["(FROM ", " LIMIT 9223372036854775807)"];

/// Returns whether a text may use the argument.
pub(super) fn may_be_in(sql: &str) -> bool {
    sql.to_ascii_lowercase().contains(ARGUMENT)
}

/// Returns `sql` with each call that uses the argument wrapped, and the number of these calls.
pub(super) fn walled<'a>(sql: &'a str, tokens: &[Token<'a>]) -> (Composed<'a>, usize) {
    let mut composed = Composed::of(sql);
    let (mut copied, mut count) = (0, 0);
    let mut at = 0;
    while let Some((first, closing)) = next_call(tokens, at) {
        // `WITH ORDINALITY` belongs to the call.
        let has_numbers =
            is_word(tokens.get(closing + 1), "WITH") && is_word(tokens.get(closing + 2), "ORDINALITY");
        let end = if has_numbers { closing + 2 } else { closing };
        let (start, behind) = (place(tokens, first), tokens.get(end).map_or(sql.len(), Token::end));
        composed.copy(copied..start);
        composed.insert(WALL[0], start);
        composed.copy(start..behind);
        composed.insert(WALL[1], behind);
        if let Some(name) = own_name(tokens, first, end) {
            composed.insert(&format!(" AS {name}"), behind);
        }
        (copied, at) = (behind, end + 1);
        count += 1;
    }
    composed.copy(copied..sql.len());
    (composed, count)
}

/// Keywords that may follow a call and are not its alias.
const BEHIND: [&str; 25] = [
    "ANTI",
    "ASOF",
    "CROSS",
    "EXCEPT",
    "FULL",
    "GROUP",
    "HAVING",
    "INNER",
    "INTERSECT",
    "JOIN",
    "LEFT",
    "LIMIT",
    "NATURAL",
    "OFFSET",
    "ON",
    "ORDER",
    "POSITIONAL",
    "QUALIFY",
    "RIGHT",
    "SELECT",
    "SEMI",
    "UNION",
    "USING",
    "WHERE",
    "WINDOW",
];

/// Returns the name that DuckDB gives to the table of the call from the token `first` to `end`, if no alias
/// stands before or after it.
fn own_name<'a>(tokens: &[Token<'a>], first: usize, end: usize) -> Option<&'a str> {
    let name = (first..end).find(|at| is(tokens.get(at + 1), "(")).and_then(|at| tokens.get(at))?;
    let is_called = first.checked_sub(1).is_some_and(|before| is(tokens.get(before), ":"));
    let ends_there = match tokens.get(end + 1) {
        None => true,
        next => {
            [")", ",", ";"].iter().any(|sign| is(next, sign)) || BEHIND.iter().any(|word| is_word(next, word))
        }
    };
    (ends_there && !is_called).then_some(name.text)
}

/// Returns how many calls in a tree use the argument.
pub(super) fn count_in(tree: &tree::Tree) -> usize {
    let uses = |node: &&tree::Node| node.names.iter().any(|(_, name)| name.eq_ignore_ascii_case(ARGUMENT));
    tree.nodes.iter().filter(uses).count()
}

/// Returns the refusal of a call that cannot be wrapped.
pub(super) fn not_walled() -> Error {
    Error::new(Kind::Forbidden, format!("the argument `{ARGUMENT}` is not allowed here")).hint(
        "Write it in a query of its own, as in FROM read_parquet('weekly.parquet', utf8_validation = 'replace'); in the views and macros of a database file it would make filters miss rows",
    )
}

fn place(tokens: &[Token<'_>], at: usize) -> usize {
    tokens.get(at).map_or(0, |token| token.start)
}

/// Returns the next call from the token `from` on that uses the argument: the indexes of the first token of
/// its name and of its closing parenthesis.
fn next_call(tokens: &[Token<'_>], from: usize) -> Option<(usize, usize)> {
    (from..tokens.len()).find_map(|at| {
        let is_reader =
            READERS.iter().any(|reader| tokens.get(at).is_some_and(|token| is_name(token, reader)));
        if !is_reader || !is(tokens.get(at + 1), "(") {
            return None;
        }
        let end = closing(tokens, at + 1)?;
        Some((start_of_name(tokens, at, from), end))
    })
}

/// Returns where the parenthesis at `open` closes, if the argument stands directly inside it.
fn closing(tokens: &[Token<'_>], open: usize) -> Option<usize> {
    let (mut depth, mut has_it) = (0_usize, false);
    for (at, token) in tokens.iter().enumerate().skip(open) {
        match token.text {
            "(" | "[" | "{" => depth += 1,
            ")" | "]" | "}" => {
                depth = depth.checked_sub(1)?;
                if depth == 0 {
                    return has_it.then_some(at);
                }
            }
            _ => has_it |= depth == 1 && is_given(tokens, at),
        }
    }
    None
}

/// Returns whether the token `at` names the argument, as in `, utf8_validation = …`, and is not a value or
/// part of an expression.
fn is_given(tokens: &[Token<'_>], at: usize) -> bool {
    let is_assigned = ["=", ":=", "=>"].iter().any(|sign| is(tokens.get(at + 1), sign));
    is_assigned
        && tokens.get(at).is_some_and(|token| is_name(token, ARGUMENT))
        && at.checked_sub(1).is_some_and(|before| is(tokens.get(before), ",") || is(tokens.get(before), "("))
}

/// Returns the index of the first part of a name such as `system.main.read_parquet`.
fn start_of_name(tokens: &[Token<'_>], mut at: usize, from: usize) -> usize {
    while at >= from + 2 && is(tokens.get(at - 1), ".") {
        at -= 2;
    }
    at
}

fn is(token: Option<&Token<'_>>, text: &str) -> bool {
    token.is_some_and(|token| token.text == text)
}

fn is_word(token: Option<&Token<'_>>, word: &str) -> bool {
    token.is_some_and(|token| token.is_word(word))
}

fn is_name(token: &Token<'_>, name: &str) -> bool {
    matches!(token.kind, TokenKind::Keyword | TokenKind::Identifier) && token.is_name(name)
}

#[cfg(test)]
mod tests {
    use super::super::Gate;

    fn runs(sql: &str) -> Result<String, String> {
        Gate::open().unwrap().check(sql).map(|verdict| verdict.sql.clone()).map_err(|error| error.message)
    }

    #[test]
    fn each_call_stands_behind_its_wall() {
        let limit = 9_223_372_036_854_775_807_u64;
        for (sql, expected) in [
            (
                "FROM read_parquet('a.parquet', utf8_validation = 'replace') WHERE a = 'x'",
                format!(
                    "FROM (FROM read_parquet('a.parquet', utf8_validation = 'replace') LIMIT {limit}) AS read_parquet WHERE a = 'x'"
                ),
            ),
            (
                "SELECT t.a FROM system.main.\"READ_PARQUET\"(['a'], \"UTF8_validation\" := 'ignore', union_by_name = true) AS t",
                format!(
                    "SELECT t.a FROM (FROM system.main.\"READ_PARQUET\"(['a'], \"UTF8_validation\" := 'ignore', union_by_name = true) LIMIT {limit}) AS t"
                ),
            ),
            (
                "FROM parquet_scan('a', utf8_validation = 'replace') a, (FROM read_parquet('b', utf8_validation => 'strict')) b, read_parquet('c')",
                format!(
                    "FROM (FROM parquet_scan('a', utf8_validation = 'replace') LIMIT {limit}) a, (FROM (FROM read_parquet('b', utf8_validation => 'strict') LIMIT {limit}) AS read_parquet) b, read_parquet('c')"
                ),
            ),
            (
                "FROM read_parquet('a', utf8_validation = 'replace') WITH ORDINALITY AS t(a, n) WHERE n > 1",
                format!(
                    "FROM (FROM read_parquet('a', utf8_validation = 'replace') WITH ORDINALITY LIMIT {limit}) AS t(a, n) WHERE n > 1"
                ),
            ),
            (
                "SELECT read_parquet.a FROM t : read_parquet('a', utf8_validation = 'replace') JOIN main.\"parquet_scan\"('b', utf8_validation = 'replace') USING (i)",
                format!(
                    "SELECT read_parquet.a FROM t : (FROM read_parquet('a', utf8_validation = 'replace') LIMIT {limit}) JOIN (FROM main.\"parquet_scan\"('b', utf8_validation = 'replace') LIMIT {limit}) AS \"parquet_scan\" USING (i)"
                ),
            ),
            // A string and a comment are not calls.
            (
                "SELECT 'read_parquet(utf8_validation)' /* utf8_validation */",
                "SELECT 'read_parquet(utf8_validation)'".to_owned(),
            ),
        ] {
            assert_eq!(runs(sql), Ok(expected), "{sql}");
        }
    }

    #[test]
    fn where_it_has_no_wall_it_is_refused() {
        for sql in [
            "FROM read_csv('a.csv', utf8_validation = 'replace')",
            "SELECT 1 FROM read_parquet(utf8_validation = 'replace', 'a')",
            "FROM read_parquet('a', (utf8_validation) = 'replace') t, read_parquet('b', filename = utf8_validation) u",
        ] {
            assert!(runs(sql).is_err(), "{sql}");
        }
        let gate = Gate::open().unwrap();
        let view = "CREATE VIEW v AS FROM read_parquet('a', utf8_validation = 'replace')";
        assert!(gate.check_view(view).unwrap_err().message.contains("utf8_validation"));
    }

    #[test]
    fn positions_are_those_of_the_text_that_came() {
        let gate = Gate::open().unwrap();
        let sql = "SELECT nope FROM read_parquet('a', utf8_validation = 'replace') WHERE x = 1";
        let verdict = gate.check(sql).unwrap();
        for word in ["nope", "'a'", "x = 1"] {
            let at = verdict.sql.find(word).unwrap();
            assert_eq!(verdict.place_of(at), sql.find(word).unwrap(), "{word}");
        }
        let sql = "FROM read_parquet('a', utf8_validation = 'replace'), query('SELECT 1')";
        assert_eq!(gate.check(sql).unwrap_err().position, sql.find("query("));
    }
}
