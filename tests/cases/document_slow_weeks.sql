-- The last four weeks by subtraction, as people write it.
SELECT week, count(*) AS slow FROM 'query_perf_weekly_*.parquet' WHERE slow_flag = true AND week >= (SELECT MAX(week) - 3 FROM 'query_perf_weekly_*.parquet') GROUP BY week ORDER BY week
