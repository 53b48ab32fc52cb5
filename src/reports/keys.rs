//! Hive partition keys: columns whose values are in the names of folders, such as `env=prod/`. Only folders
//! below the datasource's folder count: folders above it say where the reports are kept, not what they hold.

use super::string_literal;

/// The value in a folder's name that stands for NULL.
const MISSING: &str = "__HIVE_DEFAULT_PARTITION__";

/// The type of a key's values over all folders.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Values {
    Number,
    Date,
    Text,
}

/// A column whose values are in the names of folders.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Key {
    /// The column's name.
    pub name: String,
    values: Values,
    /// A regular expression for the part of a path before the key.
    folders: String,
}

/// Returns the keys and values in the folder names of `path`, which is relative to the datasource's folder;
/// if a key occurs twice, the first one counts.
#[must_use]
pub fn keys_of(path: &str) -> Vec<(&str, &str)> {
    let folders = path.rsplit_once('/').map_or("", |(folders, _)| folders);
    let mut found: Vec<(&str, &str)> = Vec::new();
    for (key, value) in folders.split('/').filter_map(|folder| folder.split_once('=')) {
        let is_plain = !key.is_empty() && !value.contains('=') && !key.contains(['?', '\n', '\\']);
        if is_plain && !found.iter().any(|(known, _)| known.eq_ignore_ascii_case(key)) {
            found.push((key, value));
        }
    }
    found
}

/// Whether the text after `=` in a folder's name is a value, and not empty or NULL.
#[must_use]
pub fn is_value(told: &str) -> bool {
    told != MISSING && !told.is_empty()
}

impl Key {
    /// Creates the key `name` from the values that it has in the folders below `roots`.
    #[must_use]
    pub fn of<'a>(name: &str, values: impl Iterator<Item = &'a str> + Clone, roots: &[&str]) -> Self {
        let is_date = |value: &str| value.len() == 10 && value.parse::<jiff::civil::Date>().is_ok();
        let mut there = values.filter(|value| is_value(value));
        let values = if there.clone().all(|value| value.parse::<i64>().is_ok()) {
            Values::Number
        } else if there.all(is_date) {
            Values::Date
        } else {
            Values::Text
        };
        let roots: Vec<String> = roots.iter().map(|root| literally(root.trim_end_matches('/'))).collect();
        Self { name: name.to_owned(), values, folders: format!("^(?:{})/(?:[^/]*/)*?", roots.join("|")) }
    }

    /// Returns the SQL expression of the key's value, given the column `file` with a path. The case of the
    /// key in the folder's name does not matter.
    #[must_use]
    pub fn expression(&self, file: &str) -> String {
        let pattern = string_literal(&format!("{}(?i:{})=([^/=]*)/", self.folders, literally(&self.name)));
        let value = format!("system.main.regexp_extract({file}, {pattern}, 1)");
        let text = format!(
            "system.main.url_decode(CASE WHEN {value} NOT IN ('', {}) THEN {value} END)",
            string_literal(MISSING)
        );
        match self.values {
            Values::Number => format!("TRY_CAST({text} AS BIGINT)"),
            Values::Date => format!("TRY_CAST({text} AS DATE)"),
            Values::Text => text,
        }
    }
}

/// Returns a regular expression that matches exactly `text`.
fn literally(text: &str) -> String {
    let mut expression = String::with_capacity(text.len());
    for c in text.chars() {
        if c.is_ascii_punctuation() && !['/', '_'].contains(&c) {
            expression.push('\\');
        }
        expression.push(c);
    }
    expression
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_tell_keys_and_files_do_not() {
        assert_eq!(keys_of("env=prod/year=2026/a=b.parquet"), [("env", "prod"), ("year", "2026")]);
        assert_eq!(keys_of("env=a/ENV=b/x.parquet"), [("env", "a")]);
        assert!(keys_of("x.parquet").is_empty() && keys_of("=a/b=c=d/e/x.parquet").is_empty());
        assert_eq!(keys_of("env=/x.parquet"), [("env", "")]);
    }

    #[test]
    fn the_value_is_of_the_type_that_all_have() {
        let expression = |values: &[&str]| Key::of("k", values.iter().copied(), &["/a.b"]).expression("f");
        assert!(
            expression(&["1", "2", MISSING]).starts_with("TRY_CAST(")
                && expression(&["1"]).contains("BIGINT")
        );
        assert!(expression(&["2026-01-05"]).ends_with(" AS DATE)"));
        let text = expression(&["2026-W01", "1"]);
        assert!(
            text.starts_with("system.main.url_decode(")
                && text.contains(r"'^(?:/a\.b)/(?:[^/]*/)*?(?i:k)=([^/=]*)/'"),
            "{text}"
        );
    }
}
