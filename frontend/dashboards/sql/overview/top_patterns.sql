-- Where reports tell agents apart, a pattern counts with its slowest agent.
WITH given AS (
  -- What was typed above; nothing typed leaves the default. What is not a number is an error that says so.
  SELECT
    CASE
      WHEN trim('$slow_ms') = '' THEN $__slowMs
      WHEN isfinite(TRY_CAST('$slow_ms' AS DOUBLE)) THEN CAST('$slow_ms' AS DOUBLE)
      ELSE CAST('Slow above (ms) is not a number: ' || '$slow_ms' AS DOUBLE)
    END AS slow_ms
),
reports AS NOT MATERIALIZED (
  -- Reports may tell agents apart in a column `agent`; where none does, it is NULL.
  SELECT NULL::VARCHAR AS agent WHERE false
  UNION ALL BY NAME
  FROM perf_all_weeks
),
top AS (
  SELECT
    week,
    pattern,
    max(p95_ms) AS p95_ms,
    arg_max(p50_ms, p95_ms) AS p50_ms,
    arg_max(p99_ms, p95_ms) AS p99_ms,
    CAST(sum(samples) AS BIGINT) AS samples
  FROM reports
  WHERE week = (SELECT max(week) FROM perf_all_weeks WHERE $__weekFilter(week) AND week <= CASE WHEN '$week' IN ('newest', '') THEN $__weekTo() ELSE CAST('$week' AS INTEGER) END)
    AND p95_ms IS NOT NULL
    AND $__conditionalAll(pattern IN ($pattern), $pattern)
    AND $__conditionalAll(agent IN ($agent), $agent)
  GROUP BY week, pattern
  ORDER BY p95_ms DESC, pattern
  LIMIT 10
)
SELECT
  -- Two spaces: Grafana measures the labels of an axis a little short and would cut off the first letter.
  '  ' || regexp_replace(CASE
    WHEN length(pattern) <= 44 THEN pattern
    ELSE rtrim(left(pattern, 24)) || ' … ' || ltrim(right(pattern, 9)) || ' #' || left(md5(pattern), 6)
  END, '\s+', ' ', 'g') AS name,
  p95_ms,
  p50_ms,
  p99_ms,
  samples,
  format('{}-W{:02d}', week // 100, week % 100) AS report,
  -- Lines of up to 85 characters, for the tooltip.
  rtrim(regexp_replace(pattern, '(.{1,85})(\s+|$)|(.{85})', '\1\3' || chr(10), 'g'), chr(10)) AS lines,
  -- Colours the bar.
  CASE WHEN p95_ms > (SELECT slow_ms FROM given) THEN 1 ELSE 0 END AS is_slow,
  pattern
FROM top
UNION ALL
-- Always ten places: one bar alone would be as high as the panel.
SELECT '', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL
FROM (SELECT unnest(range(10)) AS taken)
WHERE taken >= (SELECT count(*) FROM top) AND EXISTS (FROM top)
ORDER BY p95_ms DESC NULLS LAST, pattern
