//! A datasource's settings: Grafana's jsonData, parsed once into typed values. Some are shared by all
//! engines, others belong to the local engine.
//!
//! Nothing here uses the file system; [`super::resolve`] does.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::policy::Policy;
use crate::error::{Error, Result};
use crate::limits::{Limits, MB};
use crate::reports::DEFAULT_REPORTS_GLOB;

/// A pattern slower than this many milliseconds counts as slow if the settings give no other number.
const DEFAULT_SLOW_MS: f64 = 100.0;

/// The settings document of a datasource. Unknown keys are ignored.
pub struct Document(Map<String, Value>);

impl Document {
    /// Parses jsonData.
    ///
    /// # Errors
    /// [`crate::error::Kind::BadSettings`] if the document is not an object.
    pub fn parse(json_data: &[u8]) -> Result<Self> {
        match json_data {
            [] => Ok(Self(Map::new())),
            bytes => match serde_json::from_slice(bytes) {
                Ok(Value::Object(map)) => Ok(Self(map)),
                Ok(Value::Null) => Ok(Self(Map::new())),
                Ok(other) => Err(wrong("jsonData", "an object", &other)),
                Err(error) => Err(Error::bad_settings(format!(
                    "the datasource's settings (jsonData) are not JSON: {error}"
                ))
                .hint("Save the datasource again or mend its provisioning file")),
            },
        }
    }

    /// Returns the engine that the document names.
    ///
    /// # Errors
    /// [`crate::error::Kind::BadSettings`] if that engine does not exist.
    pub fn engine(&self) -> Result<Engine> {
        let Some(name) = self.text("engine")? else { return Ok(Engine::default()) };
        Engine::named(&name).ok_or_else(|| {
            Error::bad_settings(format!("`engine` is `{name}`, which this version does not know"))
                .hint("Remove `engine` or set it to `duckdb`")
        })
    }
}

/// The engine that answers a datasource's queries, by the value of the setting `engine`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Engine {
    /// DuckDB, in a worker of this plugin: `duckdb`, or no value.
    #[default]
    Local,
    /// Fixed answers, to test that no other code depends on the engine.
    #[cfg(test)]
    Fixed,
}

impl Engine {
    fn named(name: &str) -> Option<Self> {
        match name {
            "duckdb" => Some(Self::Local),
            #[cfg(test)]
            "fixed" => Some(Self::Fixed),
            _ => None,
        }
    }
}

/// The settings that all engines share.
#[derive(Debug, Clone, PartialEq)]
pub struct CommonSettings {
    /// A pattern slower than this many milliseconds counts as slow; [`DEFAULT_SLOW_MS`] if not set.
    pub slow_ms: Option<f64>,
    /// Seconds until a query is interrupted.
    pub timeout_seconds: Option<u64>,
    /// The most rows of a result.
    pub max_rows: Option<u64>,
    /// The most megabytes of an encoded result.
    pub max_result_mb: Option<u64>,
    /// Megabytes of memory for the queries.
    pub memory_limit_mb: Option<u64>,
}

impl CommonSettings {
    /// Reads the shared settings from `document`.
    ///
    /// # Errors
    /// [`crate::error::Kind::BadSettings`] with the name of a field whose type or range is wrong.
    pub fn of(document: &Document) -> Result<Self> {
        Ok(Self {
            slow_ms: document.number("slowMs", 0.0)?,
            timeout_seconds: document.whole("timeoutSeconds")?,
            max_rows: document.whole("maxRows")?,
            max_result_mb: document.whole("maxResultMb")?,
            memory_limit_mb: document.whole("memoryLimitMb")?,
        })
    }

    /// Applies `policy` and returns the resulting limits.
    #[must_use]
    pub fn under(&self, policy: &Policy) -> Common {
        let limits = Limits {
            timeout: Duration::from_secs(bounded(self.timeout_seconds, 30, policy.timeout_seconds)),
            max_rows: self.max_rows,
            most_rows: policy.max_rows,
            max_result_bytes: bounded(self.max_result_mb, 256, policy.max_result_mb).saturating_mul(MB),
            memory_bytes: bounded(self.memory_limit_mb, 1024, policy.memory_limit_mb).saturating_mul(MB),
        };
        Common {
            slow_ms: self.slow_ms.unwrap_or(DEFAULT_SLOW_MS),
            has_slow_ms: self.slow_ms.is_some(),
            limits,
        }
    }
}

/// Returns the datasource's own number or the default, but at most the operator's.
pub(super) fn bounded(own: Option<u64>, default: u64, most: Option<u64>) -> u64 {
    own.unwrap_or(default).min(most.unwrap_or(u64::MAX))
}

/// What is known of a datasource, whatever its engine.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Common {
    /// A pattern slower than this many milliseconds counts as slow.
    pub slow_ms: f64,
    /// Whether `slow_ms` comes from the settings and not from the default.
    pub has_slow_ms: bool,
    /// The limits of each query.
    pub limits: Limits,
}

/// Settings of a datasource whose queries a worker of this plugin answers.
#[derive(Debug, Clone, PartialEq)]
pub struct LocalSettings {
    /// The settings that all engines share.
    pub common: CommonSettings,
    /// Folders of reports and `.duckdb` files, as written; the first is `path`.
    pub paths: Vec<String>,
    /// Glob of the reports, relative to the folder.
    pub reports: String,
    /// Where relative paths in SQL start, as written.
    pub base_path: Option<String>,
    /// Number of DuckDB's threads.
    pub threads: Option<u64>,
}

impl LocalSettings {
    /// Reads the local engine's settings from `document`; `url` is Grafana's own field, used if `path` is
    /// missing (`file://…`).
    ///
    /// # Errors
    /// [`crate::error::Kind::BadSettings`] with the name of a field whose type or range is wrong.
    pub fn of(document: &Document, url: &str) -> Result<Self> {
        let mut paths: Vec<String> = document.text("path")?.into_iter().collect();
        paths.extend(document.texts("paths")?);
        if paths.is_empty() && !url.trim().is_empty() {
            paths.push(url.trim().to_owned());
        }
        Ok(Self {
            common: CommonSettings::of(document)?,
            paths,
            reports: document.text("reports")?.unwrap_or_else(|| DEFAULT_REPORTS_GLOB.to_owned()),
            base_path: document.text("basePath")?,
            threads: document.whole("threads")?,
        })
    }

    /// Reads the settings from jsonData, whose `engine` must be missing or known.
    ///
    /// # Errors
    /// Those of [`Document::parse`], [`Document::engine`] and [`LocalSettings::of`].
    pub fn parse(json_data: &[u8], url: &str) -> Result<Self> {
        let document = Document::parse(json_data)?;
        document.engine()?;
        Self::of(&document, url)
    }
}

/// Typed access to fields; each error names its field. Null and empty text count as missing.
impl Document {
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

    /// Reads a number of at least `least`. Also accepts a number written as text, because environment
    /// variables in provisioning files arrive as text.
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
        let settings = LocalSettings::parse(b"", "file:///data/perf.duckdb").unwrap();
        assert_eq!(settings.paths, ["file:///data/perf.duckdb"]);
        assert_eq!((settings.reports.as_str(), settings.common.slow_ms), (DEFAULT_REPORTS_GLOB, None));
        let settings =
            LocalSettings::parse(br#"{"path":" /a ","paths":["/b",""],"threads":"4","x":1}"#, "file:///c")
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
            let error = LocalSettings::parse(json.as_bytes(), "").unwrap_err();
            assert_eq!(error.message, message, "{json}");
            assert!(error.hint.is_some(), "{json}");
        }
    }
}
