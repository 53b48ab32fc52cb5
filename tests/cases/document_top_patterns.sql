-- format: time_series
-- from: 2026-12-14T00:00:00Z
-- A query of the document that started the project, as written but for the folder.
SELECT week, pattern, p95_ms FROM 'query_perf_weekly_*.parquet' WHERE pattern IN (SELECT pattern FROM 'query_perf_weekly_*.parquet' ORDER BY p95_ms DESC LIMIT 10) AND week >= 202652
