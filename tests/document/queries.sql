-- time_series: the slowest patterns over the weeks
SELECT week, pattern, p95_ms FROM 'g/reports/query_perf_weekly_*.parquet' WHERE pattern IN (SELECT pattern FROM 'g/reports/query_perf_weekly_*.parquet' ORDER BY p95_ms DESC LIMIT 10);

-- table: slow patterns of one week
SELECT pattern, samples, p50_ms, p95_ms, p99_ms FROM 'g/reports/query_perf_weekly_202543.parquet' WHERE slow_flag = true ORDER BY p95_ms DESC LIMIT 20;

-- table: what got slower from one week to the next
SELECT now.pattern, before.p95_ms AS before_ms, now.p95_ms AS now_ms, now.p95_ms - before.p95_ms AS change_ms
FROM 'g/reports/query_perf_weekly_202543.parquet' now
JOIN 'g/reports/query_perf_weekly_202542.parquet' before USING (pattern)
ORDER BY change_ms DESC
LIMIT 10;

-- table: patterns that are new
SELECT pattern, p95_ms FROM 'g/reports/query_perf_weekly_202543.parquet' WHERE pattern NOT IN (SELECT pattern FROM 'g/reports/query_perf_weekly_202542.parquet');

-- time_series: how many are slow
SELECT week, count(*) AS slow FROM 'g/reports/query_perf_weekly_*.parquet' WHERE slow_flag = true AND week >= (SELECT max(week) - 3 FROM 'g/reports/query_perf_weekly_*.parquet') GROUP BY week ORDER BY week;

-- time_series: percentiles of everything
SELECT week, median(p50_ms) AS p50, median(p95_ms) AS p95, median(p99_ms) AS p99 FROM 'g/reports/query_perf_weekly_*.parquet' GROUP BY week ORDER BY week;

-- table: the first look
SELECT * FROM perf_all_weeks LIMIT 5;

-- time_series: a view over the weeks
SELECT week, pattern, p95_ms FROM perf_all_weeks WHERE week IN (202542, 202543) ORDER BY week;

-- table: the slow ones
SELECT * FROM perf_slow_patterns LIMIT 10;

-- table: the top ten of a week
SELECT * FROM perf_top_patterns WHERE week = 202543 AND place <= 10 ORDER BY place;
