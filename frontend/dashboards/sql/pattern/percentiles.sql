WITH chosen AS (
  SELECT max_by(pattern, (week, coalesce(p95_ms, -1))) AS pattern -- All: the slowest of the newest report.
  FROM perf_weeks WHERE $__weekFilter(week) AND $__conditionalAll(pattern IN ($pattern), $pattern)
),
lines AS (
  SELECT week, arg_max(p50_ms, p95_ms) AS p50, max(p95_ms) AS p95, arg_max(p99_ms, p95_ms) AS p99
  FROM perf_weeks
  WHERE $__weekFilter(week) AND pattern = (FROM chosen) AND $__conditionalAll(agent IN ($agent), $agent)
  GROUP BY week
  HAVING count(p95_ms) > 0
),
axis AS (SELECT $__scale(p95) AS scale FROM lines HAVING count(*) > 0)
SELECT $__weekTime(week) AS time, line, scale, line AS name, ms
FROM axis, (SELECT week, unnest(['P50', 'P95', 'P99']) AS line, unnest([p50, p95, p99]) AS ms FROM lines)
UNION ALL
SELECT time, 'slow', scale, format('slow above {:g} ms', slow_ms), slow_ms
FROM $__weekTimes(), axis, (SELECT $__number('$slow_ms', 'Slow above (ms)', $__slowMs) AS slow_ms)
UNION ALL -- For tooltip and legend: the axis has dates.
SELECT $__weekTime(week), 'week', 'own', 'ISO week', epoch_ms($__weekTime(week)) FROM lines
ORDER BY time
