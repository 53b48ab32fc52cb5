//! Links the compiler's runtime into our binaries, so that they need only libc, libm and the loader.
//!
//! Rust's standard library links `libgcc_s.so`. A linker script of that name in front of the real one
//! sends the linker to the static archives instead; Grafana's default image has neither `libgcc_s` nor
//! `libstdc++` (`.cargo/config.toml` does the same for the latter).

use std::path::PathBuf;

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    let is_gnu_linux = std::env::var("CARGO_CFG_TARGET_OS").is_ok_and(|os| os == "linux")
        && std::env::var("CARGO_CFG_TARGET_ENV").is_ok_and(|env| env == "gnu");
    let Some(out) = std::env::var_os("OUT_DIR").map(PathBuf::from).filter(|_| is_gnu_linux) else { return };
    match std::fs::write(out.join("libgcc_s.so"), "GROUP ( libgcc_eh.a libgcc.a )\n") {
        Ok(()) => println!("cargo::rustc-link-search=native={}", out.display()),
        Err(error) => println!("cargo::warning=libgcc_s stays a shared library: {error}"),
    }
}
