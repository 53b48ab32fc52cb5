-- Slow patterns of the eight agents that take the most time, and of all others; 0 in a report without any.
WITH names AS MATERIALIZED (
  SELECT pattern, coalesce($__match(pattern, '$agent_regex'), 'other') AS by_name
  FROM (SELECT DISTINCT pattern FROM perf_weeks WHERE $__weekFilter(week))
),
sums AS (
  SELECT week, coalesce(agent, by_name) AS agent, sum(p95_ms * samples) AS ms,
    count(DISTINCT if(p95_ms > $__number('$slow_ms', 'Slow above (ms)', $__slowMs), pattern, NULL)) AS n
  FROM perf_weeks JOIN names USING (pattern)
  WHERE $__weekFilter(week) AND $__conditionalAll(coalesce(agent, by_name) IN ($agent), $agent)
  GROUP BY ALL
),
top AS (
  SELECT agent, row_number() OVER (ORDER BY sum(ms) DESC NULLS LAST, agent) AS line FROM sums GROUP BY agent
),
counts AS (
  SELECT week, if(line <= 8, line::VARCHAR, 'others') AS line, if(line <= 8, agent, 'all others') AS agent,
    CAST(sum(n) AS BIGINT) AS n FROM sums JOIN top USING (agent) WHERE n > 0 GROUP BY ALL
),
bars AS (FROM $__weekBars(perf_reports))
SELECT week, line, agent, if(is_report, coalesce(n, 0), NULL) AS slow_patterns
FROM bars CROSS JOIN (SELECT DISTINCT agent, line FROM counts)
  LEFT JOIN counts USING (week, agent, line)
UNION ALL SELECT week, 'week', 'ISO week', epoch_ms(time) FROM bars WHERE is_report AND EXISTS (FROM counts)
ORDER BY week, line
