-- Five queries over the weekly reports, to be pasted into a panel, Explore or an alert rule, or run from the shell:
--
--     duckdb-perf query --path /path/to/reports --from now-26w/w --to now/w --file one_query.sql
--     duckdb-perf check provisioning/queries --path /path/to/reports
--
-- Each query has a header, and ends with `;` at the end of a line:
--     -- name: what it is called                  (starts the query)
--     -- description: what it answers             (may go on in the next comment lines)
--     -- format: table | time_series              (table when missing)
--     -- var: name=value                          (a template variable's value where nobody gives one; one line each;
--                                                  $__all is All)
-- "Current week" is the newest report in the time range. Where reports tell agents apart in a column `agent`, a pattern
-- counts with its slowest agent and with the samples of all. Weeks are ISO weeks as integers YYYYWW: they may be compared
-- but not subtracted, because 202601 - 1 is not a week. The weeks before a week are the reports that are there, or
-- $__week(-3), which knows the calendar.

-- name: Top 10 patterns of the current week
-- description: The ten patterns with the highest p95 in the newest report, with their change against the report before.
-- format: table
WITH weeks AS (
  SELECT week, row_number() OVER (ORDER BY week DESC) AS age FROM perf_reports WHERE $__weekFilter(week)
),
reports AS (
  SELECT
    age,
    week,
    pattern,
    CAST(sum(samples) AS BIGINT) AS samples,
    arg_max(p50_ms, p95_ms) AS p50_ms,
    max(p95_ms) AS p95_ms,
    arg_max(p99_ms, p95_ms) AS p99_ms,
    bool_or(slow_flag) AS slow_flag
  FROM perf_all_weeks
  JOIN weeks USING (week)
  WHERE age <= 2
  GROUP BY age, week, pattern
)
SELECT
  this.week,
  this.pattern,
  this.samples,
  this.p50_ms,
  this.p95_ms,
  this.p99_ms,
  this.slow_flag,
  this.p95_ms - before.p95_ms AS p95_change_ms
FROM reports AS this
LEFT JOIN reports AS before ON before.pattern = this.pattern AND before.age = 2
WHERE this.age = 1
ORDER BY this.p95_ms DESC NULLS LAST, this.pattern
LIMIT 10;

-- name: Week-over-week comparison
-- description: Every pattern of the newest report and of the report before it, the largest slowdown first. A pattern that
-- is in one of them only is new or gone.
-- format: table
WITH weeks AS (
  SELECT week, row_number() OVER (ORDER BY week DESC) AS age FROM perf_reports WHERE $__weekFilter(week)
),
reports AS (
  SELECT age, pattern, max(p95_ms) AS p95_ms
  FROM perf_all_weeks
  JOIN weeks USING (week)
  WHERE age <= 2
  GROUP BY age, pattern
),
this AS (
  FROM reports WHERE age = 1
),
before AS (
  FROM reports WHERE age = 2
)
SELECT
  coalesce(this.pattern, before.pattern) AS pattern,
  before.p95_ms AS p95_before_ms,
  this.p95_ms AS p95_ms,
  this.p95_ms - before.p95_ms AS change_ms,
  round($__growth(before.p95_ms, this.p95_ms), 1) AS change_percent,
  CASE
    WHEN before.pattern IS NULL THEN 'new'
    WHEN this.pattern IS NULL THEN 'gone'
    WHEN this.p95_ms > before.p95_ms THEN 'slower'
    WHEN this.p95_ms < before.p95_ms THEN 'faster'
    ELSE 'same'
  END AS trend
FROM this
FULL JOIN before ON before.pattern = this.pattern
ORDER BY change_ms DESC NULLS LAST, pattern;

-- name: Slow count of the last 4 weeks
-- description: How many patterns were slow in each of the four newest reports of the time range, whatever their numbers
-- are: over a year change too, and where weeks are missing. For four weeks of the calendar write
-- `WHERE week BETWEEN $__week(-3) AND $__week()` instead.
-- format: time_series
WITH weeks AS (
  SELECT week FROM perf_reports WHERE $__weekFilter(week) ORDER BY week DESC LIMIT 4
)
SELECT week, count(DISTINCT pattern) FILTER (WHERE p95_ms > $__slowMs) AS slow_patterns
FROM perf_all_weeks
WHERE week IN (FROM weeks)
GROUP BY week
ORDER BY week;

-- name: Frequency of the selected patterns over time
-- description: How often the patterns in $selected_patterns ran in each week; of more than 50, the 50 that ran most
-- often. In the shell: `--var selected_patterns='["SELECT * FROM orders", "SELECT 1"]'`.
-- format: time_series
-- var: selected_patterns=$__all
WITH chosen AS (
  SELECT pattern
  FROM perf_all_weeks
  WHERE $__weekFilter(week) AND $__conditionalAll(pattern IN ($selected_patterns), $selected_patterns)
  GROUP BY pattern
  ORDER BY sum(samples) DESC NULLS LAST, pattern
  LIMIT 50
)
SELECT week, pattern, CAST(sum(samples) AS BIGINT) AS samples
FROM perf_all_weeks
WHERE $__weekFilter(week) AND pattern IN (FROM chosen)
GROUP BY week, pattern
ORDER BY week ASC, pattern;

-- name: Percentile spread
-- description: How far p50, p95 and p99 lie apart in the newest report: a wide spread means that a query is fast most of
-- the time and slow some of the time, which is where a fix helps most.
-- format: table
WITH newest AS (
  SELECT
    pattern,
    CAST(sum(samples) AS BIGINT) AS samples,
    arg_max(p50_ms, p95_ms) AS p50_ms,
    max(p95_ms) AS p95_ms,
    arg_max(p99_ms, p95_ms) AS p99_ms
  FROM perf_all_weeks
  WHERE week = (SELECT max(week) FROM perf_all_weeks WHERE $__weekFilter(week))
  GROUP BY pattern
)
SELECT
  pattern,
  samples,
  p50_ms,
  p95_ms,
  p99_ms,
  p99_ms - p50_ms AS spread_ms,
  round(p99_ms / nullif(p50_ms, 0), 1) AS p99_to_p50
FROM newest
ORDER BY spread_ms DESC NULLS LAST, pattern;
