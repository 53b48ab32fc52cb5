//! Decides which text runs for a statement, and which text is checked for it.

use std::borrow::Cow;

use super::judged;
use super::parser::{Statement, StatementKind, Token};
use super::places::{Composed, Places};
use super::statement::{Explained, Pivoted};
use crate::error::{Error, Kind, Result};

/// The text that runs and the text that is checked for it, both composed from the only statement of a text.
pub(super) struct Plan<'a> {
    pub(super) run: Cow<'a, str>,
    /// Maps positions of `run` to the statement.
    pub(super) run_places: Places,
    pub(super) judged: Cow<'a, str>,
    pub(super) judged_places: Places,
    /// The prefix of the values that were put into a `PIVOT`, and the number of lists.
    pub(super) lists: Option<(String, usize)>,
}

impl<'a> Plan<'a> {
    /// Plans `text`, the only statement. Errors give positions in it.
    ///
    /// # Errors
    /// [`Kind::Forbidden`] for any other kind of statement.
    pub(super) fn of(statement: &Statement, text: &'a str, tokens: &[Token<'_>]) -> Result<Self> {
        let explained = Explained::read(tokens)?;
        let (from, head) = match &explained {
            Some(explained) => (explained.body, explained.head()),
            None => (0, String::new()),
        };
        match statement.kind {
            StatementKind::Select => Ok(Self::whole(text)),
            StatementKind::Explain if explained.is_some() => Self::explained(text, tokens, from, &head),
            StatementKind::Multi => match Pivoted::of(text, tokens, from, &head) {
                Some(pivoted) => Ok(Self::pivoted(pivoted)),
                None => Err(not_allowed(tokens.get(from))),
            },
            StatementKind::Explain | StatementKind::Other => Err(not_allowed(tokens.first())),
        }
    }

    fn whole(text: &'a str) -> Self {
        let places = Places::of_end(text, text).unwrap_or_default();
        Self {
            run: Cow::Borrowed(text),
            run_places: places.clone(),
            judged: Cow::Borrowed(text),
            judged_places: places,
            lists: None,
        }
    }

    fn explained(text: &'a str, tokens: &[Token<'_>], from: usize, head: &str) -> Result<Self> {
        let start = tokens.get(from).ok_or_else(empty)?.start;
        let (mut run, mut judged) = (Composed::of(text), Composed::of(text));
        run.insert(head, start);
        run.copy(start..text.len());
        judged.copy(start..text.len());
        Ok(Self::composed(run, judged, None))
    }

    fn pivoted(pivoted: Pivoted<'a>) -> Self {
        let Pivoted { run, judged, value, lists } = pivoted;
        Self::composed(run, judged, Some((value, lists)))
    }

    fn composed(run: Composed<'a>, judged: Composed<'a>, lists: Option<(String, usize)>) -> Self {
        Self {
            run: Cow::Owned(run.text),
            run_places: run.places,
            judged: Cow::Owned(judged.text),
            judged_places: judged.places,
            lists,
        }
    }
}

pub(super) fn empty() -> Error {
    Error::bad_query("the query is empty").hint("Write a SELECT statement")
}

/// First words of statements that only read. DuckDB turns a statement into several if a `PIVOT` in it takes
/// its columns from the data. If no list can be put in, the `ON` list contains a subquery.
const READERS: &[&str] =
    &["PIVOT", "PIVOT_WIDER", "FROM", "SELECT", "WITH", "DESCRIBE", "SUMMARIZE", "SHOW", "TABLE", "("];

/// Returns the refusal of another kind of statement, named by its first word.
pub(super) fn not_allowed(head: Option<&Token<'_>>) -> Error {
    let word = head.map_or_else(String::new, |token| token.text.to_uppercase());
    if READERS.contains(&word.as_str()) {
        return no_subquery();
    }
    let hint = match word.as_str() {
        "PRAGMA" => "Use DESCRIBE, SHOW or the duckdb_…() table functions instead of PRAGMA",
        "SET" | "RESET" | "USE" => "Settings of DuckDB belong to the datasource's settings",
        _ => judged::ONLY_READS,
    };
    Error::new(Kind::Forbidden, format!("`{word}` statements are not allowed"))
        .hint(hint)
        .at(head.map_or(0, |token| token.start))
}

pub(super) fn no_subquery() -> Error {
    Error::new(Kind::Forbidden, "a subquery in the `ON` list of `PIVOT` is not supported")
        .hint("List the values in `IN (…)`, or leave `IN` away: then every value gets a column")
}
