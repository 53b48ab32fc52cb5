-- Patterns that got slower from one report to the next. Without chosen weeks: in the newest report of the time range.
-- The report before may lie before the range, and more than a week before.
WITH pairs AS (
  SELECT week, lag(week) OVER (ORDER BY week) AS previous_week
  FROM (SELECT DISTINCT week FROM perf_all_weeks WHERE week IS NOT NULL)
),
chosen AS (
  FROM pairs
  WHERE $__weekFilter(week) AND $__conditionalAll(week IN ($week), $week)
  ORDER BY week DESC
  LIMIT CASE WHEN $__conditionalAll(false, $week) THEN 1 END
)
SELECT
  this.week,
  this.pattern,
  before.week AS previous_week,
  this.p95_ms,
  before.p95_ms AS previous_p95_ms,
  round(this.p95_ms - before.p95_ms, 3) AS change_ms,
  round(100 * (this.p95_ms / before.p95_ms - 1), 1) AS change_percent,
  this.samples,
  before.samples AS previous_samples
FROM chosen
JOIN perf_all_weeks AS this ON this.week = chosen.week
JOIN perf_all_weeks AS before ON before.week = chosen.previous_week AND before.pattern = this.pattern
WHERE before.p95_ms > 0
  AND this.p95_ms > before.p95_ms * (1 + $percent / 100)
  AND coalesce(this.samples, 0) >= $min_samples
  AND coalesce(before.samples, 0) >= $min_samples
  AND $__conditionalAll(this.pattern IN ($pattern), $pattern)
ORDER BY this.week DESC, this.p95_ms / before.p95_ms DESC, this.pattern
LIMIT $limit
