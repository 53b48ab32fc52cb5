//! Tests each decision with documents in the form of Grafana's answers.

use super::*;
use crate::cli::provision::grafana::PLUGIN;

fn folder() -> Folder {
    Folder { uid: "query-performance".to_owned(), title: "Query performance".to_owned() }
}

fn wants() -> Datasource {
    let wants = json!({
        "name": "DuckDB Perf", "uid": "duckdb-perf", "type": PLUGIN, "access": "proxy", "url": "file:///r",
        "jsonData": {"path": "/r", "slowMs": 100},
    });
    Datasource { made: wants.as_object().unwrap().clone(), defaults: Vec::new() }
}

/// A datasource as `GET /api/datasources/uid/…` returns it.
fn stored() -> Value {
    json!({
        "id": 4, "uid": "duckdb-perf", "orgId": 1, "name": "DuckDB Perf", "type": PLUGIN, "typeLogoUrl": "public/x.svg",
        "access": "proxy", "url": "file:///r", "user": "", "database": "", "basicAuth": false, "basicAuthUser": "",
        "withCredentials": false, "isDefault": true, "jsonData": {"path": "/r", "slowMs": 100, "maxRows": 7},
        "secureJsonFields": {}, "version": 3, "readOnly": false, "apiVersion": "",
    })
}

#[test]
fn a_datasource_is_made_left_changed_or_refused() {
    assert_eq!(datasource(None, None, &wants()).unwrap(), Want::Create(Value::Object(wants().made)));
    assert_eq!(datasource(Some(&stored()), None, &wants()).unwrap(), Want::Nothing);
    let mut slower = wants();
    slower.set("slowMs", json!(250));
    let Want::Update(body, changes) = datasource(Some(&stored()), None, &slower).unwrap() else { panic!() };
    assert_eq!(body["jsonData"], json!({"path": "/r", "slowMs": 250, "maxRows": 7}), "others' settings stay");
    assert_eq!(changes, ["`jsonData.slowMs`: 100 → 250"]);
    assert_eq!((&body["isDefault"], body.get("version"), body.get("id")), (&json!(true), None, None));
    let mut read_only = stored();
    read_only["readOnly"] = json!(true);
    assert_eq!(datasource(Some(&read_only), None, &wants()).unwrap(), Want::Nothing);
    read_only["url"] = json!("file:///as/it/ships");
    assert_eq!(datasource(Some(&read_only), None, &wants()).unwrap(), Want::Nothing, "the path is the same");
    read_only["jsonData"]["path"] = json!("");
    assert!(datasource(Some(&read_only), None, &wants()).is_err(), "without a path the URL counts");
    assert!(datasource(Some(&read_only), None, &slower).unwrap_err().message.contains("provisioning files"));
    let other = json!({"name": "DuckDB Perf", "uid": "x", "type": "prometheus"});
    let error = datasource(None, Some(&other), &wants()).unwrap_err();
    assert_eq!(
        error.message,
        "the name `DuckDB Perf` is taken: a datasource of type `prometheus` with the uid `x` has it"
    );
    let error = datasource(Some(&other), None, &wants()).unwrap_err();
    assert!(error.message.starts_with("the uid `x` is taken"), "{error}");
    let mut secret = wants();
    secret.made.insert("secureJsonData".to_owned(), json!({"token": "t"}));
    assert!(matches!(datasource(Some(&stored()), None, &secret).unwrap(), Want::Update(..)));
    assert_eq!(rid_of_datasource(Some(&stored())), Rid::Delete);
    assert!(matches!(rid_of_datasource(Some(&read_only)), Rid::Keep(_)));
    assert!(matches!(rid_of_datasource(Some(&other)), Rid::Keep(_)));
    assert_eq!(rid_of_datasource(None), Rid::Absent);
}

#[test]
fn what_a_person_set_stays_and_is_told() {
    let mut by_hand = stored();
    by_hand["name"] = json!("Ours");
    by_hand["url"] = json!("file:///mine");
    by_hand["type"] = json!("motherduck-duckdb-datasource");
    by_hand["jsonData"] = json!({"path": "/mine", "slowMs": 250});
    let mut wants = wants();
    wants.only_when_new();
    wants.set("path", json!("/r"));
    let Want::Update(body, changes) = datasource(Some(&by_hand), None, &wants).unwrap() else { panic!() };
    assert_eq!((&body["name"], &body["url"]), (&json!("Ours"), &json!("file:///mine")));
    assert_eq!(body["jsonData"], json!({"path": "/r", "slowMs": 250}));
    assert_eq!(
        changes,
        ["`jsonData.path`: /mine → /r", "`type`: motherduck-duckdb-datasource → duckdb-perf-datasource"]
    );
    assert_eq!(kept(&by_hand, &wants), ["`slowMs` stays 250; a new datasource would have 100"]);
    assert!(kept(&stored(), &wants).is_empty());
}

#[test]
fn a_dashboard_is_ours_in_our_folder_only() {
    let wants = json!({"uid": "d", "title": "D", "version": 1, "panels": [{"id": 1}]});
    let has = |folder: &str, provisioned: bool, title: &str| {
        json!({
            "dashboard": {"id": 9, "uid": "d", "title": title, "version": 4, "panels": [{"id": 1}]},
            "meta": {"folderUid": folder, "folderTitle": "F", "provisioned": provisioned, "version": 4},
        })
    };
    let Want::Create(body) = dashboard(None, &wants, &folder()).unwrap() else { panic!() };
    assert_eq!((&body["folderUid"], &body["overwrite"]), (&json!("query-performance"), &json!(false)));
    assert_eq!((&body["dashboard"]["id"], body["dashboard"].get("version")), (&Value::Null, None));
    let decided = |has: &Value| dashboard(Some(has), &wants, &folder());
    assert_eq!(decided(&has("query-performance", false, "D")).unwrap(), Want::Nothing);
    assert_eq!(decided(&has("query-performance", true, "D")).unwrap(), Want::Nothing);
    assert!(matches!(decided(&has("query-performance", false, "E")).unwrap(), Want::Update(..)));
    assert!(
        decided(&has("query-performance", true, "E")).unwrap_err().message.contains("provisioning files")
    );
    let error = decided(&has("", false, "E")).unwrap_err();
    assert_eq!(error.message, "the uid `d` is taken: the dashboard `E` in the folder `F` has it");
    assert_eq!(rid_of_dashboard(Some(&has("query-performance", false, "E")), &folder()), Rid::Delete);
    assert!(matches!(rid_of_dashboard(Some(&has("query-performance", true, "E")), &folder()), Rid::Keep(_)));
    assert!(matches!(rid_of_dashboard(Some(&has("other", false, "D")), &folder()), Rid::Keep(_)));
}

#[test]
fn a_contact_points_name_may_be_shared_with_our_own_only() {
    let wants = |uid: &str| Contact {
        uid: uid.to_owned(),
        name: "perf".to_owned(),
        body: json!({"uid": uid, "name": "perf", "type": "email", "settings": {"addresses": "a"}, "disableResolveMessage": false}),
        missing: Vec::new(),
    };
    let has = |uid: &str, provenance: &str, addresses: &str| {
        json!({"uid": uid, "name": "perf", "type": "email", "provenance": provenance, "disableResolveMessage": false,
               "settings": {"addresses": addresses}})
    };
    let decided = |all: &[Value]| contact(all, &wants("m"), &["m", "s"]);
    assert!(matches!(decided(&[]).unwrap(), Want::Create(_)));
    assert!(matches!(decided(&[has("s", "", "x"), has("theirs", "", "x")]).unwrap(), Want::Create(_)));
    assert!(decided(&[has("theirs", "", "x")]).unwrap_err().message.contains("the name `perf` is taken"));
    assert_eq!(decided(&[has("m", "file", "a")]).unwrap(), Want::Nothing);
    assert!(matches!(decided(&[has("m", "", "b")]).unwrap(), Want::Update(..)));
    assert!(matches!(decided(&[has("m", "", "[REDACTED]")]).unwrap(), Want::Update(..)));
    assert!(decided(&[has("m", "file", "b")]).unwrap_err().message.contains("provisioning files"));
    assert!(is_editable(None) && is_editable(Some(&has("m", "", "a"))));
    assert!(!is_editable(Some(&has("m", "api", "a"))));
}

#[test]
fn a_rule_stays_paused_and_is_ours_in_its_folder_only() {
    let wants = json!({"uid": "r", "folderUID": "f", "title": "R", "annotations": {"__panelId__": "3"}});
    let mut has = json!({"uid": "r", "folderUID": "f", "title": "R", "annotations": {"__panelId__": "3"}, "isPaused": true, "provenance": ""});
    assert_eq!(rule(Some(&has), &wants).unwrap(), Want::Nothing);
    has["title"] = json!("S");
    let Want::Update(body, _) = rule(Some(&has), &wants).unwrap() else { panic!() };
    assert_eq!(body["isPaused"], json!(true));
    has["provenance"] = json!("file");
    assert!(rule(Some(&has), &wants).is_err());
    has["title"] = json!("R");
    has["annotations"] = json!({});
    assert_eq!(rule(Some(&has), &wants).unwrap(), Want::Nothing, "files leave the panel out");
    let mut wants = wants;
    has["annotations"]["runbook_url"] = json!("public/r.md");
    wants["annotations"]["runbook_url"] = json!("https://x/public/r.md");
    assert_eq!(rule(Some(&has), &wants).unwrap(), Want::Nothing, "and do not know Grafana's address");
    has["folderUID"] = json!("g");
    assert_eq!(rule(Some(&has), &wants).unwrap(), Want::Nothing, "and are in a folder of their own");
    has["provenance"] = json!("");
    assert!(rule(Some(&has), &wants).unwrap_err().message.contains("is taken"));
    assert_eq!(rid_of_alerting(None, false), Rid::Absent);
    has["provenance"] = json!("file");
    assert!(matches!(rid_of_alerting(Some(&has), false), Rid::Keep(_)), "from files");
    has["provenance"] = json!("");
    assert!(matches!(rid_of_alerting(Some(&has), true), Rid::Keep(_)), "elsewhere");
    assert_eq!(rid_of_alerting(Some(&has), false), Rid::Delete);
}

#[test]
fn a_template_is_compared_by_its_trimmed_text() {
    let wants = Template { name: "t".to_owned(), text: "{{ define \"t\" }}x{{ end }}".to_owned() };
    let has = |text: &str, provenance: &str| json!({"name": "t", "template": text, "provenance": provenance});
    assert!(matches!(template(None, &wants).unwrap(), Want::Create(_)));
    assert_eq!(template(Some(&has("{{ define \"t\" }}x{{ end }}\r\n", "")), &wants).unwrap(), Want::Nothing);
    assert!(matches!(template(Some(&has("other", "")), &wants).unwrap(), Want::Update(..)));
    assert!(template(Some(&has("other", "file")), &wants).is_err());
}
