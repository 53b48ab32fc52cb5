WITH chosen AS (
  SELECT max_by(pattern, (week, coalesce(p95_ms, -1))) AS pattern -- All: the slowest of the newest report.
  FROM perf_weeks WHERE $__weekFilter(week) AND $__conditionalAll(pattern IN ($pattern), $pattern)
),
weeks AS (
  SELECT week, max(p95_ms) AS p95, arg_max(p50_ms, p95_ms) AS p50_ms, arg_max(p99_ms, p95_ms) AS p99_ms,
    CAST(sum(samples) AS BIGINT) AS runs
  FROM perf_weeks
  WHERE $__weekFilter(week) AND pattern = (FROM chosen) AND $__conditionalAll(agent IN ($agent), $agent)
  GROUP BY week
),
changes AS (
  SELECT *, lag(p95) OVER reports AS before, least(runs, lag(runs) OVER reports) AS fewest
  FROM weeks WINDOW reports AS (ORDER BY week)
)
SELECT format('{}-W{:02d}', week // 100, week % 100) AS report, p95 AS p95_ms, p95 - before AS change_ms,
  -- Of few samples a change is chance: shown as words, by a mapping of what is not a number.
  if(fewest < 30 AND change_ms IS NOT NULL, 'nan', $__growth(before, p95)) AS change_percent,
  p50_ms, p99_ms, runs AS samples
FROM changes
ORDER BY week DESC
