#!/usr/bin/env bash
# Every test of the project. Installs what it needs, counts, and fails when any part fails. Ends with what failed parts said and with
# `N passed, N failed, N skipped`; lint and format checks and builds count as one test each.
set -uo pipefail
cd "$(dirname "$0")/.."
export CARGO_TARGET_DIR="${CARGO_TARGET_DIR:-$HOME/.cache/duckdb-perf/target}"
export CARGO_TERM_COLOR=never NO_COLOR=1
passed=0 failed=0 skipped=0
work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT
log="$work/log" failures="$work/failures"
touch "$failures"

# part NAME COUNTER COMMAND…: runs the command in sight; COUNTER reads its output and prints "passed failed skipped".
part() {
    local name=$1 counter=$2 started=$SECONDS p f s
    shift 2
    printf '\n== %s\n' "$name"
    "$@" 2>&1 | tee "$log"
    local status=${PIPESTATUS[0]}
    read -r p f s < <("$counter" <"$log")
    # A part that fails without naming a test has failed; one that ran no test has not passed.
    if [ "$status" -ne 0 ] && [ "$f" -eq 0 ]; then f=1; fi
    if [ "$status" -ne 0 ] && [ "$counter" = one ]; then p=0; fi
    if [ $((p + f + s)) -eq 0 ]; then f=1 && echo "error: $name ran no test"; fi
    printf '== %s: %d passed, %d failed, %d skipped (%d s)\n' "$name" "$p" "$f" "$s" $((SECONDS - started))
    [ "$f" -eq 0 ] || told "$name" <"$log" >>"$failures"
    passed=$((passed + p)) failed=$((failed + f)) skipped=$((skipped + s))
}

# told NAME: of a failed part's output the lines that name a failure, with what follows them, and its end.
told() {
    printf '\n== failed: %s\n' "$1"
    awk '/FAILED$|panicked at|--- FAIL|^ *●|[Ee]rror:|^npm error|^E: |^ERROR:/ { more = 4 }
         more-- > 0 && named++ < 60 { print "    " $0; next }
         { line[NR] = $0 }
         END { for (at = NR - 29; at <= NR; at++) if (at in line) print "    " line[at] }' | cut -c1-300
}

one() { echo 1 0 0; }
cargo_tests() { awk '/^test result:/ { p += $4; f += $6; s += $8 } END { print p + 0, f + 0, s + 0 }'; }
go_tests() { awk '/^ *--- PASS/ { p++ } /^ *--- FAIL/ { f++ } /^ *--- SKIP/ { s++ } END { print p + 0, f + 0, s + 0 }'; }
page_checks() { awk '/^ok: / { p++ } /^skipped: / { s++ } END { print p + 0, 0, s + 0 }'; }
jest_tests() {
    awk '/^Tests:/ { for (i = 2; i < NF; i++) { if ($(i + 1) ~ /^passed/) p += $i; if ($(i + 1) ~ /^failed/) f += $i; if ($(i + 1) ~ /^skipped/) s += $i } }
         END { print p + 0, f + 0, s + 0 }'
}

tests/tools.sh || exit 1
command -v npm >/dev/null || { echo "error: npm not found; install Node 20 or later" >&2; exit 1; }

# Downloads first, and more than once where they fail; then what a slip fails in a minute.
part "frontend: install" one tests/retry.sh npm --prefix frontend ci --no-audit --no-fund
part "rust: install" one tests/retry.sh cargo fetch --locked
part "rust: format" one cargo fmt --all --check
part "frontend: format" one npm --prefix frontend run --silent format:check
part "frontend: types" one npm --prefix frontend run --silent typecheck
part "frontend: lint" one npm --prefix frontend run --silent lint
# The executable carries the page.
part "frontend: page" one npm --prefix frontend run --silent build:preview
part "frontend: build" one npm --prefix frontend run --silent build
part "rust: lint" one cargo clippy --release --workspace --all-targets --quiet -- -D warnings
part "rust: build" one cargo build --release
# What is copied into Grafana, for the tests of it.
part "plugin folder" one tests/plugin_folder.sh "$CARGO_TARGET_DIR/release/duckdb-perf" dist/duckdb-perf-datasource
part "rust: tests" cargo_tests cargo test --release --workspace --no-fail-fast

part "frontend: tests" jest_tests npm --prefix frontend test
part "views in older DuckDBs" page_checks tests/compat/run.sh "$CARGO_TARGET_DIR/release/duckdb-perf"
part "page in a browser" page_checks tests/page/run.sh "$CARGO_TARGET_DIR/release/duckdb-perf"

if command -v go >/dev/null; then
    export DUCKDB_PERF_EXE="$CARGO_TARGET_DIR/release/duckdb-perf" DUCKDB_PERF_FIXTURES="$work/fixtures"
    part "go reader: fixtures" one tests/fixtures.sh "$DUCKDB_PERF_EXE" "$DUCKDB_PERF_FIXTURES"
    part "go reader: install" one tests/retry.sh go -C tests/host mod download
    part "go reader: vet" one go -C tests/host vet ./...
    part "go reader: tests" go_tests go -C tests/host test -count=1 -v ./...
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
