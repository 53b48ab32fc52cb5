#!/usr/bin/env bash
# The plugin in a real Grafana: GRAFANA_URL of a running one that has the plugin and its provisioning, or GRAFANA_HOME of an
# unpacked one, which is started here with everything it needs. Neither: skipped, and said so. E2E_SCRIPT is another script
# than the usual ones, which gets the arguments; E2E_PARTS are those of the usual ones that are wanted; E2E_DEMO are options of the
# demo whose reports they see.
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
    end() { [ -z "$server" ] || { kill "$server" 2>/dev/null && wait "$server" 2>/dev/null; } || true; server=""; }
    prometheus=""
    trap 'end; [ -z "$prometheus" ] || kill "$prometheus" 2>/dev/null || true; rm -rf "$work"' EXIT
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
    # One report, none, and reports around New Year with its 53rd week.
    gpx="$work/plugins/duckdb-perf-datasource/gpx_duckdb_perf_linux_amd64"
    "$gpx" demo --no-queries --weeks 1 --out "$work/one" >/dev/null
    "$gpx" demo --no-queries --weeks 5 --until 2027-W02 --out "$work/year" >/dev/null
    mkdir "$work/none"
    for name in one none year; do
        cat <<YAML
  - {name: E2E $name, uid: e2e-$name, type: duckdb-perf-datasource, jsonData: {path: $work/$name}}
YAML
    done >>"$work/provisioning/datasources/other.yaml"
    export E2E_OTHER=e2e-other
    port="${E2E_PORT:-3199}"
    export GRAFANA_URL="http://127.0.0.1:$port"
    # The dashboard of the plugin's health wants a Prometheus; without one it is left out, and said so.
    if command -v prometheus >/dev/null; then
        prometheus_port="${E2E_PROMETHEUS_PORT:-3196}"
        # The rules that docs/monitoring.md proposes, which it must take.
        awk '/^```yaml/ { inside = 1; text = ""; next } /^```/ { if (inside && text ~ /^groups:/) printf "%s", text; inside = 0 } inside { text = text $0 "\n" }' docs/monitoring.md >"$work/rules.yaml"
        cat >"$work/prometheus.yaml" <<YAML
rule_files: [rules.yaml]
global: {scrape_interval: 2s}
scrape_configs:
  - {job_name: duckdb-perf, metrics_path: /metrics/plugins/duckdb-perf-datasource, static_configs: [{targets: ["127.0.0.1:$port"]}]}
YAML
        cat >"$work/provisioning/datasources/prometheus.yaml" <<YAML
apiVersion: 1
datasources:
  - {name: Prometheus, uid: e2e-prometheus, type: prometheus, access: proxy, url: "http://127.0.0.1:$prometheus_port", jsonData: {timeInterval: 2s}}
YAML
        prometheus --config.file="$work/prometheus.yaml" --storage.tsdb.path="$work/prometheus" --web.listen-address="127.0.0.1:$prometheus_port" >"$out/prometheus.log" 2>&1 &
        prometheus=$!
        export E2E_PROMETHEUS=e2e-prometheus
    fi
    # start REPORTS DATA LOG [PROVISIONING]: a Grafana over a folder of reports, with a data folder of its own.
    start() {
        DUCKDB_PERF_PATH="$1" \
            GF_SERVER_HTTP_ADDR=127.0.0.1 GF_SERVER_HTTP_PORT="$port" GF_SERVER_ROOT_URL="$GRAFANA_URL/" \
            GF_PATHS_DATA="$2" GF_PATHS_LOGS="$2/log" GF_PATHS_PLUGINS="$work/plugins" GF_PATHS_PROVISIONING="${4:-$work/provisioning}" \
            GF_PLUGINS_ALLOW_LOADING_UNSIGNED_PLUGINS=duckdb-perf-datasource GF_PLUGINS_PREINSTALL_DISABLED=true \
            GF_ANALYTICS_REPORTING_ENABLED=false GF_ANALYTICS_CHECK_FOR_UPDATES=false GF_ANALYTICS_CHECK_FOR_PLUGIN_UPDATES=false \
            GF_NEWS_NEWS_FEED_ENABLED=false GF_SECURITY_ADMIN_PASSWORD=admin \
            "$GRAFANA_HOME/bin/grafana" server --homepath "$GRAFANA_HOME" >"$out/$3" 2>&1 &
        server=$!
    }
    export DUCKDB_PERF_PATH="$work/reports"
    # The alerts and the document have a Grafana of their own.
    case "${E2E_PARTS:-}" in alerts | document) ;; *) start "$work/reports" "$work/data" grafana.log ;; esac
    export E2E_OWN=1
fi
export CHROMIUM="$chromium" E2E_OUT="$out"
if [ -n "${E2E_SCRIPT:-}" ]; then
    node "tests/e2e/$E2E_SCRIPT" "$@"
    exit
fi
parts=" ${E2E_PARTS:-e2e dashboards provision document alerts} "
wanted() { [[ "$parts" == *" $1 "* ]]; }
if wanted e2e; then node tests/e2e/e2e.mjs; fi
if wanted dashboards; then node tests/e2e/dashboards.mjs; fi
if [ -z "${E2E_OWN:-}" ]; then
    echo "provision, document, alerts: skipped; they need a Grafana of their own: set GRAFANA_HOME"
    exit 0
fi
if wanted provision; then
    E2E_PROVISION_PORT="${E2E_PROVISION_PORT:-$((port + 1))}" node tests/e2e/provision.mjs dist/duckdb-perf-datasource "$work/reports"
fi
# The document's datasource, alone and so the default one, in a Grafana that has nothing else.
if wanted document; then
    end
    mkdir -p "$work/repository/g/reports" "$work/document-provisioning/datasources" "$work/document-data"
    gpx="$work/plugins/duckdb-perf-datasource/gpx_duckdb_perf_linux_amd64"
    "$gpx" demo --no-queries --until 2025-W45 --weeks 20 --out "$work/repository/g/reports" >/dev/null
    if tests/retry.sh python3 -m pip install --quiet --disable-pip-version-check --timeout 60 --target "$work/python" duckdb==1.4.0; then
        PYTHONPATH="$work/python" python3 tests/document/make.py "$work/repository"
        sed "s|/repository|$work/repository|" tests/document/datasource.yaml >"$work/document-provisioning/datasources/document.yaml"
        start "$work/repository/g/reports" "$work/document-data" grafana-document.log "$work/document-provisioning"
        E2E_DOCUMENT=query-perf node tests/e2e/document.mjs
    else
        echo "document: skipped; duckdb 1.4.0 cannot be installed from PyPI"
    fi
fi
wanted alerts || exit 0
# Alerts need contact points that lead here, and rules that are looked at more often than every five minutes.
end
export E2E_SMTP_PORT="${E2E_SMTP_PORT:-3198}" E2E_SLACK_PORT="${E2E_SLACK_PORT:-3197}"
export E2E_WORK="$work" E2E_ALERT_REPORTS="$work/alert-reports" E2E_BINARY="$work/plugins/duckdb-perf-datasource/gpx_duckdb_perf_linux_amd64"
export PERF_ALERT_EMAIL=perf@example.org PERF_ALERT_SLACK_URL="http://127.0.0.1:$E2E_SLACK_PORT/services/e2e"
export GF_SMTP_ENABLED=true GF_SMTP_HOST="127.0.0.1:$E2E_SMTP_PORT" GF_SMTP_FROM_ADDRESS=grafana@example.org
mkdir -p "$E2E_ALERT_REPORTS" "$work/alert-data"
cp provisioning/contact_points/*.yaml "$work/provisioning/alerting/"
sed -i 's/interval: 5m/interval: 10s/; s/group_wait: .*/group_wait: 1s/; s/group_interval: .*/group_interval: 5s/' "$work/provisioning/alerting/"*.yaml
start "$E2E_ALERT_REPORTS" "$work/alert-data" grafana-alerts.log
E2E_SERVER="$server" node tests/e2e/alerts.mjs &
alerts=$!
# It ends Grafana in the middle, and wants it back when it has changed the reports.
while kill -0 "$alerts" 2>/dev/null; do
    if [ -e "$work/restart" ]; then
        rm "$work/restart"
        start "$E2E_ALERT_REPORTS" "$work/alert-data" grafana-alerts-again.log
    fi
    sleep 0.5
done
wait "$alerts"
