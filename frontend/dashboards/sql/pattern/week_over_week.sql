WITH reports AS NOT MATERIALIZED (
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
  SELECT
    week,
    max(p95_ms) AS p95_ms,
    arg_max(p50_ms, p95_ms) AS p50_ms,
    arg_max(p99_ms, p95_ms) AS p99_ms,
    CAST(sum(samples) AS BIGINT) AS samples
  FROM reports
  WHERE $__weekFilter(week) AND pattern = (SELECT pattern FROM chosen) AND $__conditionalAll(agent IN ($agent), $agent)
  GROUP BY week
),
changes AS (
  SELECT
    *,
    p95_ms - lag(p95_ms) OVER (ORDER BY week) AS change_ms,
    lag(p95_ms) OVER (ORDER BY week) AS before_ms,
    least(samples, lag(samples) OVER (ORDER BY week)) < 30 AS is_chance
  FROM weeks
)
SELECT
  format('{}-W{:02d}', week // 100, week % 100) AS report,
  p95_ms,
  change_ms,
  -- Of few samples a change is chance: shown as words, by a mapping of what is not a number.
  CASE WHEN is_chance AND change_ms IS NOT NULL THEN 'nan' ELSE 100 * change_ms / nullif(before_ms, 0) END AS change_percent,
  p50_ms,
  p99_ms,
  samples
FROM changes
ORDER BY week DESC
