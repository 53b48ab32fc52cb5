-- Patterns that got slower from one report to a later one, the largest change first. What grew from 0, or from less, counts by
-- any growth: that is no number of percent, so `change_percent` is NULL. Without chosen weeks: in the newest
-- report of the time range. The other is the report before it, or the newest one up to a chosen week; it may lie before
-- the range. Where reports tell agents apart, a pattern counts with its slowest agent and the samples of all agents.
-- NaN, which a database file's own perf_all_weeks may hold, is no number.
WITH weeks AS (
  FROM (SELECT DISTINCT week FROM perf_all_weeks) WHERE $__weekTime(week) IS NOT NULL -- a week that exists
),
pairs AS (
  SELECT later.week, max(earlier.week) AS previous_week
  FROM weeks AS later
  JOIN weeks AS earlier ON earlier.week < later.week AND earlier.week <= coalesce($before, $__weekTo())
  WHERE $__weekFilter(later.week) AND $__conditionalAll(later.week IN ($week), $week)
  GROUP BY later.week
  ORDER BY later.week DESC
  LIMIT CASE WHEN $__conditionalAll(false, $week) THEN 1 END
),
reports AS (
  SELECT week, pattern, max(nullif(p95_ms, 'nan'::DOUBLE)) AS p95_ms, sum(samples) AS samples
  FROM perf_all_weeks
  WHERE week IN (SELECT unnest([week, previous_week]) FROM pairs)
    AND $__conditionalAll(pattern IN ($pattern), $pattern)
    AND $__conditionalAll(agent IN ($agent), $agent)
  GROUP BY week, pattern
)
SELECT
  this.week,
  this.pattern,
  before.week AS previous_week,
  this.p95_ms,
  before.p95_ms AS previous_p95_ms,
  round(this.p95_ms - before.p95_ms, 3) AS change_ms,
  CASE WHEN before.p95_ms > 0 THEN round(100 * (this.p95_ms / before.p95_ms - 1), 1) END AS change_percent,
  this.samples,
  before.samples AS previous_samples
FROM pairs
JOIN reports AS this ON this.week = pairs.week
JOIN reports AS before ON before.week = pairs.previous_week AND before.pattern = this.pattern
WHERE this.p95_ms > before.p95_ms
  AND (before.p95_ms <= 0 OR 100 * (this.p95_ms / before.p95_ms - 1) > $percent)
  AND coalesce(least(this.samples, before.samples), 0) >= $min_samples
ORDER BY this.week DESC, this.p95_ms - before.p95_ms DESC, this.pattern
LIMIT $limit
