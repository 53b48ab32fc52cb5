#!/usr/bin/env bash
# run.sh EXECUTABLE: the page in Chromium, over demo reports, over one alone and over a folder without any; and pages of other sites. Installs
# Chromium where Debian's packages can be had; where there is none, says that it is skipped, which is a failure in CI.
set -euo pipefail
cd "$(dirname "$0")/../.."
executable="$1"
chromium="$(command -v chromium || command -v chromium-browser || command -v google-chrome || true)"
if [ -z "$chromium" ] && [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    tests/apt.sh chromium || echo "error: installing chromium failed" >&2
    chromium="$(command -v chromium || true)"
fi
if [ -z "$chromium" ]; then
    echo "ok - the page in Chromium # SKIP none found; on Debian: apt-get install chromium"
    [ -z "${CI:-}" ] || exit 1
    exit 0
fi
# The browser's driver is the one of the end-to-end tests.
[ tests/e2e/node_modules/.package-lock.json -nt tests/e2e/package-lock.json ] ||
    tests/retry.sh npm --prefix tests/e2e ci --no-audit --no-fund --loglevel=error
work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT
demo() {
    "$executable" demo --no-queries "$@" >"$work/log" 2>&1 || { cat "$work/log" >&2 && exit 1; }
}
demo --out "$work/reports"
demo --weeks 1 --out "$work/one"
mkdir "$work/empty"
export CHROMIUM="$chromium" EXECUTABLE="$executable" WORK="$work" PAGE_OUT="${PAGE_OUT:-$work}"
timeout 900 node tests/page/page.mjs
timeout 300 node tests/page/other_sites.mjs
