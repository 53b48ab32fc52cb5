-- The rows above the threshold, newest week first, slowest pattern first.
SELECT *
FROM perf_all_weeks
WHERE p95_ms > coalesce($slow_ms, $__slowMs)
  AND $__weekFilter(week)
  AND $__conditionalAll(week IN ($week), $week)
  AND $__conditionalAll(pattern IN ($pattern), $pattern)
  AND $__conditionalAll(agent IN ($agent), $agent)
ORDER BY week DESC, p95_ms DESC, pattern
LIMIT $limit
