-- The ten slowest of the current week; what was chosen and is not in that report comes after what is.
WITH top AS (
  SELECT pattern, row_number() OVER (ORDER BY max((week, coalesce(p95_ms, -1))) DESC, pattern) AS line
  FROM perf_weeks
  WHERE $__weekFilter(week, '$week')
    AND $__conditionalAll(pattern IN ($pattern), $pattern)
    AND $__conditionalAll(agent IN ($agent), $agent)
  GROUP BY pattern
  HAVING count(p95_ms) > 0
  QUALIFY max(week) = max(max(week)) OVER () OR NOT $__conditionalAll(false, $pattern)
  ORDER BY line LIMIT 10
),
lines AS (
  SELECT week, line, pattern, max(p95_ms) AS p95_ms FROM perf_weeks JOIN top USING (pattern)
  WHERE $__weekFilter(week) AND $__conditionalAll(agent IN ($agent), $agent)
  GROUP BY ALL
),
axis AS (SELECT $__scale(p95_ms) AS scale FROM lines HAVING count(*) > 0)
SELECT $__weekTime(week) AS time, line::VARCHAR AS line, scale, $__label(pattern, 44) AS name, pattern, p95_ms
FROM lines, axis
UNION ALL SELECT time, 'slow', scale, format('slow above {:g} ms', slow_ms), '', slow_ms
FROM $__weekTimes(), axis, (SELECT $__number('$slow_ms', 'Slow above (ms)', $__slowMs) AS slow_ms)
UNION ALL -- For tooltip and legend: the axis has dates.
SELECT DISTINCT $__weekTime(week), 'week', 'own', 'ISO week', '', epoch_ms($__weekTime(week)) FROM lines
ORDER BY time
