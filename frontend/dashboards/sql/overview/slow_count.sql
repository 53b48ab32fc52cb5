-- Against the report before, which may lie before the time range. Nothing where both lack what was chosen.
WITH pair AS (
  SELECT week, label, week = max(week) OVER () AS is_now
  FROM perf_reports WHERE week <= $__weekTo('$week') ORDER BY week DESC LIMIT 2
),
counts AS (
  SELECT week, label, is_now, count(DISTINCT pattern) FILTER (WHERE is_slow) AS slow_patterns,
    coalesce(max_by(pattern, p95_ms) FILTER (WHERE is_slow), '') AS worst, count(pattern) AS there
  FROM pair LEFT JOIN (
    SELECT week, pattern, p95_ms,
      p95_ms > $__number('$slow_ms', 'Slow above (ms)', $__slowMs) AS is_slow
    FROM perf_weeks WHERE week IN (SELECT week FROM pair)
      AND $__conditionalAll(pattern IN ($pattern), $pattern)
      AND $__conditionalAll(agent IN ($agent), $agent)
  ) USING (week)
  GROUP BY ALL
),
changes AS (SELECT *, slow_patterns - lag(slow_patterns) OVER (ORDER BY week) AS change FROM counts)
SELECT week, label || CASE WHEN NOT is_now THEN '' WHEN change > 0 THEN format(' ▲ {} more', change)
  WHEN change < 0 THEN format(' ▼ {} fewer', -change) WHEN change = 0 THEN ' = as before'
  ELSE ' (first report)' END AS report, worst AS pattern, slow_patterns
FROM changes -- Nothing when the current week lies before the range.
WHERE EXISTS (FROM pair WHERE $__weekFilter(week)) AND EXISTS (FROM counts WHERE there > 0)
ORDER BY week
