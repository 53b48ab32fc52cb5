DESCRIBE SELECT * FROM perf_all_weeks
