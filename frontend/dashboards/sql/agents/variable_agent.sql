-- The agents of the time range, busiest first.
WITH names AS MATERIALIZED (
  -- Each pattern is matched once, which takes the word MATERIALIZED: else DuckDB matches after the join.
  SELECT pattern, coalesce($__match(pattern, '$agent_regex'), 'other') AS by_name
  FROM (SELECT DISTINCT pattern FROM perf_weeks WHERE $__weekFilter(week))
)
SELECT coalesce(agent, by_name) AS __value
FROM perf_weeks
JOIN names USING (pattern)
WHERE $__weekFilter(week)
GROUP BY __value
ORDER BY sum(samples) DESC NULLS LAST, __value
LIMIT 1000
