WITH chosen AS (
  SELECT max_by(pattern, (week, coalesce(p95_ms, -1))) AS pattern -- All: the slowest of the newest report.
  FROM perf_weeks WHERE $__weekFilter(week) AND $__conditionalAll(pattern IN ($pattern), $pattern)
)
SELECT "Pattern", line
FROM (
  -- The condition is true with All only.
  SELECT 'All is chosen above. This is the slowest pattern of ' || max(label) || ':' AS "Pattern", 1 AS line
  FROM perf_reports WHERE $__weekFilter(week) AND $__conditionalAll(false, $pattern) HAVING count(*) > 0
  UNION ALL
  SELECT coalesce(pattern, 'No report of the time range has the pattern that is chosen above.'), 2
  FROM chosen WHERE pattern IS NOT NULL OR NOT $__conditionalAll(false, $pattern)
)
WHERE EXISTS (FROM perf_reports WHERE $__weekFilter(week))
ORDER BY line
