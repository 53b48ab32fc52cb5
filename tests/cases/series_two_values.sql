-- format: time_series
SELECT week, pattern, p50_ms, p95_ms FROM perf_all_weeks WHERE week >= 202652 AND pattern IN (SELECT min(pattern) FROM perf_all_weeks) ORDER BY week
