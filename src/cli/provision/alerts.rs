//! Converts alerting from provisioning files to the form of Grafana's API. This module does no I/O. Where
//! file and API have different names or defaults, those of the file apply.

use serde_json::{Map, Value, json};

use super::bundle::{Bundle, Contact, Folder, Group, Template, list, needed};
use super::decide::PANEL;
use super::expand::{Env, Expand};
use super::same;
use crate::error::{Error, Result};

/// Keys of an alerting file that are not supported here.
const NOT_MADE: [&str; 6] = [
    "muteTimes",
    "deleteRules",
    "deleteContactPoints",
    "deleteTemplates",
    "deleteMuteTimes",
    "resetPolicies",
];

/// Adds the alerting objects in `tree` to `bundle`.
///
/// # Errors
/// [`crate::error::Kind::BadSettings`] when an object has no name or uid, or an invalid duration.
pub(super) fn take(bundle: &mut Bundle, tree: &Value, env: Env) -> Result<()> {
    for template in list(tree, "templates") {
        bundle.templates.push(Template {
            name: needed(template, "name", "template")?,
            text: same::template(&needed(template, "template", "template")?),
        });
    }
    for point in list(tree, "contactPoints") {
        let name = needed(point, "name", "contact point")?;
        for receiver in list(point, "receivers") {
            bundle.contacts.push(contact(&name, receiver, env)?);
        }
    }
    for root in list(tree, "policies") {
        let routes = list(root, "routes");
        if routes.is_empty() {
            bundle.notices.push(
                "a root notification policy is left out: it would replace everybody's; give it `routes`"
                    .to_owned(),
            );
        }
        for route in routes {
            bundle.routes.push(Expand::new(env).tree(route)?);
        }
    }
    for written in list(tree, "groups") {
        let group = group(&bundle.folder, written, env)?;
        bundle.groups.push(group);
    }
    for key in NOT_MADE.iter().filter(|key| tree.get(**key).is_some()) {
        bundle.notices.push(format!("`{key}` is left out: `provision` does not know it"));
    }
    Ok(())
}

fn contact(name: &str, receiver: &Value, env: Env) -> Result<Contact> {
    let uid = needed(receiver, "uid", "receiver")?;
    let mut expand = Expand::new(env);
    let settings = expand.tree(receiver.get("settings").unwrap_or(&Value::Null))?;
    let body = json!({
        "uid": uid, "name": name, "type": needed(receiver, "type", "receiver")?, "settings": settings,
        "disableResolveMessage": receiver.get("disableResolveMessage").and_then(Value::as_bool).unwrap_or(false),
    });
    Ok(Contact { uid, name: name.to_owned(), body, missing: expand.missing })
}

fn group(folder: &Folder, written: &Value, env: Env) -> Result<Group> {
    let title = needed(written, "folder", "group of alert rules")?;
    let folder = if title == folder.title { folder.clone() } else { Folder::named(&title) };
    let name = needed(written, "name", "group of alert rules")?;
    let interval = needed(written, "interval", "group of alert rules")?;
    let seconds = same::milliseconds(&interval).map(|milliseconds| milliseconds / 1000).filter(|&s| s > 0);
    let interval = seconds.ok_or_else(|| {
        Error::bad_settings(format!("the group `{name}` has the interval `{interval}`"))
            .hint("Write a duration of at least ten seconds, such as 1m or 1h")
    })?;
    let rules = list(written, "rules").iter().map(|written| rule(&folder, &name, written, env));
    let rules = rules.collect::<Result<_>>()?;
    Ok(Group { folder, name, interval, rules })
}

fn rule(folder: &Folder, group: &str, written: &Value, env: Env) -> Result<Value> {
    // Grafana expands variables in these fields, but not in queries and annotations.
    let mut expand = Expand::new(env);
    let text = |key: &str, default: &str| {
        let given = written.get(key).and_then(Value::as_str).filter(|text| !text.is_empty());
        given.unwrap_or(default).to_owned()
    };
    let mut made = Map::new();
    let mut put = |key: &str, value: Value| made.insert(key.to_owned(), value);
    put("uid", needed(written, "uid", "alert rule")?.into());
    put("title", expand.text(&needed(written, "title", "alert rule")?)?.into());
    put("folderUID", folder.uid.as_str().into());
    put("ruleGroup", group.into());
    put("condition", needed(written, "condition", "alert rule")?.into());
    put("noDataState", text("noDataState", "NoData").into());
    put("execErrState", text("execErrState", "Alerting").into());
    put("for", text("for", "0s").into());
    put("keep_firing_for", text("keepFiringFor", "0s").into());
    put("labels", expand.tree(written.get("labels").unwrap_or(&json!({})))?);
    put("data", list(written, "data").iter().map(query).collect::<Vec<_>>().into());
    let mut annotations = written.get("annotations").and_then(Value::as_object).cloned().unwrap_or_default();
    for (key, annotation) in ["dashboardUid", "panelId"].into_iter().zip(PANEL) {
        match written.get(key) {
            Some(Value::String(text)) => annotations.insert(annotation.to_owned(), text.as_str().into()),
            Some(Value::Number(number)) => {
                annotations.insert(annotation.to_owned(), number.to_string().into())
            }
            _ => None,
        };
    }
    put("annotations", annotations.into());
    if let Some(settings) = written.get("notification_settings").filter(|settings| settings.is_object()) {
        put("notification_settings", expand.tree(settings)?);
    }
    if let Some(count) = written.get("missing_series_evals_to_resolve").filter(|count| count.is_number()) {
        put("missingSeriesEvalsToResolve", count.clone());
    }
    // Set only if the file says so, because users pause rules in Grafana.
    if let Some(Value::Bool(paused)) = written.get("isPaused") {
        put("isPaused", (*paused).into());
    }
    Ok(Value::Object(made))
}

fn query(written: &Value) -> Value {
    let mut model = written.get("model").cloned().unwrap_or_else(|| json!({}));
    let ref_id = written.get("refId").or_else(|| model.get("refId")).cloned().unwrap_or_else(|| json!("A"));
    if let Value::Object(model) = &mut model {
        // Grafana adds these defaults when it saves a rule.
        for (key, value) in [("intervalMs", json!(1000)), ("maxDataPoints", json!(43_200))] {
            model.entry(key).or_insert(value);
        }
    }
    let range = written.get("relativeTimeRange").cloned().unwrap_or_else(|| json!({"from": 0, "to": 0}));
    json!({
        "refId": ref_id, "queryType": written.get("queryType").cloned().unwrap_or_else(|| json!("")),
        "datasourceUid": written.get("datasourceUid").cloned().unwrap_or(Value::Null),
        "relativeTimeRange": range, "model": model,
    })
}

/// Returns the policies whose receivers exist, and the names of the missing receivers.
pub(super) fn usable(routes: &[Value], is_there: &dyn Fn(&str) -> bool) -> (Vec<Value>, Vec<String>) {
    let mut left_out = Vec::new();
    let good = routes.iter().filter_map(|route| usable_route(route, is_there, &mut left_out)).collect();
    (good, left_out)
}

fn usable_route(route: &Value, is_there: &dyn Fn(&str) -> bool, left_out: &mut Vec<String>) -> Option<Value> {
    let receiver = route.get("receiver").and_then(Value::as_str).filter(|name| !name.is_empty());
    if let Some(name) = receiver.filter(|name| !is_there(name)) {
        left_out.push(name.to_owned());
        return None;
    }
    let mut route = route.clone();
    if let Some(Value::Array(below)) = route.get_mut("routes") {
        *below = below.iter().filter_map(|route| usable_route(route, is_there, left_out)).collect();
    }
    Some(route)
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = "
apiVersion: 1
templates:
  - name: t
    template: |
      {{ define \"t\" }}$x{{ end }}
contactPoints:
  - name: mail
    receivers:
      - {uid: m, type: email, settings: {addresses: $MAIL, subject: 'a $$b'}}
  - name: chat
    receivers:
      - {uid: c, type: slack, disableResolveMessage: true, settings: {url: '${CHAT}', title: $MAIL}}
policies:
  - receiver: mail
    routes:
      - {receiver: mail, object_matchers: [[source, =, duckdb-perf]], routes: [{receiver: chat}]}
      - {receiver: mail, object_matchers: [[a, =, b]]}
muteTimes: []
groups:
  - name: weekly
    folder: Query performance
    interval: 1h
    rules:
      - uid: r
        title: Slow $MAIL
        condition: C
        for: 1d
        keepFiringFor: 5m
        missing_series_evals_to_resolve: 2
        dashboardUid: d
        panelId: 3
        labels: {source: duckdb-perf, x: $MAIL}
        annotations: {summary: '{{ $labels.pattern }} $MAIL'}
        data:
          - {refId: A, datasourceUid: duckdb-perf, relativeTimeRange: {from: 600, to: 0}, model: {rawSql: 'SELECT $__slowMs', intervalMs: 5}}
          - {refId: C, datasourceUid: __expr__, model: {type: threshold}}
";

    fn bundle() -> Bundle {
        let mut bundle = Bundle::default();
        let tree = serde_saphyr::from_str(FILE).unwrap();
        take(&mut bundle, &tree, &|name| (name == "MAIL").then(|| "a@x".to_owned())).unwrap();
        bundle
    }

    #[test]
    fn rules_in_the_words_of_the_api() {
        let bundle = bundle();
        let group = &bundle.groups[0];
        assert_eq!(
            (group.folder.uid.as_str(), group.name.as_str(), group.interval),
            ("query-performance", "weekly", 3600)
        );
        assert_eq!(
            group.rules,
            [json!({
                "uid": "r", "title": "Slow a@x", "folderUID": "query-performance", "ruleGroup": "weekly", "condition": "C",
                "noDataState": "NoData", "execErrState": "Alerting", "for": "1d", "keep_firing_for": "5m",
                "labels": {"source": "duckdb-perf", "x": "a@x"},
                "annotations": {"summary": "{{ $labels.pattern }} $MAIL", "__dashboardUid__": "d", "__panelId__": "3"},
                "missingSeriesEvalsToResolve": 2,
                "data": [
                    {"refId": "A", "queryType": "", "datasourceUid": "duckdb-perf", "relativeTimeRange": {"from": 600, "to": 0},
                     "model": {"rawSql": "SELECT $__slowMs", "intervalMs": 5, "maxDataPoints": 43200}},
                    {"refId": "C", "queryType": "", "datasourceUid": "__expr__", "relativeTimeRange": {"from": 0, "to": 0},
                     "model": {"type": "threshold", "intervalMs": 1000, "maxDataPoints": 43200}},
                ],
            })]
        );
    }

    #[test]
    fn contact_points_templates_and_policies() {
        let bundle = bundle();
        assert_eq!(
            bundle.templates,
            [Template { name: "t".into(), text: "{{ define \"t\" }}$x{{ end }}".into() }]
        );
        let [mail, chat] = &bundle.contacts[..] else { panic!("{:?}", bundle.contacts) };
        assert_eq!(mail.body["settings"], json!({"addresses": "a@x", "subject": "a $b"}));
        assert!(mail.missing.is_empty());
        assert_eq!((chat.name.as_str(), &chat.missing[..]), ("chat", &["CHAT".to_owned()][..]));
        assert_eq!(chat.body["disableResolveMessage"], json!(true));
        assert_eq!(bundle.routes.len(), 2);
        let (good, left_out) = usable(&bundle.routes, &|name| name == "mail");
        assert_eq!((good.len(), left_out), (2, vec!["chat".to_owned()]));
        assert_eq!(good[0]["routes"], json!([]));
        let (good, left_out) = usable(&bundle.routes, &|_| false);
        assert_eq!((good.len(), left_out.len()), (0, 2));
        assert_eq!(bundle.notices, ["`muteTimes` is left out: `provision` does not know it"]);
    }

    #[test]
    fn what_a_rule_lacks_is_named() {
        for (text, message) in [
            ("groups: [{name: g, interval: 1m}]", "group of alert rules without `folder`"),
            ("groups: [{name: g, folder: f, interval: often}]", "the group `g` has the interval `often`"),
            ("groups: [{name: g, folder: f, interval: 1m, rules: [{title: t}]}]", "alert rule without `uid`"),
            ("contactPoints: [{name: mail, receivers: [{type: email}]}]", "receiver without `uid`"),
        ] {
            let tree = serde_saphyr::from_str(text).unwrap();
            let error = take(&mut Bundle::default(), &tree, &|_| None).unwrap_err();
            assert_eq!(error.message, message);
        }
    }
}
