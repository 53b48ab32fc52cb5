-- format: time_series
SELECT week, slow_flag, count(*) AS n FROM perf_all_weeks WHERE week >= 202652 GROUP BY ALL ORDER BY week, slow_flag
