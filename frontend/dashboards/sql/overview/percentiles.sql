-- One pattern: its percentiles. Several patterns or agents: their mean, weighted by samples.
WITH means AS (
  SELECT week,
    sum(p50_ms * samples) / nullif(sum(samples) FILTER (WHERE p50_ms IS NOT NULL), 0) AS p50,
    sum(p95_ms * samples) / nullif(sum(samples) FILTER (WHERE p95_ms IS NOT NULL), 0) AS p95,
    sum(p99_ms * samples) / nullif(sum(samples) FILTER (WHERE p99_ms IS NOT NULL), 0) AS p99
  FROM perf_weeks
  WHERE $__weekFilter(week) AND $__conditionalAll(pattern IN ($pattern), $pattern)
    AND $__conditionalAll(agent IN ($agent), $agent)
  GROUP BY week
)
SELECT week, line, scale, line AS name, ms
FROM (SELECT week, unnest(['P50', 'P95', 'P99']) AS line, unnest([p50, p95, p99]) AS ms FROM means),
  (SELECT $__scale(p95) AS scale FROM means)
UNION ALL -- For tooltip and legend: the axis has dates.
SELECT week, 'week', 'own', 'ISO week', epoch_ms($__weekTime(week)) FROM means
ORDER BY week
