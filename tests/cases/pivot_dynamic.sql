PIVOT (SELECT week, slow_flag, samples FROM perf_all_weeks WHERE week >= 202652) ON slow_flag USING count(samples) GROUP BY week ORDER BY week
