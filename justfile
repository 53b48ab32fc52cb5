# Recipes of DuckDB Perf. Without `just` on the machine: npx --yes rust-just <recipe>

set shell := ["bash", "-euo", "pipefail", "-c"]

# DuckDB's C++ takes half an hour; one folder outside the checkout keeps it for every clone and for CI.
export CARGO_TARGET_DIR := env("CARGO_TARGET_DIR", home_directory() / ".cache/duckdb-perf/target")

dist := "dist/duckdb-perf-datasource"
binary := CARGO_TARGET_DIR / "release/duckdb-perf"

[private]
default:
    @just --list --unsorted

# Write demo reports, show the five panels' numbers through the real plugin process, and serve the dashboard's page
[group('use')]
demo *args: _tools _page
    cargo run --release --quiet -- demo {{ args }}

# Assemble the plugin folder dist/duckdb-perf-datasource, ready to copy into Grafana
[group('use')]
build: _tools
    cd frontend && npm ci --no-audit --no-fund && npm run build:preview && npm run build
    cargo build --release
    tests/plugin_folder.sh {{ binary }} {{ dist }}
    @echo "plugin folder: {{ dist }}"

# Run every test: Rust, the Go SDK as reader, frontend, lint, format (installs what it needs)
[group('test')]
test:
    tests/run.sh

alias t := test

# Write provisioning/dashboards from frontend/dashboards
[group('use')]
dashboards:
    cd frontend && npm ci --no-audit --no-fund && npm run --silent dashboards

# Only the Rust tests; arguments go to cargo test
[group('test')]
test-rust *args: _tools
    cargo test --release --workspace {{ args }}

# Only the crates that link no DuckDB, in seconds; arguments go to cargo test
[group('test')]
test-crates *args:
    cargo test --release -p grafana-time -p grafana-sql-macros -p grafana-frames {{ args }}

# Hostile and ordinary clients, killed workers and changing files, all at once and for long
[group('test')]
soak minutes="30": _tools
    SOAK_SECONDS=$(( {{ minutes }} * 60 )) cargo test --release --test it -- --exact soak::soak --nocapture

# Random input for everything that reads before the jail, and for the gate
[group('test')]
fuzz cases="10000000": _tools
    FUZZ_CASES={{ cases }} cargo test --release --lib -- random_tests --nocapture

# Clippy, rustfmt, and the frontend's linters
[group('test')]
lint: _tools
    cargo fmt --all --check
    cargo clippy --release --workspace --all-targets -- -D warnings
    cd frontend && npm ci --no-audit --no-fund && npm run typecheck && npm run lint && npm run format:check

# Licences, sources and known vulnerabilities of what the plugin is built from
[group('test')]
deny: _tools
    tests/cargo_tools.sh "$CARGO_TARGET_DIR/tools"
    PATH="$CARGO_TARGET_DIR/tools/bin:$PATH" cargo deny --locked check

# Format all code
[group('test')]
format:
    cargo fmt --all
    cd frontend && npx prettier --write .

# The page of `serve` in Chromium (just build first)
[group('test')]
page:
    tests/page/run.sh {{ binary }}

# In a real Grafana: GRAFANA_URL of a running one, or GRAFANA_HOME of an unpacked one
[group('test')]
e2e *args:
    node tests/e2e/run.mjs {{ args }}

# How fast the dashboards are in a real Grafana with 260 weeks of 10,000 patterns, beyond what it needs for the same panels over its test data (GRAFANA_HOME as for e2e)
[group('measure')]
pace *args:
    E2E_SCRIPT=pace.mjs E2E_DEMO="--weeks 260 --patterns 10000" E2E_RANGE="from=now-260w%2Fw&to=now%2Fw" node tests/e2e/run.mjs {{ args }}

# Take the guide's pictures in a real Grafana (GRAFANA_HOME as for e2e); arguments are names of pictures
[group('test')]
screenshots *args:
    E2E_SCRIPT=screenshots.mjs E2E_DEMO="--until 2026-W47 --seed 1" node tests/e2e/run.mjs {{ args }}

# Measure against DuckDB itself in the same run; prints ratios
[group('measure')]
bench *args: _tools
    cargo bench --profile release --bench bench -- {{ args }}

# What a build needs beside Rust: a C++ compiler
[private]
_tools:
    @tests/tools.sh

# The page that goes into the executable, where it is missing or older than its sources; without Node it is left out
[private]
_page:
    @tests/page/build.sh
