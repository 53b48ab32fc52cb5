-- The rows of the chosen weeks, patterns and agents, newest week first, slowest pattern first.
SELECT *
FROM perf_all_weeks
WHERE $__weekFilter(week)
  AND $__conditionalAll(week IN ($week), $week)
  AND $__conditionalAll(pattern IN ($pattern), $pattern)
  AND $__conditionalAll(agent IN ($agent), $agent)
ORDER BY week DESC, p95_ms DESC NULLS LAST, pattern
LIMIT $limit
