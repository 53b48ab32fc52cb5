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
)
SELECT coalesce(agent, by_name) AS __value
FROM reports
JOIN names USING (pattern)
WHERE $__weekFilter(week)
GROUP BY __value
ORDER BY sum(samples) DESC NULLS LAST, __value
LIMIT 1000
