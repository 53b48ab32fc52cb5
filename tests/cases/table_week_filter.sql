-- from: 2026-12-14T00:00:00Z
SELECT week, count(*) AS n FROM perf_all_weeks WHERE $__weekFilter(week) GROUP BY week ORDER BY week
