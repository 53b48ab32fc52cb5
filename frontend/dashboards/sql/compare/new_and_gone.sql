WITH newest AS (SELECT max(week) AS week FROM perf_reports WHERE $__weekFilter(week, '$week')),
pair AS (
  SELECT week, true AS is_now FROM newest UNION ALL
  SELECT max(week), false FROM perf_reports WHERE week <= $__weekTo('$before') AND week < (FROM newest)
),
sides AS (
  SELECT pattern, bool_or(is_now) AS is_there, bool_or(NOT is_now) AS was_there, max(p95_ms) AS p95,
    CAST(sum(samples) AS BIGINT) AS runs
  FROM perf_weeks JOIN pair USING (week)
  WHERE $__conditionalAll(pattern IN ($pattern), $pattern) AND $__conditionalAll(agent IN ($agent), $agent)
  GROUP BY pattern
)
SELECT if(is_there, 'new', 'gone') AS what, $__label(pattern, 160) AS name, p95 AS p95_ms,
  runs AS samples, pattern
FROM sides
-- With nothing to compare with, nothing is new.
WHERE is_there <> was_there AND EXISTS (FROM sides WHERE was_there)
QUALIFY row_number() OVER (PARTITION BY is_there ORDER BY p95 DESC NULLS LAST, pattern) <= 100
ORDER BY what DESC, p95_ms DESC NULLS LAST, pattern
