-- Slow patterns that grew by more than 25% against the report before, which may lie before the time range.
WITH chosen AS (
  SELECT max_by(pattern, (week, coalesce(p95_ms, -1))) AS pattern -- All: the slowest of the newest report.
  FROM perf_weeks WHERE $__weekFilter(week) AND $__conditionalAll(pattern IN ($pattern), $pattern)
),
weeks AS (
  SELECT *, lag(week) OVER (ORDER BY week) AS earlier FROM perf_reports WHERE week <= $__weekTo()
),
slower AS (
  SELECT weeks.time, weeks.label, pattern, this.p95_ms AS now_ms, before.p95_ms AS before_ms
  FROM weeks JOIN perf_weeks AS this USING (week) JOIN perf_weeks AS before USING (pattern)
  WHERE before.week = earlier AND before.agent IS NOT DISTINCT FROM this.agent AND $__weekFilter(this.week)
    AND pattern = (FROM chosen)
    AND this.p95_ms > $__number('$slow_ms', 'Slow above (ms)', $__slowMs)
    AND this.p95_ms > 1.25 * before.p95_ms AND this.samples >= 30 AND before.samples >= 30
    AND $__conditionalAll(this.agent IN ($agent), $agent)
)
SELECT time, format('{}: {} got slower', label, count(*)) AS title,
  array_to_string(max_by(line, now_ms - before_ms, 3), '<br>') || if(count(*) > 3, '<br>…', '') AS text
FROM (
  -- The text is shown as HTML.
  SELECT *, replace(replace($__label(pattern, 60), '&', '&amp;'), '<', '&lt;') || ': '
    || $__duration(before_ms) || ' → ' || $__duration(now_ms) AS line FROM slower
)
GROUP BY time, label ORDER BY max(now_ms - before_ms) DESC, time LIMIT 8
