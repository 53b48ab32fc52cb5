//! Query files: SQL statements that end with `;` at the end of a line, each under a header of comments.
//!
//! ```text
//! -- name: what it is called            (starts the query)
//! -- description: what it answers       (may go on in the next comment lines)
//! -- format: table | time_series
//! -- var: name=value                    (a template variable where nobody gives one)
//! ```

use serde_json::{Map, Value};

use super::document::{Document, Query};
use crate::cli::vars;
use crate::query::{Token, TokenKind, tokens};

/// Returns the statements of a query file; `None` for SQL without any `-- name:`, which is another kind of
/// file (views).
pub(in crate::cli) fn read_statements(sql: &str) -> Option<Document> {
    let mut document = Document::default();
    let mut has_name = false;
    for (number, statement) in split(sql).into_iter().enumerate() {
        let header = Header::read(statement);
        has_name |= header.name.is_some();
        let mut model = Map::new();
        model.insert("rawSql".to_owned(), statement.trim_start_matches(['\n', '\r']).into());
        if let Some(format) = header.format {
            model.insert("format".to_owned(), format.into());
        }
        if !header.variables.is_empty() {
            model.insert("variables".to_owned(), Value::Object(header.variables));
        }
        let title = header.name.map_or_else(|| format!("statement {}", number + 1), str::to_owned);
        for bad in header.mistakes {
            document.skip(&title, bad);
        }
        document.queries.push(Query { title, ref_id: "A".to_owned(), model, ..Query::default() });
    }
    has_name.then_some(document)
}

/// Splits at `;` and drops parts that have only comments and spaces.
fn split(sql: &str) -> Vec<&str> {
    let mut found = Vec::new();
    let mut start = 0;
    let mut is_empty = true;
    for token in tokens(sql) {
        if token.kind == TokenKind::Punct && token.text == ";" {
            if !is_empty {
                found.extend(sql.get(start..token.start));
            }
            start = token.end();
            is_empty = true;
        } else if !token.is_blank() {
            is_empty = false;
        }
    }
    if !is_empty {
        found.extend(sql.get(start..));
    }
    found
}

#[derive(Default)]
struct Header<'a> {
    name: Option<&'a str>,
    format: Option<&'a str>,
    variables: Map<String, Value>,
    mistakes: Vec<String>,
}

impl<'a> Header<'a> {
    /// Reads the comments before the first word of `statement`.
    fn read(statement: &'a str) -> Self {
        let mut header = Self::default();
        for comment in
            tokens(statement).take_while(Token::is_blank).filter(|token| token.kind == TokenKind::Comment)
        {
            let Some((key, value)) = comment.text.strip_prefix("--").and_then(|line| line.split_once(':'))
            else {
                continue;
            };
            let value = value.trim();
            match key.trim() {
                // A header of the file may explain the keys; the last name before the statement is the
                // statement's.
                "name" => header = Self { name: Some(value), ..Self::default() },
                "format" if header.name.is_some() => header.format = Some(value),
                "var" if header.name.is_some() => match vars::parse(value) {
                    Ok((name, value)) => {
                        header.variables.insert(name, value);
                    }
                    Err(why) => header.mistakes.push(format!("its `-- var: {value}` is wrong: {why}")),
                },
                _ => {}
            }
        }
        header
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn statements_and_headers() {
        let document = read_statements(
            "-- About:\n--     -- name: in the file's header\n-- format: nonsense\n\n-- name: One; or two\n-- description: a: b\n-- format: time_series\n\
             -- var: p=$__all\n-- var: q=[\"a\",\"b\"]\nSELECT ';' -- ; no\n;\n\n-- name: Two\nSELECT 2;\n-- the end\n",
        )
        .unwrap();
        let [one, two] = document.queries.as_slice() else { panic!("{document:?}") };
        assert_eq!((one.title.as_str(), two.title.as_str()), ("One; or two", "Two"));
        assert_eq!(one.model.get("format"), Some(&json!("time_series")));
        assert_eq!(one.model.get("variables"), Some(&json!({"p": "$__all", "q": ["a", "b"]})));
        assert!(one.sql().ends_with("SELECT ';' -- ; no\n"), "{}", one.sql());
        assert_eq!(two.model.get("format"), None);
        assert_eq!(read_statements("CREATE VIEW x AS SELECT 1;\n-- name\nSELECT 2;"), None);
    }

    #[test]
    fn the_file_that_ships_is_read_whole() {
        let document =
            read_statements(include_str!("../../../provisioning/queries/perf_queries.sql")).unwrap();
        assert_eq!((document.queries.len(), document.skipped.len()), (5, 0));
        assert!(read_statements(include_str!("../../../provisioning/views/create_views.sql")).is_none());
    }
}
