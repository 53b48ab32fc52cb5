-- A bar for each report, 0 where the pattern is not in it.
WITH chosen AS (
  SELECT max_by(pattern, (week, coalesce(p95_ms, -1))) AS pattern -- All: the slowest of the newest report.
  FROM perf_weeks WHERE $__weekFilter(week) AND $__conditionalAll(pattern IN ($pattern), $pattern)
),
own AS (
  SELECT week, CAST(sum(samples) AS BIGINT) AS runs FROM perf_weeks
  WHERE $__weekFilter(week) AND pattern = (FROM chosen) AND $__conditionalAll(agent IN ($agent), $agent)
  GROUP BY week
)
SELECT week, if(is_report, coalesce(runs, 0), NULL) AS "Samples",
  if(is_report, epoch_ms(time), NULL) AS "ISO week"
FROM $__weekBars(perf_reports) LEFT JOIN own USING (week)
WHERE EXISTS (FROM own)
ORDER BY week
