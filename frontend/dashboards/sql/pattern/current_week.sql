-- Against the report before it, which may lie before the time range. A change of few samples is chance.
WITH chosen AS (
  SELECT max_by(pattern, (week, coalesce(p95_ms, -1))) AS pattern -- All: the slowest of the newest report.
  FROM perf_weeks WHERE $__weekFilter(week) AND $__conditionalAll(pattern IN ($pattern), $pattern)
),
pair AS (
  SELECT week, week = max(week) OVER () AND $__weekFilter(week) AS is_now
  FROM perf_reports WHERE week <= $__weekTo('$week') ORDER BY week DESC LIMIT 2
),
places AS (
  SELECT *, row_number() OVER (PARTITION BY week ORDER BY p95_ms DESC NULLS LAST, pattern) AS place
  FROM perf_weeks JOIN pair USING (week) WHERE $__conditionalAll(agent IN ($agent), $agent)
),
sides AS (
  SELECT is_now, max(p95_ms) AS p95, arg_max(p50_ms, p95_ms) AS p50, arg_max(p99_ms, p95_ms) AS p99,
    CAST(sum(samples) AS BIGINT) AS runs, min(place) FILTER (WHERE p95_ms IS NOT NULL) AS place
  FROM places WHERE pattern = (FROM chosen) GROUP BY is_now)
SELECT
  (SELECT replace(label, '-', '‑') FROM perf_reports JOIN pair USING (week) WHERE is_now) AS "Report",
  this.p95 AS "P95",
  CASE WHEN least(this.runs, before.runs) < 30 AND before.p95 IS NOT NULL THEN 'nan'
    ELSE $__growth(before.p95, this.p95) END AS "Change",
  this.p50 AS "P50", this.p99 AS "P99", this.runs AS "Samples", this.place AS "Place",
  this.p95 / $__number('$slow_ms', 'Slow above (ms)', $__slowMs) AS "× threshold"
FROM (FROM sides WHERE is_now) AS this LEFT JOIN (FROM sides WHERE NOT is_now) AS before ON true
