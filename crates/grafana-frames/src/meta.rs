//! The frame's `meta` document and its notices, as `grafana-plugin-sdk-go` (`data/frame_meta.go`) reads them.

use arrow::datatypes::Metadata;
use serde::{Deserialize, Serialize};

/// A notice, which Grafana shows in the panel's corner. `inspect` is never set: the Go SDK expects a number
/// there, other SDKs write a word, and a wrong type fails the whole response.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Notice {
    /// The severity.
    pub severity: Severity,
    /// One or more sentences.
    pub text: String,
}

/// The severity of a notice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Information.
    Info,
    /// The data is incomplete.
    Warning,
    /// The data is wrong.
    Error,
}

impl Notice {
    /// Creates a notice of severity [`Severity::Info`].
    pub fn info(text: impl Into<String>) -> Self {
        Self { severity: Severity::Info, text: text.into() }
    }

    /// Creates a notice of severity [`Severity::Warning`].
    pub fn warning(text: impl Into<String>) -> Self {
        Self { severity: Severity::Warning, text: text.into() }
    }
}

/// The schema's metadata.
#[derive(Debug, Clone)]
pub(super) struct Meta {
    pub(super) ref_id: String,
    /// The frame's type: `timeseries-wide` or `numeric-long`, always with version [0,1]. A table has no type:
    /// alert rules read an untyped table as far as they can, but log a warning at each evaluation of a frame
    /// of type `table` (`pkg/expr/dataplane.go`).
    pub(super) frame_type: Option<&'static str>,
    /// The visualization in Explore.
    pub(super) visualisation: Option<&'static str>,
    pub(super) executed_query: String,
    pub(super) notices: Vec<Notice>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Document<'a> {
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    frame_type: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    type_version: Option<[u8; 2]>,
    #[serde(skip_serializing_if = "Option::is_none")]
    preferred_visualisation_type: Option<&'a str>,
    executed_query_string: &'a str,
    #[serde(skip_serializing_if = "<[Notice]>::is_empty")]
    notices: &'a [Notice],
}

impl Meta {
    pub(super) fn new(ref_id: &str, executed_query: &str) -> Self {
        Self {
            ref_id: ref_id.to_owned(),
            frame_type: None,
            visualisation: None,
            executed_query: executed_query.to_owned(),
            notices: Vec::new(),
        }
    }

    /// Returns the metadata of the Arrow schema.
    pub(super) fn to_arrow(&self) -> Metadata {
        let document = Document {
            frame_type: self.frame_type,
            type_version: self.frame_type.map(|_| [0, 1]),
            preferred_visualisation_type: self.visualisation,
            executed_query_string: &self.executed_query,
            notices: &self.notices,
        };
        // Serialization cannot fail, because there are only strings and fixed keys. Grafana would read an
        // empty object as no metadata.
        let json = serde_json::to_string(&document).unwrap_or_else(|_| "{}".to_owned());
        Metadata::from([("name", String::new()), ("refId", self.ref_id.clone()), ("meta", json)])
    }
}

/// The most bytes of an executed query string.
const SHOWN: usize = 16 << 10;

/// Returns the text cut to the maximum length for an answer; its last line then says how many bytes are left
/// out.
#[must_use]
pub fn shown(sql: &str) -> String {
    if sql.len() <= SHOWN {
        return sql.to_owned();
    }
    let begin = sql.get(..sql.floor_char_boundary(SHOWN)).unwrap_or_default();
    format!("{begin}\n-- … and {} bytes more, which are left out here", sql.len() - begin.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_texts_are_shown_in_part_and_say_so() {
        assert_eq!(shown("SELECT 1"), "SELECT 1");
        let long = format!("{}ü{}", "x".repeat(SHOWN - 1), "y".repeat(9));
        let text = shown(&long);
        assert!(text.starts_with(&format!("{}\n-- …", "x".repeat(SHOWN - 1))), "characters stay whole");
        assert!(text.ends_with("and 11 bytes more, which are left out here"), "{text}");
    }
}
