WITH reports AS NOT MATERIALIZED (
  -- Reports may tell agents apart in a column `agent`; where none does, it is NULL.
  SELECT NULL::VARCHAR AS agent WHERE false
  UNION ALL BY NAME
  FROM perf_all_weeks
),
chosen AS (
  -- The pattern chosen above; with All the slowest of the newest report.
  SELECT max_by(pattern, (week, coalesce(p95_ms, -1))) AS pattern
  FROM perf_all_weeks
  WHERE $__weekFilter(week) AND $__conditionalAll(pattern IN ($pattern), $pattern)
),
own AS (
  SELECT week, CAST(sum(samples) AS BIGINT) AS samples
  FROM reports
  WHERE $__weekFilter(week) AND pattern = (SELECT pattern FROM chosen) AND $__conditionalAll(agent IN ($agent), $agent)
  GROUP BY week
),
bars AS (
  -- Each report, also one without it. The week after the newest makes a bar as wide as a week: that is the shortest way from
  -- one to the next.
  SELECT DISTINCT week, true AS is_report FROM perf_all_weeks WHERE $__weekFilter(week)
  UNION ALL
  SELECT CAST(strftime(max($__weekTime(week)) + INTERVAL 7 DAYS, '%G%V') AS INTEGER), false FROM perf_all_weeks WHERE $__weekFilter(week)
)
SELECT
  week,
  CASE WHEN is_report THEN coalesce(samples, 0) END AS "Samples",
  CASE WHEN is_report THEN epoch_ms($__weekTime(week)) END AS "ISO week"
FROM bars
LEFT JOIN own USING (week)
WHERE EXISTS (FROM own)
ORDER BY week
