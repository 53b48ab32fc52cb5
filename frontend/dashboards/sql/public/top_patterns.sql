-- Where reports tell agents apart, a pattern counts with its slowest agent.
WITH top AS (
  SELECT week, pattern, max(p95_ms) AS p95, arg_max(p50_ms, p95_ms) AS p50, arg_max(p99_ms, p95_ms) AS p99,
    CAST(sum(samples) AS BIGINT) AS runs
  FROM perf_weeks
  WHERE week = (SELECT max(week) FROM perf_reports WHERE $__weekFilter(week)) AND p95_ms IS NOT NULL
  GROUP BY week, pattern
  ORDER BY p95 DESC, pattern
  LIMIT 10
)
-- Two spaces: Grafana measures the labels of an axis a little short and would cut off the first letter.
SELECT '  ' || $__label(pattern, 36) AS name, p95 AS p95_ms, p50 AS p50_ms, p99 AS p99_ms, runs AS samples,
  format('{}-W{:02d}', week // 100, week % 100) AS report,
  -- Lines of up to 85 characters, for the tooltip.
  rtrim(regexp_replace(pattern, '(.{1,85})(\s+|$)|(.{85})', '\1\3' || chr(10), 'g'), chr(10)) AS lines,
  if(p95 > CAST($__slowMs AS DOUBLE), 1, 0) AS is_slow, pattern
FROM top
UNION ALL -- Always ten places: one bar alone would be as high as the panel.
SELECT '', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL
FROM range(10) AS places(place) WHERE place >= (SELECT count(*) FROM top) AND EXISTS (FROM top)
ORDER BY p95_ms DESC NULLS LAST, pattern
