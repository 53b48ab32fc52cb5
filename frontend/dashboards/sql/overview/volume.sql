WITH reports AS NOT MATERIALIZED (
  -- Reports may tell agents apart in a column `agent`; where none does, it is NULL.
  SELECT NULL::VARCHAR AS agent WHERE false
  UNION ALL BY NAME
  FROM perf_all_weeks
),
top AS (
  SELECT
    pattern,
    regexp_replace(CASE
      WHEN length(pattern) <= 30 THEN pattern
      ELSE rtrim(left(pattern, 14)) || ' … ' || ltrim(right(pattern, 5)) || ' #' || left(md5(pattern), 6)
    END, '\s+', ' ', 'g') AS name,
    CAST(row_number() OVER (ORDER BY sum(samples) DESC, pattern) AS VARCHAR) AS line
  FROM reports
  WHERE $__weekFilter(week) AND $__conditionalAll(pattern IN ($pattern), $pattern) AND $__conditionalAll(agent IN ($agent), $agent)
  GROUP BY pattern
  ORDER BY sum(samples) DESC, pattern
  LIMIT 5
),
volumes AS (
  SELECT
    week,
    coalesce(top.name, 'other patterns') AS name,
    coalesce(top.pattern, '') AS pattern,
    coalesce(top.line, 'others') AS line,
    CAST(sum(samples) AS BIGINT) AS samples
  FROM reports
  LEFT JOIN top USING (pattern)
  WHERE $__weekFilter(week) AND $__conditionalAll(pattern IN ($pattern), $pattern) AND $__conditionalAll(agent IN ($agent), $agent)
  GROUP BY ALL
),
bars AS (
  -- Each report, also one without any of them. The week after the newest makes a bar as wide as a week: that is the shortest
  -- way from one to the next.
  SELECT DISTINCT week, true AS is_report FROM perf_all_weeks WHERE $__weekFilter(week)
  UNION ALL
  SELECT CAST(strftime(max($__weekTime(week)) + INTERVAL 7 DAYS, '%G%V') AS INTEGER), false FROM perf_all_weeks WHERE $__weekFilter(week)
)
SELECT week, line, name, pattern, CASE WHEN is_report THEN coalesce(samples, 0) END AS samples
FROM bars
CROSS JOIN (SELECT DISTINCT name, pattern, line FROM volumes)
LEFT JOIN volumes USING (week, name, pattern, line)
UNION ALL
-- For the tooltip: the axis has dates.
SELECT DISTINCT week, 'week', 'ISO week', '', epoch_ms($__weekTime(week))
FROM perf_all_weeks
WHERE $__weekFilter(week) AND EXISTS (FROM volumes)
ORDER BY week, line
