#!/usr/bin/env bash
# plugin_folder.sh EXECUTABLE FOLDER: puts the executable into the folder that the frontend's build has made, so that Grafana can load it.
set -euo pipefail
executable="$1" folder="$2"
[ -f "$folder/plugin.json" ] || { echo "error: $folder has no plugin.json; build the frontend first" >&2; exit 1; }
case "$(uname -m)" in
    x86_64) arch=amd64 ;;
    aarch64) arch=arm64 ;;
    *) echo "error: no plugin is built for $(uname -m)" >&2; exit 1 ;;
esac
# Beside it and renamed: a Grafana may be running the one that is there.
install -m 755 "$executable" "$folder/.gpx"
strip "$folder/.gpx"
mv -f "$folder/.gpx" "$folder/gpx_duckdb_perf_linux_$arch"
