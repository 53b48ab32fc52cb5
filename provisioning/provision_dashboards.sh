#!/usr/bin/env bash
# Puts the datasource, the dashboards and the alert rules into a running Grafana: finds the executable and calls its
# `provision`, with the same options. `provision_dashboards.sh --help` lists them.
#
#   GRAFANA_URL=http://localhost:3000 GRAFANA_API_KEY=… provisioning/provision_dashboards.sh --path /var/lib/perf-reports
set -euo pipefail

case "$(uname -m)" in
    x86_64 | amd64) arch=amd64 ;;
    aarch64 | arm64) arch=arm64 ;;
    *) arch="$(uname -m)" ;;
esac
plugin="gpx_duckdb_perf_linux_$arch"
here="$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd)"

# DUCKDB_PERF names it; else it is in PATH, beside this script, in the plugin folder that was built, or where Grafana has it.
for candidate in \
    "${DUCKDB_PERF:-}" \
    "$(command -v duckdb-perf || true)" \
    "$here/$plugin" \
    "$here/../$plugin" \
    "$here/../dist/duckdb-perf-datasource/$plugin" \
    "${GF_PATHS_PLUGINS:-/var/lib/grafana/plugins}/duckdb-perf-datasource/$plugin"; do
    if [ -n "$candidate" ] && [ -f "$candidate" ] && [ -x "$candidate" ]; then
        exec "$candidate" provision "$@"
    fi
done
echo "error: neither duckdb-perf nor $plugin is found" >&2
echo "hint: build it (npx --yes rust-just build), put it into PATH, or name it in DUCKDB_PERF" >&2
exit 1
