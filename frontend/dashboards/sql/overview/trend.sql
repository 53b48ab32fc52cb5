-- The ten patterns with the highest p95 in the current week; of chosen agents, in the newest report that has them. A
-- selected pattern that is not in that report any more comes after those that are. Where reports tell agents apart, a pattern
-- counts with its slowest agent.
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
top AS (
  SELECT
    pattern,
    regexp_replace(CASE
      WHEN length(pattern) <= 44 THEN pattern
      ELSE rtrim(left(pattern, 24)) || ' … ' || ltrim(right(pattern, 9)) || ' #' || left(md5(pattern), 6)
    END, '\s+', ' ', 'g') AS name,
    row_number() OVER (ORDER BY max((week, coalesce(p95_ms, -1))) DESC, pattern) AS line
  FROM reports
  WHERE $__weekFilter(week)
    AND week <= CASE WHEN '$week' IN ('newest', '') THEN $__weekTo() ELSE CAST('$week' AS INTEGER) END
    AND $__conditionalAll(pattern IN ($pattern), $pattern)
    AND $__conditionalAll(agent IN ($agent), $agent)
  GROUP BY pattern
  HAVING count(p95_ms) > 0
  QUALIFY max(week) = max(max(week)) OVER () OR NOT $__conditionalAll(false, $pattern)
  ORDER BY max((week, coalesce(p95_ms, -1))) DESC, pattern
  LIMIT 10
),
lines AS (
  SELECT week, name, pattern, line, max(p95_ms) AS p95_ms
  FROM reports
  JOIN top USING (pattern)
  WHERE $__weekFilter(week) AND $__conditionalAll(agent IN ($agent), $agent)
  GROUP BY ALL
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
SELECT $__weekTime(week) AS time, CAST(line AS VARCHAR) AS line, scale, name, pattern, p95_ms FROM lines, spread
UNION ALL
SELECT time, 'slow', scale, format('slow above {:g} ms', slow_ms), '', slow_ms FROM threshold, given, spread WHERE EXISTS (FROM lines)
UNION ALL
-- For tooltip and legend: the axis has dates.
SELECT DISTINCT $__weekTime(week), 'week', 'own', 'ISO week', '', CAST(epoch_ms($__weekTime(week)) AS DOUBLE) FROM lines
ORDER BY time
