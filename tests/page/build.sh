#!/usr/bin/env bash
# Builds the page that `duckdb-perf serve` carries, where it is missing or older than its sources. Cargo takes it in.
set -euo pipefail
cd "$(dirname "$0")/../../frontend"
page=preview/dist/index.html
if [ -e "$page" ] && [ -z "$(find preview/src preview/webpack.config.js package.json -newer "$page")" ]; then
    exit 0
fi
if ! command -v npm >/dev/null; then
    echo "notice: without Node (20 or later) the page of \`duckdb-perf serve\` is left out" >&2
    exit 0
fi
npm ci --no-audit --no-fund --loglevel=error >&2
npm run --silent build:preview >/dev/null
