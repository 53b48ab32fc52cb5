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
  SELECT week, pattern, coalesce(agent, by_name) AS agent, reports.agent AS own, samples, p95_ms
  FROM reports
  JOIN names USING (pattern)
  WHERE $__weekFilter(week) AND $__conditionalAll(coalesce(agent, by_name) IN ($agent), $agent)
),
pair AS (
  SELECT week, row_number() OVER (ORDER BY week DESC) AS age
  FROM perf_all_weeks
  WHERE $__weekFilter(week) AND week <= CASE WHEN '$week' IN ('newest', '') THEN $__weekTo() ELSE CAST('$week' AS INTEGER) END
  GROUP BY week
  ORDER BY week DESC
  LIMIT 2
),
agents AS (
  SELECT
    age,
    agent,
    count(DISTINCT pattern) AS patterns,
    count(DISTINCT pattern) FILTER (WHERE p95_ms > (SELECT slow_ms FROM given)) AS slow_patterns,
    CAST(sum(samples) AS BIGINT) AS samples,
    sum(p95_ms * samples) / nullif(sum(samples) FILTER (WHERE p95_ms IS NOT NULL), 0) AS p95_ms,
    max_by(pattern, p95_ms) AS pattern,
    -- For the link: an agent by name is none to the other dashboards, so All.
    max_by(coalesce(own, '$__all'), p95_ms) AS own,
    max(p95_ms) AS worst_ms
  FROM rows_of_agents
  JOIN pair USING (week)
  GROUP BY age, agent
)
SELECT
  this.agent,
  this.patterns,
  this.slow_patterns,
  this.samples,
  this.p95_ms,
  -- Of few samples a change is chance: shown as words, by a mapping of what is not a number.
  CASE
    WHEN least(this.samples, before.samples) < 30 AND before.p95_ms IS NOT NULL THEN 'nan'
    ELSE 100 * (this.p95_ms / nullif(before.p95_ms, 0) - 1)
  END AS change_percent,
  this.worst_ms,
  regexp_replace(CASE
    WHEN length(this.pattern) <= 44 THEN this.pattern
    ELSE rtrim(left(this.pattern, 24)) || ' … ' || ltrim(right(this.pattern, 9)) || ' #' || left(md5(this.pattern), 6)
  END, '\s+', ' ', 'g') AS name,
  this.pattern,
  this.own
FROM (FROM agents WHERE age = 1) AS this
LEFT JOIN (FROM agents WHERE age = 2) AS before ON before.agent = this.agent
ORDER BY this.slow_patterns DESC, this.samples DESC NULLS LAST, this.agent
LIMIT 200
