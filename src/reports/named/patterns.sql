-- Each pattern once: in which reports it is, and its numbers in the newest of them.
SELECT
  pattern,
  count(DISTINCT week) AS weeks,
  min(week) AS first_week,
  max(week) AS last_week,
  CAST(sum(samples) AS BIGINT) AS samples,
  arg_max(p50_ms, week) AS p50_ms,
  arg_max(p95_ms, week) AS p95_ms,
  arg_max(p99_ms, week) AS p99_ms,
  max(p95_ms) AS max_p95_ms,
  arg_max(p95_ms, week) > coalesce($slow_ms, $__slowMs) AS slow
FROM perf_all_weeks
WHERE pattern IS NOT NULL
  AND $__weekFilter(week)
  AND $__conditionalAll(week IN ($week), $week)
  AND $__conditionalAll(pattern IN ($pattern), $pattern)
GROUP BY pattern
ORDER BY max(week) DESC, arg_max(p95_ms, week) DESC NULLS LAST, pattern
LIMIT $limit
