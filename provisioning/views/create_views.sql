-- The views over a folder of weekly reports.
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
-- NaN is what some writers store for the percentile of no samples, and pandas for any number that is missing. DuckDB takes
-- it for the largest number and for true, so it is NULL here. A row without a p95 is not slow, whatever its slow_flag says: true
-- is NULL there. `can_have_nan`: the statistics in the files, by which DuckDB passes over rows, leave NaN out.
-- A number that one report holds as text is read as the number it is; what is no number there is NULL.
CREATE OR REPLACE VIEW perf_all_weeks AS
SELECT * REPLACE (
    CASE WHEN p50_ms <> 'nan'::DOUBLE THEN p50_ms END AS p50_ms,
    CASE WHEN p95_ms <> 'nan'::DOUBLE THEN p95_ms END AS p95_ms,
    CASE WHEN p99_ms <> 'nan'::DOUBLE THEN p99_ms END AS p99_ms,
    CASE
        WHEN p95_ms <> 'nan'::DOUBLE THEN coalesce(slow_flag, p95_ms > 100 /* slow_ms */)
        WHEN NOT slow_flag THEN false
    END AS slow_flag
)
FROM (
    SELECT * REPLACE (
        TRY_CAST(week AS INTEGER) AS week,
        CAST(pattern AS VARCHAR) AS pattern,
        CASE WHEN TRY_CAST(samples AS DOUBLE) <> 'nan'::DOUBLE THEN samples END AS samples,
        TRY_CAST(p50_ms AS DOUBLE) AS p50_ms,
        TRY_CAST(p95_ms AS DOUBLE) AS p95_ms,
        TRY_CAST(p99_ms AS DOUBLE) AS p99_ms,
        TRY_CAST(CASE WHEN TRY_CAST(slow_flag AS DOUBLE) = 'nan'::DOUBLE THEN NULL ELSE slow_flag END AS BOOLEAN) AS slow_flag
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
        SELECT * FROM read_parquet('query_perf_weekly_*.parquet', union_by_name = true, can_have_nan = true)
    )
);

-- perf_slow_patterns: the rows above the threshold. The threshold decides, not slow_flag: slow_flag is what the
-- weekly job thought when it ran, the threshold is what is asked now (`slowMs` of the datasource, here 100 ms).
CREATE OR REPLACE VIEW perf_slow_patterns AS
SELECT *
FROM perf_all_weeks
WHERE p95_ms > 100 /* slow_ms */;

-- perf_top_patterns: every row that has a p95_ms, with its place in its week, 1 = the highest. Ties go by pattern, so
-- that a place is given once. A report's own column `place` is not in it.
CREATE OR REPLACE VIEW perf_top_patterns AS
SELECT
    * EXCLUDE (place),
    row_number() OVER (PARTITION BY week ORDER BY p95_ms DESC, pattern) AS place
FROM (
    SELECT NULL AS place WHERE false
    UNION ALL BY NAME
    SELECT * FROM perf_all_weeks
)
WHERE p95_ms IS NOT NULL;

-- perf_weeks: the same rows, with what panels want to know of each: `time`, the Monday of its week (NULL for a number that is
-- no week, such as 202553), `label`, the week as people write it (2026-W48), and `agent`, NULL where no report has that
-- column. A report's own columns `time` and `label` are not in it. Functions and no operators, which a macro of the same name
-- in a database file would replace in the plugin.
CREATE OR REPLACE VIEW perf_weeks AS
SELECT * REPLACE (
    CAST(CASE
        -- A text is a number here if it is one.
        WHEN TRY_CAST(week AS INTEGER) BETWEEN 197001 AND 219952 THEN CASE
            WHEN mod(TRY_CAST(week AS INTEGER), 100) BETWEEN 1 AND 52
                OR mod(TRY_CAST(week AS INTEGER), 100)
                    = date_part('week', make_date(divide(TRY_CAST(week AS INTEGER), 100), 12, 28))
            THEN add(
                date_trunc('week', make_date(divide(TRY_CAST(week AS INTEGER), 100), 1, 4)),
                to_days(subtract(multiply(mod(TRY_CAST(week AS INTEGER), 100), 7), 7))
            )
        END
    END AS TIMESTAMP) AS time,
    format('{}-W{:02d}', divide(TRY_CAST(week AS INTEGER), 100), mod(TRY_CAST(week AS INTEGER), 100)) AS label
)
FROM (
    SELECT NULL::VARCHAR AS agent, NULL AS time, NULL AS label WHERE false
    UNION ALL BY NAME
    SELECT * FROM perf_all_weeks
);

-- perf_reports: one row for each week that has a report and exists, with its Monday as `time` and its `label`. The report before
-- one is the next in the order, and not the calendar's week before where that has no report.
CREATE OR REPLACE VIEW perf_reports AS
SELECT week, time, label
FROM (
    SELECT
        week,
        CAST(CASE
            WHEN its BETWEEN 197001 AND 219952 THEN CASE
                WHEN mod(its, 100) BETWEEN 1 AND 52
                    OR mod(its, 100) = date_part('week', make_date(divide(its, 100), 12, 28))
                THEN add(
                    date_trunc('week', make_date(divide(its, 100), 1, 4)),
                    to_days(subtract(multiply(mod(its, 100), 7), 7))
                )
            END
        END AS TIMESTAMP) AS time,
        format('{}-W{:02d}', divide(its, 100), mod(its, 100)) AS label
    -- Computed from an aggregate, so that DuckDB does not compute it for each row before it makes them distinct.
    FROM (
        SELECT week, max(week) AS its
        FROM (SELECT TRY_CAST(week AS INTEGER) AS week FROM perf_all_weeks)
        GROUP BY week
    )
)
WHERE time IS NOT NULL;
