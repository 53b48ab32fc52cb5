-- Each pattern once: in which reports it is, and its numbers in the newest of them. Where reports tell agents apart, a
-- pattern counts with its slowest agent, and its samples are those of all agents. NaN, which a database file's own perf_all_weeks may
-- hold, is no number.
WITH reports AS (
  SELECT
    week,
    pattern,
    sum(samples) AS samples,
    -- Without a p95 the other percentiles are still there.
    arg_max(p50_ms, coalesce(p95_ms, -1)) AS p50_ms,
    max(p95_ms) AS p95_ms,
    arg_max(p99_ms, coalesce(p95_ms, -1)) AS p99_ms
  FROM (
    SELECT * REPLACE (nullif(p50_ms, 'nan'::DOUBLE) AS p50_ms, nullif(p95_ms, 'nan'::DOUBLE) AS p95_ms, nullif(p99_ms, 'nan'::DOUBLE) AS p99_ms)
    FROM perf_all_weeks
  )
  WHERE pattern IS NOT NULL
    AND $__weekFilter(week)
    AND $__conditionalAll(week IN ($week), $week)
    AND $__conditionalAll(pattern IN ($pattern), $pattern)
    AND $__conditionalAll(agent IN ($agent), $agent)
  GROUP BY week, pattern
)
SELECT
  pattern,
  count(*) AS weeks,
  min(week) AS first_week,
  max(week) AS last_week,
  sum(samples) AS samples,
  arg_max_null(p50_ms, week) AS p50_ms,
  arg_max_null(p95_ms, week) AS p95_ms,
  arg_max_null(p99_ms, week) AS p99_ms,
  max(p95_ms) AS max_p95_ms,
  arg_max_null(p95_ms, week) > coalesce($slow_ms, $__slowMs) AS slow
FROM reports
GROUP BY pattern
ORDER BY max(week) DESC, arg_max_null(p95_ms, week) DESC NULLS LAST, pattern
LIMIT $limit
