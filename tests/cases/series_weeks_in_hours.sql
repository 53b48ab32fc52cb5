-- format: time_series
-- from: 2026-12-02T06:00:00Z
-- to: 2026-12-02T12:00:00Z
SELECT week, max(p95_ms) AS p95_ms FROM perf_all_weeks WHERE $__weekFilter(week) GROUP BY week
