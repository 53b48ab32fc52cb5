//! What provisioning files want, as Grafana's API takes it. Pure: takes the files' texts and the environment.

use serde_json::{Map, Value};

use crate::error::{Error, Result};

/// Everything that the files want.
#[derive(Debug, Default)]
pub(super) struct Bundle {
    /// Where the dashboards go.
    pub(super) folder: Folder,
    /// Datasources.
    pub(super) datasources: Vec<Datasource>,
    /// Dashboard models; each has a `uid` and a `title`.
    pub(super) dashboards: Vec<Value>,
    /// Message templates.
    pub(super) templates: Vec<Template>,
    /// Receivers of contact points.
    pub(super) contacts: Vec<Contact>,
    /// Notification policies, to be put below the root of the tree.
    pub(super) routes: Vec<Value>,
    /// Groups of alert rules.
    pub(super) groups: Vec<Group>,
    /// What a person should know about what the files say.
    pub(super) notices: Vec<String>,
}

/// A datasource.
#[derive(Debug, Default, Clone, PartialEq)]
pub(super) struct Datasource {
    /// What the API takes for a new one; texts whose variable is not set are left out.
    pub(super) made: Map<String, Value>,
    /// Fields and settings that only a new one gets.
    pub(super) defaults: Vec<String>,
}

impl Datasource {
    /// Its name.
    pub(super) fn name(&self) -> &str {
        self.made.get("name").and_then(Value::as_str).unwrap_or_default()
    }

    /// Its uid, which tells it.
    pub(super) fn uid(&self) -> &str {
        self.made.get("uid").and_then(Value::as_str).unwrap_or_default()
    }

    /// A setting of `jsonData`.
    pub(super) fn setting(&self, name: &str) -> Option<&Value> {
        self.made.get("jsonData")?.get(name)
    }

    /// Sets one in its `jsonData`, of a datasource that is there, too.
    pub(super) fn set(&mut self, name: &str, value: Value) {
        self.defaults.retain(|default| default != name);
        if let Some(path) = value.as_str().filter(|_| name == "path") {
            self.made.insert("url".to_owned(), listed(path));
        }
        if let Some(Value::Object(settings)) = self.made.get_mut("jsonData") {
            settings.insert(name.to_owned(), value);
        }
    }

    /// Leaves a datasource that is there as it is, but for its path where there is one.
    pub(super) fn only_when_new(&mut self) {
        let settings = self.made.get("jsonData").and_then(Value::as_object).into_iter().flat_map(Map::keys);
        let settings = settings.filter(|name| *name != "path").cloned();
        self.defaults = ["name", "url"].map(str::to_owned).into_iter().chain(settings).collect();
    }

    /// What one that is there gets, too.
    pub(super) fn said(&self) -> Map<String, Value> {
        let is_said = |name: &str, _: &mut Value| !self.defaults.iter().any(|default| default == name);
        let mut said = self.made.clone();
        said.retain(|name, value| is_said(name, value));
        if let Some(Value::Object(settings)) = said.get_mut("jsonData") {
            settings.retain(|name, value| is_said(name, value));
        }
        said
    }
}

/// The URL by which Grafana's list shows a datasource with this path.
pub(super) fn listed(path: &str) -> Value {
    format!("file://{}", path.trim_start_matches("file://")).into()
}

/// A folder of dashboards and alert rules.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Folder {
    /// Its uid, which tells it.
    pub(super) uid: String,
    /// Its name.
    pub(super) title: String,
}

impl Default for Folder {
    fn default() -> Self {
        Self::named("Query performance")
    }
}

impl Folder {
    /// One whose uid is made from its name.
    pub(super) fn named(title: &str) -> Self {
        let words = title.to_lowercase();
        let words = words.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty());
        let uid: String = words.collect::<Vec<_>>().join("-");
        // Grafana takes 40 characters.
        Self { uid: uid.get(..40).unwrap_or(&uid).to_owned(), title: title.to_owned() }
    }
}

/// A message template.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Template {
    /// Its name, which tells it.
    pub(super) name: String,
    /// Its text.
    pub(super) text: String,
}

/// One receiver of a contact point.
#[derive(Debug, PartialEq)]
pub(super) struct Contact {
    /// Its uid, which tells it.
    pub(super) uid: String,
    /// The contact point's name.
    pub(super) name: String,
    /// What the API takes.
    pub(super) body: Value,
    /// Variables that it needs and that have no value.
    pub(super) missing: Vec<String>,
}

/// A group of alert rules.
#[derive(Debug, PartialEq)]
pub(super) struct Group {
    /// The folder it is in.
    pub(super) folder: Folder,
    /// Its name.
    pub(super) name: String,
    /// Seconds between evaluations.
    pub(super) interval: u64,
    /// What the API takes, one per rule.
    pub(super) rules: Vec<Value>,
}

/// The list under `key`; empty when there is none.
pub(super) fn list<'a>(tree: &'a Value, key: &str) -> &'a [Value] {
    tree.get(key).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

/// The non-empty text under `key`.
///
/// # Errors
/// When there is none; `what` says of what.
pub(super) fn needed(tree: &Value, key: &str, what: &str) -> Result<String> {
    let text = tree.get(key).and_then(Value::as_str).filter(|text| !text.trim().is_empty());
    text.map(str::to_owned).ok_or_else(|| {
        Error::bad_settings(format!("{what} without `{key}`"))
            .hint(format!("Give it a `{key}`, by which it is found again"))
    })
}
