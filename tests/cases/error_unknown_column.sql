-- error: p95
SELECT week,
  p95_sm FROM perf_all_weeks
