//! The tree of notification policies, a single document that all users share: adds and removes this command's
//! policies and leaves the others unchanged. This module does no I/O.

use serde_json::Value;

use super::same;

/// What adding or removing a policy does to the tree.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Change {
    /// The policy was added.
    Added,
    /// The policy was there and was changed.
    Changed,
    /// The policy was already as wanted.
    None,
    /// The policy was removed.
    Removed,
    /// The policy was not there, so there was nothing to remove.
    Absent,
    /// The policy was not removed, because the tree comes from provisioning files.
    Kept,
}

/// Puts each of `ours` below the tree's root: replaces the existing one, or appends it at the end, so that
/// the users' own policies keep their precedence. Returns one change per policy.
pub(super) fn put(tree: &mut Value, ours: &[Value]) -> Vec<Change> {
    let mut below = below(tree);
    let changes = ours
        .iter()
        .map(|route| match find(&below, route, ours).and_then(|at| below.get_mut(at)) {
            Some(there) if same::same(&same::route(there), &same::route(route)) => Change::None,
            Some(there) => {
                *there = route.clone();
                Change::Changed
            }
            None => {
                below.push(route.clone());
                Change::Added
            }
        })
        .collect();
    set_below(tree, below);
    changes
}

/// Removes each of `ours`; returns one change per policy.
pub(super) fn take(tree: &mut Value, ours: &[Value]) -> Vec<Change> {
    let mut below = below(tree);
    let changes = ours
        .iter()
        .map(|route| match find(&below, route, ours) {
            Some(at) => {
                below.remove(at);
                Change::Removed
            }
            None => Change::Absent,
        })
        .collect();
    set_below(tree, below);
    changes
}

/// Returns the policies below the root.
fn below(tree: &Value) -> Vec<Value> {
    tree.get("routes").and_then(Value::as_array).cloned().unwrap_or_default()
}

fn set_below(tree: &mut Value, below: Vec<Value>) {
    if let Value::Object(tree) = tree {
        if below.is_empty() {
            tree.remove("routes");
        } else {
            tree.insert("routes".to_owned(), Value::Array(below));
        }
    }
}

/// Returns the index of `route` in the tree: of the policy with the same matchers, which include our label.
/// The receiver must match, too, if `route` has no matchers, or if several policies have the same ones.
fn find(below: &[Value], route: &Value, ours: &[Value]) -> Option<usize> {
    let key = |route: &Value| route.as_object().map(same::matchers).unwrap_or_default();
    let wanted = key(route);
    let mut alike: Vec<(usize, &Value)> =
        below.iter().enumerate().filter(|(_, route)| key(route) == wanted).collect();
    let alone = alike.len() == 1 && ours.iter().filter(|ours| key(ours) == wanted).count() == 1;
    if !alone || wanted.is_empty() {
        alike.retain(|(_, there)| there.get("receiver") == route.get("receiver"));
    }
    alike.first().map(|&(at, _)| at)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn tree() -> Value {
        json!({
            "receiver": "grafana-default-email", "group_by": ["alertname"], "provenance": "",
            "routes": [
                {"receiver": "pager", "object_matchers": [["severity", "=", "critical"]], "continue": true, "routes": [{"receiver": "x"}]},
                {"receiver": "other", "object_matchers": [["team", "=~", "a|b"]]},
            ],
        })
    }

    #[test]
    fn ours_comes_and_goes_and_the_others_stay() {
        let mut ours = [
            json!({"receiver": "perf", "object_matchers": [["source", "=", "duckdb-perf"]], "repeat_interval": "1d"}),
        ];
        let mut now = tree();
        assert_eq!(put(&mut now, &ours), [Change::Added]);
        assert_eq!(now["routes"].as_array().unwrap().len(), 3);
        assert_eq!(put(&mut now, &ours), [Change::None]);
        ours[0]["repeat_interval"] = json!("24h");
        assert_eq!(put(&mut now, &ours), [Change::None], "the same duration");
        ours[0]["repeat_interval"] = json!("7d");
        ours[0]["receiver"] = json!("perf-2");
        assert_eq!(put(&mut now, &ours), [Change::Changed]);
        assert_eq!(now["routes"][2], ours[0]);
        assert_eq!(take(&mut now, &ours), [Change::Removed]);
        assert_eq!(now, tree());
        assert_eq!(take(&mut now, &ours), [Change::Absent]);
    }

    #[test]
    fn two_with_one_label_are_told_by_their_receivers() {
        let ours = ["mail", "slack"].map(|receiver| {
            json!({"receiver": receiver, "object_matchers": [["source", "=", "duckdb-perf"]], "continue": true})
        });
        let mut now = json!({"receiver": "root"});
        assert_eq!(put(&mut now, &ours), [Change::Added, Change::Added]);
        assert_eq!(put(&mut now, &ours), [Change::None, Change::None]);
        assert_eq!(take(&mut now, &ours[1..]), [Change::Removed]);
        assert_eq!(take(&mut now, &ours), [Change::Removed, Change::Absent]);
        assert_eq!(now, json!({"receiver": "root"}));
    }

    #[test]
    fn a_policy_without_matchers_is_told_by_its_receiver() {
        let mut now = json!({"receiver": "root", "routes": [{"receiver": "theirs"}]});
        let ours = [json!({"receiver": "ours"})];
        assert_eq!(put(&mut now, &ours), [Change::Added]);
        assert_eq!(take(&mut now, &ours), [Change::Removed]);
        assert_eq!(now["routes"], json!([{"receiver": "theirs"}]));
    }
}
