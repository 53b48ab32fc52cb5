//! Expands variables in provisioning files as Grafana does: `$NAME`, `${NAME}`, `$__env{NAME}`, and `$$` for
//! a dollar sign. This module does no I/O: the environment is passed in.

use serde_json::{Map, Value};

use crate::error::{Error, Result};

/// Looks up an environment variable; Grafana treats `None` and an empty text alike.
pub(super) type Env<'a> = &'a dyn Fn(&str) -> Option<String>;

/// Expands texts and remembers which variables had no value.
pub(super) struct Expand<'a> {
    env: Env<'a>,
    /// Variables without a value, in order of appearance, each once.
    pub(super) missing: Vec<String>,
}

impl<'a> Expand<'a> {
    /// Creates an expander without missing variables.
    pub(super) fn new(env: Env<'a>) -> Self {
        Self { env, missing: Vec::new() }
    }

    /// Expands every text in `value`; keys stay unchanged.
    ///
    /// # Errors
    /// As [`Self::text`].
    pub(super) fn tree(&mut self, value: &Value) -> Result<Value> {
        Ok(match value {
            Value::String(text) => Value::String(self.text(text)?),
            Value::Array(items) => {
                Value::Array(items.iter().map(|item| self.tree(item)).collect::<Result<_>>()?)
            }
            Value::Object(map) => Value::Object(
                map.iter()
                    .map(|(key, value)| Ok((key.clone(), self.tree(value)?)))
                    .collect::<Result<Map<_, _>>>()?,
            ),
            other => other.clone(),
        })
    }

    /// Expands one text.
    ///
    /// # Errors
    /// `BadSettings` for `$__file{…}`, because that file is on Grafana's machine.
    pub(super) fn text(&mut self, text: &str) -> Result<String> {
        let mut filled = String::with_capacity(text.len());
        let mut rest = text;
        while let Some(at) = rest.find('$') {
            filled.push_str(rest.get(..at).unwrap_or_default());
            let after = rest.get(at + 1..).unwrap_or_default();
            if let Some(tail) = after.strip_prefix('$') {
                filled.push('$');
                rest = tail;
                continue;
            }
            if after.starts_with("__file{") {
                return Err(Error::bad_settings(format!("`{text}` reads a file on Grafana's machine"))
                    .hint("Put the value into an environment variable and write its name instead"));
            }
            let braced = after.strip_prefix("__env{").or_else(|| after.strip_prefix('{'));
            let (name, tail) = match braced.and_then(|inside| inside.split_once('}')) {
                Some((name, tail)) => (name, tail),
                None => after.split_at(
                    after.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(after.len()),
                ),
            };
            if name.is_empty() {
                filled.push('$');
                rest = after;
                continue;
            }
            match (self.env)(name).filter(|value| !value.is_empty()) {
                Some(value) => filled.push_str(&value),
                None if self.missing.iter().any(|known| known == name) => {}
                None => self.missing.push(name.to_owned()),
            }
            rest = tail;
        }
        filled.push_str(rest);
        Ok(filled)
    }
}

/// Returns the clause `` `A` and `B` are not set ``.
pub(super) fn not_set(missing: &[String]) -> String {
    let names: Vec<String> = missing.iter().map(|name| format!("`{name}`")).collect();
    let verb = if names.len() == 1 { "is" } else { "are" };
    format!("{} {verb} not set", names.join(" and "))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn env(name: &str) -> Option<String> {
        match name {
            "A" => Some("1$B".to_owned()),
            "EMPTY" => Some(String::new()),
            _ => None,
        }
    }

    #[test]
    fn as_grafana_fills_them() {
        let mut expand = Expand::new(&env);
        for (text, filled) in [
            ("$A/x", "1$B/x"),
            ("${A}x$A", "1$Bx1$B"),
            ("$__env{A}", "1$B"),
            ("$$A costs $$5 and 5$", "$A costs $5 and 5$"),
            ("$NO$EMPTY-${NO}", "-"),
            ("ü", "ü"),
        ] {
            assert_eq!(expand.text(text).unwrap(), filled, "{text}");
        }
        assert_eq!(expand.missing, ["NO", "EMPTY"]);
        assert_eq!(not_set(&expand.missing), "`NO` and `EMPTY` are not set");
        let tree = expand.tree(&json!({"$A": ["$A", 1, null]})).unwrap();
        assert_eq!(tree, json!({"$A": ["1$B", 1, null]}));
        assert!(expand.text("$__file{/etc/x}").unwrap_err().hint.is_some());
    }
}
