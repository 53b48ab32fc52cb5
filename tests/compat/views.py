"""views.py FILE VERSION: the views in FILE give their rows in this DuckDB, whose version it must be."""

import sys

import duckdb

file, version = sys.argv[1:]
assert duckdb.__version__ == version, duckdb.__version__
connection = duckdb.connect(file, read_only=True)
counts = [
    connection.sql(f"SELECT count(*) FROM {view}").fetchone()[0]
    for view in ("perf_all_weeks", "perf_top_patterns", "perf_slow_patterns", "perf_weeks")
]
# Four weeks; each row has a place in its week, and some are slow.
assert counts[0] == counts[1] == counts[3] > counts[2] > 0, counts
reports = connection.sql("SELECT week, strftime(time, '%G%V')::INTEGER, label FROM perf_reports").fetchall()
assert len(reports) == 4 and all(week == monday for week, monday, _ in reports), reports
assert all(label == f"{week // 100}-W{week % 100:02}" for week, _, label in reports), reports
print(f"ok - DuckDB {version} reads the views")
