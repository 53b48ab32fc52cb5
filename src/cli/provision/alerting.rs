//! Provisions templates, contact points, notification policies and alert rules: reads the object in Grafana,
//! decides, and applies the decision unless it is a dry run.

use serde_json::{Value, json};

use super::alerts;
use super::bundle::{Bundle, Group};
use super::decide::{self, Want, is_editable, is_from_files, of};
use super::expand::not_set;
use super::http::Verb;
use super::policy::{self, Change};
use super::report::End;
use super::steps::{Place, Run};
use super::target::segment;
use crate::error::Result;

const CONTACTS: &str = "/api/v1/provisioning/contact-points";
const POLICIES: &str = "/api/v1/provisioning/policies";
const RULES: &str = "/api/v1/provisioning/alert-rules";

impl Run<'_> {
    /// Provisions alerting; the rules only if their folders exist.
    pub(super) fn alerts(&mut self, bundle: &Bundle, has_folders: bool) {
        self.templates(bundle);
        let there = match self.contacts(bundle) {
            Ok(there) => there,
            Err(error) => {
                self.report.add("contact points", "all", Err(error));
                return;
            }
        };
        self.policies(&bundle.routes, &there);
        if has_folders {
            for group in &bundle.groups {
                self.group(group, &there);
            }
        }
    }

    /// Whether all rules of a group come from Grafana's provisioning files; Grafana then has a separate
    /// folder for them.
    pub(super) fn is_from_files(&self, group: &Group) -> bool {
        group.rules.iter().all(|rule| {
            let has = self.grafana.get(&rule_path(rule), "read the alert rules");
            matches!(has, Ok(Some(has)) if is_from_files(&has))
        })
    }

    /// Removes alerting; returns the uids of the removed rules.
    pub(super) fn remove_alerts(&mut self, bundle: &Bundle) -> Vec<String> {
        let gone = bundle.groups.iter().flat_map(|group| self.remove_rules(group)).collect();
        self.remove_policies(&bundle.routes);
        self.remove_contacts(bundle);
        self.remove_templates(bundle);
        gone
    }

    fn templates(&mut self, bundle: &Bundle) {
        for wants in &bundle.templates {
            let what = format!("the template `{}`", wants.name);
            let path = template_path(&wants.name);
            let has = self.grafana.get(&path, &format!("read {what}"));
            let end = has.and_then(|has| {
                let editable = is_editable(has.as_ref());
                let put = (Verb::Put, path.clone());
                let place = Place { create: put.clone(), update: put, editable, what };
                self.make(decide::template(has.as_ref(), wants)?, &place)
            });
            self.report.add("template", &wants.name, end);
        }
    }

    fn remove_templates(&mut self, bundle: &Bundle) {
        for wants in &bundle.templates {
            let what = format!("the template `{}`", wants.name);
            let path = template_path(&wants.name);
            let end = self.grafana.get(&path, &format!("read {what}")).and_then(|has| {
                let rid = decide::rid_of_alerting(has.as_ref(), false);
                self.remove(rid, &path, is_editable(has.as_ref()), &what)
            });
            self.report.add("template", &wants.name, end);
        }
    }

    /// Returns Grafana's receivers, with their secrets if the account may read them.
    fn receivers(&self) -> Result<Vec<Value>> {
        let doing = "read the contact points";
        let listed = self.grafana.need(CONTACTS, doing)?;
        let mut listed = listed.as_array().cloned().unwrap_or_default();
        let Ok(Some(export)) =
            self.grafana.get(&format!("{CONTACTS}/export?decrypt=true&format=json"), doing)
        else {
            return Ok(listed);
        };
        let points = export.get("contactPoints").and_then(Value::as_array).into_iter().flatten();
        let receivers = points.filter_map(|point| point.get("receivers")?.as_array()).flatten();
        for open in receivers {
            let listed = listed.iter_mut().find(|listed| of(listed, "uid") == of(open, "uid"));
            if let (Some(listed), Some(settings)) = (listed, open.get("settings")) {
                listed["settings"] = undoubled(settings);
            }
        }
        Ok(listed)
    }

    /// Provisions the contact points; returns the names of all that exist afterwards.
    fn contacts(&mut self, bundle: &Bundle) -> Result<Vec<String>> {
        let all = self.receivers()?;
        let ours: Vec<&str> = bundle.contacts.iter().map(|contact| contact.uid.as_str()).collect();
        let mut there: Vec<String> = all.iter().map(|has| of(has, "name").to_owned()).collect();
        for wants in &bundle.contacts {
            let name = format!("{} ({})", wants.name, of(&wants.body, "type"));
            if !wants.missing.is_empty() {
                self.report.add("contact point", &name, Ok(End::Skipped(not_set(&wants.missing))));
                continue;
            }
            let has = all.iter().find(|has| of(has, "uid") == wants.uid);
            let place = Place {
                create: (Verb::Post, CONTACTS.to_owned()),
                update: (Verb::Put, contact_path(&wants.uid)),
                editable: is_editable(has),
                what: format!("the contact point `{}`", wants.name),
            };
            let end = decide::contact(&all, wants, &ours).and_then(|want| self.make(want, &place));
            if end.is_ok() {
                there.push(wants.name.clone());
            }
            let hidden = has.is_some_and(|has| has["settings"].to_string().contains("[REDACTED]"));
            let notice = "this account may not read the stored secrets, so they were sent again";
            let notices = if hidden { vec![notice.to_owned()] } else { Vec::new() };
            self.report.add_with("contact point", &name, end, notices);
        }
        Ok(there)
    }

    fn remove_contacts(&mut self, bundle: &Bundle) {
        let all = self.grafana.need(CONTACTS, "read the contact points");
        for wants in &bundle.contacts {
            let end = all.as_ref().map_err(Clone::clone).and_then(|all| {
                let has = all.as_array().into_iter().flatten().find(|has| of(has, "uid") == wants.uid);
                let what = format!("the contact point `{}`", wants.name);
                let rid = decide::rid_of_alerting(has, false);
                self.remove(rid, &contact_path(&wants.uid), is_editable(has), &what)
            });
            self.report.add("contact point", &format!("{} ({})", wants.name, of(&wants.body, "type")), end);
        }
    }

    fn policies(&mut self, routes: &[Value], there: &[String]) {
        if routes.is_empty() {
            return;
        }
        let (usable, left_out) = alerts::usable(routes, &|name| there.iter().any(|there| there == name));
        for receiver in left_out {
            let why = format!("there is no contact point `{receiver}`");
            self.report.add("notification policy", &format!("to {receiver}"), Ok(End::Skipped(why)));
        }
        if !usable.is_empty() {
            self.tree(&usable, policy::put);
        }
    }

    fn remove_policies(&mut self, routes: &[Value]) {
        if !routes.is_empty() {
            self.tree(routes, policy::take);
        }
    }

    /// Reads the tree of policies, applies `change`, and writes the tree if it differs.
    fn tree(&mut self, routes: &[Value], change: fn(&mut Value, &[Value]) -> Vec<Change>) {
        let changed = self.grafana.need(POLICIES, "read the notification policies").and_then(|mut tree| {
            let (editable, from_files) = (is_editable(Some(&tree)), is_from_files(&tree));
            let changes = change(&mut tree, routes);
            let differs = changes.iter().any(|change| !matches!(change, Change::None | Change::Absent));
            if differs && from_files {
                if changes.contains(&Change::Removed) {
                    return Ok(vec![Change::Kept; changes.len()]);
                }
                return Err(decide::provisioned("the tree of notification policies", &[]));
            }
            if let Value::Object(tree) = &mut tree {
                tree.remove("provenance");
            }
            let want = if differs { Want::Update(tree, Vec::new()) } else { Want::Nothing };
            let put = (Verb::Put, POLICIES.to_owned());
            let what = "the notification policies".to_owned();
            self.make(want, &Place { create: put.clone(), update: put, editable, what })?;
            Ok(changes)
        });
        for (at, route) in routes.iter().enumerate() {
            let end = changed.as_ref().map_err(Clone::clone).map(|changes| match changes.get(at) {
                Some(Change::Added) => End::Created,
                Some(Change::Changed) => End::Updated(Vec::new()),
                Some(Change::Removed) => End::Deleted,
                Some(Change::Absent) => End::Absent,
                Some(Change::Kept) => End::Kept(decide::FROM_FILES.to_owned()),
                Some(Change::None) | None => End::Unchanged,
            });
            self.report.add("notification policy", &format!("to {}", of(route, "receiver")), end);
        }
    }

    fn group(&mut self, group: &Group, there: &[String]) {
        let interval = self.interval(group);
        let (mut all, mut from_files) = (true, false);
        for wants in &group.rules {
            let (wants, notices) = with_receiver(wants, there);
            let what = format!("the alert rule `{}`", of(&wants, "title"));
            let path = rule_path(&wants);
            let end = self.grafana.get(&path, &format!("read {what}")).and_then(|has| {
                from_files |= has.as_ref().is_some_and(is_from_files);
                let place = Place {
                    create: (Verb::Post, RULES.to_owned()),
                    update: (Verb::Put, path),
                    editable: is_editable(has.as_ref()),
                    what,
                };
                self.make(decide::rule(has.as_ref(), &wants)?, &place)
            });
            all &= end.is_ok();
            self.report.add_with("alert rule", of(&wants, "title"), end, notices);
        }
        // A rule group exists once it has a rule, but its interval must be set separately. The interval of a
        // group from provisioning files is left alone.
        if all && !from_files {
            let end = interval.and_then(|has| self.set_interval(group, has.as_ref()));
            self.report.add("rule group", &group.name, end);
        }
    }

    /// Returns the group as it was in Grafana before this run.
    fn interval(&self, group: &Group) -> Result<Option<Value>> {
        self.grafana.get(&group_path(group), &format!("read the rule group `{}`", group.name))
    }

    fn set_interval(&self, group: &Group, has: Option<&Value>) -> Result<End> {
        // Without `rules` the group's rules stay as they are.
        let body = json!({"title": group.name, "folderUid": group.folder.uid, "interval": group.interval});
        let want = match has.map(|has| has.get("interval").and_then(Value::as_u64)) {
            None => Want::Create(body),
            Some(seconds) if seconds == Some(group.interval) => Want::Nothing,
            Some(seconds) => {
                let has = seconds.map_or_else(|| "nothing".to_owned(), |seconds| format!("{seconds} s"));
                Want::Update(body, vec![format!("its interval: {has} → {} s", group.interval)])
            }
        };
        let put = (Verb::Put, group_path(group));
        let what = format!("the interval of the rule group `{}`", group.name);
        self.make(want, &Place { create: put.clone(), update: put, editable: true, what })
    }

    fn remove_rules(&mut self, group: &Group) -> Vec<String> {
        let mut gone = Vec::new();
        for wants in &group.rules {
            let what = format!("the alert rule `{}`", of(wants, "title"));
            let path = rule_path(wants);
            let end = self.grafana.get(&path, &format!("read {what}")).and_then(|has| {
                let elsewhere = has.as_ref().is_some_and(|has| of(has, "folderUID") != group.folder.uid);
                let rid = decide::rid_of_alerting(has.as_ref(), elsewhere);
                self.remove(rid, &path, is_editable(has.as_ref()), &what)
            });
            if matches!(end, Ok(End::Deleted)) {
                gone.push(of(wants, "uid").to_owned());
            }
            self.report.add("alert rule", of(wants, "title"), end);
        }
        gone
    }
}

/// Removes the contact point of a rule if it does not exist, so that the notification policies route its
/// alerts.
fn with_receiver(rule: &Value, there: &[String]) -> (Value, Vec<String>) {
    let receiver = rule.get("notification_settings").map(|settings| of(settings, "receiver"));
    let Some(receiver) = receiver.filter(|receiver| !there.iter().any(|there| there == receiver)) else {
        return (rule.clone(), Vec::new());
    };
    let notice = format!(
        "there is no contact point `{receiver}`, so its alerts go where the notification policies send them"
    );
    let mut rule = rule.clone();
    if let Value::Object(rule) = &mut rule {
        rule.remove("notification_settings");
    }
    (rule, vec![notice])
}

/// Replaces `$$` by `$`, because Grafana's exports double every dollar sign.
fn undoubled(value: &Value) -> Value {
    match value {
        Value::String(text) => text.replace("$$", "$").into(),
        Value::Array(items) => items.iter().map(undoubled).collect(),
        Value::Object(map) => map.iter().map(|(key, value)| (key.clone(), undoubled(value))).collect(),
        other => other.clone(),
    }
}

fn template_path(name: &str) -> String {
    format!("/api/v1/provisioning/templates/{}", segment(name))
}

fn contact_path(uid: &str) -> String {
    format!("{CONTACTS}/{}", segment(uid))
}

fn rule_path(rule: &Value) -> String {
    format!("{RULES}/{}", segment(of(rule, "uid")))
}

fn group_path(group: &Group) -> String {
    format!("/api/v1/provisioning/folder/{}/rule-groups/{}", segment(&group.folder.uid), segment(&group.name))
}
