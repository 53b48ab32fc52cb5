-- One pattern over the weeks, oldest first: its rows, its place in each week, and the change against the last
-- report that has it, which may lie before the chosen weeks. Without a name: the slowest pattern of the newest report. Where
-- reports tell agents apart, its slowest agent, with the samples of all agents. NaN, which a database file's own
-- perf_all_weeks may hold, is no number.
WITH rows_without_nan AS (
  -- Columns of a report's own with the names of those here are not in it.
  SELECT * REPLACE (nullif(p95_ms, 'nan'::DOUBLE) AS p95_ms)
  FROM (
    SELECT NULL AS place, NULL AS p95_change_ms, NULL AS p95_change_percent WHERE false
    UNION ALL BY NAME
    SELECT * FROM perf_all_weeks
  )
),
places AS (
  SELECT
    * EXCLUDE (place, p95_change_ms, p95_change_percent),
    row_number() OVER (PARTITION BY week ORDER BY p95_ms DESC NULLS LAST, pattern) AS place
  FROM rows_without_nan
  WHERE $__conditionalAll(agent IN ($agent), $agent)
),
slowest AS (
  SELECT * REPLACE (sum(samples) OVER (PARTITION BY week) AS samples)
  FROM places
  WHERE pattern = coalesce($name, (SELECT max_by(pattern, (week, coalesce(p95_ms, -1))) FROM rows_without_nan WHERE $__weekFilter(week)))
    AND $__weekTime(week) IS NOT NULL -- a week that exists
  QUALIFY place = min(place) OVER (PARTITION BY week)
)
SELECT
  * REPLACE (CASE WHEN p95_ms IS NOT NULL THEN place END AS place),
  nullif(round(p95_ms - lag(p95_ms) OVER reports, 3), 'nan'::DOUBLE) AS p95_change_ms,
  CASE WHEN lag(p95_ms) OVER reports > 0 THEN nullif(round(100 * (p95_ms / lag(p95_ms) OVER reports - 1), 1), 'nan'::DOUBLE) END AS p95_change_percent
FROM slowest
WINDOW reports AS (ORDER BY week)
QUALIFY $__weekFilter(week) AND $__conditionalAll(week IN ($week), $week)
ORDER BY week
