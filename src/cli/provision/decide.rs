//! Decides for one object what to do, given the object in Grafana and the one that a file wants: create,
//! update, keep or refuse. This module does no I/O. An error says that the object belongs to somebody else.

use serde_json::{Map, Value, json};

use super::bundle::{Contact, Datasource, Folder, Template};
use super::{changes, same};
use crate::cli::documents::PLUGIN_IDS;
use crate::error::{Error, Kind, Result};

/// The start of the version message of dashboards that this command saves.
pub(super) const MESSAGE: &str = "duckdb-perf provision";

/// Annotations that name the panel of an alert rule.
pub(super) const PANEL: [&str; 2] = ["__dashboardUid__", "__panelId__"];

/// What to do so that an object is as wanted.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Want {
    /// Create it with this body.
    Create(Value),
    /// Update it to this body; the lines describe the changes.
    Update(Value, Vec<String>),
    /// Do nothing.
    Nothing,
}

/// What to do to remove an object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Rid {
    /// Delete it.
    Delete,
    /// Do nothing, because it does not exist.
    Absent,
    /// Keep it; the text is the reason, as a clause.
    Keep(String),
}

/// Fields of a datasource that an update must repeat.
const DATASOURCE: [&str; 11] = [
    "uid",
    "name",
    "type",
    "access",
    "url",
    "user",
    "database",
    "basicAuth",
    "basicAuthUser",
    "withCredentials",
    "isDefault",
];

/// Decides about a datasource; `has` is the one with its uid, `named` the one with its name. Settings that
/// users have added stay, and so do those that only a new datasource gets.
pub(super) fn datasource(has: Option<&Value>, named: Option<&Value>, wants: &Datasource) -> Result<Want> {
    let name = wants.name();
    let Some(has) = has else {
        return match named {
            None => Ok(Want::Create(Value::Object(wants.made.clone()))),
            Some(other) => Err(taken(
                &format!("the name `{name}`"),
                &format!(
                    "a datasource of type `{}` with the uid `{}` has it",
                    of(other, "type"),
                    of(other, "uid")
                ),
                "Rename or remove that datasource in Grafana",
            )),
        };
    };
    if !PLUGIN_IDS.contains(&of(has, "type")) {
        return Err(taken(
            &format!("the uid `{}`", of(has, "uid")),
            &format!("the datasource `{}` of type `{}` has it", of(has, "name"), of(has, "type")),
            "Remove that datasource, or give another uid with `--uid`",
        ));
    }
    let mut visible = wants.said();
    let secrets = visible.remove("secureJsonData");
    let is_from_files = has.get("readOnly") == Some(&Value::Bool(true));
    // Beside a path the URL is only shown, and the file in Grafana's folder may have another one.
    if is_from_files
        && has.pointer("/jsonData/path").and_then(Value::as_str).is_some_and(|path| !path.is_empty())
    {
        visible.remove("url");
    }
    // Grafana does not return secrets, so they are always sent again.
    if secrets.is_none() && same::holds(has, &Value::Object(visible.clone())) {
        return Ok(Want::Nothing);
    }
    if is_from_files {
        let changes = changes::named(has, &Value::Object(visible));
        return Err(provisioned(&format!("the datasource `{name}`"), &changes));
    }
    let mut changes = changes::named(has, &Value::Object(visible.clone()));
    let mut body: Map<String, Value> =
        DATASOURCE.iter().filter_map(|&key| Some((key.to_owned(), has.get(key)?.clone()))).collect();
    let mut json_data = has.get("jsonData").and_then(Value::as_object).cloned().unwrap_or_default();
    if let Some(Value::Object(ours)) = visible.remove("jsonData") {
        json_data.extend(ours);
    }
    body.extend(visible);
    body.insert("jsonData".to_owned(), json_data.into());
    if let Some(secrets) = secrets {
        body.insert("secureJsonData".to_owned(), secrets);
        changes.push("its secrets are sent again, because they cannot be compared".to_owned());
    }
    Ok(Want::Update(Value::Object(body), changes))
}

/// Returns a line for each setting that differs from the default of a new datasource and is kept.
pub(super) fn kept(has: &Value, wants: &Datasource) -> Vec<String> {
    let set = |name: &String| has.get("jsonData")?.get(name).filter(|value| !value.is_null());
    let new = |name: &String| wants.made.get("jsonData")?.get(name);
    let differs = wants.defaults.iter().filter_map(|name| {
        let (set, new) = (set(name)?, new(name)?);
        (!same::holds(set, new)).then(|| format!("`{name}` stays {set}; a new datasource would have {new}"))
    });
    differs.collect()
}

/// Decides about removing a datasource; `has` is the one with its uid.
pub(super) fn rid_of_datasource(has: Option<&Value>) -> Rid {
    match has {
        None => Rid::Absent,
        Some(has) if !PLUGIN_IDS.contains(&of(has, "type")) => {
            Rid::Keep(format!("it is of type `{}`", of(has, "type")))
        }
        Some(has) if has.get("readOnly") == Some(&Value::Bool(true)) => Rid::Keep(FROM_FILES.to_owned()),
        Some(_) => Rid::Delete,
    }
}

/// Decides about a dashboard; `has` is Grafana's answer for its uid, including `meta`.
pub(super) fn dashboard(has: Option<&Value>, wants: &Value, folder: &Folder) -> Result<Want> {
    let mut model = wants.clone();
    if let Value::Object(model) = &mut model {
        model.insert("id".to_owned(), Value::Null);
        model.remove("version");
    }
    let body = json!({
        "dashboard": model, "folderUid": folder.uid, "overwrite": has.is_some(),
        "message": format!("{MESSAGE} {}", env!("CARGO_PKG_VERSION")),
    });
    let Some(has) = has else { return Ok(Want::Create(body)) };
    let meta = has.get("meta").unwrap_or(&Value::Null);
    if of(meta, "folderUid") != folder.uid {
        return Err(taken(
            &format!("the uid `{}`", of(wants, "uid")),
            &format!(
                "the dashboard `{}` in the folder `{}` has it",
                of(has.get("dashboard").unwrap_or(&Value::Null), "title"),
                of(meta, "folderTitle")
            ),
            &format!(
                "If it is this one, move it to the folder `{}`; otherwise give it another uid or remove it",
                folder.title
            ),
        ));
    }
    let stored = has.get("dashboard").unwrap_or(&Value::Null);
    let changes = changes::all(&same::dashboard(stored), &same::dashboard(wants));
    if changes.is_empty() {
        return Ok(Want::Nothing);
    }
    if meta.get("provisioned") == Some(&Value::Bool(true)) {
        return Err(provisioned(&format!("the dashboard `{}`", of(wants, "title")), &changes));
    }
    Ok(Want::Update(body, changes))
}

/// Decides about removing a dashboard.
pub(super) fn rid_of_dashboard(has: Option<&Value>, folder: &Folder) -> Rid {
    let Some(meta) = has.and_then(|has| has.get("meta")) else { return Rid::Absent };
    if of(meta, "folderUid") != folder.uid {
        return Rid::Keep(format!("it is in the folder `{}`", of(meta, "folderTitle")));
    }
    if meta.get("provisioned") == Some(&Value::Bool(true)) {
        return Rid::Keep(FROM_FILES.to_owned());
    }
    Rid::Delete
}

/// Decides about a message template.
pub(super) fn template(has: Option<&Value>, wants: &Template) -> Result<Want> {
    let body = json!({"template": wants.text});
    let Some(has) = has else { return Ok(Want::Create(body)) };
    if same::template(of(has, "template")) == wants.text {
        return Ok(Want::Nothing);
    }
    if is_from_files(has) {
        return Err(provisioned(&format!("the template `{}`", wants.name), &[]));
    }
    Ok(Want::Update(body, vec!["its text".to_owned()]))
}

/// Decides about a receiver of a contact point; `all` are Grafana's receivers, `ours` the uids in the files.
pub(super) fn contact(all: &[Value], wants: &Contact, ours: &[&str]) -> Result<Want> {
    let Some(has) = all.iter().find(|has| of(has, "uid") == wants.uid) else {
        let mut named = all.iter().filter(|has| of(has, "name") == wants.name).peekable();
        if let Some(&other) = named.peek()
            && !named.any(|has| ours.contains(&of(has, "uid")))
        {
            return Err(taken(
                &format!("the name `{}`", wants.name),
                &format!("a contact point of type `{}` has it, which is not from here", of(other, "type")),
                "Rename or remove that contact point in Grafana",
            ));
        }
        return Ok(Want::Create(wants.body.clone()));
    };
    let parts = ["name", "type", "settings", "disableResolveMessage"];
    let part = |value: &Value, key: &str| value.get(key).cloned().unwrap_or(Value::Null);
    if parts.iter().all(|key| same::same(&part(has, key), &part(&wants.body, key))) {
        return Ok(Want::Nothing);
    }
    // The values are not shown, because addresses of webhooks are secrets.
    let differs = parts.iter().filter(|key| !same::same(&part(has, key), &part(&wants.body, key)));
    let changes: Vec<String> = differs.map(|key| format!("its `{key}`")).collect();
    if is_from_files(has) {
        return Err(provisioned(&format!("the contact point `{}`", wants.name), &changes));
    }
    Ok(Want::Update(wants.body.clone(), changes))
}

/// Decides about an alert rule; `has` is the one with its uid.
pub(super) fn rule(has: Option<&Value>, wants: &Value) -> Result<Want> {
    let Some(has) = has else { return Ok(Want::Create(wants.clone())) };
    // Rules that Grafana provisions from files may be in a folder of the same name with another uid.
    if !is_from_files(has) && of(has, "folderUID") != of(wants, "folderUID") {
        return Err(taken(
            &format!("the uid `{}`", of(wants, "uid")),
            &format!("the alert rule `{}` in another folder has it", of(has, "title")),
            "If it is this one, move it back; otherwise remove it",
        ));
    }
    let mut wants = wants.clone();
    if let Value::Object(wants) = &mut wants {
        // A rule that a user has paused stays paused.
        wants.entry("isPaused").or_insert_with(|| has.get("isPaused").cloned().unwrap_or(Value::Bool(false)));
    }
    let (mut stored, mut wanted) = (same::rule(has), same::rule(&wants));
    if is_from_files(has) {
        // Rules from files also work without folder uid and panel annotations.
        for rule in [&mut stored, &mut wanted] {
            if let Value::Object(rule) = rule {
                rule.remove("folderUID");
            }
            if let Some(Value::Object(annotations)) = rule.get_mut("annotations") {
                annotations.retain(|key, _| !PANEL.contains(&key.as_str()));
            }
        }
        // A file cannot know Grafana's address, so its runbook link may be relative.
        if let Some(path) = wanted.pointer("/annotations/runbook_url").and_then(Value::as_str)
            && let Some(theirs) = stored.pointer_mut("/annotations/runbook_url")
            && theirs
                .as_str()
                .is_some_and(|theirs| path.ends_with(&format!("/{}", theirs.trim_start_matches('/'))))
        {
            *theirs = path.into();
        }
    }
    let changes = changes::all(&stored, &wanted);
    if changes.is_empty() {
        return Ok(Want::Nothing);
    }
    if is_from_files(has) {
        return Err(provisioned(&format!("the alert rule `{}`", of(&wants, "title")), &changes));
    }
    Ok(Want::Update(wants, changes))
}

/// Decides about removing an alerting object; `elsewhere` says that it is in another folder than the files
/// want.
pub(super) fn rid_of_alerting(has: Option<&Value>, elsewhere: bool) -> Rid {
    match has {
        None => Rid::Absent,
        Some(has) if is_from_files(has) => Rid::Keep(FROM_FILES.to_owned()),
        Some(_) if elsewhere => Rid::Keep("it is in another folder".to_owned()),
        Some(_) => Rid::Delete,
    }
}

/// Whether users may change the object in Grafana. An object that was created through the API as locked stays
/// locked.
pub(super) fn is_editable(has: Option<&Value>) -> bool {
    has.is_none_or(|has| of(has, "provenance") != "api")
}

/// Whether the object comes from Grafana's provisioning folder.
pub(super) fn is_from_files(has: &Value) -> bool {
    of(has, "provenance") == "file"
}

/// The reason for keeping an object that comes from provisioning files.
pub(super) const FROM_FILES: &str = "it comes from Grafana's provisioning files";

/// Returns the error for an object that differs but comes from provisioning files; `changes` are the
/// differences that can be shown.
pub(super) fn provisioned(what: &str, changes: &[String]) -> Error {
    let list = if changes.is_empty() { String::new() } else { format!(" ({})", changes.join("; ")) };
    Error::new(
        Kind::Forbidden,
        format!("{what} differs{list} and comes from Grafana's provisioning files, so its API cannot change it"),
    )
    .hint("Change the files in Grafana's provisioning folder, or remove them there, restart Grafana and run this again")
}

fn taken(what: &str, by: &str, hint: &str) -> Error {
    Error::new(Kind::Forbidden, format!("{what} is taken: {by}")).hint(hint)
}

/// Returns the text under `key`; empty if there is none.
pub(super) fn of<'a>(value: &'a Value, key: &str) -> &'a str {
    value.get(key).and_then(Value::as_str).unwrap_or_default()
}

#[cfg(test)]
mod tests;
