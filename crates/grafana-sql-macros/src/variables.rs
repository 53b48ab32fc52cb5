//! Template variables, which callers without Grafana's frontend send with a query. `interpolate` writes their
//! values into SQL.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer};
use serde_json::Value as Json;

use crate::{Error, Result};

/// The value that Grafana stores for the choice All.
const ALL: &str = "$__all";

/// Template variables by name, without `$`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Variables(pub BTreeMap<String, Variable>);

/// The chosen value of a template variable.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Variable {
    /// The choice All; only `$__conditionalAll` can use it.
    All,
    /// One value.
    One(Value),
    /// The values of a multi-value variable, possibly none.
    Many(Vec<Value>),
}

/// A single value: a text, which is quoted in SQL, or a number or boolean, which is not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Value {
    pub(super) text: String,
    pub(super) bare: bool,
}

impl Value {
    /// Creates a text value.
    pub fn text(text: impl Into<String>) -> Self {
        Self { text: text.into(), bare: false }
    }

    /// Creates a value that is written without quotes; only for texts that this module has made or checked.
    pub(super) fn bare(text: &impl ToString) -> Self {
        Self { text: text.to_string(), bare: true }
    }
}

impl From<&str> for Variable {
    /// Converts a text; `$__all` becomes [`Variable::All`].
    fn from(text: &str) -> Self {
        if text == ALL { Self::All } else { Self::One(Value::text(text)) }
    }
}

impl Variables {
    /// Reads the object `variables` of a query model: each name with a string, number, boolean, a list of
    /// these, or `"$__all"` (also as the only item of a list). For an object with a `value`, as dashboards
    /// store the current choice, its `value` is read.
    ///
    /// # Errors
    /// A value of another type; the message names the variable.
    pub fn from_json(json: Option<&Json>) -> Result<Self> {
        match json {
            None | Some(Json::Null) => Ok(Self::default()),
            Some(Json::Object(members)) => {
                members.iter().map(|(name, json)| Ok((name.clone(), variable(name, json)?))).collect()
            }
            Some(other) => Err(Error::new(format!("`variables` is {}, not an object", kind_of(other)))
                .hint("Send names and values, as in `{\"pattern\": [\"a\", \"b\"]}`")),
        }
    }

    /// Returns the length in bytes of all names and values.
    #[must_use]
    pub fn len(&self) -> usize {
        let of = |variable: &Variable| match variable {
            Variable::All => 0,
            Variable::One(value) => value.text.len(),
            Variable::Many(values) => values.iter().map(|value| value.text.len()).sum(),
        };
        self.0.iter().map(|(name, variable)| name.len() + of(variable)).sum()
    }

    /// Whether there are no variables.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Adds or replaces a variable.
    pub fn insert(&mut self, name: impl Into<String>, variable: Variable) {
        self.0.insert(name.into(), variable);
    }

    /// Returns the variable with this name.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Variable> {
        self.0.get(name)
    }
}

impl FromIterator<(String, Variable)> for Variables {
    fn from_iter<I: IntoIterator<Item = (String, Variable)>>(pairs: I) -> Self {
        Self(pairs.into_iter().collect())
    }
}

/// Reads the same JSON as [`Variables::from_json`].
impl<'de> Deserialize<'de> for Variables {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let json = Json::deserialize(deserializer)?;
        Self::from_json(Some(&json)).map_err(|error| serde::de::Error::custom(error.full_text()))
    }
}

/// Returns the type of a JSON value in words, such as `a list`.
#[must_use]
pub fn kind_of(value: &Json) -> &'static str {
    match value {
        Json::Null => "null",
        Json::Bool(_) => "a boolean",
        Json::Number(_) => "a number",
        Json::String(_) => "a string",
        Json::Array(_) => "a list",
        Json::Object(_) => "an object",
    }
}

fn variable(name: &str, json: &Json) -> Result<Variable> {
    let json = match json {
        Json::Object(choice) => choice.get("value").unwrap_or(json),
        other => other,
    };
    match json {
        Json::String(text) => Ok(text.as_str().into()),
        Json::Array(items) => match items.as_slice() {
            [Json::String(text)] if text == ALL => Ok(Variable::All),
            items => items.iter().map(|item| value(name, item)).collect::<Result<_>>().map(Variable::Many),
        },
        other => value(name, other).map(Variable::One),
    }
}

fn value(name: &str, json: &Json) -> Result<Value> {
    match json {
        Json::String(text) if text == ALL => {
            Err(Error::new(format!("the variable `{name}` holds `$__all` beside other values"))
                .hint("Send `[\"$__all\"]` alone, or the values without it"))
        }
        Json::String(text) => Ok(Value::text(text.clone())),
        Json::Number(number) => Ok(Value::bare(number)),
        Json::Bool(truth) => Ok(Value::bare(truth)),
        other => Err(Error::new(format!("the variable `{name}` is {}", kind_of(other)))
            .hint("Use a string, a number, a boolean, or a list of these")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_read() {
        let json = serde_json::json!({
            "text": "it's", "number": -1.5, "truth": true, "list": ["a", 2], "none": [],
            "all": "$__all", "also": ["$__all"], "choice": {"text": "A", "value": ["a"]},
        });
        let variables: Variables = serde_json::from_value(json).unwrap();
        let cases = [
            ("text", Variable::One(Value::text("it's"))),
            ("number", Variable::One(Value::bare(&"-1.5"))),
            ("truth", Variable::One(Value::bare(&"true"))),
            ("list", Variable::Many(vec![Value::text("a"), Value::bare(&"2")])),
            ("none", Variable::Many(vec![])),
            ("all", Variable::All),
            ("also", Variable::All),
            ("choice", Variable::Many(vec![Value::text("a")])),
        ];
        for (name, expected) in cases {
            assert_eq!(variables.get(name), Some(&expected), "{name}");
        }
    }

    #[test]
    fn bad_values_are_named() {
        let cases = [
            (r#"{"a": {}}"#, "the variable `a` is an object"),
            (r#"{"a": [[1]]}"#, "the variable `a` is a list"),
            (r#"{"a": ["$__all", "b"]}"#, "the variable `a` holds `$__all` beside other values"),
        ];
        for (json, message) in cases {
            let json: Json = serde_json::from_str(json).unwrap();
            assert_eq!(Variables::from_json(Some(&json)).unwrap_err().message, message);
        }
    }
}
