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
names AS MATERIALIZED (
  -- The agent of a pattern: the first group of the expression, or all that it matches. Each pattern is looked at once,
  -- which takes the word MATERIALIZED: else DuckDB matches after the join.
  SELECT
    pattern,
    coalesce(nullif(regexp_extract(pattern, '$agent_regex', 1), ''), nullif(regexp_extract(pattern, '$agent_regex', 0), ''), 'other') AS by_name
  FROM (SELECT DISTINCT pattern FROM perf_all_weeks WHERE $__weekFilter(week))
),
rows_of_agents AS (
  SELECT week, pattern, coalesce(agent, by_name) AS agent, samples, p95_ms
  FROM reports
  JOIN names USING (pattern)
  WHERE $__weekFilter(week) AND $__conditionalAll(coalesce(agent, by_name) IN ($agent), $agent)
),
slow AS (
  SELECT week, agent, count(DISTINCT pattern) AS slow_patterns
  FROM rows_of_agents
  WHERE p95_ms > (SELECT slow_ms FROM given)
  GROUP BY week, agent
),
top AS (
  -- The same in each panel: an agent has one colour.
  SELECT agent, CAST(row_number() OVER (ORDER BY sum(p95_ms * samples) DESC NULLS LAST, agent) AS VARCHAR) AS line
  FROM rows_of_agents
  GROUP BY agent
  ORDER BY sum(p95_ms * samples) DESC NULLS LAST, agent
  LIMIT 8
),
counts AS (
  SELECT week, coalesce(top.agent, 'all others') AS agent, coalesce(line, 'others') AS line, CAST(sum(slow_patterns) AS BIGINT) AS slow_patterns
  FROM slow
  LEFT JOIN top ON top.agent = slow.agent
  GROUP BY ALL
),
bars AS (
  -- Each report, also one without any of them. The week after the newest makes a bar as wide as a week: that is the shortest
  -- way from one to the next.
  SELECT DISTINCT week, true AS is_report FROM perf_all_weeks WHERE $__weekFilter(week)
  UNION ALL
  SELECT CAST(strftime(max($__weekTime(week)) + INTERVAL 7 DAYS, '%G%V') AS INTEGER), false FROM perf_all_weeks WHERE $__weekFilter(week)
)
SELECT week, line, agent, CASE WHEN is_report THEN coalesce(slow_patterns, 0) END AS slow_patterns
FROM bars
CROSS JOIN (SELECT DISTINCT agent, line FROM counts)
LEFT JOIN counts USING (week, agent, line)
UNION ALL
-- For the tooltip: the axis has dates.
SELECT DISTINCT week, 'week', 'ISO week', epoch_ms($__weekTime(week))
FROM perf_all_weeks
WHERE $__weekFilter(week) AND EXISTS (FROM slow)
ORDER BY week, line
