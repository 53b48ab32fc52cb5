-- One more than the number of slower rows. Drawn is the inverse: Grafana's axes only go up, and 1 is on top.
WITH chosen AS (
  SELECT max_by(pattern, (week, coalesce(p95_ms, -1))) AS pattern -- All: the slowest of the newest report.
  FROM perf_weeks WHERE $__weekFilter(week) AND $__conditionalAll(pattern IN ($pattern), $pattern)
),
own AS (
  SELECT week, max(p95_ms) AS p95 FROM perf_weeks
  WHERE $__weekFilter(week) AND pattern = (FROM chosen) AND $__conditionalAll(agent IN ($agent), $agent)
  GROUP BY week
  HAVING count(p95_ms) > 0
)
SELECT own.week, 1.0 / (1 + count(other.week)) AS height, 1 + count(other.week) AS "Place",
  epoch_ms($__weekTime(own.week)) AS "ISO week"
FROM own
LEFT JOIN (FROM perf_weeks WHERE $__weekFilter(week) AND $__conditionalAll(agent IN ($agent), $agent)) other
  ON other.week = own.week AND other.p95_ms > own.p95
GROUP BY own.week
ORDER BY own.week
