-- One pattern over the weeks, oldest first: its rows, its place in each week, and the change against the report
-- before, which may lie before the chosen weeks.
SELECT
  *,
  round(p95_ms - lag(p95_ms) OVER reports, 3) AS p95_change_ms,
  round(100 * (p95_ms / nullif(lag(p95_ms) OVER reports, 0) - 1), 1) AS p95_change_percent
FROM perf_top_patterns
WHERE pattern = $name
WINDOW reports AS (ORDER BY week)
QUALIFY $__weekFilter(week) AND $__conditionalAll(week IN ($week), $week)
ORDER BY week
