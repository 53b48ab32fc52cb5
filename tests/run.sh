#!/usr/bin/env bash
# Every test of the project. Installs what it needs and fails when any part fails. Ends with what failed parts said and with
# `N passed, N failed, N skipped`; lint and format checks and builds count as one test each.
set -uo pipefail
cd "$(dirname "$0")/.."
export CARGO_TARGET_DIR="${CARGO_TARGET_DIR:-$HOME/.cache/duckdb-perf/target}"
export CARGO_TERM_COLOR=never NO_COLOR=1
passed=0 failed=0 skipped=0
work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT
log="$work/log" count="$work/count" failures="$work/failures"
touch "$failures"

# step NAME COMMAND…: one test, which fails when the command does; exit code 77 is skipped.
step() { part "$1" - - "${@:2}"; }

# suite NAME FORMAT REPORT COMMAND…: the tests that the command's REPORT tells (count.mjs has the formats); `-` is what it prints.
suite() { part "$@"; }

part() {
    local name=$1 format=$2 report=${3/#-/$log} started=$SECONDS status p=0 f=0 s=0
    shift 3
    printf '\n== %s\n' "$name"
    "$@" 2>&1 | tee "$log"
    status=${PIPESTATUS[0]}
    : >"$count"
    if [ "$format" != - ]; then
        node tests/count.mjs "$format" "$report" >"$count" && read -r p f s <"$count"
        # A suite that ran no test has not passed, nor one that fails without naming one.
        if [ $((p + f + s)) -eq 0 ] || { [ "$status" -ne 0 ] && [ "$f" -eq 0 ]; }; then f=$((f + 1)); fi
    elif [ "$status" -eq 77 ]; then s=1; elif [ "$status" -ne 0 ]; then f=1; else p=1; fi
    printf '== %s: %d passed, %d failed, %d skipped (%d s)\n' "$name" "$p" "$f" "$s" $((SECONDS - started))
    if [ "$f" -ne 0 ]; then
        printf '\n== failed: %s\n' "$name"
        { tail -n +2 "$count" | head -n 200; tail -n 40 "$log"; } | cut -c1-300 | sed 's/^/    /'
    fi >>"$failures"
    passed=$((passed + p)) failed=$((failed + f)) skipped=$((skipped + s))
}

tests/tools.sh || exit 1
command -v npm >/dev/null || { echo "error: npm not found; install Node 20 or later" >&2; exit 1; }
export PATH="$CARGO_TARGET_DIR/tools/bin:$PATH"

# Downloads first, and more than once where they fail; then what a slip fails in a minute.
step "frontend: install" tests/retry.sh npm --prefix frontend ci --no-audit --no-fund
step "rust: install" tests/retry.sh cargo fetch --locked
step "rust: tools" tests/cargo_tools.sh "$CARGO_TARGET_DIR/tools"
step "rust: format" cargo fmt --all --check
step "rust: licences and sources" cargo deny --locked check licenses sources bans
step "rust: advisories" tests/advisories.sh
step "frontend: format" npm --prefix frontend run --silent format:check
step "frontend: types" npm --prefix frontend run --silent typecheck
step "frontend: lint" npm --prefix frontend run --silent lint
# The executable carries the page.
step "frontend: page" npm --prefix frontend run --silent build:preview
step "frontend: build" npm --prefix frontend run --silent build
step "rust: lint" cargo clippy --release --workspace --all-targets --quiet -- -D warnings
step "rust: build" cargo build --release
# What is copied into Grafana, for the tests of it.
step "plugin folder" tests/plugin_folder.sh "$CARGO_TARGET_DIR/release/duckdb-perf" dist/duckdb-perf-datasource
rm -f target/nextest/default/junit.xml
suite "rust: tests" junit target/nextest/default/junit.xml cargo nextest run --release --workspace
suite "rust: cases" libtest - cargo test --release --test cases
suite "rust: examples" libtest - cargo test --release --workspace --doc

suite "frontend: tests" jest "$work/jest.json" npm --prefix frontend test -- --json --outputFile "$work/jest.json"
suite "views in older DuckDBs" tap - tests/compat/run.sh "$CARGO_TARGET_DIR/release/duckdb-perf"
suite "page in a browser" tap - tests/page/run.sh "$CARGO_TARGET_DIR/release/duckdb-perf"

if command -v go >/dev/null; then
    export DUCKDB_PERF_EXE="$CARGO_TARGET_DIR/release/duckdb-perf" DUCKDB_PERF_FIXTURES="$work/fixtures"
    step "go reader: fixtures" tests/fixtures.sh "$DUCKDB_PERF_EXE" "$DUCKDB_PERF_FIXTURES"
    step "go reader: install" tests/retry.sh go -C tests/host mod download
    step "go reader: vet" go -C tests/host vet ./...
    suite "go reader: tests" go "$work/go.json" sh -c 'go -C tests/host test -count=1 -json ./... >"$0"' "$work/go.json"
elif [ -n "${CI:-}" ]; then
    echo "error: go not found; in CI the Go reader's tests must run" >&2
    failed=$((failed + 1))
else
    printf '\n== go reader: skipped, because go is not installed\n'
    skipped=$((skipped + 1))
fi

cat "$failures"
printf '\n%d passed, %d failed, %d skipped\n' "$passed" "$failed" "$skipped"
[ "$failed" -eq 0 ]
