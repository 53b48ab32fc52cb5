-- The three views over a folder of weekly reports.
--
-- In the plugin every datasource has them already, over its own folder and with its own `slowMs`: the plugin
-- reads this very file. In the plain DuckDB shell (1.4 or newer) start it in the folder of the reports:
--
--     cd /path/to/reports && duckdb
--     D .read /path/to/create_views.sql
--     D FROM perf_top_patterns WHERE place <= 10 AND week = (SELECT max(week) FROM perf_all_weeks);
--
-- or keep them in a database file next to the reports: `duckdb perf.duckdb -f create_views.sql`.
-- Views hold no data: a report that is added later is seen by the next query. (DuckDB 1.x asks for this file to be
-- run again when a report brings a column that no earlier one had; 2.0 does not.)

-- perf_all_weeks: every row of every report, oldest schema to newest.
-- Columns: week INTEGER (ISO week, YYYYWW), pattern, samples, p50_ms, p95_ms, p99_ms, slow_flag, then whatever
-- else the reports hold. Columns are matched by name. The empty SELECT gives a column that no report has (old
-- ones lack slow_flag) its name and type, and fixes the order. No second time column on purpose: so
-- `SELECT * FROM perf_all_weeks` is a time series over `week` as it stands; its Monday is $__weekTime(week).
CREATE OR REPLACE VIEW perf_all_weeks AS
SELECT * REPLACE (
    CAST(week AS INTEGER) AS week,
    coalesce(CAST(slow_flag AS BOOLEAN), p95_ms > 100 /* slow_ms */) AS slow_flag
)
FROM (
    SELECT
        NULL::INTEGER AS week,
        NULL::VARCHAR AS pattern,
        NULL::BIGINT AS samples,
        NULL::DOUBLE AS p50_ms,
        NULL::DOUBLE AS p95_ms,
        NULL::DOUBLE AS p99_ms,
        NULL::BOOLEAN AS slow_flag
    WHERE false
    UNION ALL BY NAME
    SELECT * FROM read_parquet('query_perf_weekly_*.parquet', union_by_name = true)
);

-- perf_slow_patterns: the rows above the threshold. The threshold decides, not slow_flag: slow_flag is what the
-- weekly job thought when it ran, the threshold is what is asked now (`slowMs` of the datasource, here 100 ms).
CREATE OR REPLACE VIEW perf_slow_patterns AS
SELECT *
FROM perf_all_weeks
WHERE p95_ms > 100 /* slow_ms */;

-- perf_top_patterns: every row with its place in its week, 1 = the highest p95_ms. Ties go by pattern, so that
-- a place is given once.
CREATE OR REPLACE VIEW perf_top_patterns AS
SELECT
    *,
    row_number() OVER (PARTITION BY week ORDER BY p95_ms DESC NULLS LAST, pattern) AS place
FROM perf_all_weeks;
