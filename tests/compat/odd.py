"""odd.py write FOLDER: reports with NaN, with a number as text and with types that differ, written by this DuckDB.
odd.py check FILE: the views in FILE, or those that the SQL in FILE makes over the current folder, give the right numbers."""

import os
import sys

import duckdb

action, place = sys.argv[1:]
ROWS = "SELECT {week} AS week, unnest(['a', 'never', 'c']) AS pattern, unnest({p95}) AS p95_ms"
REPORTS = {
    202601: "[50::BIGINT, 1, 150]",
    202602: "[50.9::DOUBLE, 'nan', 250.5]",
    202603: "[0.4::REAL, 'nan', 'inf']",
    202604: "['7.25', 'NaN', '100.5']",
}
if action == "write":
    os.makedirs(place)
    for week, p95 in REPORTS.items():
        file = f"{place}/query_perf_weekly_{week}.parquet"
        duckdb.sql(f"COPY ({ROWS.format(week=week, p95=p95)}) TO '{file}' (FORMAT parquet)")
    sys.exit()
if place.endswith(".sql"):
    connection = duckdb.connect()
    connection.execute(open(place, encoding="utf-8").read())
else:
    connection = duckdb.connect(place, read_only=True)


def check(sql, expected):
    found = connection.execute(sql).fetchall()
    assert found == expected, (duckdb.__version__, place, sql, found)


check("SELECT week, round(p95_ms, 2) FROM perf_all_weeks WHERE pattern = 'a' ORDER BY week", [(202601, 50.0), (202602, 50.9), (202603, 0.4), (202604, 7.25)])
check("SELECT week, p95_ms, slow_flag FROM perf_all_weeks WHERE pattern = 'never' ORDER BY week", [(202601, 1.0, False), (202602, None, None), (202603, None, None), (202604, None, None)])
check("SELECT week, pattern FROM perf_slow_patterns ORDER BY week", [(week, "c") for week in REPORTS])
check("SELECT week, pattern FROM perf_top_patterns WHERE place = 1 ORDER BY week", [(week, "c") for week in REPORTS])
check("SELECT count(*), max(place) FROM perf_top_patterns WHERE week > 202601", [(6, 2)])
for week, slow in ((202601, 1), (202602, 1), (202603, 1), (202604, 1)):
    check(f"SELECT count(*) FROM perf_all_weeks WHERE p95_ms > 100 AND week = {week}", [(slow,)])
check("SELECT count(*) FROM perf_all_weeks WHERE isnan(p95_ms) OR p95_ms < 0", [(0,)])
print(f"ok - DuckDB {duckdb.__version__} has the right numbers of {os.path.basename(place)}")
