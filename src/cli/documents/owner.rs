//! Decides whether a query is for this plugin, for another datasource, or unclear.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::variables::reference_name;

/// Ids of this plugin: its own, and those in `aliasIDs` of `plugin.json`.
pub(in crate::cli) const PLUGIN_IDS: [&str; 3] =
    ["duckdb-perf-datasource", "grafana-duckdb-datasource", "motherduck-duckdb-datasource"];
/// Uids that Grafana reserves: expressions, mixed datasources, another panel's result, built-in annotations.
const RESERVED: [&str; 6] =
    ["__expr__", "-100", "-- Mixed --", "-- Dashboard --", "-- Grafana --", "grafana"];

/// The datasource that a query is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Owner {
    /// This plugin's datasource.
    Ours,
    /// Another plugin's datasource.
    Others,
    /// Unclear; the text is the reason, as a clause.
    Unknown(String),
}

/// Datasources whose type is known, by uid, by name, or by the variable that selects one.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(in crate::cli) struct Datasources {
    types: BTreeMap<String, String>,
    /// Whether unknown datasources count as this plugin's.
    rest_is_ours: bool,
}

impl Datasources {
    /// Adds a datasource under its uid or name.
    pub(in crate::cli) fn insert(&mut self, key: impl Into<String>, plugin_id: impl Into<String>) {
        self.types.insert(key.into(), plugin_id.into());
    }

    /// Adds all datasources of `other`.
    pub(in crate::cli) fn extend(&mut self, other: Self) {
        self.types.extend(other.types);
    }

    /// Counts unknown datasources as this plugin's, because the user asked to check a single file.
    pub(in crate::cli) fn take_rest_for_ours(&mut self) {
        self.rest_is_ours = true;
    }

    /// Decides for a query with this `datasource`: `{type, uid}`, a uid, a name, or none.
    pub(super) fn owner(&self, datasource: Option<&Value>) -> Owner {
        match datasource {
            Some(Value::Object(object)) => self.owner_of_object(object),
            Some(Value::String(key)) if !key.is_empty() => self.owner_of_key(key),
            _ => Owner::Unknown(
                "it names no datasource, so Grafana takes its default one: give it `datasource.type`"
                    .to_owned(),
            ),
        }
    }

    fn owner_of_object(&self, object: &Map<String, Value>) -> Owner {
        let of = |key| object.get(key).and_then(Value::as_str).filter(|text: &&str| !text.is_empty());
        match (of("type"), of("uid")) {
            (Some(plugin_id), _) => owner_of_type(plugin_id),
            (None, Some(uid)) => self.owner_of_key(uid),
            (None, None) => self.owner(None),
        }
    }

    fn owner_of_key(&self, key: &str) -> Owner {
        if RESERVED.contains(&key) {
            return Owner::Others;
        }
        let known = self.types.get(key).or_else(|| self.types.get(reference_name(key)?));
        match known {
            Some(plugin_id) => owner_of_type(plugin_id),
            None if self.rest_is_ours => Owner::Ours,
            None => Owner::Unknown(format!(
                "the type of its datasource `{key}` is not known: give it `datasource.type`"
            )),
        }
    }
}

fn owner_of_type(plugin_id: &str) -> Owner {
    if PLUGIN_IDS.contains(&plugin_id) { Owner::Ours } else { Owner::Others }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn ours_and_others() {
        let mut known = Datasources::default();
        known.insert("datasource", "duckdb-perf-datasource");
        known.insert("prom", "prometheus");
        let cases = [
            (json!({"type": "duckdb-perf-datasource", "uid": "x"}), Some(Owner::Ours)),
            (json!({"type": "grafana-duckdb-datasource"}), Some(Owner::Ours)),
            (json!({"type": "datasource", "uid": "-- Mixed --"}), Some(Owner::Others)),
            (json!({"type": "__expr__", "uid": "__expr__"}), Some(Owner::Others)),
            (json!({"uid": "${datasource}"}), Some(Owner::Ours)),
            (json!({"uid": "$datasource"}), Some(Owner::Ours)),
            (json!("${datasource:raw}"), Some(Owner::Ours)),
            (json!("prom"), Some(Owner::Others)),
            (json!("-- Grafana --"), Some(Owner::Others)),
            (json!("elsewhere"), None),
            (json!({}), None),
            (json!(null), None),
        ];
        for (datasource, expected) in cases {
            let found = known.owner(Some(&datasource));
            assert_eq!(
                Some(&found).filter(|found| !matches!(found, Owner::Unknown(_))),
                expected.as_ref(),
                "{datasource}"
            );
        }
        known.take_rest_for_ours();
        for (datasource, expected) in
            [("elsewhere", Owner::Ours), ("prom", Owner::Others), ("__expr__", Owner::Others)]
        {
            assert_eq!(known.owner(Some(&json!(datasource))), expected, "{datasource}");
        }
    }
}
