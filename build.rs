//! Links the compiler's runtime into our binaries, so that they need only libc, libm and the loader, and takes the built
//! page in.
//!
//! Rust's standard library links `libgcc_s.so`. A linker script of that name in front of the real one
//! sends the linker to the static archives instead; Grafana's default image has neither `libgcc_s` nor
//! `libstdc++` (`.cargo/config.toml` does the same for the latter).

use std::path::{Path, PathBuf};

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
    page(&out);
    let is_gnu_linux = std::env::var("CARGO_CFG_TARGET_OS").is_ok_and(|os| os == "linux")
        && std::env::var("CARGO_CFG_TARGET_ENV").is_ok_and(|env| env == "gnu");
    if is_gnu_linux {
        match std::fs::write(out.join("libgcc_s.so"), "GROUP ( libgcc_eh.a libgcc.a )\n") {
            Ok(()) => println!("cargo::rustc-link-search=native={}", out.display()),
            Err(error) => println!("cargo::warning=libgcc_s stays a shared library: {error}"),
        }
    }
}

/// Puts the page where the sources include it from.
fn page(out: &Path) {
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
