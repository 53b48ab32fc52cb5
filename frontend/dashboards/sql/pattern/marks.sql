-- Patterns above the threshold whose p95 grew by more than 25% against the report before, with at least 30 samples in
-- both. The eight weeks with the largest growths; a mark names the
-- three that grew most.
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
weeks AS (
  -- The report before the first one may lie before the time range.
  SELECT week, lag(week) OVER (ORDER BY week) AS earlier
  FROM (SELECT DISTINCT week FROM perf_all_weeks WHERE week <= $__weekTo())
  WHERE $__weekTime(week) IS NOT NULL -- a week that exists
),
slow AS (
  SELECT week, earlier, pattern, agent, p95_ms
  FROM reports
  JOIN weeks USING (week)
  WHERE $__weekFilter(week)
    AND p95_ms > (SELECT slow_ms FROM given)
    AND samples >= 30
    AND pattern = (SELECT pattern FROM chosen)
    AND $__conditionalAll(agent IN ($agent), $agent)
),
slower AS (
  SELECT slow.week, slow.pattern, slow.p95_ms, before.p95_ms AS before_ms
  FROM slow
  JOIN (FROM reports WHERE week <= $__weekTo() AND pattern = (SELECT pattern FROM chosen)) AS before
    ON before.week = slow.earlier
    AND before.pattern = slow.pattern
    AND before.agent IS NOT DISTINCT FROM slow.agent
  WHERE slow.p95_ms > 1.25 * before.p95_ms AND before.samples >= 30
),
lines AS (
  SELECT
    week,
    p95_ms - before_ms AS change,
    -- The text is shown as HTML.
    replace(replace(regexp_replace(CASE
          WHEN length(pattern) <= 44 THEN pattern
          ELSE rtrim(left(pattern, 24)) || ' … ' || ltrim(right(pattern, 9)) || ' #' || left(md5(pattern), 6)
        END, '\s+', ' ', 'g'), '&', '&amp;'), '<', '&lt;')
      || format(': {:.0f} → {:.0f} ms', before_ms, p95_ms) AS line
  FROM slower
)
SELECT
  $__weekTime(week) AS time,
  format('{}-W{:02d}: {} got slower', week // 100, week % 100, count(*)) AS title,
  array_to_string(max_by(line, change, 3), '<br>') || CASE WHEN count(*) > 3 THEN '<br>…' ELSE '' END AS text
FROM lines
GROUP BY week
-- More marks would hide the lines.
ORDER BY max(change) DESC, week
LIMIT 8
