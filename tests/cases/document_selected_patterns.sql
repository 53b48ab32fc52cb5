-- format: time_series
-- from: 2026-12-14T00:00:00Z
-- var: selected_patterns=SELECT * FROM sessions WHERE token = ?|DELETE FROM sessions WHERE expires_at < ?
SELECT week, pattern, sum(samples) AS samples FROM perf_all_weeks WHERE $__weekFilter(week) AND pattern IN ($selected_patterns) GROUP BY week, pattern ORDER BY week ASC
