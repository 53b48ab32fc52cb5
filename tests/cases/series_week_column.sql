-- format: time_series
-- from: 2026-12-07T00:00:00Z
SELECT week, pattern, p95_ms FROM 'query_perf_weekly_*.parquet'
WHERE $__weekFilter(week) AND pattern IN (SELECT pattern FROM perf_top_patterns WHERE week = 202653 AND place <= 2) ORDER BY week
