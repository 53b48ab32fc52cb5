-- The mean of the eight agents that take the most time. MATERIALIZED: so that each pattern is matched once.
WITH names AS MATERIALIZED (
  SELECT pattern, coalesce($__match(pattern, '$agent_regex'), 'other') AS by_name
  FROM (SELECT DISTINCT pattern FROM perf_weeks WHERE $__weekFilter(week))
),
sums AS (
  SELECT week, coalesce(agent, by_name) AS agent, sum(p95_ms * samples) AS ms,
    sum(samples) FILTER (WHERE p95_ms IS NOT NULL) AS runs
  FROM perf_weeks JOIN names USING (pattern)
  WHERE $__weekFilter(week) AND $__conditionalAll(coalesce(agent, by_name) IN ($agent), $agent)
  GROUP BY ALL
),
top AS (
  SELECT agent, row_number() OVER (ORDER BY sum(ms) DESC NULLS LAST, agent) AS line FROM sums GROUP BY agent
),
lines AS (
  SELECT week, agent, line, ms / runs AS p95_ms FROM sums JOIN top USING (agent) WHERE line <= 8 AND runs > 0
)
SELECT week, CAST(line AS VARCHAR) AS line, scale, $__label(agent, 24) AS name, agent, p95_ms
FROM lines, (SELECT $__scale(p95_ms) AS scale FROM lines)
UNION ALL -- For the tooltip and legend: the axis has dates.
SELECT week, 'week', 'own', 'ISO week', '', epoch_ms(time)
FROM perf_reports WHERE $__weekFilter(week) AND EXISTS (FROM sums)
ORDER BY week
