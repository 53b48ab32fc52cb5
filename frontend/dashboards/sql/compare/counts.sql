WITH newest AS (SELECT max(week) AS week FROM perf_reports WHERE $__weekFilter(week, '$week')),
pair AS (
  SELECT week, true AS is_now FROM newest UNION ALL
  SELECT max(week), false FROM perf_reports WHERE week <= $__weekTo('$before') AND week < (FROM newest)
),
changes AS (
  SELECT pattern, bool_or(is_now) AS is_there, bool_or(NOT is_now) AS was_there,
    max(p95_ms) FILTER (WHERE is_now) AS now_ms, max(p95_ms) FILTER (WHERE NOT is_now) AS before_ms,
    least(sum(samples) FILTER (WHERE is_now), sum(samples) FILTER (WHERE NOT is_now)) AS fewest,
    fewest >= $__number('$min_samples', 'Least samples', 0)
      AND coalesce(abs($__growth(before_ms, now_ms)) > $__number('$percent', 'Beyond (%)', 0), true) AS counts
  FROM perf_weeks JOIN pair USING (week)
  WHERE $__conditionalAll(pattern IN ($pattern), $pattern) AND $__conditionalAll(agent IN ($agent), $agent)
  GROUP BY pattern)
SELECT -- With a hyphen at which no line ends. With nothing to compare with, nothing is new.
  (SELECT replace(label, '-', '‑') FROM perf_reports JOIN pair USING (week) WHERE is_now) AS "Report",
  (SELECT replace(label, '-', '‑') FROM perf_reports JOIN pair USING (week) WHERE NOT is_now) AS "Against",
  CASE WHEN max(earlier) > 0 THEN count(*) FILTER (WHERE counts AND now_ms > before_ms) END AS "Slower",
  CASE WHEN max(earlier) > 0 THEN count(*) FILTER (WHERE counts AND now_ms < before_ms) END AS "Faster",
  CASE WHEN max(earlier) > 0 AND bool_or(was_there) THEN count(*) FILTER (WHERE NOT was_there) END AS "New",
  CASE WHEN max(earlier) > 0 THEN count(*) FILTER (WHERE NOT is_there) END AS "Gone",
  count(*) FILTER (WHERE now_ms > slow_ms) AS "Slow now",
  CASE WHEN max(earlier) > 0 THEN count(*) FILTER (WHERE before_ms > slow_ms) END AS "Slow before"
FROM changes, (SELECT max(week) AS earlier, $__number('$slow_ms', 'Slow above (ms)', $__slowMs) AS slow_ms
  FROM pair WHERE NOT is_now) HAVING count(*) > 0
