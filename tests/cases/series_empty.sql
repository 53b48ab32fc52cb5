-- format: time_series
SELECT week, pattern, p95_ms FROM perf_all_weeks WHERE week = 1
