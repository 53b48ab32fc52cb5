-- Against the report before it in the time range. MATERIALIZED: so that each pattern is matched once.
WITH names AS MATERIALIZED (
  SELECT pattern, coalesce($__match(pattern, '$agent_regex'), 'other') AS by_name
  FROM (SELECT DISTINCT pattern FROM perf_weeks WHERE $__weekFilter(week))
),
pair AS (
  SELECT week, label AS report, week = max(week) OVER () AS is_now
  FROM perf_reports WHERE $__weekFilter(week, '$week') ORDER BY week DESC LIMIT 2
),
agents AS (
  SELECT is_now, report, coalesce(agent, by_name) AS agent, count(DISTINCT pattern) AS patterns,
    count(DISTINCT if(p95_ms > $__number('$slow_ms', 'Slow above (ms)', $__slowMs), pattern, NULL)) AS slow,
    sum(p95_ms * samples) / nullif(sum(samples) FILTER (WHERE p95_ms IS NOT NULL), 0) AS p95_ms,
    CAST(sum(samples) AS BIGINT) AS samples, max(p95_ms) AS worst_ms, max_by(pattern, p95_ms) AS pattern,
    max_by(coalesce(agent, '$__all'), p95_ms) AS own -- For the link: an agent by name is none elsewhere.
  FROM perf_weeks JOIN names USING (pattern) JOIN pair USING (week)
  WHERE $__weekFilter(week) AND $__conditionalAll(coalesce(agent, by_name) IN ($agent), $agent) GROUP BY ALL
)
SELECT agent, this.patterns, this.slow AS slow_patterns, this.samples, this.p95_ms,
  CASE WHEN least(this.samples, before.samples) < 30 AND before.p95_ms IS NOT NULL THEN 'nan'
    ELSE $__growth(before.p95_ms, this.p95_ms) END AS change_percent,
  this.worst_ms, $__label(this.pattern, 160) AS name, this.pattern, this.own, this.report
FROM (FROM agents WHERE is_now) this LEFT JOIN (FROM agents WHERE NOT is_now) before USING (agent)
ORDER BY this.slow DESC, this.samples DESC NULLS LAST, agent
LIMIT 200
