#!/usr/bin/env bash
# The plugin in a real Grafana: GRAFANA_URL of a running one that has the plugin and its provisioning, or GRAFANA_HOME of an
# unpacked one, which is started here with everything it needs. Neither: skipped, and said so. E2E_SCRIPT is another script
# than e2e.mjs, which gets the arguments; E2E_DEMO are options of the demo whose reports it sees.
set -euo pipefail
cd "$(dirname "$0")/../.."
out="${E2E_OUT:-target/e2e}"
if [ -z "${GRAFANA_URL:-}" ] && [ -z "${GRAFANA_HOME:-}" ]; then
    echo "e2e: skipped; set GRAFANA_URL to a running Grafana or GRAFANA_HOME to an unpacked one"
    exit 0
fi
chromium="$(command -v chromium || command -v chromium-browser || command -v google-chrome || true)"
[ -n "$chromium" ] || { echo "error: no Chromium found; on Debian: apt-get install chromium" >&2; exit 1; }
mkdir -p "$out"
npm --prefix tests/e2e ci --no-audit --no-fund --silent
if [ -z "${GRAFANA_URL:-}" ]; then
    work="$(mktemp -d)"
    server=""
    trap '[ -n "$server" ] && kill "$server" 2>/dev/null && wait "$server" 2>/dev/null; rm -rf "$work"' EXIT
    [ -x dist/duckdb-perf-datasource/gpx_duckdb_perf_linux_amd64 ] || npx --yes rust-just build
    mkdir -p "$work/plugins" "$work/provisioning" "$work/data"
    cp -r dist/duckdb-perf-datasource "$work/plugins/"
    cp -r provisioning/. "$work/provisioning/"
    sed -i "s|/etc/grafana/provisioning|$work/provisioning|" "$work/provisioning/dashboards/"*.yaml
    dist/duckdb-perf-datasource/gpx_duckdb_perf_linux_amd64 demo --no-queries ${E2E_DEMO:-} --out "$work/reports" >/dev/null
    # Provisioning as it is written for the other DuckDB plugin: its type, a url and a path to a database file.
    "$work/plugins/duckdb-perf-datasource/gpx_duckdb_perf_linux_amd64" views "$work/perf.duckdb" --path "$work/reports" >/dev/null
    cat >"$work/provisioning/datasources/other.yaml" <<YAML
apiVersion: 1
datasources:
  - name: Other
    uid: e2e-other
    type: grafana-duckdb-datasource
    url: file://$work/perf.duckdb
    jsonData:
      path: $work/perf.duckdb
      paths: ["$work/reports"]
YAML
    export E2E_OTHER=e2e-other
    port="${E2E_PORT:-3199}"
    export GRAFANA_URL="http://127.0.0.1:$port"
    export DUCKDB_PERF_PATH="$work/reports"
    GF_SERVER_HTTP_ADDR=127.0.0.1 GF_SERVER_HTTP_PORT="$port" \
        GF_PATHS_DATA="$work/data" GF_PATHS_LOGS="$work/data/log" GF_PATHS_PLUGINS="$work/plugins" GF_PATHS_PROVISIONING="$work/provisioning" \
        GF_PLUGINS_ALLOW_LOADING_UNSIGNED_PLUGINS=duckdb-perf-datasource GF_PLUGINS_PREINSTALL_DISABLED=true \
        GF_ANALYTICS_REPORTING_ENABLED=false GF_ANALYTICS_CHECK_FOR_UPDATES=false GF_ANALYTICS_CHECK_FOR_PLUGIN_UPDATES=false \
        GF_NEWS_NEWS_FEED_ENABLED=false GF_SECURITY_ADMIN_PASSWORD=admin \
        "$GRAFANA_HOME/bin/grafana" server --homepath "$GRAFANA_HOME" >"$out/grafana.log" 2>&1 &
    server=$!
fi
CHROMIUM="$chromium" E2E_OUT="$out" node "tests/e2e/${E2E_SCRIPT:-e2e.mjs}" "$@"
# `duckdb-perf provision` in a Grafana of its own.
if [ -z "${E2E_SCRIPT:-}" ] && [ -n "${GRAFANA_HOME:-}" ] && [ -n "${work:-}" ]; then
    E2E_OUT="$out" E2E_PROVISION_PORT=$((port + 1)) node tests/e2e/provision.mjs dist/duckdb-perf-datasource "$work/reports"
fi
