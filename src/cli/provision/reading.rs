//! Reads provisioning files into a [`Bundle`]. Pure: takes the files' texts and the environment.

use std::path::Path;

use serde_json::{Map, Value, json};

use super::alerts;
use super::bundle::{Bundle, Datasource, Folder, list, listed, needed};
use super::expand::{Env, Expand, not_set};
use super::files::File;
use super::grafana::PLUGIN;
use crate::cli::documents::PLUGIN_IDS;
use crate::error::{Error, Result};

impl Bundle {
    /// Reads the files.
    ///
    /// # Errors
    /// [`crate::error::Kind::BadSettings`] naming the file for what is no JSON or YAML, or lacks what tells
    /// it.
    pub(super) fn read(files: &[File], env: Env) -> Result<Self> {
        let mut bundle = Self::default();
        let mut trees = Vec::new();
        for file in files {
            for tree in parse(file)? {
                trees.push((file.name.as_str(), tree));
            }
        }
        // The folder first: groups of rules name it by its title.
        let provider = trees.iter().find_map(|(_, tree)| {
            let provider = tree.get("providers")?.as_array()?.first()?;
            let title = provider.get("folder")?.as_str().filter(|title| !title.is_empty())?;
            let uid = provider.get("folderUid").and_then(Value::as_str).filter(|uid| !uid.is_empty());
            let made = Folder::named(title);
            Some(Folder { uid: uid.map_or(made.uid, str::to_owned), title: title.to_owned() })
        });
        bundle.folder = provider.unwrap_or_default();
        for (name, tree) in &trees {
            bundle
                .take(tree, env)
                .map_err(|error| Error { message: format!("{name}: {}", error.message), ..error })?;
        }
        Ok(bundle)
    }

    fn take(&mut self, tree: &Value, env: Env) -> Result<()> {
        if tree.get("panels").is_some() || tree.get("schemaVersion").is_some() {
            for key in ["uid", "title"] {
                needed(tree, key, "dashboard")?;
            }
            self.dashboards.push(tree.clone());
            return Ok(());
        }
        for datasource in list(tree, "datasources") {
            let kind = datasource.get("type").and_then(Value::as_str);
            if kind.is_some_and(|kind| PLUGIN_IDS.contains(&kind)) {
                let datasource = self.datasource(datasource, env)?;
                self.datasources.push(datasource);
            } else {
                let name = datasource.get("name").and_then(Value::as_str).unwrap_or("?");
                self.notices
                    .push(format!("the datasource `{name}` is left out: it is not of type `{PLUGIN}`"));
            }
        }
        alerts::take(self, tree, env)
    }

    /// Puts Grafana's address, `root`, before the runbooks of rules that are below it: lists of rules show
    /// them as they stand.
    pub(super) fn complete_runbooks(&mut self, root: &str) {
        for rule in self.groups.iter_mut().flat_map(|group| &mut group.rules) {
            if let Some(Value::String(url)) = rule.pointer_mut("/annotations/runbook_url")
                && url.trim_start_matches('/').starts_with("public/")
            {
                *url = format!("{root}/{}", url.trim_start_matches('/'));
            }
        }
    }

    fn datasource(&mut self, written: &Value, env: Env) -> Result<Datasource> {
        let mut made = Map::new();
        for key in ["name", "uid"] {
            made.insert(key.to_owned(), needed(written, key, "datasource")?.into());
        }
        made.insert("type".to_owned(), PLUGIN.into());
        made.insert("access".to_owned(), json!("proxy"));
        let mut json_data = Map::new();
        let written_data = written.get("jsonData").and_then(Value::as_object);
        for (key, value) in written_data.into_iter().flatten() {
            let mut expand = Expand::new(env);
            let value = expand.tree(value)?;
            // What an earlier run or a person set stays then.
            if expand.missing.is_empty() {
                json_data.insert(key.clone(), value);
            }
        }
        // Grafana lists datasources by their URL, and the path is what counts.
        let path = json_data.get("path").and_then(Value::as_str).filter(|path| !path.is_empty());
        if let Some(path) = path {
            made.insert("url".to_owned(), listed(path));
        } else if let Some(url) = written.get("url").and_then(Value::as_str) {
            made.insert("url".to_owned(), Expand::new(env).text(url)?.into());
        }
        made.insert("jsonData".to_owned(), json_data.into());
        if let Some(Value::Bool(default)) = written.get("isDefault") {
            made.insert("isDefault".to_owned(), (*default).into());
        }
        let mut secrets = Map::new();
        let written_secrets = written.get("secureJsonData").and_then(Value::as_object);
        for (key, value) in written_secrets.into_iter().flatten() {
            let mut expand = Expand::new(env);
            let value = expand.tree(value)?;
            if expand.missing.is_empty() {
                secrets.insert(key.clone(), value);
            } else {
                self.notices.push(format!("the secret `{key}` is left out: {}", not_set(&expand.missing)));
            }
        }
        if !secrets.is_empty() {
            made.insert("secureJsonData".to_owned(), secrets.into());
        }
        Ok(Datasource { made, defaults: Vec::new() })
    }
}

fn parse(file: &File) -> Result<Vec<Value>> {
    let bad = |why: String| {
        Error::bad_settings(format!("{} {why}", file.name))
            .hint("Mend the file, or move it out of the folder")
    };
    if Path::new(&file.name).extension().is_some_and(|end| end == "json") {
        let tree = serde_json::from_str(&file.text).map_err(|error| bad(format!("is not JSON: {error}")))?;
        return Ok(vec![tree]);
    }
    // As Grafana reads YAML: `yes`, `on` and `n` are texts.
    let options = serde_saphyr::options! { strict_booleans: true };
    serde_saphyr::from_multiple_with_options(&file.text, options).map_err(|error| {
        // The first line of it is the sentence; the rest draws the place.
        let error = error.to_string();
        let sentence = error.lines().next().unwrap_or_default();
        bad(format!("is not YAML: {}", sentence.trim_start_matches("error: ")))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::provision::files;

    fn file(name: &str, text: &str) -> File {
        File { name: name.to_owned(), text: text.to_owned() }
    }

    #[test]
    fn what_ships_is_understood() {
        let env = |name: &str| (name == "DUCKDB_PERF_PATH").then(|| "/reports".to_owned());
        let bundle = Bundle::read(&files::built_in(), &env).unwrap();
        assert_eq!(
            bundle.folder,
            Folder { uid: "query-performance".into(), title: "Query performance".into() }
        );
        assert_eq!(bundle.datasources.len(), 1);
        let datasource = &bundle.datasources[0].made;
        assert_eq!((&datasource["uid"], &datasource["type"]), (&json!("duckdb-perf"), &json!(PLUGIN)));
        assert_eq!(datasource["jsonData"]["path"], "/reports");
        assert!(bundle.dashboards.iter().any(|dashboard| dashboard["uid"] == "query-perf-overview"));
        let unset = Bundle::read(&files::built_in(), &|_| None).unwrap();
        assert_eq!(unset.datasources[0].setting("path"), None);
        assert_eq!(unset.datasources[0].setting("slowMs"), Some(&json!(100)));
    }

    #[test]
    fn runbooks_get_grafanas_address() {
        let mut bundle = Bundle::read(&files::built_in(), &|_| None).unwrap();
        bundle.complete_runbooks("https://x/g");
        let urls = |bundle: &Bundle| {
            let rules = bundle.groups.iter().flat_map(|group| &group.rules);
            rules
                .map(|rule| rule["annotations"]["runbook_url"].as_str().unwrap().to_owned())
                .collect::<Vec<_>>()
        };
        let first = urls(&bundle);
        assert_eq!(first[0], "https://x/g/public/plugins/duckdb-perf-datasource/docs/runbooks/slow_query.md");
        assert!(
            first.len() == 4 && first.iter().all(|url| url.starts_with("https://x/g/public/")),
            "{first:?}"
        );
        bundle.complete_runbooks("https://other");
        assert_eq!(urls(&bundle), first, "one that is absolute stays");
    }

    #[test]
    fn a_datasource_that_is_there_gets_what_is_said() {
        let env = |name: &str| (name == "DUCKDB_PERF_PATH").then(|| "/reports".to_owned());
        let mut datasource = Bundle::read(&files::built_in(), &env).unwrap().datasources.remove(0);
        assert_eq!(datasource.said(), datasource.made);
        datasource.only_when_new();
        datasource.set("slowMs", json!(250));
        let said = datasource.said();
        assert_eq!(said["jsonData"], json!({"path": "/reports", "slowMs": 250}));
        assert_eq!((said.get("name"), said.get("url"), &said["uid"]), (None, None, &json!("duckdb-perf")));
    }

    #[test]
    fn secrets_other_datasources_and_folders() {
        let files = [
            file(
                "datasources/a.yaml",
                "datasources:\n  - {name: Y, uid: u, type: duckdb-perf-datasource, isDefault: true, secureJsonData: {token: $T, other: $O}}\n  - {name: P, type: prometheus}\n",
            ),
            file("dashboards/p.yaml", "providers:\n  - {name: x, folder: 'A b/C!'}\n"),
        ];
        let env = |name: &str| (name == "T").then(|| "secret".to_owned());
        let bundle = Bundle::read(&files, &env).unwrap();
        assert_eq!(bundle.datasources[0].made["secureJsonData"], json!({"token": "secret"}));
        assert_eq!(bundle.folder, Folder { uid: "a-b-c".into(), title: "A b/C!".into() });
        assert_eq!(
            bundle.notices,
            [
                "the secret `other` is left out: `O` is not set",
                "the datasource `P` is left out: it is not of type `duckdb-perf-datasource`"
            ]
        );
    }

    #[test]
    fn a_file_that_is_wrong_is_named() {
        for (name, text, message) in [
            ("dashboards/a.json", "{", "dashboards/a.json is not JSON"),
            (
                "dashboards/a.json",
                r#"{"panels": [], "title": "T"}"#,
                "dashboards/a.json: dashboard without `uid`",
            ),
            ("datasources/a.yaml", "a: [", "datasources/a.yaml is not YAML"),
            (
                "datasources/a.yaml",
                "datasources: [{name: N, type: duckdb-perf-datasource}]",
                "datasources/a.yaml: datasource without `uid`",
            ),
        ] {
            let error = Bundle::read(&[file(name, text)], &|_| None).unwrap_err();
            assert!(error.message.starts_with(message) && error.hint.is_some(), "{error:?}");
        }
    }
}
