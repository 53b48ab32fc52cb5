//! `--var name=value`: values of template variables on the command line.

use clap::Args;
use serde_json::{Map, Value};

/// Values of template variables.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Template variables")]
pub(super) struct VarArgs {
    /// A variable's value; repeated for several values, or a JSON list; `$__all` is All, nothing after `=` an
    /// empty text
    #[arg(long = "var", value_name = "NAME=VALUE", value_parser = parse)]
    vars: Vec<(String, Value)>,
}

impl VarArgs {
    /// Returns the variables as in the query model: each name with a text or a list of texts.
    pub(super) fn to_json(&self) -> Map<String, Value> {
        let mut found = Map::new();
        for (name, value) in &self.vars {
            match found.get_mut(name) {
                None => {
                    found.insert(name.clone(), value.clone());
                }
                Some(Value::Array(values)) => values.extend(items(value)),
                Some(first) => {
                    let values = items(first).into_iter().chain(items(value)).collect();
                    *first = Value::Array(values);
                }
            }
        }
        found
    }
}

fn items(value: &Value) -> Vec<Value> {
    match value {
        Value::Array(values) => values.clone(),
        other => vec![other.clone()],
    }
}

/// Reads `name=value`, with or without a `$` before the name.
pub(super) fn parse(text: &str) -> Result<(String, Value), String> {
    let (name, value) = text.split_once('=').ok_or("write it as NAME=VALUE")?;
    let name = name.trim().trim_start_matches('$');
    let is_name = |c: char| c.is_alphanumeric() || c == '_';
    if name.is_empty() || !name.chars().all(is_name) || name.starts_with(|c: char| c.is_ascii_digit()) {
        return Err(format!(
            "`{name}` is not the name of a variable: letters, digits and `_`, no digit first"
        ));
    }
    let list =
        value.trim_start().starts_with('[').then(|| serde_json::from_str::<Vec<Value>>(value).ok()).flatten();
    Ok((name.to_owned(), list.map_or_else(|| value.into(), Value::Array)))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn values_and_lists() {
        let args = [
            "one=it's",
            "empty=",
            "all=$__all",
            "many=a",
            "many=b=c",
            "$list=[\"x\", 2]",
            "list=y",
            "text=[not json",
        ];
        let vars = VarArgs { vars: args.iter().map(|text| parse(text).unwrap()).collect() };
        assert_eq!(
            Value::Object(vars.to_json()),
            json!({
                "one": "it's", "empty": "", "all": "$__all", "many": ["a", "b=c"],
                "list": ["x", 2, "y"], "text": "[not json",
            })
        );
    }

    #[test]
    fn what_is_no_variable_is_refused() {
        for text in ["a", "=1", "a b=1", "1a=2", "a.b=1"] {
            assert!(parse(text).is_err(), "{text}");
        }
    }
}
