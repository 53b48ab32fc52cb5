//! Keeps the walls of ARCHITECTURE.md: who may name which crate, and how long a file may be.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

const ROOT: &str = env!("CARGO_MANIFEST_DIR");

/// A crate's paths and the only folders or files under `src` that may use them. What the crates under
/// `crates/` may use, their `Cargo.toml` says.
const WALLS: &[(&[&str], &[&str])] = &[
    (&["duckdb::", "libduckdb_sys::", "duckdb_timestamptz::"], &["engine/"]),
    (&["tonic::", "tonic_health::", "prost::"], &["plugin/"]),
    (&["grafana_plugin_sdk::"], &["plugin/", "logging/hclog.rs"]),
    (&["axum::", "tower_http::", "utoipa::", "utoipa_axum::", "subtle::"], &["http/"]),
    (&["clap::"], &["cli/"]),
    (&["ureq::"], &["cli/provision/http.rs"]),
    (&["landlock::", "seccompiler::", "libc::"], &["worker/jail/", "os/"]),
    (&["prometheus_client::"], &["metrics"]),
    (&["moka::"], &["cache.rs"]),
];
/// What the pure modules never touch.
const IMPURE: &[&str] = &[
    "std::fs",
    "std::net",
    "std::process",
    "tokio::",
    "Timestamp::now",
    "SystemTime",
    "Instant::now",
    "std::env",
];
const PURE: &[&str] = &["src/query/", "src/frame/", "src/reports/", "crates/grafana-"];
/// A file is about one thing, which is 80 to 400 lines as a rule; one that needs more is better than two
/// halves of a thing. One that is longer than this is about two.
const LONGEST_FILE: usize = 600;
/// Lines of the page, scripts and styles, tests left out: it is a preview and no second Grafana.
const LONGEST_PAGE: usize = 1_000;
/// As wide as rustfmt makes code; it leaves comments alone.
const WIDEST_COMMENT: usize = 110;

fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap().map(Result::unwrap) {
        let path = entry.path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

/// Every source below `folder` with its path from there and the lines that are code, tests left out.
fn code(folder: &str) -> Vec<(String, Vec<String>)> {
    let root = Path::new(ROOT).join(folder);
    let mut paths = Vec::new();
    sources(&root, &mut paths);
    assert!(paths.len() > 5, "no sources in {folder}");
    paths
        .into_iter()
        .filter(|path| {
            !path.ends_with("tests.rs") && !path.components().any(|part| part.as_os_str() == "tests")
        })
        .map(|path| {
            let name = path.strip_prefix(&root).unwrap().to_string_lossy().into_owned();
            let text = fs::read_to_string(&path).unwrap();
            // One item may be for tests alone; what stands below them is for nothing else.
            let tests = text.split_once("#[cfg(test)]\nmod tests").or(text.split_once("mod tests {"));
            let lines = tests.map_or(&*text, |(code, _)| code).lines();
            let lines =
                lines.filter(|line| !line.trim_start().starts_with("//")).map(str::to_owned).collect();
            (name, lines)
        })
        .collect()
}

/// Whether a file is in one of these folders, or the module that a folder belongs to, or named itself.
fn is_in(file: &str, homes: &[&str]) -> bool {
    homes.iter().any(|home| {
        file.starts_with(home)
            || home.strip_suffix('/').is_some_and(|home| file.strip_suffix(".rs") == Some(home))
    })
}

#[test]
fn crates_stay_behind_their_walls() {
    let mut breaches = Vec::new();
    for (file, lines) in code("src") {
        for (crates, homes) in WALLS {
            for line in lines.iter().filter(|_| !is_in(&file, homes)) {
                // `crate::duckdb` or `my_duckdb::` are other names.
                let named = crates.iter().any(|name| {
                    line.match_indices(name).any(|(at, _)| {
                        !line[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_' || c == ':')
                    })
                });
                if named {
                    breaches.push(format!("{file}: {}", line.trim()));
                }
            }
        }
    }
    assert!(breaches.is_empty(), "named outside their folder:\n{}", breaches.join("\n"));
}

/// Which rooms of `src` a room may use, beside itself and what stands below all others: `error`, `limits`,
/// `rundir`, `logging`, `os`, `metrics`. Rooms depend downwards only.
const ROOMS: &[(&str, &[&str])] = &[
    (
        "cli",
        &["plugin", "http", "app", "broker", "contract", "engine", "frame", "query", "source", "reports"],
    ),
    ("plugin", &["app", "contract", "query"]),
    ("http", &["app", "frame", "query", "reports"]),
    ("app", &["cache", "local", "contract", "protocol", "source", "frame", "query"]),
    ("cache", &["contract", "frame"]),
    ("local", &["broker", "engine", "protocol", "source", "contract", "query", "reports"]),
    ("broker", &["engine", "protocol", "source", "contract", "frame", "query"]),
    ("worker", &["engine", "protocol", "source", "contract"]),
    ("engine", &["protocol", "source", "contract", "frame", "query", "reports"]),
    ("protocol", &["source", "contract", "frame"]),
    ("source", &["contract", "reports"]),
    ("contract", &["frame", "query"]),
    ("frame", &["query", "reports"]),
    ("query", &[]),
    ("reports", &[]),
    ("metrics", &[]),
    ("os", &[]),
    ("logging", &[]),
    ("rundir", &[]),
    ("limits", &[]),
    ("error", &[]),
];
/// Those below all others, the lowest last; each may use what comes after it.
const GROUND: &[&str] = &["metrics", "os", "logging", "rundir", "limits", "error"];

/// The room a file is in, or that a path behind `crate::` leads to.
fn room(path: &str) -> &str {
    path.split(|c: char| !c.is_alphanumeric() && c != '_').next().unwrap_or_default()
}

#[test]
fn rooms_depend_downwards_only() {
    let level = |name: &str| ROOMS.iter().position(|(room, _)| *room == name);
    for (at, (name, uses)) in ROOMS.iter().enumerate() {
        assert!(uses.iter().all(|below| level(below).is_some_and(|level| level > at)), "{name} looks up");
    }
    let mut breaches = Vec::new();
    for (file, lines) in code("src")
        .into_iter()
        .filter(|(file, _)| !["lib.rs", "main.rs", "random_tests.rs"].contains(&&**file))
    {
        let own = room(&file);
        let Some((_, uses)) = ROOMS.iter().find(|(name, _)| *name == own) else {
            breaches.push(format!("{file}: a room that the table lacks"));
            continue;
        };
        let text = lines.join(" ");
        for (at, start) in text.match_indices("crate::") {
            let rest = &text[at + start.len()..];
            // `use crate::{error::Error, frame};`
            let group = rest.strip_prefix('{').and_then(|group| group.split_once("};"));
            let named = group.map_or_else(
                || vec![room(rest)],
                |(group, _)| group.split(',').map(|one| room(one.trim())).collect(),
            );
            for used in named {
                let is_ground = GROUND.iter().position(|name| *name == used).is_some_and(|used| {
                    GROUND.iter().position(|name| *name == own).is_none_or(|own| own < used)
                });
                if used != own && !is_ground && !uses.contains(&used) {
                    breaches.push(format!("{file} uses {used}"));
                }
            }
        }
    }
    breaches.sort();
    breaches.dedup();
    assert!(breaches.is_empty(), "{}", breaches.join("\n"));
}

/// The paths that `text` writes behind a keyword such as `crate` or `super`, from `::` on; a group of a `use`
/// is as many.
fn paths(text: &str, prefix: &[&str], found: &mut Vec<Vec<String>>) -> usize {
    let bytes = text.as_bytes();
    let mut path: Vec<String> = prefix.iter().map(|part| (*part).to_owned()).collect();
    let mut at = 0;
    loop {
        let word = text[at..].find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(text.len() - at);
        if word > 0 {
            path.push(text[at..at + word].to_owned());
            at += word;
        } else if bytes.get(at) == Some(&b'{') {
            at += 1;
            let parts: Vec<&str> = path.iter().map(String::as_str).collect();
            while bytes.get(at).is_some_and(|byte| *byte != b'}') {
                if bytes[at].is_ascii_alphabetic() || bytes[at] == b'{' {
                    at += paths(&text[at..], &parts, found);
                } else {
                    at += 1;
                }
            }
            return at + 1;
        }
        if !text[at..].starts_with("::") {
            found.push(path);
            return at;
        }
        at += 2;
    }
}

/// The files of one room that use each other; a file and its tests are one.
#[test]
fn no_two_files_of_a_room_use_each_other() {
    let name = |file: &str| file.trim_end_matches(".rs").trim_end_matches("/mod").replace('/', "::");
    let files: Vec<(String, String)> =
        code("src").into_iter().map(|(file, lines)| (name(&file), lines.join("\n"))).collect();
    let is_module = |path: &[String]| files.iter().any(|(module, _)| *module == path.join("::"));
    let mut edges = BTreeSet::new();
    for (module, text) in files.iter().filter(|(module, _)| !module.ends_with("_tests")) {
        let own: Vec<&str> = module.split("::").collect();
        let mut found = Vec::new();
        for (keyword, ancestors) in
            [("crate::", own.len()), ("super::super::", 2), ("super::", 1), ("self::", 0)]
        {
            for (at, _) in text.match_indices(keyword) {
                let is_whole = !text[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_' || c == ':');
                if is_whole && ancestors <= own.len() && !text[at..].starts_with("super::super::super") {
                    let from = &own[..own.len() - ancestors];
                    if keyword != "super::" || !text[at..].starts_with("super::super::") {
                        paths(&text[at + keyword.len()..], from, &mut found);
                    }
                }
            }
        }
        for mut path in found {
            while !path.is_empty() && !is_module(&path) {
                path.pop();
            }
            let used = path.join("::");
            if used != *module && room(&used) == room(module) {
                edges.insert((module.clone(), used));
            }
        }
    }
    assert!(edges.len() > 200, "{} uses are found", edges.len());
    let both: Vec<_> = edges
        .iter()
        .filter(|(one, other)| one < other && edges.contains(&(other.clone(), one.clone())))
        .collect();
    assert!(both.is_empty(), "{both:#?}");
}

#[test]
fn pure_modules_do_no_io_and_have_no_clock() {
    let mut breaches = Vec::new();
    let all = ["src", "crates"].into_iter().flat_map(|folder| {
        code(folder).into_iter().map(move |(file, lines)| (format!("{folder}/{file}"), lines))
    });
    for (file, lines) in all.filter(|(file, _)| is_in(file, PURE)) {
        for line in lines.iter().filter(|line| IMPURE.iter().any(|name| line.contains(name))) {
            breaches.push(format!("{file}: {}", line.trim()));
        }
    }
    assert!(breaches.is_empty(), "not pure:\n{}", breaches.join("\n"));
}

#[test]
fn unsafe_stays_in_the_engine_and_beside_the_operating_system() {
    let breaches: Vec<_> = code("src")
        .into_iter()
        .filter(|(file, lines)| {
            !is_in(file, &["engine/", "worker/jail/", "os/"])
                && lines.iter().any(|line| line.contains("unsafe "))
        })
        .map(|(file, _)| file)
        .collect();
    assert!(breaches.is_empty(), "{breaches:?}");
}

/// What DuckDB's build script is made of, with the features of each part, when `package` is built alone.
/// Another set builds the C++ again, for half an hour.
fn parts_of_the_build_script(package: &str) -> BTreeSet<String> {
    let tree = Command::new(env!("CARGO"))
        .args([
            "tree",
            "--offline",
            "--locked",
            "--package",
            package,
            "--edges",
            "normal,build",
            "--no-dedupe",
        ])
        .args(["--prefix", "depth", "--format", " {p} [{f}]"])
        .current_dir(ROOT)
        .output()
        .unwrap();
    assert!(tree.status.success(), "{}", String::from_utf8_lossy(&tree.stderr));
    let text = String::from_utf8(tree.stdout).unwrap();
    let lines = text.lines().filter_map(|line| line.split_once(' '));
    let mut below = None;
    let mut parts = BTreeSet::new();
    for (depth, part) in lines.filter_map(|(depth, part)| Some((depth.parse::<usize>().ok()?, part))) {
        below = below.filter(|root| depth > *root);
        if below.is_some() || part.starts_with("libduckdb-sys ") {
            below = below.or(Some(depth));
            parts.insert(part.to_owned());
        }
    }
    parts
}

#[test]
fn a_crate_alone_builds_no_other_duckdb() {
    let parts = parts_of_the_build_script("duckdb-perf");
    assert!(parts.len() > 10, "{parts:?}");
    assert_eq!(parts_of_the_build_script("duckdb-timestamptz"), parts);
    for package in ["grafana-time", "grafana-sql-macros", "grafana-frames"] {
        assert!(parts_of_the_build_script(package).is_empty(), "{package} links DuckDB");
    }
}

/// Every file of Rust with its text.
fn all_sources() -> Vec<(PathBuf, String)> {
    let mut paths = Vec::new();
    for folder in ["src", "crates", "tests/it", "benches"] {
        sources(&Path::new(ROOT).join(folder), &mut paths);
    }
    paths.into_iter().map(|path| (path.clone(), fs::read_to_string(path).unwrap())).collect()
}

#[test]
fn files_stay_short_and_say_what_they_are() {
    let mut breaches = Vec::new();
    for (path, text) in all_sources() {
        let lines = text.lines().count();
        if lines > LONGEST_FILE {
            breaches.push(format!("{}: {lines} lines", path.display()));
        }
        if !text.starts_with("//!") && !text.starts_with("#![doc = include_str!") {
            breaches.push(format!("{}: no header", path.display()));
        }
    }
    assert!(breaches.is_empty(), "{}", breaches.join("\n"));
}

#[test]
fn comments_are_as_narrow_as_code() {
    let mut breaches = Vec::new();
    for (path, text) in all_sources() {
        let mut is_drawn = false;
        for (number, line) in (1..).zip(text.lines()) {
            let words = line.trim_start().trim_start_matches(['/', '!']).trim_start();
            is_drawn ^= line.trim_start().starts_with("//") && words.starts_with("```");
            // Tables and what stands in blocks are as wide as they are.
            let is_wide = line.chars().count() > WIDEST_COMMENT && !is_drawn && !words.starts_with('|');
            if is_wide && line.trim_start().starts_with("//") {
                breaches.push(format!("{}:{number}", path.display()));
            }
        }
    }
    assert!(breaches.is_empty(), "comments wider than {WIDEST_COMMENT} columns:\n{}", breaches.join("\n"));
}

/// A test that has another name now would run beside others again.
#[test]
fn tests_that_run_alone_exist() {
    let read = |path: &str| fs::read_to_string(Path::new(ROOT).join(path)).unwrap();
    let config = read(".config/nextest.toml");
    let names: Vec<&str> =
        config.split("test(=").skip(1).map(|rest| rest.split(')').next().unwrap()).collect();
    assert!(names.len() > 5, "{names:?}");
    for name in names {
        let (module, function) = name.rsplit_once("::").unwrap();
        let text = read(&format!("tests/it/{}.rs", module.replace("::", "/")));
        assert!(text.contains(&format!("fn {function}()")), "{name}");
    }
}

#[test]
fn the_page_stays_a_preview() {
    let mut lines = 0;
    for entry in fs::read_dir(Path::new(ROOT).join("frontend/preview/src")).unwrap().map(Result::unwrap) {
        if !entry.file_name().to_string_lossy().contains(".test.") {
            lines += fs::read_to_string(entry.path()).unwrap().lines().count();
        }
    }
    assert!((300..LONGEST_PAGE).contains(&lines), "the page has {lines} lines");
}

#[test]
fn versions_agree() {
    let plugin: serde_json::Value =
        serde_json::from_str(&fs::read_to_string(Path::new(ROOT).join("plugin.json")).unwrap()).unwrap();
    let package: serde_json::Value =
        serde_json::from_str(&fs::read_to_string(Path::new(ROOT).join("frontend/package.json")).unwrap())
            .unwrap();
    let version = env!("CARGO_PKG_VERSION");
    assert_eq!(plugin["info"]["version"], version);
    assert_eq!(package["version"], version);
    assert!(
        fs::read_to_string(Path::new(ROOT).join("CHANGELOG.md")).unwrap().contains(&format!("## {version}"))
    );
}
