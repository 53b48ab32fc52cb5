-- The week's row against the report before it, which may lie before the time range.
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
pair AS (
  SELECT week, row_number() OVER (ORDER BY week DESC) AS age
  FROM perf_all_weeks
  WHERE week <= CASE WHEN '$week' IN ('newest', '') THEN $__weekTo() ELSE CAST('$week' AS INTEGER) END AND week <= $__weekTo()
  GROUP BY week
  HAVING $__weekTime(week) IS NOT NULL -- a week that exists
  ORDER BY week DESC
  LIMIT 2
),
rows_of_week AS (
  -- What has no p95 has no place.
  SELECT *, CASE WHEN p95_ms IS NOT NULL THEN row_number() OVER (ORDER BY p95_ms DESC NULLS LAST, pattern) END AS place
  FROM reports
  WHERE week = (SELECT max(week) FROM perf_all_weeks WHERE $__weekFilter(week) AND week <= CASE WHEN '$week' IN ('newest', '') THEN $__weekTo() ELSE CAST('$week' AS INTEGER) END) AND $__conditionalAll(agent IN ($agent), $agent)
),
this AS (
  SELECT
    max(p95_ms) AS p95_ms,
    arg_max(p50_ms, p95_ms) AS p50_ms,
    arg_max(p99_ms, p95_ms) AS p99_ms,
    CAST(sum(samples) AS BIGINT) AS samples,
    min(place) AS place
  FROM rows_of_week
  WHERE pattern = (SELECT pattern FROM chosen)
  HAVING count(*) > 0
),
before AS (
  SELECT max(p95_ms) AS p95_ms, sum(samples) AS samples
  FROM reports
  WHERE week = (SELECT week FROM pair WHERE age = 2) AND pattern = (SELECT pattern FROM chosen) AND $__conditionalAll(agent IN ($agent), $agent)
)
SELECT
  this.p95_ms AS "P95",
  -- Of few samples a change is chance: shown as words, by a mapping of what is not a number.
  CASE
    WHEN least(this.samples, before.samples) < 30 AND before.p95_ms IS NOT NULL THEN 'nan'
    ELSE 100 * (this.p95_ms / nullif(before.p95_ms, 0) - 1)
  END AS "Change",
  this.p50_ms AS "P50",
  this.p99_ms AS "P99",
  this.samples AS "Samples",
  this.place AS "Place",
  this.p95_ms / (SELECT slow_ms FROM given) AS "× threshold"
FROM this, before
