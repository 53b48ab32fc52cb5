-- Where agents are told apart, by the slowest. What was 0 has no percentage, and is not left out.
WITH newest AS (SELECT max(week) AS week FROM perf_reports WHERE $__weekFilter(week, '$week')),
pair AS (
  SELECT week, true AS is_now FROM newest UNION ALL
  SELECT max(week), false FROM perf_reports WHERE week <= $__weekTo('$before') AND week < (FROM newest)
),
changes AS (
  SELECT pattern, max(p95_ms) FILTER (WHERE is_now) AS now_ms,
    max(p95_ms) FILTER (WHERE NOT is_now) AS before_ms,
    CAST(sum(samples) FILTER (WHERE is_now) AS BIGINT) AS runs,
    least(runs, sum(samples) FILTER (WHERE NOT is_now)) AS fewest, $__growth(before_ms, now_ms) AS growth
  FROM perf_weeks JOIN pair USING (week)
  WHERE $__conditionalAll(pattern IN ($pattern), $pattern) AND $__conditionalAll(agent IN ($agent), $agent)
  GROUP BY pattern
)
SELECT
  format('{} of {}', row_number() OVER (ORDER BY now_ms - before_ms, pattern), count(*) OVER ()) AS row,
  $__label(pattern, 160) AS name, before_ms, now_ms AS p95_ms, now_ms - before_ms AS change_ms,
  -- Of few samples a change is chance: shown as words, by a mapping of what is not a number.
  if(fewest < 30, 'nan', growth) AS change_percent, runs AS samples, pattern
FROM changes
WHERE now_ms < before_ms AND fewest >= $__number('$min_samples', 'Least samples', 0)
  AND coalesce(abs(growth) > $__number('$percent', 'Beyond (%)', 0), true)
ORDER BY change_ms, pattern
LIMIT 100
