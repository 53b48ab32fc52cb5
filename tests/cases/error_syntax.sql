-- error: syntax error
SELECT week,
FROM FROM perf_all_weeks
