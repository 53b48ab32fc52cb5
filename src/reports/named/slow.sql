-- The slow rows: those with `slow_flag`, or above the threshold where one is given. Slowest first, or as `order` says. NaN,
-- which a database file's own perf_all_weeks may hold, is no number, and a row without a p95 is not slow.
SELECT *
FROM (
  SELECT * REPLACE (nullif(p50_ms, 'nan'::DOUBLE) AS p50_ms, nullif(p95_ms, 'nan'::DOUBLE) AS p95_ms, nullif(p99_ms, 'nan'::DOUBLE) AS p99_ms)
  FROM perf_all_weeks
)
WHERE CASE WHEN $slow_ms IS NULL THEN slow_flag AND p95_ms IS NOT NULL ELSE p95_ms > $slow_ms END
  AND $__weekFilter(week)
  AND $__conditionalAll(week IN ($week), $week)
  AND $__conditionalAll(pattern IN ($pattern), $pattern)
  AND $__conditionalAll(agent IN ($agent), $agent)
ORDER BY
    CASE WHEN $order = 'newest' THEN week END DESC NULLS LAST,
    CASE $order WHEN 'p50' THEN p50_ms WHEN 'p99' THEN p99_ms WHEN 'samples' THEN samples ELSE p95_ms END DESC NULLS LAST,
    week DESC,
    pattern
LIMIT $limit
