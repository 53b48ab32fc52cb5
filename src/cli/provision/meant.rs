//! Chooses the datasource of a run, and lets dashboards and rules refer to it.

use serde_json::Value;

use super::Args;
use super::bundle::Bundle;
use super::decide::of;
use super::grafana::Grafana;
use crate::cli::documents::PLUGIN_IDS;
use crate::error::{Error, Kind, Result};

/// The datasource of a run.
#[derive(Debug, PartialEq, Eq)]
struct Meant {
    /// The uid of the datasource.
    uid: String,
    /// Its name in Grafana, if it exists there.
    name: Option<String>,
    /// A notice that explains the choice.
    notice: Option<String>,
}

/// Chooses the datasource and lets everything in `bundle` refer to it; returns the uid in the file.
pub(super) fn choose(grafana: &Grafana, bundle: &mut Bundle, args: &Args) -> Result<String> {
    let [file] = &bundle.datasources[..] else {
        return match args.uid {
            Some(_) => Err(Error::bad_settings(
                "`--uid` is for files with one datasource, and these have another number",
            )
            .hint("Leave `--uid` away, and write the uid into the files")),
            None => Ok(String::new()),
        };
    };
    let (uid, name) = (file.uid().to_owned(), file.name().to_owned());
    // For the user's own files, the uid in the file applies.
    if args.delete || args.from.is_some() && args.uid.is_none() {
        return Ok(uid);
    }
    let path = file.setting("path").and_then(Value::as_str);
    let meant = match grafana.need("/api/datasources", "list the datasources") {
        Ok(all) => {
            let all = all.as_array().map_or(&[][..], Vec::as_slice);
            datasource(all, args.uid.as_deref(), &uid, &name, path)?
        }
        // An account that may only write dashboards need not be able to list datasources.
        Err(error) if error.kind == Kind::Forbidden || error.kind == Kind::NotFound => {
            let asked = args.uid.as_deref();
            let notice = format!(
                "datasources cannot be listed, so dashboards and rules ask the one with the uid `{uid}`; `--uid` names another one"
            );
            Meant {
                uid: asked.unwrap_or(&uid).to_owned(),
                name: None,
                notice: asked.is_none().then_some(notice),
            }
        }
        Err(error) => return Err(error),
    };
    if meant.uid != uid {
        rebind(bundle, &uid, &meant);
        if let Some(file) = bundle.datasources.first_mut() {
            file.made.insert("uid".to_owned(), meant.uid.as_str().into());
            if let Some(name) = &meant.name {
                file.made.insert("name".to_owned(), name.as_str().into());
            }
        }
    }
    bundle.notices.extend(meant.notice);
    Ok(uid)
}

/// Chooses the datasource: the one with the uid `asked`, else the one with the file's `uid`, else the only
/// existing one with the file's `name` or with `path`. If there is none, a new one gets the file's `uid`.
/// `all` is Grafana's list; `path` is where the reports are, if it is known.
///
/// # Errors
/// [`crate::error::Kind::BadSettings`] when several datasources fit.
fn datasource(
    all: &[Value],
    asked: Option<&str>,
    uid: &str,
    name: &str,
    path: Option<&str>,
) -> Result<Meant> {
    let with = |uid: &str| all.iter().find(|has| of(has, "uid") == uid);
    let chosen = |uid: &str, notice: Option<String>| Meant {
        uid: uid.to_owned(),
        name: with(uid).map(|has| of(has, "name").to_owned()),
        notice,
    };
    if let Some(asked) = asked {
        return Ok(chosen(asked, None));
    }
    if with(uid).is_some() {
        return Ok(chosen(uid, None));
    }
    let ours: Vec<&Value> = all.iter().filter(|has| PLUGIN_IDS.contains(&of(has, "type"))).collect();
    let can_be = |has: &&&Value| of(has, "name") == name || path.is_none_or(|path| reads(has, path));
    match ours.iter().filter(can_be).collect::<Vec<_>>()[..] {
        [] if ours.is_empty() => Ok(chosen(uid, None)),
        [] => Ok(chosen(
            uid,
            Some(format!(
                "the datasource is a new one, because none that is there reads this path: {}; `--uid` chooses one of them",
                list(&ours)
            )),
        )),
        [one] => Ok(chosen(
            of(one, "uid"),
            Some(format!(
                "dashboards and rules ask the datasource `{}` (uid `{}`), which is there; `--uid {uid}` makes another one",
                of(one, "name"),
                of(one, "uid")
            )),
        )),
        _ => Err(Error::bad_settings(format!("several datasources can be meant: {}", list(&ours)))
            .hint(format!("Say which one with `--uid`, or make another one with `--uid {uid}`"))),
    }
}

/// Whether a datasource reads `path`.
fn reads(has: &Value, path: &str) -> bool {
    let plain = |text: &str| text.trim_start_matches("file://").trim_end_matches('/').to_owned();
    let set = has.pointer("/jsonData/path").and_then(Value::as_str).filter(|path| !path.is_empty());
    plain(set.unwrap_or_else(|| of(has, "url"))) == plain(path)
}

fn list(all: &[&Value]) -> String {
    let names = all.iter().map(|has| format!("`{}` (uid `{}`)", of(has, "name"), of(has, "uid")));
    names.collect::<Vec<_>>().join(", ")
}

/// Replaces the datasource with the uid `old` by `meant` in dashboards and rules.
fn rebind(bundle: &mut Bundle, old: &str, meant: &Meant) {
    let rules = bundle.groups.iter_mut().flat_map(|group| &mut group.rules);
    for document in bundle.dashboards.iter_mut().chain(rules) {
        rebind_in(document, old, meant);
    }
}

fn rebind_in(value: &mut Value, old: &str, meant: &Meant) {
    match value {
        Value::Array(items) => items.iter_mut().for_each(|item| rebind_in(item, old, meant)),
        Value::Object(map) => {
            let names_plugin =
                map.get("type").and_then(Value::as_str).is_some_and(|id| PLUGIN_IDS.contains(&id));
            // The initial value of a datasource variable.
            if map.get("value").and_then(Value::as_str) == Some(old)
                && let Some(name) = &meant.name
            {
                map.insert("text".to_owned(), name.as_str().into());
            }
            for (key, below) in map {
                let tells = match key.as_str() {
                    "datasourceUid" | "datasource" | "value" => true,
                    "uid" => names_plugin,
                    _ => false,
                };
                if tells && below.as_str() == Some(old) {
                    *below = meant.uid.as_str().into();
                } else {
                    rebind_in(below, old, meant);
                }
            }
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn has(uid: &str, name: &str, kind: &str, path: &str) -> Value {
        json!({"uid": uid, "name": name, "type": kind, "url": "", "jsonData": {"path": path}})
    }

    #[test]
    fn the_one_that_is_asked_for_or_the_only_one_it_can_be() {
        let clicked = has("a1", "duckdb-perf-datasource", "duckdb-perf-datasource", "/r/");
        let came = has("m", "Old", "motherduck-duckdb-datasource", "/r");
        let other = has("o", "Metrics", "duckdb-perf-datasource", "/metrics.duckdb");
        let prometheus = has("p", "P", "prometheus", "/r");
        let meant = |all: &[&Value], asked: Option<&str>, path: Option<&str>| {
            let all: Vec<Value> = all.iter().map(|&has| has.clone()).collect();
            datasource(&all, asked, "duckdb-perf", "DuckDB Perf", path)
        };
        let uid = |all: &[&Value], asked, path| meant(all, asked, path).unwrap().uid;
        assert_eq!(uid(&[&prometheus], None, Some("/r")), "duckdb-perf");
        assert_eq!(uid(&[&clicked, &prometheus], None, None), "a1");
        assert_eq!(uid(&[&clicked, &other], None, Some("/r")), "a1");
        assert_eq!(uid(&[&came, &other], None, Some("file:///r")), "m");
        assert_eq!(uid(&[&clicked, &came], Some("m"), Some("/r")), "m");
        assert_eq!(uid(&[], Some("mine"), None), "mine");
        let ours = has("duckdb-perf", "DuckDB Perf", "duckdb-perf-datasource", "/elsewhere");
        assert_eq!(uid(&[&clicked, &ours], None, Some("/r")), "duckdb-perf");
        let named = has("n", "DuckDB Perf", "duckdb-perf-datasource", "/elsewhere");
        assert_eq!(uid(&[&named], None, Some("/r")), "n", "its name is taken otherwise");
        // A datasource for other files is never changed to read these.
        let new = meant(&[&other], None, Some("/r")).unwrap();
        assert_eq!((new.uid.as_str(), &new.name), ("duckdb-perf", &None));
        assert!(new.notice.unwrap().contains("`Metrics` (uid `o`)"));
        let error = meant(&[&clicked, &came], None, Some("/r")).unwrap_err();
        assert!(error.message.contains("(uid `a1`), `Old` (uid `m`)") && error.hint.is_some(), "{error:?}");
    }

    #[test]
    fn dashboards_and_rules_ask_it_and_other_texts_stay() {
        let text = json!({
            "uid": "duckdb-perf", "title": "duckdb-perf",
            "panels": [{"datasource": {"type": "duckdb-perf-datasource", "uid": "duckdb-perf"}, "targets": [{"datasource": {"type": "prometheus", "uid": "duckdb-perf"}}]}],
            "templating": {"list": [{"type": "datasource", "current": {"text": "DuckDB Perf", "value": "duckdb-perf"}}]},
            "data": [{"datasourceUid": "duckdb-perf", "model": {"rawSql": "duckdb-perf"}}],
        });
        let meant = Meant { uid: "m".into(), name: Some("Old".into()), notice: None };
        let mut made = text.clone();
        rebind_in(&mut made, "duckdb-perf", &meant);
        let mut expected = text;
        expected["panels"][0]["datasource"]["uid"] = json!("m");
        expected["templating"]["list"][0]["current"] = json!({"text": "Old", "value": "m"});
        expected["data"][0]["datasourceUid"] = json!("m");
        assert_eq!(made, expected);
    }
}
