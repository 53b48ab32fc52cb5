-- One more than the number of slower rows.
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
own AS (
  SELECT week, max(p95_ms) AS p95_ms
  FROM reports
  WHERE $__weekFilter(week) AND pattern = (SELECT pattern FROM chosen) AND $__conditionalAll(agent IN ($agent), $agent)
  GROUP BY week
),
places AS (
  SELECT own.week, 1 + count(other.week) AS place
  FROM own
  LEFT JOIN (FROM reports WHERE $__weekFilter(week) AND $__conditionalAll(agent IN ($agent), $agent)) AS other
    ON other.week = own.week AND other.p95_ms > own.p95_ms
  WHERE own.p95_ms IS NOT NULL
  GROUP BY own.week
)
-- Drawn is the inverse, because Grafana's axes only go up: 1 is on top, and the axis names 1/2 as place 2.
SELECT week, 1.0 / place AS height, place AS "Place", epoch_ms($__weekTime(week)) AS "ISO week"
FROM places
ORDER BY week
