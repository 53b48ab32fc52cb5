//! The query model: the JSON that the frontend stores in dashboards and that the APIs accept.

use grafana_sql_macros::kind_of;
use serde_json::{Map, Value as Json};

use grafana_frames::Format;
use grafana_sql_macros::Variables;

use crate::error::{Error, Result};

/// One query as it was sent.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct QueryModel {
    /// The SQL as the user wrote it, with macros and template variables.
    pub raw_sql: String,
    /// The shape of the result; `table` if the model does not say.
    pub format: Format,
    /// Values of template variables, for callers without Grafana's frontend.
    pub variables: Variables,
}

impl QueryModel {
    /// Limit in bytes for the SQL and the template variables together.
    const LONGEST: usize = 512 << 10;

    /// Reads a query model from a JSON object; see [`QueryModel::from_members`].
    ///
    /// # Errors
    /// [`crate::error::Kind::BadQuery`] when the text is not a JSON object or longer than 512 KB, or when a
    /// field is missing or has the wrong type; the message names the field.
    pub fn from_json(json: &[u8]) -> Result<Self> {
        check_length(json.len())?;
        let document: Json = serde_json::from_slice(json)
            .map_err(|error| Error::bad_query(format!("the query model is not JSON: {error}")))?;
        let Json::Object(model) = document else {
            return Err(Error::bad_query(format!(
                "the query model is {}, not an object",
                kind_of(&document)
            ))
            .hint("Send `{\"rawSql\": \"SELECT …\", \"format\": \"table\"}`"));
        };
        Self::from_members(&model)
    }

    /// Reads a query model from the members of a JSON object: `rawSql` (string, required), `format`
    /// (`"table"`, `"time_series"`, or the numbers 1 and 0 that other SQL plugins use for them), `variables`
    /// (object). Other members are ignored.
    ///
    /// # Errors
    /// [`crate::error::Kind::BadQuery`] when a field is missing or has the wrong type (the message names the
    /// field), or when the texts exceed 512 KB.
    pub fn from_members(members: &Map<String, Json>) -> Result<Self> {
        let model = Self {
            raw_sql: raw_sql(members)?,
            format: format(members.get("format"))?,
            variables: Variables::from_json(members.get("variables"))?,
        };
        check_length(model.len())?;
        Ok(model)
    }

    /// Returns the length in bytes of the SQL and the variables.
    #[must_use]
    pub fn len(&self) -> usize {
        self.raw_sql.len() + self.variables.len()
    }

    /// Whether both the SQL and the variables are empty.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

fn check_length(bytes: usize) -> Result<()> {
    if bytes <= QueryModel::LONGEST {
        return Ok(());
    }
    Err(too_long("the query with its template variables", QueryModel::LONGEST))
}

/// Returns the error for a text longer than `most` bytes; `what` names the text.
pub(crate) fn too_long(what: &str, most: usize) -> Error {
    Error::bad_query(format!("{what} is longer than {} KB", most >> 10))
        .hint("Shorten it: put long lists into a file of the datasource and join it")
}

fn raw_sql(model: &Map<String, Json>) -> Result<String> {
    let hint = "Put the SQL text into `rawSql`";
    match model.get("rawSql") {
        Some(Json::String(sql)) => Ok(sql.clone()),
        None => Err(Error::bad_query("the query model has no `rawSql`").hint(hint)),
        Some(other) => {
            Err(Error::bad_query(format!("`rawSql` is {}, not a string", kind_of(other))).hint(hint))
        }
    }
}

fn format(value: Option<&Json>) -> Result<Format> {
    match value {
        None | Some(Json::Null) => Ok(Format::Table),
        Some(Json::String(word)) => format_of_word(word),
        Some(Json::Number(number)) => match number.as_u64() {
            Some(0) => Ok(Format::TimeSeries),
            Some(1) => Ok(Format::Table),
            _ => Err(bad_format(&format!("{number}"))),
        },
        Some(other) => Err(bad_format(kind_of(other))),
    }
}

/// Reads the format's name.
///
/// # Errors
/// [`crate::error::Kind::BadQuery`] when the word is not the name of a format.
fn format_of_word(word: &str) -> Result<Format> {
    Format::of_word(word).ok_or_else(|| bad_format(&format!("`{word}`")))
}

fn bad_format(found: &str) -> Error {
    Error::bad_query(format!("`format` is {found}, which is not a known format"))
        .hint("Use `table` (or 1) or `time_series` (or 0)")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formats() {
        let cases = [
            (r#"{"rawSql":"x"}"#, Format::Table),
            (r#"{"rawSql":"x","format":null}"#, Format::Table),
            (r#"{"rawSql":"x","format":"table","refId":"A","sql":{"columns":[]}}"#, Format::Table),
            (r#"{"rawSql":"x","format":"time_series"}"#, Format::TimeSeries),
            (r#"{"rawSql":"x","format":0}"#, Format::TimeSeries),
            (r#"{"rawSql":"x","format":1}"#, Format::Table),
        ];
        for (json, expected) in cases {
            assert_eq!(QueryModel::from_json(json.as_bytes()).unwrap().format, expected, "{json}");
        }
    }

    #[test]
    fn each_bad_field_is_named() {
        let cases = [
            ("", "the query model is not JSON: EOF while parsing a value at line 1 column 0"),
            ("[]", "the query model is a list, not an object"),
            ("{}", "the query model has no `rawSql`"),
            (r#"{"rawSql":5}"#, "`rawSql` is a number, not a string"),
            (r#"{"rawSql":null}"#, "`rawSql` is null, not a string"),
            (r#"{"rawSql":"","format":"logs"}"#, "`format` is `logs`, which is not a known format"),
            (r#"{"rawSql":"","format":2}"#, "`format` is 2, which is not a known format"),
            (r#"{"rawSql":"","format":[]}"#, "`format` is a list, which is not a known format"),
            (r#"{"rawSql":"","variables":[]}"#, "`variables` is a list, not an object"),
            (r#"{"rawSql":"","variables":{"a":null}}"#, "the variable `a` is null"),
        ];
        for (json, message) in cases {
            assert_eq!(QueryModel::from_json(json.as_bytes()).unwrap_err().message, message, "{json}");
        }
    }
}
