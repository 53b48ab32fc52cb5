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
places AS (
  -- What has no p95 has no place.
  SELECT pattern, agent, p95_ms, samples, CASE WHEN p95_ms IS NOT NULL THEN row_number() OVER (ORDER BY p95_ms DESC NULLS LAST, pattern) END AS place
  FROM reports
  WHERE week = (SELECT max(week) FROM perf_all_weeks WHERE $__weekFilter(week) AND week <= CASE WHEN '$week' IN ('newest', '') THEN $__weekTo() ELSE CAST('$week' AS INTEGER) END) AND $__conditionalAll(agent IN ($agent), $agent)
),
own AS (
  SELECT min(place) AS place FROM places WHERE pattern = (SELECT pattern FROM chosen)
)
SELECT
  places.place,
  CASE WHEN pattern = (SELECT pattern FROM chosen) THEN '▶ ' ELSE '' END || coalesce(agent || ': ', '') || regexp_replace(CASE
    WHEN length(pattern) <= 100 THEN pattern
    ELSE rtrim(left(pattern, 66)) || ' … ' || ltrim(right(pattern, 22)) || ' #' || left(md5(pattern), 6)
  END, '\s+', ' ', 'g') AS name,
  places.p95_ms,
  places.samples,
  places.pattern
FROM places, own
WHERE places.place BETWEEN own.place - 5 AND own.place + 5
  -- Without a place it stands alone.
  OR (own.place IS NULL AND pattern = (SELECT pattern FROM chosen))
ORDER BY places.place
