//! Dockerfile and docker-compose.yaml name paths and variables of the build, of the provisioning files and of
//! Grafana's image: each must be what the other side has. No container runs here.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use serde_json::Value;

/// Where Grafana's image has its provisioning.
const PROVISIONING: &str = "/etc/grafana/provisioning";

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn text(name: &str) -> String {
    fs::read_to_string(root().join(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

fn yaml(name: &str) -> Value {
    serde_saphyr::from_str(&text(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

fn plugin() -> Value {
    serde_json::from_str(&text("plugin.json")).unwrap()
}

fn plugin_id() -> String {
    plugin()["id"].as_str().unwrap().to_owned()
}

/// The folder that `just build` makes, from the checkout's root.
fn built() -> String {
    let justfile = text("justfile");
    let dist = justfile.lines().find_map(|line| line.strip_prefix("dist := ")).unwrap();
    dist.trim_matches('"').to_owned()
}

/// Whether a path below the checkout is there, or is what the build or the demo makes.
fn is_made(path: &str) -> bool {
    let path = path.trim_start_matches("./");
    let demo = text("src/cli/demo.rs");
    let demo = demo.split("default_value = \"").nth(1).and_then(|rest| rest.split('"').next()).unwrap();
    path == built() || path == demo || root().join(path).exists()
}

/// The mounts of the compose file: source and target.
fn mounts() -> Vec<(String, String)> {
    let compose = yaml("docker-compose.yaml");
    let volumes = compose["services"]["grafana"]["volumes"].as_array().unwrap().clone();
    let binds = volumes.into_iter().filter(|volume| volume["type"] == "bind").map(|bind| {
        assert_eq!(bind["read_only"], true, "{bind}");
        assert_eq!(bind["bind"]["create_host_path"], false, "a missing folder is an error: {bind}");
        (bind["source"].as_str().unwrap().to_owned(), bind["target"].as_str().unwrap().to_owned())
    });
    binds.collect()
}

/// The `COPY` lines of the Dockerfile: source and target.
fn copies() -> Vec<(String, String)> {
    let dockerfile = text("Dockerfile");
    let copies = dockerfile.lines().filter_map(|line| line.strip_prefix("COPY ")).map(|line| {
        let paths: Vec<&str> = line.split_whitespace().filter(|word| !word.starts_with("--")).collect();
        assert!(line.contains("--chown=472:0"), "{line}");
        assert_eq!(paths.len(), 2, "{line}");
        (paths[0].to_owned(), paths[1].to_owned())
    });
    copies.collect()
}

/// What a path inside the image is in the checkout, by mounts or copies.
fn outside(inside: &str, places: &[(String, String)]) -> Option<PathBuf> {
    places.iter().find_map(|(source, target)| {
        let rest = Path::new(inside).strip_prefix(target).ok()?;
        Some(root().join(source.trim_start_matches("./")).join(rest))
    })
}

/// Names of variables (in capitals) in the provisioning files that Grafana reads.
fn variables() -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    let mut folders = ["datasources", "dashboards", "alerting", "contact_points"]
        .map(|name| root().join("provisioning").join(name))
        .to_vec();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).into_iter().flatten().map(Result::unwrap) {
            let path = entry.path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|end| end == "yaml" || end == "yml") {
                let text = fs::read_to_string(path).unwrap();
                let lines = text.lines().filter(|line| !line.trim_start().starts_with('#'));
                for part in lines.flat_map(|line| line.split('$').skip(1)) {
                    let name = part.trim_start_matches('{');
                    let end = name
                        .find(|c: char| !c.is_ascii_uppercase() && !c.is_ascii_digit() && c != '_')
                        .unwrap_or(name.len());
                    if end > 1 && !name.starts_with('_') {
                        names.insert(name[..end].to_owned());
                    }
                }
            }
        }
    }
    names
}

/// Names in the compose file's environment; those that are switched off by a comment too.
fn offered() -> BTreeSet<String> {
    let compose = text("docker-compose.yaml");
    let (_, rest) = compose.split_once("environment:\n").unwrap();
    let (environment, _) = rest.split_once("volumes:").unwrap();
    let names = environment.lines().filter_map(|line| {
        let (name, _) = line.trim().trim_start_matches("# ").split_once(": ")?;
        name.chars()
            .all(|c| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_')
            .then(|| name.to_owned())
    });
    names.collect()
}

#[test]
fn every_source_is_there_or_is_made_by_the_build() {
    for (source, _) in mounts().into_iter().chain(copies()) {
        // `${NAME:-default}`
        let source =
            source.split_once(":-").map_or(source.clone(), |(_, rest)| rest.trim_end_matches('}').to_owned());
        assert!(is_made(&source), "{source} is neither in the checkout nor made by the build or the demo");
    }
    let webpack = text("frontend/webpack.config.js");
    let parts: Vec<String> = built().split('/').map(|part| format!("'{part}'")).collect();
    assert!(webpack.contains(&format!("path.join(root, {})", parts.join(", "))), "webpack builds elsewhere");
}

/// What Grafana needs in the plugin folder, and what the documents promise to be there.
#[test]
fn the_built_folder_is_what_grafana_loads() {
    let dist = root().join(built());
    if !dist.is_dir() {
        assert!(std::env::var_os("CI").is_none(), "{} is not built", dist.display());
        println!("skipped: {} is not built (just build)", dist.display());
        return;
    }
    let arch = if cfg!(target_arch = "aarch64") { "arm64" } else { "amd64" };
    let executable = format!("{}_linux_{arch}", plugin()["executable"].as_str().unwrap());
    for name in [
        "plugin.json",
        "module.js",
        "img/logo.svg",
        "README.md",
        "LICENSE",
        "CHANGELOG.md",
        "docs/runbooks/slow_query.md",
    ] {
        assert!(dist.join(name).is_file(), "{name}");
    }
    let readme = fs::read_to_string(dist.join("README.md")).unwrap();
    let links = readme.split("](/public/plugins/duckdb-perf-datasource/").skip(1);
    for link in links.map(|rest| rest.split([')', '#']).next().unwrap()) {
        assert!(dist.join(link).exists(), "README.md links to {link}");
    }
    assert!(
        readme.contains("](/public/plugins/") && !readme.contains("](docs/"),
        "Grafana's page lies elsewhere"
    );
    let mode = fs::metadata(dist.join(&executable)).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o755, "{executable} is for every user");
    let version = std::process::Command::new(dist.join(&executable)).arg("--version").output().unwrap();
    assert!(String::from_utf8_lossy(&version.stdout).contains(env!("CARGO_PKG_VERSION")), "{version:?}");
    let manifest: Value = serde_json::from_slice(&fs::read(dist.join("plugin.json")).unwrap()).unwrap();
    assert_eq!(manifest, plugin(), "built from other sources");
}

#[test]
fn the_build_context_holds_what_is_copied_and_nothing_else() {
    let ignore = text(".dockerignore");
    let lines: Vec<&str> = ignore.lines().filter(|line| !line.starts_with('#') && !line.is_empty()).collect();
    let copied: Vec<String> = copies().into_iter().map(|(source, _)| format!("!{source}")).collect();
    assert_eq!(lines[0], "*");
    assert_eq!(lines[1..], copied.iter().map(String::as_str).collect::<Vec<_>>());
}

#[test]
fn plugin_and_provisioning_are_where_grafana_looks() {
    let folder = format!("/var/lib/grafana/plugins/{}", plugin_id());
    for places in [mounts(), copies()] {
        assert!(
            places.iter().any(|(source, target)| source.ends_with(&built()) && *target == folder),
            "{places:?}"
        );
        let provider = yaml("provisioning/dashboards/duckdb_perf.yaml");
        let path = provider["providers"][0]["options"]["path"].as_str().unwrap();
        assert!(path.starts_with(PROVISIONING), "{path}");
        let dashboards = outside(path, &places).unwrap();
        assert!(dashboards.join("query_perf_overview.json").is_file(), "{}", dashboards.display());
        for name in ["datasources", "dashboards", "alerting"] {
            assert!(outside(&format!("{PROVISIONING}/{name}"), &places).unwrap().is_dir(), "{name}");
        }
    }
}

/// Grafana reports every folder of its own provisioning that is missing as an error.
#[test]
fn nothing_is_mounted_over_grafanas_own_folders() {
    assert!(mounts().iter().all(|(_, target)| target != PROVISIONING), "`plugins` would be hidden");
}

#[test]
fn the_images_are_one_version_that_the_plugin_runs_on() {
    let compose = yaml("docker-compose.yaml");
    let image = compose["services"]["grafana"]["image"].as_str().unwrap().to_owned();
    let dockerfile = text("Dockerfile");
    let version = dockerfile.lines().find_map(|line| line.strip_prefix("ARG GRAFANA_VERSION=")).unwrap();
    assert_eq!(image, format!("grafana/grafana:{version}"));
    assert!(dockerfile.contains("FROM grafana/grafana:${GRAFANA_VERSION}\n"));
    let numbers =
        |text: &str| text.split(['.', '-']).map_while(|part| part.parse().ok()).collect::<Vec<u32>>();
    let least = plugin()["dependencies"]["grafanaDependency"].as_str().unwrap().to_owned();
    assert!(numbers(version) >= numbers(least.trim_start_matches(">=")), "{version} {least}");
}

#[test]
fn variables_are_the_ones_that_provisioning_reads() {
    let read = variables();
    assert!(read.contains("DUCKDB_PERF_PATH"), "{read:?}");
    let offered = offered();
    for name in &read {
        assert!(offered.contains(name), "docker-compose.yaml does not offer {name}");
    }
    let compose = yaml("docker-compose.yaml");
    let environment = &compose["services"]["grafana"]["environment"];
    let reports = environment["DUCKDB_PERF_PATH"].as_str().unwrap();
    assert!(mounts().iter().any(|(_, target)| target == reports), "no reports at {reports}");
    let datasource = yaml("provisioning/datasources/duckdb_perf.yaml");
    let url = datasource["datasources"][0]["url"].as_str().unwrap().to_owned();
    assert_eq!(url, format!("file://{reports}"), "without the variable the same folder is meant");
    assert_eq!(environment["GF_PLUGINS_ALLOW_LOADING_UNSIGNED_PLUGINS"], plugin_id().as_str());
    let dockerfile = text("Dockerfile");
    assert!(dockerfile.contains(&format!("GF_PLUGINS_ALLOW_LOADING_UNSIGNED_PLUGINS={}", plugin_id())));
    assert!(dockerfile.contains(&format!("DUCKDB_PERF_PATH={reports}\n")));
}
