WITH reports AS NOT MATERIALIZED (
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
per_week AS (
  SELECT
    week,
    agent,
    sum(p95_ms * samples) / nullif(sum(samples) FILTER (WHERE p95_ms IS NOT NULL), 0) AS p95_ms,
    CAST(sum(samples) AS BIGINT) AS samples
  FROM rows_of_agents
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
lines AS (
  SELECT week, line, agent, p95_ms
  FROM per_week
  JOIN top USING (agent)
  WHERE p95_ms IS NOT NULL
),
spread AS (
  -- A spike would press all other lines to the bottom: then the axis is logarithmic, and linear below 1 ms, so that zero has a place.
  SELECT CASE WHEN max(p95_ms) > 20 * median(p95_ms) FILTER (WHERE p95_ms > 0) THEN 'log' ELSE 'linear' END AS scale
  FROM lines
)
SELECT week, line, scale, regexp_replace(CASE
    WHEN length(agent) <= 24 THEN agent
    ELSE rtrim(left(agent, 10)) || ' … ' || ltrim(right(agent, 4)) || ' #' || left(md5(agent), 4)
  END, '\s+', ' ', 'g') AS name, agent, p95_ms
FROM lines, spread
UNION ALL
-- For the tooltip and legend: the axis has dates.
SELECT DISTINCT week, 'week', 'own', 'ISO week', '', epoch_ms($__weekTime(week))
FROM perf_all_weeks
WHERE $__weekFilter(week) AND EXISTS (FROM per_week)
ORDER BY week
