//! Folder, datasource and dashboards: looks at what Grafana has, decides, and does it unless the run is dry.

use std::time::Duration;

use serde_json::{Value, json};

use super::bundle::{Bundle, Datasource, Folder};
use super::decide::{self, Rid, Want, of};
use super::grafana::Grafana;
use super::http::Verb;
use super::report::{End, Report};
use super::target::segment;
use crate::error::Result;

/// For how long Grafana may go on with what a datasource's settings were: five seconds (`DefaultCacheTTL` of
/// its `pkg/services/datasources/service/cache.go`).
const OLD_SETTINGS: Duration = Duration::from_millis(5_500);

/// The uid of the dashboard for people without an account.
const SHARED: &str = "query-perf-public";

/// One run against one Grafana.
pub(super) struct Run<'a> {
    /// Whom to ask.
    pub(super) grafana: &'a Grafana,
    /// Whether nothing is to be changed.
    pub(super) dry: bool,
    /// What became of what.
    pub(super) report: Report,
}

/// Where an object is made and changed.
pub(super) struct Place {
    /// How it is made.
    pub(super) create: (Verb, String),
    /// How it is changed.
    pub(super) update: (Verb, String),
    /// Whether people may go on changing it (alerting only).
    pub(super) editable: bool,
    /// The object, for messages: ``the dashboard `x` ``.
    pub(super) what: String,
}

impl Run<'_> {
    /// Does what was decided.
    pub(super) fn make(&self, want: Want, place: &Place) -> Result<End> {
        let (body, (verb, path), doing, end) = match want {
            Want::Nothing => return Ok(End::Unchanged),
            Want::Create(body) => (body, &place.create, "create", End::Created),
            Want::Update(body, changes) => (body, &place.update, "update", End::Updated(changes)),
        };
        if !self.dry {
            let doing = format!("{doing} {}", place.what);
            self.grafana.send(*verb, path, Some(&body), place.editable, &doing)?;
        }
        Ok(end)
    }

    /// Removes what was decided.
    pub(super) fn remove(&self, rid: Rid, path: &str, editable: bool, what: &str) -> Result<End> {
        match rid {
            Rid::Absent => Ok(End::Absent),
            Rid::Keep(why) => Ok(End::Kept(why)),
            Rid::Delete => {
                if !self.dry {
                    self.grafana.send(Verb::Delete, path, None, editable, &format!("remove {what}"))?;
                }
                Ok(End::Deleted)
            }
        }
    }

    /// Makes the folders of dashboards and rules; false when one of them could not be made.
    pub(super) fn folders(&mut self, folders: &[&Folder]) -> bool {
        let mut all = true;
        for folder in folders {
            let end = self.folder(folder);
            all &= end.is_ok();
            self.report.add("folder", &folder.title, end);
        }
        all
    }

    fn folder(&self, folder: &Folder) -> Result<End> {
        let what = format!("the folder `{}`", folder.title);
        let has = self.grafana.get(&folder_path(folder), &format!("read {what}"))?;
        // A folder that someone renamed stays renamed.
        let want = match has {
            Some(_) => Want::Nothing,
            None => Want::Create(json!({"uid": folder.uid, "title": folder.title})),
        };
        let create = (Verb::Post, "/api/folders".to_owned());
        self.make(want, &Place { update: create.clone(), create, editable: false, what })
    }

    /// Removes folders that hold nothing any more; `gone` are the uids of what this run removes.
    pub(super) fn remove_folders(&mut self, folders: &[&Folder], gone: &[String]) {
        for folder in folders {
            let end = self.remove_folder(folder, gone);
            self.report.add("folder", &folder.title, end);
        }
    }

    fn remove_folder(&self, folder: &Folder, gone: &[String]) -> Result<End> {
        let what = format!("the folder `{}`", folder.title);
        let doing = format!("look into {what}");
        if self.grafana.get(&folder_path(folder), &doing)?.is_none() {
            return Ok(End::Absent);
        }
        let uid = segment(&folder.uid);
        let found = self.grafana.need(&format!("/api/search?limit=5000&folderUIDs={uid}"), &doing)?;
        let rules = self.grafana.need("/api/v1/provisioning/alert-rules", &doing)?;
        let panels = self
            .grafana
            .need(&format!("/api/library-elements?perPage=500&folderFilterUIDs={uid}"), &doing)?;
        let panels = panels.pointer("/result/elements").and_then(Value::as_array);
        let rules = rules.as_array().into_iter().flatten().filter(|rule| of(rule, "folderUID") == folder.uid);
        let inside = found.as_array().into_iter().flatten().chain(rules).chain(panels.into_iter().flatten());
        let others = inside.filter(|object| !gone.iter().any(|gone| gone == of(object, "uid"))).count();
        let rid = match others {
            0 => Rid::Delete,
            1 => Rid::Keep("it holds one thing that is not from here".to_owned()),
            others => Rid::Keep(format!("it holds {others} things that are not from here")),
        };
        self.remove(rid, &folder_path(folder), false, &what)
    }

    /// Makes the datasources.
    pub(super) fn datasources(&mut self, bundle: &Bundle) {
        for wants in &bundle.datasources {
            let what = format!("the datasource `{}`", wants.name());
            let has = self.grafana.get(&datasource_path(wants.uid()), &format!("read {what}"));
            let kept = has.as_ref().ok().and_then(Option::as_ref).map(|has| decide::kept(has, wants));
            let end = has.and_then(|has| self.datasource(has.as_ref(), wants, what));
            let mut notices = kept.unwrap_or_default();
            if end.is_ok() {
                notices.extend(self.notices_of(wants, &end));
            }
            self.report.add_with("datasource", wants.name(), end, notices);
        }
    }

    fn datasource(&self, has: Option<&Value>, wants: &Datasource, what: String) -> Result<End> {
        let (name, uid, doing) = (wants.name(), wants.uid(), format!("read {what}"));
        let named = match has {
            Some(_) => None,
            None => self.grafana.get(&format!("/api/datasources/name/{}", segment(name)), &doing)?,
        };
        let place = Place {
            create: (Verb::Post, "/api/datasources".to_owned()),
            update: (Verb::Put, datasource_path(uid)),
            editable: false,
            what,
        };
        self.make(decide::datasource(has, named.as_ref(), wants)?, &place)
    }

    /// What the plugin itself says of it, and where its reports come from when nobody said it.
    fn notices_of(&self, wants: &Datasource, end: &Result<End>) -> Vec<String> {
        let mut notices = Vec::new();
        if wants.setting("path").is_none() && matches!(end, Ok(End::Created)) {
            let url = wants.made.get("url").and_then(Value::as_str).unwrap_or("nothing");
            notices.push(format!(
                "neither `--path` nor `DUCKDB_PERF_PATH` says where the reports are, so it reads {url}"
            ));
        }
        if !self.dry {
            if matches!(end, Ok(End::Updated(_))) {
                std::thread::sleep(OLD_SETTINGS);
            }
            match self.grafana.health(&segment(wants.uid())) {
                Ok((true, words)) => notices.push(format!("its health check is good: {words}")),
                Ok((false, words)) => notices.push(format!("its health check is not good: {words}")),
                Err(error) => notices.push(format!("its health could not be asked: {}", error.message)),
            }
        }
        notices
    }

    /// Removes the datasources.
    pub(super) fn remove_datasources(&mut self, bundle: &Bundle) {
        for wants in &bundle.datasources {
            let (name, path) = (wants.name(), datasource_path(wants.uid()));
            let what = format!("the datasource `{name}`");
            let end = self
                .grafana
                .get(&path, &format!("read {what}"))
                .and_then(|has| self.remove(decide::rid_of_datasource(has.as_ref()), &path, false, &what));
            self.report.add("datasource", name, end);
        }
    }

    /// Makes the dashboards.
    pub(super) fn dashboards(&mut self, bundle: &Bundle) {
        for wants in &bundle.dashboards {
            let what = format!("the dashboard `{}`", of(wants, "title"));
            let create = (Verb::Post, "/api/dashboards/db".to_owned());
            let place = Place { update: create.clone(), create, editable: false, what };
            let has = self.grafana.get(&dashboard_path(wants), &format!("read {}", place.what));
            let want = has.and_then(|has| decide::dashboard(has.as_ref(), wants, &bundle.folder));
            let by_hand = match &want {
                Ok(Want::Update(..)) => self.changed_by_hand(wants),
                _ => None,
            };
            let end = want.and_then(|want| self.make(want, &place));
            let shared = (of(wants, "uid") == SHARED && matches!(end, Ok(End::Created))).then(|| {
                "for *Share → Share externally*: the other dashboards have variables, which Grafana does not fill in there"
                    .to_owned()
            });
            let notices = by_hand.into_iter().chain(shared).collect();
            self.report.add_with("dashboard", of(wants, "title"), end, notices);
        }
    }

    /// Who has changed a dashboard since this command saved it, where somebody has.
    fn changed_by_hand(&self, wants: &Value) -> Option<String> {
        let path = format!("{}/versions?limit=1", dashboard_path(wants));
        let found = self.grafana.get(&path, "read the dashboard's versions").ok()??;
        let last = found.get("versions").unwrap_or(&found).get(0)?;
        let tense = if self.dry { "would be" } else { "was" };
        (!of(last, "message").starts_with(decide::MESSAGE)).then(|| {
            format!(
                "version {} is not from here (saved by {}) and {tense} replaced; Grafana keeps it under Settings → Versions",
                last.get("version").unwrap_or(&Value::Null),
                of(last, "createdBy")
            )
        })
    }

    /// Removes the dashboards; gives the uids of those that are gone.
    pub(super) fn remove_dashboards(&mut self, bundle: &Bundle) -> Vec<String> {
        let mut gone = Vec::new();
        for wants in &bundle.dashboards {
            let what = format!("the dashboard `{}`", of(wants, "title"));
            let path = dashboard_path(wants);
            let has = self.grafana.get(&path, &format!("read {what}"));
            let end = has.and_then(|has| {
                self.remove(decide::rid_of_dashboard(has.as_ref(), &bundle.folder), &path, false, &what)
            });
            if matches!(end, Ok(End::Deleted)) {
                gone.push(of(wants, "uid").to_owned());
            }
            self.report.add("dashboard", of(wants, "title"), end);
        }
        gone
    }
}

fn folder_path(folder: &Folder) -> String {
    format!("/api/folders/{}", segment(&folder.uid))
}

fn datasource_path(uid: &str) -> String {
    format!("/api/datasources/uid/{}", segment(uid))
}

fn dashboard_path(dashboard: &Value) -> String {
    format!("/api/dashboards/uid/{}", segment(of(dashboard, "uid")))
}
