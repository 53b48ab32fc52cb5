#!/usr/bin/env bash
# run.sh EXECUTABLE: files that `duckdb-perf views --compat` makes, opened by the older DuckDBs that they are for (from PyPI).
# Where there is no Python or no PyPI, says that it is skipped, which is a failure in CI.
set -euo pipefail
cd "$(dirname "$0")"
here="$PWD"
executable="$1"
work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT
skip() {
    echo "ok - views in older DuckDBs # SKIP $1"
    [ -z "${CI:-}" ] || exit 1
    exit 0
}
python="$(command -v python3)" || skip "no python3 found"
"$executable" demo --no-queries --weeks 4 --patterns 8 --out "$work/reports" >"$work/log" 2>&1 || { cat "$work/log" >&2 && exit 1; }
for pair in 1.4=1.4.0 1.4=1.4.5 1.5=1.5.6; do
    compat="${pair%=*}" version="${pair#*=}"
    ../retry.sh "$python" -m pip install --quiet --disable-pip-version-check --timeout 60 --target "$work/$version" "duckdb==$version" || skip "duckdb $version cannot be installed from PyPI"
    "$executable" views "$work/views-$version.duckdb" --path "$work/reports" --compat "$compat" >/dev/null
    PYTHONPATH="$work/$version" "$python" views.py "$work/views-$version.duckdb" "$version"
    odd="$work/odd-$version"
    PYTHONPATH="$work/$version" "$python" odd.py write "$odd"
    "$executable" views "$odd.duckdb" --path "$odd" --compat "$compat" >/dev/null
    PYTHONPATH="$work/$version" "$python" odd.py check "$odd.duckdb"
    # The file as it ships, in the folder of the reports.
    (cd "$odd" && PYTHONPATH="$work/$version" "$python" "$here/odd.py" check "$here/../../provisioning/views/create_views.sql")
done
