WITH given AS (
  -- What was typed above; nothing typed leaves the default. What is not a number is an error that says so.
  SELECT
    CASE
      WHEN trim('$percent') = '' THEN 0
      WHEN isfinite(TRY_CAST('$percent' AS DOUBLE)) THEN CAST('$percent' AS DOUBLE)
      ELSE CAST('Beyond (%) is not a number: ' || '$percent' AS DOUBLE)
    END AS percent,
    CASE
      WHEN trim('$min_samples') = '' THEN 0
      WHEN isfinite(TRY_CAST('$min_samples' AS DOUBLE)) THEN CAST('$min_samples' AS DOUBLE)
      ELSE CAST('Least samples is not a number: ' || '$min_samples' AS DOUBLE)
    END AS min_samples
),
reports AS NOT MATERIALIZED (
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
changes AS (
  SELECT
    pattern,
    before.p95_ms AS before_ms,
    this.p95_ms AS p95_ms,
    this.p95_ms - before.p95_ms AS change_ms,
    100 * (this.p95_ms / nullif(before.p95_ms, 0) - 1) AS change_percent,
    this.samples AS samples,
    least(this.samples, before.samples) < 30 AS is_chance
  FROM this
  JOIN before USING (pattern)
  WHERE least(this.samples, before.samples) >= (SELECT min_samples FROM given)
)
SELECT
  regexp_replace(CASE
    WHEN length(pattern) <= 100 THEN pattern
    ELSE rtrim(left(pattern, 66)) || ' … ' || ltrim(right(pattern, 22)) || ' #' || left(md5(pattern), 6)
  END, '\s+', ' ', 'g') AS name,
  before_ms,
  p95_ms,
  change_ms,
  -- Of few samples a change is chance: shown as words, by a mapping of what is not a number.
  CASE WHEN is_chance THEN 'nan' ELSE change_percent END AS change_percent,
  samples,
  pattern
FROM changes
WHERE change_percent > (SELECT percent FROM given)
ORDER BY change_ms DESC, pattern
LIMIT 100
