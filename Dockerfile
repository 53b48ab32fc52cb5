# Grafana with DuckDB Perf and its provisioning inside. Make the plugin folder first (npx --yes rust-just build), then:
#
#   docker build -t grafana-duckdb-perf .
#   docker run -p 3000:3000 -v /where/the/reports/are:/var/lib/perf-reports:ro grafana-duckdb-perf
#
# A volume over the whole of /var/lib/grafana hides the plugin that is in the image: mount it over
# /var/lib/grafana/data and set GF_PATHS_DATA to that, or build the image anew into a new volume.
ARG GRAFANA_VERSION=12.3.0
FROM grafana/grafana:${GRAFANA_VERSION}

# The plugin is not signed. The datasource in provisioning/datasources reads DUCKDB_PERF_PATH.
ENV GF_PLUGINS_ALLOW_LOADING_UNSIGNED_PLUGINS=duckdb-perf-datasource \
    DUCKDB_PERF_PATH=/var/lib/perf-reports

# 472 is the user `grafana` of the image; whatever the modes are here, it can read them.
COPY --chown=472:0 dist/duckdb-perf-datasource /var/lib/grafana/plugins/duckdb-perf-datasource
COPY --chown=472:0 provisioning /etc/grafana/provisioning
