-- Run from the repository's root: duckdb g/reports/perf.duckdb < create_views.sql
CREATE OR REPLACE VIEW perf_all_weeks AS
SELECT * FROM read_parquet('g/reports/query_perf_weekly_*.parquet', union_by_name = true);

CREATE OR REPLACE VIEW perf_slow_patterns AS
SELECT * FROM perf_all_weeks WHERE slow_flag = true ORDER BY week DESC, p95_ms DESC;

CREATE OR REPLACE VIEW perf_top_patterns AS
SELECT week, pattern, p95_ms, row_number() OVER (PARTITION BY week ORDER BY p95_ms DESC) AS place FROM perf_all_weeks;
