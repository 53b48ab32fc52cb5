//! Four things that the build needs beside the sources: a linker script that links the compiler's runtime into our
//! binaries, so that they need only libc, libm and the loader; the linker's option that lets us see where DuckDB cannot
//! list a folder, what it removes, and where it is; the list of provisioning files to build in; and the page of `duckdb-perf serve`.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

/// The folders below `provisioning/` that `duckdb-perf provision` sends to Grafana.
const PROVISIONED: [&str; 4] = [
    "provisioning/datasources",
    "provisioning/dashboards",
    "provisioning/alerting",
    "provisioning/contact_points",
];

/// The page as `npm run build:preview` makes it, one file with everything in it.
const PAGE: &str = "frontend/preview/dist/index.html";
/// Stands in for it: Rust is built and tested without Node.
const NO_PAGE: &str = r#"<!doctype html>
<html lang="en">
<meta charset="utf-8">
<title>DuckDB Perf</title>
<h1>DuckDB Perf</h1>
<p>The JSON API answers; <a href="/api/openapi.json">/api/openapi.json</a> lists its routes. The page is not part of this
build: run <code>npm ci &amp;&amp; npm run build:preview</code> in <code>frontend</code>, then build again.</p>
</html>
"#;

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    let Some(out) = std::env::var_os("OUT_DIR").map(PathBuf::from) else { return };
    link_the_runtime(&out);
    wrap_the_c_library();
    list_the_files(&out);
    take_the_page(&out);
}

/// Rust's standard library links `libgcc_s.so`. A linker script of that name in front of the real one sends the
/// linker to the static archives instead; Grafana's default image has neither `libgcc_s` nor `libstdc++`
/// (`.cargo/config.toml` does the same for the latter).
fn link_the_runtime(out: &Path) {
    let is_gnu_linux = std::env::var("CARGO_CFG_TARGET_OS").is_ok_and(|os| os == "linux")
        && std::env::var("CARGO_CFG_TARGET_ENV").is_ok_and(|env| env == "gnu");
    if !is_gnu_linux {
        return;
    }
    match std::fs::write(out.join("libgcc_s.so"), "GROUP ( libgcc_eh.a libgcc.a )\n") {
        Ok(()) => println!("cargo::rustc-link-search=native={}", out.display()),
        Err(error) => println!("cargo::warning=libgcc_s stays a shared library: {error}"),
    }
}

/// Leads DuckDB's calls of the first two to `src/engine/unlisted.rs`, those of the third to `src/worker/jail/removal.rs`, and those of
/// the last to `src/engine/backtrace.rs`.
fn wrap_the_c_library() {
    if std::env::var("CARGO_CFG_TARGET_OS").is_ok_and(|os| os == "linux") {
        println!("cargo::rustc-link-arg=-Wl,--wrap=opendir,--wrap=readdir,--wrap=remove,--wrap=backtrace");
    }
}

/// Writes `FILES`, each file's name below `provisioning/` with its text, by name.
fn list_the_files(out: &Path) {
    // The folder itself too: a subfolder may come.
    println!("cargo::rerun-if-changed=provisioning");
    let mut files = Vec::new();
    for folder in PROVISIONED {
        find(Path::new(folder), &mut files);
    }
    files.sort();
    let mut list =
        String::from("/// Name and text of each provisioning file.\nconst FILES: &[(&str, &str)] = &[\n");
    for file in files {
        let name = file.strip_prefix("provisioning/").unwrap_or(&file);
        let _ = writeln!(
            list,
            "    ({name:?}, include_str!(concat!(env!(\"CARGO_MANIFEST_DIR\"), \"/{file}\"))),"
        );
    }
    list.push_str("];\n");
    if let Err(error) = std::fs::write(out.join("provisioning.rs"), list) {
        println!("cargo::error=the list of provisioning files cannot be written: {error}");
    }
}

fn find(folder: &Path, files: &mut Vec<String>) {
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() {
            find(&path, files);
        } else if path.extension().is_some_and(|end| end == "yaml" || end == "yml" || end == "json") {
            files.push(path.to_string_lossy().into_owned());
        }
    }
}

/// Puts the page where the sources include it from.
fn take_the_page(out: &Path) {
    let text = std::fs::read_to_string(PAGE);
    // A path that is missing counts as changed every time; the folder does not.
    let watched = if text.is_ok() { PAGE } else { "frontend/preview" };
    println!("cargo::rerun-if-changed={watched}");
    let text = text.unwrap_or_else(|_| NO_PAGE.to_owned());
    let target = out.join("page.html");
    // A file that stays the same is not written, so that nothing is built again for it.
    if std::fs::read_to_string(&target).is_ok_and(|there| there == text) {
        return;
    }
    if let Err(error) = std::fs::write(&target, text) {
        println!("cargo::error=the page cannot be written to {}: {error}", target.display());
    }
}
