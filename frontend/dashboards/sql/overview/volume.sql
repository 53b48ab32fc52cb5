-- The five patterns that ran most often, and all others together; 0 in a report without any of them.
WITH top AS (
  SELECT *, $__label(pattern, 30) AS name FROM (
    SELECT pattern, row_number() OVER (ORDER BY sum(samples) DESC, pattern) AS line FROM perf_weeks
    WHERE $__weekFilter(week)
      AND $__conditionalAll(pattern IN ($pattern), $pattern) AND $__conditionalAll(agent IN ($agent), $agent)
    GROUP BY pattern ORDER BY line LIMIT 5
  )
),
volumes AS (
  SELECT week, coalesce(line::VARCHAR, 'others') AS line, coalesce(name, 'other patterns') AS name,
    coalesce(top.pattern, '') AS pattern, CAST(sum(samples) AS BIGINT) AS samples
  FROM perf_weeks LEFT JOIN top USING (pattern)
  WHERE $__weekFilter(week)
    AND $__conditionalAll(pattern IN ($pattern), $pattern) AND $__conditionalAll(agent IN ($agent), $agent)
  GROUP BY ALL
),
bars AS (FROM $__weekBars(perf_reports))
SELECT week, line, name, pattern, if(is_report, coalesce(samples, 0), NULL) AS samples
FROM bars CROSS JOIN (SELECT DISTINCT line, name, pattern FROM volumes)
  LEFT JOIN volumes USING (week, line, name, pattern)
UNION ALL -- For the tooltip: the axis has dates.
SELECT week, 'week', 'ISO week', '', epoch_ms(time)
FROM bars WHERE is_report AND EXISTS (FROM volumes)
ORDER BY week, line
