//! `PIVOT` without `IN`, which DuckDB's serialiser refuses: written with lists, so that its tree can be walked.

use super::statement::{is_word, significant};
use crate::query::Token;

/// The text with every `ON` item of its `PIVOT`s written as `(item) IN (0)`, so that it parses as a SELECT and what
/// the items hold is walked too; `None` without a `PIVOT`. What runs is the text as written.
pub(super) fn with_pivot_lists(sql: &str) -> Option<String> {
    let all: Vec<Token<'_>> = significant(sql).collect();
    let mut inserts: Vec<(usize, &str)> = Vec::new();
    for (index, token) in all.iter().enumerate() {
        if is_word(token, "PIVOT") || is_word(token, "PIVOT_WIDER") {
            pivot_items(all.get(index + 1..).unwrap_or_default(), &mut inserts);
        }
    }
    if inserts.is_empty() {
        return None;
    }
    inserts.sort_by_key(|insert| insert.0);
    let mut text = String::with_capacity(sql.len() + inserts.len() * 8);
    let mut from = 0;
    for (position, insert) in inserts {
        text.push_str(sql.get(from..position)?);
        text.push_str(insert);
        from = position;
    }
    text.push_str(sql.get(from..)?);
    Some(text)
}

/// Notes what to insert around the `ON` items of a PIVOT; `tokens` are those behind its keyword.
fn pivot_items(tokens: &[Token<'_>], inserts: &mut Vec<(usize, &str)>) {
    const ENDS: &[&str] = &["USING", "GROUP", "ORDER", "LIMIT", "OFFSET", "UNION", "EXCEPT", "INTERSECT"];
    let mut depth = 0_usize;
    // Where the item being read starts; none while the source is read.
    let mut start: Option<usize> = None;
    let mut last_end = 0;
    for token in tokens {
        let closes = token.text == ")" && depth == 0;
        let ends = closes || (depth == 0 && ENDS.iter().any(|word| is_word(token, word)));
        match (start, token.text) {
            (None, _) if closes => return,
            (None, _) if depth == 0 && is_word(token, "ON") => start = Some(token.end()),
            (Some(item), ",") if depth == 0 => {
                inserts.extend([(item, " ("), (last_end, ") IN (0) ")]);
                start = Some(token.end());
            }
            (Some(_), _) if ends => break,
            (_, "(") => depth += 1,
            (_, ")") => depth -= 1,
            _ => {}
        }
        last_end = token.end();
    }
    if let Some(item) = start {
        inserts.extend([(item, " ("), (last_end, ") IN (0) ")]);
    }
}
