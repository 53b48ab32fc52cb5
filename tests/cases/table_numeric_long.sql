-- Text and numbers only: alert rules take it as it stands.
SELECT pattern, p95_ms, samples FROM perf_all_weeks WHERE week = 202653 ORDER BY p95_ms DESC, pattern LIMIT 3
