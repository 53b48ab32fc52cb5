#!/usr/bin/env bash
# run.sh EXECUTABLE: the page in Chromium, over demo reports, over one alone and over a folder without any. Installs Chromium where Debian's
# packages can be had; where there is none, says that it is skipped, which is a failure in CI.
set -euo pipefail
cd "$(dirname "$0")/../.."
executable="$1"
chromium="$(command -v chromium || command -v chromium-browser || command -v google-chrome || true)"
if [ -z "$chromium" ] && [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq chromium >/dev/null || true
    chromium="$(command -v chromium || true)"
fi
if [ -z "$chromium" ]; then
    echo "skipped: no Chromium found; on Debian: apt-get install chromium"
    [ -z "${CI:-}" ] || exit 1
    exit 0
fi
# The browser's driver is the one of the end-to-end tests.
[ -d tests/e2e/node_modules/playwright-core ] || npm --prefix tests/e2e ci --no-audit --no-fund --silent
work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT
"$executable" demo --no-queries --out "$work/reports" >/dev/null 2>&1
"$executable" demo --no-queries --weeks 1 --out "$work/one" >/dev/null 2>&1
mkdir "$work/empty"
CHROMIUM="$chromium" EXECUTABLE="$executable" WORK="$work" PAGE_OUT="${PAGE_OUT:-$work}" node tests/page/page.mjs
