-- error: perf_all_week
SELECT * FROM perf_all_week
