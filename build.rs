//! Two things that the build needs beside the sources: a linker script that links the compiler's runtime into our
//! binaries, so that they need only libc, libm and the loader; and the list of provisioning files to build in.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

/// The folders below `provisioning/` that `duckdb-perf provision` sends to Grafana.
const PROVISIONED: [&str; 4] = [
    "provisioning/datasources",
    "provisioning/dashboards",
    "provisioning/alerting",
    "provisioning/contact_points",
];

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    let Some(out) = std::env::var_os("OUT_DIR").map(PathBuf::from) else { return };
    link_the_runtime(&out);
    list_the_files(&out);
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
