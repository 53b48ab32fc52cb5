//! Describes the differences between an object in Grafana and the one that a file wants. This module does no
//! I/O.

use std::collections::BTreeSet;

use serde_json::Value;

use super::same;
use crate::cli::render::shortened;

/// The most lines that are written out; further ones are counted.
const MOST: usize = 8;
/// The most characters of a value that are shown.
const LONGEST: usize = 60;
/// Fields that identify an item of a list; the first one that it has is used.
const NAMES: [&str; 4] = ["title", "name", "refId", "uid"];

/// Returns a line for each value that differs, such as `` `slowMs`: 250 → 100 ``; all fields of `has` count.
pub(super) fn all(has: &Value, wants: &Value) -> Vec<String> {
    lines(has, wants, true)
}

/// Returns the same lines, but only for fields that `wants` names.
pub(super) fn named(has: &Value, wants: &Value) -> Vec<String> {
    lines(has, wants, false)
}

fn lines(has: &Value, wants: &Value, both: bool) -> Vec<String> {
    let mut found = Vec::new();
    compare(has, wants, "", both, &mut found);
    if found.len() > MOST {
        let more = found.len() - MOST;
        found.truncate(MOST);
        found.push(format!("… and {more} more"));
    }
    found
}

fn compare(has: &Value, wants: &Value, at: &str, both: bool, found: &mut Vec<String>) {
    if same::holds(has, wants) && (!both || same::holds(wants, has)) {
        return;
    }
    match (has, wants) {
        (Value::Object(has), Value::Object(wants)) => {
            let mut keys: BTreeSet<&String> = wants.keys().collect();
            if both {
                keys.extend(has.keys());
            }
            for key in keys {
                let at = if at.is_empty() { key.clone() } else { format!("{at}.{key}") };
                let of = |map: &serde_json::Map<String, Value>| map.get(key).cloned().unwrap_or(Value::Null);
                compare(&of(has), &of(wants), &at, both, found);
            }
        }
        (Value::Array(has), Value::Array(wants)) if has.len() == wants.len() => {
            for (index, (has, wants)) in has.iter().zip(wants).enumerate() {
                let name = NAMES.iter().find_map(|key| wants.get(key)?.as_str());
                let name = name.map_or_else(|| index.to_string(), |name| shortened(name, LONGEST));
                compare(has, wants, &format!("{at}[{name}]"), both, found);
            }
        }
        _ => found.push(format!("`{at}`: {} → {}", shown(has), shown(wants))),
    }
}

fn shown(value: &Value) -> String {
    match value {
        Value::Null => "nothing".to_owned(),
        Value::Array(items) => format!("a list of {}", items.len()),
        Value::Object(_) => "an object".to_owned(),
        Value::String(text) if text.is_empty() => "nothing".to_owned(),
        Value::String(text) => shortened(text, LONGEST),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn each_value_that_changes_has_a_line() {
        let has = json!({"a": 1, "b": {"c": "x", "mine": true}, "panels": [{"title": "P", "unit": "ms"}], "l": [1]});
        let wants =
            json!({"a": 1.0, "b": {"c": "y"}, "panels": [{"title": "P", "unit": "s"}], "l": [1, 2], "n": 5});
        assert_eq!(
            named(&has, &wants),
            [
                "`b.c`: x → y",
                "`l`: a list of 1 → a list of 2",
                "`n`: nothing → 5",
                "`panels[P].unit`: ms → s"
            ]
        );
        assert!(all(&has, &wants).contains(&"`b.mine`: true → nothing".to_owned()));
        assert!(all(&has, &has).is_empty());
        let many = |value: i32| Value::Object((0..11).map(|key| (key.to_string(), value.into())).collect());
        assert_eq!(named(&many(1), &many(2)).last().unwrap(), "… and 3 more");
    }
}
