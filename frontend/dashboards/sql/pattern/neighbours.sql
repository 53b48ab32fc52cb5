WITH chosen AS (
  SELECT max_by(pattern, (week, coalesce(p95_ms, -1))) AS pattern -- All: the slowest of the newest report.
  FROM perf_weeks WHERE $__weekFilter(week) AND $__conditionalAll(pattern IN ($pattern), $pattern)
),
places AS (
  -- What has no p95 has no place.
  SELECT *, if(p95_ms IS NULL, NULL, row_number() OVER (ORDER BY p95_ms DESC NULLS LAST, pattern)) AS place,
    pattern = (FROM chosen) AS is_own
  FROM perf_weeks
  WHERE week = (SELECT max(week) FROM perf_reports WHERE $__weekFilter(week, '$week'))
    AND $__conditionalAll(agent IN ($agent), $agent)
),
own AS (SELECT min(place) AS place FROM places WHERE is_own)
SELECT places.place, if(is_own, '▶ ', '') || coalesce(agent || ': ', '') || $__label(pattern, 160) AS name,
  p95_ms, samples, pattern
FROM places, own
-- Without a place it stands alone.
WHERE places.place BETWEEN own.place - 5 AND own.place + 5 OR (own.place IS NULL AND is_own)
ORDER BY places.place
