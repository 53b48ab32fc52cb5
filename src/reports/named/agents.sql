-- The agents of one report, those with the most slow patterns first: their patterns, how often these ran, their mean p95,
-- weighted by samples, with its change against the report before, and the slowest pattern. An agent is what the column
-- `agent` says, or, for rows without one, what the expression finds in the pattern's text. NaN, which a
-- database file's own perf_all_weeks may hold, is no number.
WITH names AS MATERIALIZED (
  -- Each pattern is looked at once, which takes the word MATERIALIZED: else DuckDB matches after the join.
  SELECT pattern, coalesce($__match(pattern, $agent_regex), 'other') AS by_name
  FROM (SELECT DISTINCT pattern FROM perf_all_weeks WHERE $__weekFilter(week))
),
rows_of_agents AS (
  SELECT week, pattern, coalesce(agent, by_name) AS agent, samples, nullif(p95_ms, 'nan'::DOUBLE) AS p95_ms
  FROM perf_weeks
  JOIN names USING (pattern)
  WHERE $__weekFilter(week) AND $__conditionalAll(coalesce(agent, by_name) IN ($agent), $agent)
),
pair AS (
  SELECT week, row_number() OVER (ORDER BY week DESC) AS age
  FROM perf_all_weeks
  WHERE $__weekFilter(week) AND week <= coalesce($week, $__weekTo())
  GROUP BY week
  ORDER BY week DESC
  LIMIT 2
),
agents AS (
  SELECT
    age,
    week,
    agent,
    count(DISTINCT pattern) AS patterns,
    count(DISTINCT pattern) FILTER (WHERE p95_ms > coalesce($slow_ms, $__slowMs)) AS slow_patterns,
    sum(samples) AS samples,
    sum(p95_ms * samples) / nullif(sum(samples) FILTER (WHERE p95_ms IS NOT NULL), 0) AS p95_ms,
    max(p95_ms) AS max_p95_ms,
    max_by(pattern, p95_ms) AS pattern
  FROM rows_of_agents
  JOIN pair USING (week)
  GROUP BY age, week, agent
)
SELECT
  this.week,
  this.agent,
  this.patterns,
  this.slow_patterns,
  this.samples,
  round(this.p95_ms, 3) AS p95_ms,
  nullif(round($__growth(before.p95_ms, this.p95_ms), 1), 'nan'::DOUBLE) AS change_percent,
  this.max_p95_ms,
  this.pattern AS slowest_pattern
FROM (FROM agents WHERE age = 1) AS this
LEFT JOIN (FROM agents WHERE age = 2) AS before ON before.agent = this.agent
ORDER BY this.slow_patterns DESC, this.samples DESC NULLS LAST, this.agent
LIMIT $limit
