-- The current week against the report before it, which may lie before the time range.
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
pair AS (
  SELECT week, row_number() OVER (ORDER BY week DESC) AS age
  FROM perf_all_weeks
  WHERE week <= CASE WHEN '$week' IN ('newest', '') THEN $__weekTo() ELSE CAST('$week' AS INTEGER) END AND week <= $__weekTo()
  GROUP BY week
  HAVING $__weekTime(week) IS NOT NULL -- a week that exists
  ORDER BY week DESC
  LIMIT 2
),
slow AS (
  SELECT week, count(DISTINCT pattern) AS slow_patterns, max_by(pattern, p95_ms) AS pattern
  FROM reports
  WHERE week IN (SELECT week FROM pair)
    AND p95_ms > (SELECT slow_ms FROM given)
    AND $__conditionalAll(pattern IN ($pattern), $pattern)
    AND $__conditionalAll(agent IN ($agent), $agent)
  GROUP BY week
),
counts AS (
  SELECT
    week,
    age,
    coalesce(slow_patterns, 0) AS slow_patterns,
    coalesce(slow_patterns, 0) - lag(coalesce(slow_patterns, 0)) OVER (ORDER BY week) AS change,
    coalesce(pattern, '') AS pattern
  FROM pair
  LEFT JOIN slow USING (week)
  -- Nothing when the current week lies before the range.
  WHERE EXISTS (FROM pair WHERE $__weekFilter(week))
)
SELECT
  week,
  format('{}-W{:02d}', week // 100, week % 100) || CASE
    WHEN age > 1 THEN ''
    WHEN change > 0 THEN format(' ▲ {} more', change)
    WHEN change < 0 THEN format(' ▼ {} fewer', -change)
    WHEN change = 0 THEN ' = as before'
    ELSE ' (first report)'
  END AS report,
  pattern,
  slow_patterns
FROM counts
ORDER BY week
