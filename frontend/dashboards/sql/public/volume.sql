-- The five patterns that ran most often, and all others together; 0 in a report without any of them.
WITH weeks AS (
  SELECT week, pattern, sum(samples) AS runs FROM perf_weeks
  WHERE $__weekFilter(week)
  GROUP BY week, pattern
),
top AS (
  SELECT *, $__label(pattern, 30) AS name FROM (
    SELECT pattern, row_number() OVER (ORDER BY sum(runs) DESC, pattern) AS line FROM weeks GROUP BY pattern
    ORDER BY line LIMIT 5
  )
),
volumes AS (
  SELECT week, coalesce(line::VARCHAR, 'others') AS line, coalesce(name, 'other patterns') AS name,
    coalesce(top.pattern, '') AS pattern, CAST(sum(runs) AS BIGINT) AS samples
  FROM weeks LEFT JOIN top USING (pattern) GROUP BY ALL
)
SELECT week, line, name, pattern, if(is_report, coalesce(samples, 0), NULL) AS samples
FROM $__weekBars(perf_reports) CROSS JOIN (SELECT DISTINCT line, name, pattern FROM volumes)
  LEFT JOIN volumes USING (week, line, name, pattern)
UNION ALL -- For the tooltip: the axis has dates.
SELECT week, 'week', 'ISO week', '', epoch_ms(time)
FROM $__weekBars(perf_reports) WHERE is_report AND EXISTS (FROM volumes)
ORDER BY week, line
