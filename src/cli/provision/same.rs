//! Compares an object in Grafana with the one that a file wants, ignoring what Grafana adds, sorts or writes
//! differently. This module does no I/O.

use serde_json::{Map, Value};

/// Whether `has` contains everything in `wants`; further fields of `has` are Grafana's. A missing value,
/// null, false and empty are equal; lists must have the same length.
pub(super) fn holds(has: &Value, wants: &Value) -> bool {
    match (has, wants) {
        (Value::Object(has), Value::Object(wants)) => {
            wants.iter().all(|(key, wants)| holds(has.get(key).unwrap_or(&Value::Null), wants))
        }
        (Value::Array(has), Value::Array(wants)) => {
            has.len() == wants.len() && has.iter().zip(wants).all(|(has, wants)| holds(has, wants))
        }
        (Value::Number(has), Value::Number(wants)) => has == wants || has.as_f64() == wants.as_f64(),
        (has, wants) => has == wants || is_nothing(has) && is_nothing(wants),
    }
}

fn is_nothing(value: &Value) -> bool {
    match value {
        Value::Null | Value::Bool(false) => true,
        Value::String(text) => text.is_empty(),
        Value::Array(items) => items.is_empty(),
        Value::Object(map) => map.values().all(is_nothing),
        Value::Number(_) | Value::Bool(true) => false,
    }
}

/// Whether both objects have the same fields and values, compared as in [`holds`].
pub(super) fn same(a: &Value, b: &Value) -> bool {
    holds(a, b) && holds(b, a)
}

/// Returns a dashboard without the fields that change with every save.
pub(super) fn dashboard(model: &Value) -> Value {
    let mut model = model.clone();
    if let Value::Object(map) = &mut model {
        for key in ["id", "version", "iteration"] {
            map.remove(key);
        }
    }
    model
}

/// Fields of an alert rule that files define; Grafana sets all others.
const RULE: [&str; 15] = [
    "uid",
    "folderUID",
    "ruleGroup",
    "title",
    "condition",
    "data",
    "noDataState",
    "execErrState",
    "for",
    "keep_firing_for",
    "annotations",
    "labels",
    "isPaused",
    "notification_settings",
    "missingSeriesEvalsToResolve",
];

/// Returns an alert rule in a form in which both sides can be compared.
pub(super) fn rule(rule: &Value) -> Value {
    let rule = rule.as_object();
    let kept = RULE.iter().filter_map(|&key| {
        let value = rule?.get(key)?;
        let value = if matches!(key, "for" | "keep_firing_for") { duration(value) } else { value.clone() };
        Some((key.to_owned(), value))
    });
    let mut kept: Map<String, Value> = kept.collect();
    if let Some(settings) = kept.get_mut("notification_settings") {
        *settings = with_durations(settings);
    }
    Value::Object(kept)
}

/// Returns a notification policy and the policies below it in a form in which both sides can be compared.
pub(super) fn route(route: &Value) -> Value {
    let mut route = with_durations(route);
    if let Value::Object(map) = &mut route {
        map.remove("provenance");
        let sorted = matchers(map);
        if sorted.is_empty() {
            map.remove("object_matchers");
        } else {
            map.insert("object_matchers".to_owned(), sorted.into());
        }
        if let Some(Value::Array(routes)) = map.get_mut("routes") {
            for below in routes {
                *below = self::route(below);
            }
        }
    }
    route
}

/// Returns the matchers of a policy, sorted.
pub(super) fn matchers(route: &Map<String, Value>) -> Vec<Value> {
    let listed = route.get("object_matchers").and_then(Value::as_array);
    let mut sorted: Vec<Value> = listed.into_iter().flatten().cloned().collect();
    sorted.sort_by_cached_key(Value::to_string);
    sorted
}

fn with_durations(value: &Value) -> Value {
    let mut value = value.clone();
    for key in ["group_wait", "group_interval", "repeat_interval"] {
        if let Some(written) = value.get_mut(key) {
            *written = duration(written);
        }
    }
    value
}

/// Returns a duration as milliseconds, whatever its units; zero becomes null, and anything that is not a
/// duration stays unchanged.
fn duration(value: &Value) -> Value {
    match value.as_str().and_then(milliseconds) {
        Some(0) => Value::Null,
        Some(milliseconds) => milliseconds.into(),
        None => value.clone(),
    }
}

/// Returns the milliseconds of a duration such as `1w2d3h4m5s6ms`.
pub(super) fn milliseconds(text: &str) -> Option<u64> {
    let mut rest = text.trim();
    if rest == "0" {
        return Some(0);
    }
    let mut total = 0_u64;
    loop {
        let digits = rest.find(|c: char| !c.is_ascii_digit()).filter(|&at| at > 0)?;
        let (number, tail) = rest.split_at(digits);
        let letters = tail.find(|c: char| c.is_ascii_digit()).unwrap_or(tail.len());
        let (unit, tail) = tail.split_at(letters);
        let factor = match unit {
            "ms" => 1,
            "s" => 1_000,
            "m" => 60_000,
            "h" => 3_600_000,
            "d" => 86_400_000,
            "w" => 7 * 86_400_000,
            "y" => 365 * 86_400_000,
            _ => return None,
        };
        total = total.checked_add(number.parse::<u64>().ok()?.checked_mul(factor)?)?;
        if tail.is_empty() {
            return Some(total);
        }
        rest = tail;
    }
}

/// Returns a message template in the form in which Grafana stores it.
pub(super) fn template(text: &str) -> String {
    text.replace("\r\n", "\n").trim().to_owned()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn durations_in_any_unit() {
        for (text, expected) in [
            ("1h30m", Some(5_400_000)),
            ("90m", Some(5_400_000)),
            ("0s", Some(0)),
            ("0", Some(0)),
            ("1w1d", Some(691_200_000)),
            ("1500ms", Some(1500)),
            ("5", None),
            ("h", None),
            ("", None),
            ("5 m", None),
            ("99999999999999999999y", None),
        ] {
            assert_eq!(milliseconds(text), expected, "{text}");
        }
    }

    #[test]
    fn what_grafana_adds_is_no_difference_and_what_it_has_otherwise_is() {
        let wants = json!({"a": 1, "b": [], "c": {"d": "x"}, "e": false});
        assert!(holds(&json!({"a": 1.0, "c": {"d": "x", "added": 1}, "id": 7}), &wants));
        assert!(!holds(&json!({"a": 2, "c": {"d": "x"}}), &wants));
        assert!(!holds(&json!({"a": 1, "c": {}}), &wants));
        assert!(!holds(&json!([1, 2]), &json!([1])) && !holds(&json!([1]), &json!([1, 2])));
        assert!(same(&json!({"a": null}), &json!({})) && !same(&json!({"a": 1}), &json!({})));
    }

    #[test]
    fn rules_are_compared_without_what_is_grafanas() {
        let file = json!({
            "uid": "u", "folderUID": "f", "ruleGroup": "g", "title": "t", "for": "60m", "keep_firing_for": "0s",
            "isPaused": false, "notification_settings": null, "labels": {"a": "b"},
            "data": [{"refId": "A", "queryType": "", "relativeTimeRange": {"from": 600, "to": 0}, "model": {"rawSql": "SELECT 1"}}],
        });
        let stored = json!({
            "id": 3, "uid": "u", "orgID": 1, "folderUID": "f", "ruleGroup": "g", "title": "t", "for": "1h",
            "keep_firing_for": "0s", "updated": "2026-01-01T00:00:00Z", "provenance": "", "isPaused": false,
            "notification_settings": null, "record": null, "labels": {"a": "b"},
            "data": [{"refId": "A", "queryType": "", "relativeTimeRange": {"from": 600, "to": 0}, "model": {"rawSql": "SELECT 1"}}],
        });
        assert!(same(&rule(&stored), &rule(&file)));
        let mut labelled = stored.clone();
        labelled["labels"]["c"] = json!("d");
        assert!(!same(&rule(&labelled), &rule(&file)), "a label that someone added");
        let mut faster = stored;
        faster["for"] = json!("1m");
        assert!(!same(&rule(&faster), &rule(&file)));
    }

    #[test]
    fn policies_are_compared_in_any_order_of_matchers() {
        let file = json!({
            "receiver": "r", "object_matchers": [["b", "=", "2"], ["a", "=", "1"]], "group_wait": "60s",
            "routes": [{"receiver": "s", "repeat_interval": "7d", "object_matchers": [["c", "=", "3"]]}],
        });
        let stored = json!({
            "receiver": "r", "object_matchers": [["a", "=", "1"], ["b", "=", "2"]], "group_wait": "1m", "continue": false,
            "routes": [{"receiver": "s", "repeat_interval": "1w", "object_matchers": [["c", "=", "3"]]}],
        });
        assert!(same(&route(&file), &route(&stored)));
        let mut other = stored;
        other["routes"][0]["object_matchers"][0][2] = json!("4");
        assert!(!same(&route(&file), &route(&other)));
    }
}
