-- from: 2030-12-04T06:00:00Z
-- to: 2030-12-04T12:00:00Z
SELECT pattern, p95_ms FROM perf_all_weeks WHERE $__weekFilter(week)
