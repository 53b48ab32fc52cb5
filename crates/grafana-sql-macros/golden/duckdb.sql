-- $__timeFilter: 2 2 2
SELECT count(*) FILTER (WHERE (ts >= TIMESTAMP '2025-12-22 00:00:00' AND ts < TIMESTAMP '2026-03-16 00:00:00')) AS a, count(*) FILTER (WHERE (tz >= TIMESTAMP '2025-12-22 00:00:00' AND tz < TIMESTAMP '2026-03-16 00:00:00')) AS b, count(*) FILTER (WHERE (d >= TIMESTAMP '2025-12-22 00:00:00' AND d < TIMESTAMP '2026-03-16 00:00:00')) AS c FROM times

-- $__timeFrom, $__timeTo: 2
SELECT count(*) AS n FROM times WHERE ts >= TIMESTAMP '2025-12-22 00:00:00' AND tz <= TIMESTAMP '2026-03-15 23:59:59.999'

-- as times of their own: 2025-12-22 00:00:00 2026-03-15 23:59:59.999
SELECT TIMESTAMP '2025-12-22 00:00:00' AS time, TIMESTAMP '2026-03-15 23:59:59.999' AS "timeEnd"

-- $__time: 2026-03-02 00:07:30
SELECT ts AS "time" FROM times WHERE id = 1

-- $__timeEpoch: 2026-03-02 00:07:30
SELECT CAST(ts AS TIMESTAMP) AS "time" FROM times WHERE id = 1

-- of a TIMESTAMPTZ: 2026-03-02 00:07:30
SELECT CAST(tz AS TIMESTAMP) AS "time" FROM times WHERE id = 1

-- $__timeGroup, minutes: 2026-03-02 00:05:00
SELECT time_bucket(INTERVAL '5 minutes', CAST(ts AS TIMESTAMP), TIMESTAMP '1970-01-01 00:00:00') AS t FROM times WHERE id = 1

-- of a TIMESTAMPTZ: 2026-03-02 00:05:00
SELECT time_bucket(INTERVAL '5 minutes', CAST(tz AS TIMESTAMP), TIMESTAMP '1970-01-01 00:00:00') AS t FROM times WHERE id = 1

-- of a DATE: 2026-03-02 00:00:00
SELECT date_trunc('hour', CAST(d AS TIMESTAMP)) AS t FROM times WHERE id = 1

-- an hour: 2026-03-02 00:00:00
SELECT date_trunc('hour', CAST(tz AS TIMESTAMP)) AS t FROM times WHERE id = 1

-- a day: 2026-03-02 00:00:00
SELECT date_trunc('day', CAST(tz AS TIMESTAMP)) AS t FROM times WHERE id = 1

-- parts of a second: 2026-03-02 00:07:29.900
SELECT time_bucket(INTERVAL '700 milliseconds', CAST(ts AS TIMESTAMP), TIMESTAMP '1970-01-01 00:00:00') AS t FROM times WHERE id = 1

-- before 1970: 1969-12-31 23:55:00
SELECT time_bucket(INTERVAL '5 minutes', CAST(ts AS TIMESTAMP), TIMESTAMP '1970-01-01 00:00:00') AS t FROM times WHERE id = 3

-- a week: 2026-03-02 00:00:00
SELECT date_trunc('week', CAST(tz AS TIMESTAMP)) AS t FROM times WHERE id = 1

-- two weeks: 2026-03-02 00:00:00
SELECT time_bucket(INTERVAL '2 weeks', CAST(tz AS TIMESTAMP), TIMESTAMP '1970-01-05 00:00:00') AS t FROM times WHERE id = 1

-- a month: 2026-03-01 00:00:00
SELECT date_trunc('month', CAST(tz AS TIMESTAMP)) AS t FROM times WHERE id = 1

-- a quarter: 2026-01-01 00:00:00
SELECT time_bucket(INTERVAL '3 months', CAST(tz AS TIMESTAMP), TIMESTAMP '1970-01-01 00:00:00') AS t FROM times WHERE id = 1

-- five months: 2025-11-01 00:00:00
SELECT time_bucket(INTERVAL '5 months', CAST(tz AS TIMESTAMP), TIMESTAMP '1970-01-01 00:00:00') AS t FROM times WHERE id = 1

-- five months before 1970: 1969-08-01 00:00:00
SELECT time_bucket(INTERVAL '5 months', CAST(tz AS TIMESTAMP), TIMESTAMP '1970-01-01 00:00:00') AS t FROM times WHERE id = 3

-- a year: 2026-01-01 00:00:00
SELECT date_trunc('year', CAST(ts AS TIMESTAMP)) AS t FROM times WHERE id = 1

-- $__timeGroupAlias, grouped: 2026-03-02 00:05:00 1
SELECT time_bucket(INTERVAL '5 minutes', CAST(ts AS TIMESTAMP), TIMESTAMP '1970-01-01 00:00:00') AS "time", count(*) AS n FROM times WHERE id = 1 GROUP BY time_bucket(INTERVAL '5 minutes', CAST(ts AS TIMESTAMP), TIMESTAMP '1970-01-01 00:00:00') ORDER BY 1

-- $__unixEpochFilter, $__unixEpochFrom, $__unixEpochTo: 2
SELECT count(*) AS n FROM times WHERE (s >= 1766361600 AND s < 1773619200) AND s >= 1766361600 AND s <= 1773619199

-- as times of their own: 2025-12-22 00:00:00 2026-03-15 23:59:59.999
SELECT TIMESTAMP '2025-12-22 00:00:00' AS time, TIMESTAMP '2026-03-15 23:59:59.999' AS "timeEnd"

-- $__unixEpochNanoFilter, $__unixEpochNanoFrom, $__unixEpochNanoTo: 2
SELECT count(*) AS n FROM times WHERE s * 1000000000 BETWEEN 1766361600000000000 AND 1773619199999999999 AND s * 1000000000 BETWEEN 1766361600000000000 AND 1773619199999000000

-- $__unixEpochGroup: 1772409900
SELECT CAST(floor((s) / 300) AS BIGINT) * 300 AS t FROM times WHERE id = 1

-- before 1970: -300
SELECT CAST(floor((s) / 300) AS BIGINT) * 300 AS t FROM times WHERE id = 3

-- a week: 1772409600
SELECT (CAST(floor(((s) - 345600) / 604800) AS BIGINT) * 604800 + 345600) AS t FROM times WHERE id = 1

-- a month: 1772323200
SELECT CAST(epoch(date_trunc('month', make_timestamp(CAST(floor(s) AS BIGINT) * 1000000))) AS BIGINT) AS t FROM times WHERE id = 1

-- five months: 1761955200
SELECT CAST(epoch(time_bucket(INTERVAL '5 months', make_timestamp(CAST(floor(s) AS BIGINT) * 1000000), TIMESTAMP '1970-01-01 00:00:00')) AS BIGINT) AS t FROM times WHERE id = 1

-- $__unixEpochGroupAlias, grouped: 2026-03-02 00:05:00 1
SELECT make_timestamp(CAST(floor((s) / 300) AS BIGINT) * 300 * 1000000) AS "time", count(*) AS n FROM times WHERE id = 1 GROUP BY CAST(floor((s) / 300) AS BIGINT) * 300

-- $__interval, $__interval_ms, $__range, $__range_s, $__range_ms: 5m 300000 7257600s 7257600 7257599999
SELECT '5m' AS a, 300000 AS b, '7257600s' AS c, 7257600 AS d, 7257599999 AS e

-- $__from, $__to, $__slowMs: 1766361600000 1773619199999 2025-12-22 100
SELECT 1766361600000 AS a, 1773619199999 AS b, '2025-12-22' AS c, 100 AS d

-- $__timezone, $__searchFilter, $__nothing: UTC true $__from
SELECT 'UTC' AS a, 'x' LIKE '%' AS b, '$__from' AS c

-- $__weekFilter, $__weekFrom, $__weekTo, $__week: 4 202552 202611 202610
SELECT count(*) AS n, 202552 AS a, 202611 AS b, 202610 AS c FROM weeks WHERE (week BETWEEN 202552 AND 202611 AND week = TRY_CAST(week AS BIGINT) AND TRY_CAST(week AS BIGINT) % 100 BETWEEN 1 AND 52)

-- $__weekTime: 2025-12-22 00:00:00
SELECT (CASE WHEN TRY_CAST(week AS BIGINT) BETWEEN 197001 AND 219952 AND TRY_CAST(week AS DOUBLE) = TRY_CAST(week AS BIGINT) THEN CASE WHEN TRY_CAST(week AS BIGINT) % 100 BETWEEN 1 AND 52 OR TRY_CAST(week AS BIGINT) % 100 = week(make_date(TRY_CAST(week AS BIGINT) // 100, 12, 28)) THEN date_trunc('week', make_date(TRY_CAST(week AS BIGINT) // 100, 1, 4)) + to_days(CAST(TRY_CAST(week AS BIGINT) % 100 * 7 - 7 AS INTEGER)) END END) AS t FROM weeks WHERE week = 202552

-- of a week 53: 2026-12-28 00:00:00
SELECT (CASE WHEN TRY_CAST(week AS BIGINT) BETWEEN 197001 AND 219952 AND TRY_CAST(week AS DOUBLE) = TRY_CAST(week AS BIGINT) THEN CASE WHEN TRY_CAST(week AS BIGINT) % 100 BETWEEN 1 AND 52 OR TRY_CAST(week AS BIGINT) % 100 = week(make_date(TRY_CAST(week AS BIGINT) // 100, 12, 28)) THEN date_trunc('week', make_date(TRY_CAST(week AS BIGINT) // 100, 1, 4)) + to_days(CAST(TRY_CAST(week AS BIGINT) % 100 * 7 - 7 AS INTEGER)) END END) AS t FROM weeks WHERE week = 202653

-- of numbers that are no weeks: 6
SELECT count(*) AS n FROM weeks WHERE (CASE WHEN TRY_CAST(week AS BIGINT) BETWEEN 197001 AND 219952 AND TRY_CAST(week AS DOUBLE) = TRY_CAST(week AS BIGINT) THEN CASE WHEN TRY_CAST(week AS BIGINT) % 100 BETWEEN 1 AND 52 OR TRY_CAST(week AS BIGINT) % 100 = week(make_date(TRY_CAST(week AS BIGINT) // 100, 12, 28)) THEN date_trunc('week', make_date(TRY_CAST(week AS BIGINT) // 100, 1, 4)) + to_days(CAST(TRY_CAST(week AS BIGINT) % 100 * 7 - 7 AS INTEGER)) END END) IS NULL

-- $__conditionalAll: 1
SELECT count(*) AS n FROM times WHERE 1=1 AND (id IN (1))

-- texts of variables: it's it's 2
SELECT 'it''s' AS a, 'it''s' AS b, count(*) AS n FROM (SELECT 'a' AS x UNION ALL SELECT 'b\' AS x) AS q WHERE x IN ('a','b\')
