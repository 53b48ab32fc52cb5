-- The rows of the chosen weeks, patterns and agents, newest week first, slowest pattern first. NaN, which a
-- database file's own perf_all_weeks may hold, is no number.
SELECT *
FROM (SELECT * REPLACE (nullif(p95_ms, 'nan'::DOUBLE) AS p95_ms) FROM perf_all_weeks)
WHERE $__weekFilter(week)
  AND $__conditionalAll(week IN ($week), $week)
  AND $__conditionalAll(pattern IN ($pattern), $pattern)
  AND $__conditionalAll(agent IN ($agent), $agent)
ORDER BY week DESC, p95_ms DESC NULLS LAST, pattern
LIMIT $limit
