WITH given AS (
  -- What was typed above; nothing typed leaves the default. What is not a number is an error that says so.
  SELECT
    CASE
      WHEN trim('$slow_ms') = '' THEN $__slowMs
      WHEN isfinite(TRY_CAST('$slow_ms' AS DOUBLE)) THEN CAST('$slow_ms' AS DOUBLE)
      ELSE CAST('Slow above (ms) is not a number: ' || '$slow_ms' AS DOUBLE)
    END AS slow_ms
),
reports AS NOT MATERIALIZED (
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
lines AS (
  SELECT
    week,
    arg_max(p50_ms, p95_ms) AS p50_ms,
    max(p95_ms) AS p95_ms,
    arg_max(p99_ms, p95_ms) AS p99_ms
  FROM reports
  WHERE $__weekFilter(week) AND pattern = (SELECT pattern FROM chosen) AND $__conditionalAll(agent IN ($agent), $agent)
  GROUP BY week
  HAVING count(p95_ms) > 0
),
spread AS (
  -- A spike would press all other lines to the bottom: then the axis is logarithmic, and linear below 1 ms, so that zero has a place.
  SELECT CASE WHEN max(p95_ms) > 20 * median(p95_ms) FILTER (WHERE p95_ms > 0) THEN 'log' ELSE 'linear' END AS scale
  FROM lines
),
threshold AS (
  -- Each week of the range, so that the line is there whatever the reports are. A single week has an end too.
  SELECT unnest(generate_series($__weekTime($__weekFrom()), $__weekTime($__weekTo()), INTERVAL 7 DAYS)) AS time
  UNION ALL
  SELECT $__weekTime($__week(1)) - INTERVAL 1 MILLISECOND WHERE $__weekFrom() = $__weekTo()
)
SELECT $__weekTime(week) AS time, 'P50' AS line, scale, 'P50' AS name, p50_ms AS ms FROM lines, spread
UNION ALL
SELECT $__weekTime(week), 'P95', scale, 'P95', p95_ms FROM lines, spread
UNION ALL
SELECT $__weekTime(week), 'P99', scale, 'P99', p99_ms FROM lines, spread
UNION ALL
SELECT time, 'slow', scale, format('slow above {:g} ms', slow_ms), slow_ms FROM threshold, given, spread WHERE EXISTS (FROM lines)
UNION ALL
-- For tooltip and legend: the axis has dates.
SELECT $__weekTime(week), 'week', 'own', 'ISO week', CAST(epoch_ms($__weekTime(week)) AS DOUBLE) FROM lines
ORDER BY time
