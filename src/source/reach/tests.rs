//! Links of every kind in and beside a folder. Each case runs twice, with and without the target outside, and
//! must find the same.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use super::*;
use crate::source::{LocalSettings, Policy, resolve};

/// A folder of a datasource, and one outside.
struct Place {
    _root: tempfile::TempDir,
    folder: PathBuf,
    outside: PathBuf,
}

impl Place {
    fn new() -> Self {
        let root = tempfile::tempdir().unwrap();
        let path = root.path().canonicalize().unwrap();
        let (folder, outside) = (path.join("data/reports"), path.join("outside"));
        fs::create_dir_all(folder.join("sub")).unwrap();
        fs::create_dir_all(outside.join("deep")).unwrap();
        for file in ["a.csv", "sub/b.csv"] {
            fs::write(folder.join(file), "1").unwrap();
        }
        fs::write(outside.join("deep/there.csv"), "1").unwrap();
        Self { _root: root, folder, outside }
    }

    fn link(&self, name: &str, target: impl AsRef<Path>) {
        symlink(target, self.folder.join(name)).unwrap();
    }

    fn reach(&self) -> Reach {
        let json = serde_json::json!({ "path": self.folder }).to_string();
        Reach::of(&resolve(&LocalSettings::parse(json.as_bytes(), "").unwrap(), &Policy::default()).unwrap())
    }

    /// Returns what `path` finds, with `{folder}` and `{outside}` filled in.
    fn find(&self, path: &str) -> Findings {
        let path = path
            .replace("{folder}", self.folder.to_str().unwrap())
            .replace("{outside}", self.outside.to_str().unwrap());
        self.reach().find(&path).unwrap()
    }

    /// Returns the files by their paths as DuckDB names them.
    fn files(&self, path: &str) -> Vec<String> {
        let findings = self.find(path);
        assert_eq!(findings.astray, [], "{path}");
        let mut files: Vec<String> =
            findings.files.iter().map(|file| file.path.to_string_lossy().into_owned()).collect();
        files.sort_unstable();
        files
    }
}

#[test]
fn what_a_link_outward_leads_to_is_not_looked_at() {
    let place = Place::new();
    place.link("root", "/");
    place.link("out", &place.outside);
    place.link("up", "../..");
    place.link("there.csv", place.outside.join("deep/there.csv"));
    place.link("gone.csv", place.outside.join("deep/gone.csv"));
    place.link("sub/chain", "../out");
    let root_of_outside = place.outside.strip_prefix("/").unwrap().to_str().unwrap();
    for (path, link) in [
        ("root/{rest}/deep/{}.csv", "root"),
        ("roo*/{rest}/deep/{}.csv", "root"),
        ("{folder}/r??t/{rest}/deep/{}.csv", "root"),
        ("[or]oot/{rest}/*/{}.csv", "root"),
        ("out/deep/{}.csv", "out"),
        ("o*/deep/{}.csv", "out"),
        ("o*/d*p/{}*", "out"),
        ("ou[t]/**/{}.csv", "out"),
        ("**/out/deep/{}.csv", "out"),
        ("{folder}/./out//deep/{}.csv", "out"),
        ("file:{folder}/out/deep/{}.csv", "out"),
        ("file://localhost{folder}/o*/deep/{}.csv", "out"),
        ("up/outside/deep/{}.csv", "up"),
        ("u*/outside/deep/{}.csv", "up"),
        ("sub/c*/deep/{}.csv", "sub/chain"),
        ("sub/*/deep/{}.csv", "sub/chain"),
        ("*/chain/deep/{}.csv", "sub/chain"),
        ("{}.csv", "{}.csv"),
        ("{}*", "{}.csv"),
        ("{}.csv?.csv", ""),
        ("**/{}.csv", "{}.csv"),
    ] {
        let found = ["there", "gone"].map(|name| {
            let path = path.replace("{rest}", root_of_outside).replace("{}", name);
            let Findings { files, astray, is_folder, .. } = place.find(&path);
            let text: Vec<String> = astray.iter().map(|astray| format!("{astray:?}")).collect();
            // A pattern may match both `there` and `gone`.
            let text = text
                .join("")
                .replace("there", "{}")
                .replace("gone", "{}")
                .replace(place.folder.to_str().unwrap(), "{folder}");
            (files, text, is_folder)
        });
        assert_eq!(found[0], found[1], "{path}");
        let Some(expected) = Some(link).filter(|link| !link.is_empty()) else { continue };
        assert!(found[0].1.contains(&format!("{expected}\")")), "{path}: {found:?}");
        assert!(found[0].1.contains("LeadsOut("), "{path}: {found:?}");
    }
}

#[test]
fn what_is_outside_by_its_name_is_not_looked_at() {
    let place = Place::new();
    for path in [
        "{outside}/deep/there.csv",
        "{outside}/deep/*",
        "{outside}/*/there.csv",
        "../../outside/deep/there.csv",
        "../../outside/*/there.csv",
        "../../*/deep/there.csv",
        "../*/*.csv",
        "/*/*",
        "/**/there.csv",
        "/etc/passwd",
        "/proc/self/cwd/a.csv",
        "/proc/self/root{folder}/*.csv",
        "{folder}/../../outside/deep/there.csv",
        "{folder}/../*/a.csv",
        "{outside}/../data/reports/a.csv",
        "/nowhere/../{folder}/a.csv",
    ] {
        let findings = place.find(path);
        assert!(findings.files.is_empty(), "{path}: {findings:?}");
        assert!(matches!(findings.astray.as_slice(), [Astray::Outside(..)]), "{path}: {findings:?}");
    }
    for path in ["~", "~/x", "~root/x", "a\\b", "{folder}/a\\..\\*", "*\\*"] {
        assert!(matches!(place.find(path).astray.as_slice(), [Astray::Misread(_)]), "{path}");
    }
}

#[test]
fn links_that_stay_inside_are_followed() {
    let place = Place::new();
    place.link("c.csv", "sub/b.csv");
    place.link("also", "sub");
    place.link("sub/round", "../../../data/reports/sub");
    place.link("whole.csv", place.folder.join("a.csv"));
    let folder = place.folder.to_str().unwrap();
    assert_eq!(place.files("*.csv"), ["a.csv", "c.csv", "whole.csv"]);
    assert_eq!(place.files("*/b.csv"), ["also/b.csv", "sub/b.csv"]);
    assert_eq!(place.files("sub/round/round/*.csv"), ["sub/round/round/b.csv"]);
    // DuckDB's `**` follows no links.
    assert_eq!(place.files("**/*.csv"), ["a.csv", "c.csv", "sub/b.csv", "whole.csv"]);
    assert_eq!(place.files(&format!("{folder}/also/b.csv")), [format!("{folder}/also/b.csv")]);
    assert_eq!(place.files("none*"), Vec::<String>::new());
    assert_eq!(place.find("none.csv").files, [Found { path: "none.csv".into(), look: None }]);
    assert!(place.find("sub").is_folder && place.find("also/").is_folder);
}

#[test]
fn links_that_lead_nowhere_are_said_only_where_a_file_would_be() {
    let place = Place::new();
    place.link("lost.csv", "sub/none.csv");
    place.link("round.csv", "round.csv");
    let findings = place.find("*.csv");
    let names: Vec<_> = findings.files.iter().map(|file| file.path.to_str().unwrap()).collect();
    assert_eq!(names, ["a.csv"]);
    let mut astray = findings.astray;
    astray.sort_unstable();
    let nowhere = Astray::LeadsNowhere("lost.csv".into(), place.folder.join("sub/none.csv"));
    assert_eq!(astray, [nowhere, Astray::Circle("round.csv".into())]);
    assert!(!astray.iter().any(Astray::is_forbidden));
    assert_eq!(place.find("*/x.csv").astray, []);
    let lost = place.find("lost.csv");
    assert_eq!(lost.files, [Found { path: "lost.csv".into(), look: None }]);
    assert_eq!(lost.astray, [Astray::LeadsNowhere("lost.csv".into(), place.folder.join("sub/none.csv"))]);
    assert_eq!(place.find("round.csv").astray, [Astray::Circle("round.csv".into())]);
}

/// DuckDB joins a folder and a name as texts, and splits them at backslashes.
#[test]
fn names_that_duckdb_takes_for_others_are_not_matched() {
    let place = Place::new();
    for name in ["..\\..\\outside", "x\\y.csv", "~lock.csv"] {
        fs::write(place.folder.join(name), "1").unwrap();
    }
    fs::create_dir(place.folder.join("..\\..")).unwrap();
    for path in ["*/deep/there.csv", "**/there.csv", "x*.csv", "~*", "*.csv", "..*/outside/deep/*"] {
        let findings = place.find(path);
        assert!(
            findings.astray.iter().any(|astray| matches!(astray, Astray::Misread(_))),
            "{path}: {findings:?}"
        );
    }
    // In an absolute path, `~` is not a home folder.
    let folder = place.folder.to_str().unwrap();
    assert_eq!(place.files(&format!("{folder}/~*")), [format!("{folder}/~lock.csv")]);
    assert_eq!(place.files("a*"), ["a.csv"]);
}

#[test]
fn what_is_no_file_is_not_opened() {
    let place = Place::new();
    let pipe = place.folder.join("pipe.csv");
    assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    assert_eq!(place.find("pipe.csv").astray, [Astray::NoFile("pipe.csv".into())]);
    assert_eq!(place.files("*.csv"), ["a.csv"], "as DuckDB does");
}

/// The settings name the folder through a link; queries may do so, too.
#[test]
fn the_way_that_the_settings_take_is_known() {
    let place = Place::new();
    let alias = place.outside.parent().unwrap().join("alias");
    symlink("data", &alias).unwrap();
    let json = serde_json::json!({ "path": alias.join("reports") }).to_string();
    let settings = LocalSettings::parse(json.as_bytes(), "").unwrap();
    let reach = Reach::of(&resolve(&settings, &Policy::default()).unwrap());
    let alias = alias.to_str().unwrap();
    for path in ["reports/a.csv", "reports/*.csv", "reports/su*/../a.csv"] {
        let path = format!("{alias}/{path}");
        let found = reach.find(&path).unwrap();
        assert_eq!((found.files.len(), found.astray.len()), (1, 0), "{path}: {found:?}");
    }
    assert_eq!(reach.find(&format!("{alias}/other/a.csv")).unwrap().files, []);
    // If the settings name the folder itself, no link to it is known.
    assert!(matches!(place.find(&format!("{alias}/reports/a.csv")).astray.as_slice(), [Astray::Outside(..)]));
}

/// The folder's own name looks like a pattern.
#[test]
fn a_folder_with_an_odd_name_is_found() {
    let root = tempfile::tempdir().unwrap();
    let folder = root.path().canonicalize().unwrap().join("a[b]*?");
    fs::create_dir(&folder).unwrap();
    fs::write(folder.join("a.csv"), "1").unwrap();
    let json = serde_json::json!({ "path": folder, "reports": "*.csv" }).to_string();
    let datasource =
        resolve(&LocalSettings::parse(json.as_bytes(), "").unwrap(), &Policy::default()).unwrap();
    let found = Reach::of(&datasource).find(&datasource.report_globs()[0]).unwrap();
    assert_eq!(found.files.len(), 1, "{found:?}");
    assert_eq!(found.files[0].path, folder.join("a.csv"));
}

#[test]
fn a_log_beside_a_database_that_is_read_by_its_path() {
    let place = Place::new();
    let database = Path::new("x.duckdb");
    fs::write(place.folder.join(database), "1").unwrap();
    assert_eq!(place.reach().logs_astray(database), None);
    let link = place.folder.join("x.duckdb.wal.checkpoint");
    for target in ["deep/there.csv", "deep/gone.csv"] {
        symlink(place.outside.join(target), &link).unwrap();
        assert_eq!(place.reach().logs_astray(database), Some(Astray::LeadsOut(link.clone())));
        fs::remove_file(&link).unwrap();
    }
}
