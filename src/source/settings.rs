//! A datasource's own settings: jsonData as Grafana stores it, parsed once into typed values.
//!
//! Nothing here touches the file system; [`super::resolve`] does.

use serde_json::{Map, Value};

use crate::error::{Error, Result};
use crate::reports::DEFAULT_REPORTS_GLOB;

/// Above so many milliseconds a pattern is slow where the settings do not say.
pub(super) const DEFAULT_SLOW_MS: f64 = 100.0;

/// The settings document with defaults where they do not depend on anything else.
#[derive(Debug, Clone, PartialEq)]
pub struct Settings {
    /// Folders of reports and `.duckdb` files, as written; the first is `path`.
    pub paths: Vec<String>,
    /// Glob of the reports, relative to the folder.
    pub reports: String,
    /// Where relative paths in SQL start, as written.
    pub base_path: Option<String>,
    /// Above this many milliseconds a pattern is slow; [`DEFAULT_SLOW_MS`] where none is set.
    pub slow_ms: Option<f64>,
    /// Seconds until a query is interrupted.
    pub timeout_seconds: Option<u64>,
    /// Rows of a result.
    pub max_rows: Option<u64>,
    /// Megabytes of an encoded result.
    pub max_result_mb: Option<u64>,
    /// Megabytes of memory for DuckDB.
    pub memory_limit_mb: Option<u64>,
    /// Threads for DuckDB.
    pub threads: Option<u64>,
}

impl Settings {
    /// Reads jsonData; `url` is Grafana's own field and stands in for a missing `path` (`file://…`).
    /// Unknown keys are ignored.
    ///
    /// # Errors
    /// [`crate::error::Kind::BadSettings`] naming the field, for a document that is not an object and for a
    /// value of the wrong type or range.
    pub fn parse(json_data: &[u8], url: &str) -> Result<Self> {
        let document = match json_data {
            [] => Map::new(),
            bytes => match serde_json::from_slice(bytes) {
                Ok(Value::Object(map)) => map,
                Ok(Value::Null) => Map::new(),
                Ok(other) => return Err(wrong("jsonData", "an object", &other)),
                Err(error) => {
                    return Err(Error::bad_settings(format!(
                        "the datasource's settings (jsonData) are not JSON: {error}"
                    ))
                    .hint("Save the datasource again or mend its provisioning file"));
                }
            },
        };
        let fields = Fields(&document);
        if let Some(engine) = fields.text("engine")?.filter(|engine| engine != "duckdb") {
            return Err(Error::bad_settings(format!(
                "`engine` is `{engine}`, which this version does not know"
            ))
            .hint("Remove `engine` or set it to `duckdb`"));
        }
        let mut paths: Vec<String> = fields.text("path")?.into_iter().collect();
        paths.extend(fields.texts("paths")?);
        if paths.is_empty() && !url.trim().is_empty() {
            paths.push(url.trim().to_owned());
        }
        Ok(Self {
            paths,
            reports: fields.text("reports")?.unwrap_or_else(|| DEFAULT_REPORTS_GLOB.to_owned()),
            base_path: fields.text("basePath")?,
            slow_ms: fields.number("slowMs", 0.0)?,
            timeout_seconds: fields.whole("timeoutSeconds")?,
            max_rows: fields.whole("maxRows")?,
            max_result_mb: fields.whole("maxResultMb")?,
            memory_limit_mb: fields.whole("memoryLimitMb")?,
            threads: fields.whole("threads")?,
        })
    }
}

/// The document's fields, each read with an error that names it. Null and empty text count as absent.
struct Fields<'a>(&'a Map<String, Value>);

impl Fields<'_> {
    fn present(&self, field: &str) -> Option<&Value> {
        self.0.get(field).filter(|value| match value {
            Value::Null => false,
            Value::String(text) => !text.trim().is_empty(),
            _ => true,
        })
    }

    fn text(&self, field: &str) -> Result<Option<String>> {
        match self.present(field) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text.trim().to_owned())),
            Some(other) => Err(wrong(field, "text", other)),
        }
    }

    fn texts(&self, field: &str) -> Result<Vec<String>> {
        match self.present(field) {
            None => Ok(Vec::new()),
            Some(Value::Array(items)) => items
                .iter()
                .filter(|item| !item.is_null() && item.as_str() != Some(""))
                .map(|item| {
                    item.as_str()
                        .map(|s| s.trim().to_owned())
                        .ok_or_else(|| wrong(field, "a list of texts", item))
                })
                .collect(),
            Some(other) => Err(wrong(field, "a list of texts", other)),
        }
    }

    /// A number of at least `least`; text that holds one is taken too, because environment variables in
    /// provisioning files arrive as text.
    fn number(&self, field: &str, least: f64) -> Result<Option<f64>> {
        let Some(value) = self.present(field) else { return Ok(None) };
        let number = match value {
            Value::Number(number) => number.as_f64(),
            Value::String(text) => text.trim().parse().ok(),
            _ => None,
        };
        match number.filter(|number| number.is_finite() && *number >= least) {
            Some(number) => Ok(Some(number)),
            None => Err(wrong(field, &format!("a number of at least {least}"), value)),
        }
    }

    fn whole(&self, field: &str) -> Result<Option<u64>> {
        let number = self.number(field, 1.0)?;
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "checked: whole, 1 to 2^53"
        )]
        match number.filter(|n| n.fract() == 0.0 && *n <= 9_007_199_254_740_992.0) {
            Some(number) => Ok(Some(number as u64)),
            None if number.is_none() => Ok(None),
            None => {
                Err(wrong(field, "a whole number of at least 1", self.present(field).unwrap_or(&Value::Null)))
            }
        }
    }
}

fn wrong(field: &str, wanted: &str, found: &Value) -> Error {
    Error::bad_settings(format!("the setting `{field}` must be {wanted}, not `{found}`"))
        .hint(format!("Correct `{field}` in the datasource's settings or its provisioning file"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn defaults_and_urls() {
        let settings = Settings::parse(b"", "file:///data/perf.duckdb").unwrap();
        assert_eq!(settings.paths, ["file:///data/perf.duckdb"]);
        assert_eq!((settings.reports.as_str(), settings.slow_ms), (DEFAULT_REPORTS_GLOB, None));
        let settings =
            Settings::parse(br#"{"path":" /a ","paths":["/b",""],"threads":"4","x":1}"#, "file:///c")
                .unwrap();
        assert_eq!((settings.paths, settings.threads), (vec!["/a".to_owned(), "/b".to_owned()], Some(4)));
    }

    #[test]
    fn each_bad_value_is_refused_by_its_name() {
        for (json, message) in [
            ("[]", "the setting `jsonData` must be an object, not `[]`"),
            (
                "{",
                "the datasource's settings (jsonData) are not JSON: EOF while parsing an object at line 1 column 1",
            ),
            (r#"{"path":7}"#, "the setting `path` must be text, not `7`"),
            (r#"{"paths":"x"}"#, "the setting `paths` must be a list of texts, not `\"x\"`"),
            (r#"{"paths":[1]}"#, "the setting `paths` must be a list of texts, not `1`"),
            (r#"{"slowMs":-1}"#, "the setting `slowMs` must be a number of at least 0, not `-1`"),
            (
                r#"{"timeoutSeconds":"soon"}"#,
                "the setting `timeoutSeconds` must be a number of at least 1, not `\"soon\"`",
            ),
            (r#"{"maxRows":1.5}"#, "the setting `maxRows` must be a whole number of at least 1, not `1.5`"),
            (r#"{"threads":0}"#, "the setting `threads` must be a number of at least 1, not `0`"),
            (r#"{"engine":"oracle"}"#, "`engine` is `oracle`, which this version does not know"),
        ] {
            let error = Settings::parse(json.as_bytes(), "").unwrap_err();
            assert_eq!(error.message, message, "{json}");
            assert!(error.hint.is_some(), "{json}");
        }
    }
}
