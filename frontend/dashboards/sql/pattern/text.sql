WITH chosen AS (
  -- The pattern chosen above; with All the slowest of the newest report.
  SELECT max_by(pattern, (week, coalesce(p95_ms, -1))) AS pattern
  FROM perf_all_weeks
  WHERE $__weekFilter(week) AND $__conditionalAll(pattern IN ($pattern), $pattern)
)
SELECT *
FROM (
  SELECT format('All is chosen above. This is the slowest pattern of {}-W{:02d}:', week // 100, week % 100) AS "Pattern", 1 AS line
  FROM (SELECT max(week) AS week FROM perf_all_weeks WHERE $__weekFilter(week))
  -- True with All only.
  WHERE $__conditionalAll(false, $pattern) AND (SELECT pattern FROM chosen) IS NOT NULL
  UNION ALL
  SELECT pattern, 2 FROM chosen WHERE pattern IS NOT NULL
)
ORDER BY line
