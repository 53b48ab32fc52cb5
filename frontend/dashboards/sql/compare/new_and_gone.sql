WITH reports AS NOT MATERIALIZED (
  -- Reports may tell agents apart in a column `agent`; where none does, it is NULL.
  SELECT NULL::VARCHAR AS agent WHERE false
  UNION ALL BY NAME
  FROM perf_all_weeks
),
chosen AS (
  SELECT max(week) AS week FROM perf_all_weeks WHERE $__weekFilter(week) AND week <= CASE WHEN '$week' IN ('newest', '') THEN $__weekTo() ELSE CAST('$week' AS INTEGER) END
),
earlier AS (
  SELECT max(week) AS week
  FROM perf_all_weeks
  WHERE week < (SELECT week FROM chosen)
    AND week <= CASE WHEN '$before' IN ('previous', '') THEN $__weekTo() ELSE CAST('$before' AS INTEGER) END
    AND $__weekTime(week) IS NOT NULL -- a week that exists
),
this AS (
  SELECT pattern, max(p95_ms) AS p95_ms, CAST(sum(samples) AS BIGINT) AS samples
  FROM reports
  WHERE week = (SELECT week FROM chosen) AND $__conditionalAll(pattern IN ($pattern), $pattern) AND $__conditionalAll(agent IN ($agent), $agent)
  GROUP BY pattern
),
before AS (
  SELECT pattern, max(p95_ms) AS p95_ms, CAST(sum(samples) AS BIGINT) AS samples
  FROM reports
  WHERE week = (SELECT week FROM earlier) AND $__conditionalAll(pattern IN ($pattern), $pattern) AND $__conditionalAll(agent IN ($agent), $agent)
  GROUP BY pattern
),
apart AS (
  (SELECT 'new' AS what, pattern, p95_ms, samples
  FROM this
  ANTI JOIN before ON this.pattern IS NOT DISTINCT FROM before.pattern
  -- With nothing to compare with, nothing is new.
  WHERE EXISTS (FROM before)
  ORDER BY p95_ms DESC NULLS LAST, pattern
  LIMIT 100)
  UNION ALL
  (SELECT 'gone', pattern, p95_ms, samples
  FROM before
  ANTI JOIN this ON this.pattern IS NOT DISTINCT FROM before.pattern
  ORDER BY p95_ms DESC NULLS LAST, pattern
  LIMIT 100)
)
SELECT
  what,
  regexp_replace(CASE
    WHEN length(pattern) <= 100 THEN pattern
    ELSE rtrim(left(pattern, 66)) || ' … ' || ltrim(right(pattern, 22)) || ' #' || left(md5(pattern), 6)
  END, '\s+', ' ', 'g') AS name,
  p95_ms,
  samples,
  pattern
FROM apart
ORDER BY what DESC, p95_ms DESC NULLS LAST, pattern
