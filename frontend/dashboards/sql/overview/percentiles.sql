-- One pattern: its percentiles. Several patterns or agents: their mean, weighted by samples.
WITH reports AS NOT MATERIALIZED (
  -- Reports may tell agents apart in a column `agent`; where none does, it is NULL.
  SELECT NULL::VARCHAR AS agent WHERE false
  UNION ALL BY NAME
  FROM perf_all_weeks
),
means AS (
  SELECT
    week,
    sum(p50_ms * samples) / nullif(sum(samples) FILTER (WHERE p50_ms IS NOT NULL), 0) AS p50_ms,
    sum(p95_ms * samples) / nullif(sum(samples) FILTER (WHERE p95_ms IS NOT NULL), 0) AS p95_ms,
    sum(p99_ms * samples) / nullif(sum(samples) FILTER (WHERE p99_ms IS NOT NULL), 0) AS p99_ms
  FROM reports
  WHERE $__weekFilter(week) AND $__conditionalAll(pattern IN ($pattern), $pattern) AND $__conditionalAll(agent IN ($agent), $agent)
  GROUP BY week
),
spread AS (
  -- A spike would press all other lines to the bottom: then the axis is logarithmic, and linear below 1 ms, so that zero has a place.
  SELECT CASE WHEN max(p95_ms) > 20 * median(p95_ms) FILTER (WHERE p95_ms > 0) THEN 'log' ELSE 'linear' END AS scale
  FROM means
)
SELECT week, 'P50' AS line, scale, 'P50' AS name, p50_ms AS ms FROM means, spread
UNION ALL
SELECT week, 'P95', scale, 'P95', p95_ms FROM means, spread
UNION ALL
SELECT week, 'P99', scale, 'P99', p99_ms FROM means, spread
UNION ALL
-- For tooltip and legend: the axis has dates.
SELECT week, 'week', 'own', 'ISO week', epoch_ms($__weekTime(week)) FROM means
ORDER BY week
