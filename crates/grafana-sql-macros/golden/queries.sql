-- $__timeFilter: 2 2 2
SELECT count(*) FILTER (WHERE $__timeFilter(ts)) AS a, count(*) FILTER (WHERE $__timeFilter(tz)) AS b, count(*) FILTER (WHERE $__timeFilter(d)) AS c FROM times

-- $__timeFrom, $__timeTo: 2
SELECT count(*) AS n FROM times WHERE ts >= $__timeFrom() AND tz <= $__timeTo()

-- as times of their own: 2025-12-22 00:00:00 2026-03-15 23:59:59.999
SELECT $__timeFrom() AS time, $__timeTo() AS "timeEnd"

-- $__time: 2026-03-02 00:07:30
SELECT $__time(ts) FROM times WHERE id = 1

-- $__timeEpoch: 2026-03-02 00:07:30
SELECT $__timeEpoch(ts) FROM times WHERE id = 1

-- of a TIMESTAMPTZ: 2026-03-02 00:07:30
SELECT $__timeEpoch(tz) FROM times WHERE id = 1

-- $__timeGroup, minutes: 2026-03-02 00:05:00
SELECT $__timeGroup(ts, '5m') AS t FROM times WHERE id = 1

-- of a TIMESTAMPTZ: 2026-03-02 00:05:00
SELECT $__timeGroup(tz, $__interval) AS t FROM times WHERE id = 1

-- of a DATE: 2026-03-02 00:00:00
SELECT $__timeGroup(d, 1h) AS t FROM times WHERE id = 1

-- an hour: 2026-03-02 00:00:00
SELECT $__timeGroup(tz, 1h) AS t FROM times WHERE id = 1

-- a day: 2026-03-02 00:00:00
SELECT $__timeGroup(tz, 1d) AS t FROM times WHERE id = 1

-- parts of a second: 2026-03-02 00:07:29.900
SELECT $__timeGroup(ts, 700ms) AS t FROM times WHERE id = 1

-- before 1970: 1969-12-31 23:55:00
SELECT $__timeGroup(ts, 5m) AS t FROM times WHERE id = 3

-- a week: 2026-03-02 00:00:00
SELECT $__timeGroup(tz, 1w) AS t FROM times WHERE id = 1

-- two weeks: 2026-03-02 00:00:00
SELECT $__timeGroup(tz, 2w) AS t FROM times WHERE id = 1

-- a month: 2026-03-01 00:00:00
SELECT $__timeGroup(tz, 1M) AS t FROM times WHERE id = 1

-- a quarter: 2026-01-01 00:00:00
SELECT $__timeGroup(tz, 1Q) AS t FROM times WHERE id = 1

-- five months: 2025-11-01 00:00:00
SELECT $__timeGroup(tz, 5M) AS t FROM times WHERE id = 1

-- five months before 1970: 1969-08-01 00:00:00
SELECT $__timeGroup(tz, 5M) AS t FROM times WHERE id = 3

-- a year: 2026-01-01 00:00:00
SELECT $__timeGroup(ts, 1y) AS t FROM times WHERE id = 1

-- $__timeGroupAlias, grouped: 2026-03-02 00:05:00 1
SELECT $__timeGroupAlias(ts, 5m, NULL), count(*) AS n FROM times WHERE id = 1 GROUP BY $__timeGroup(ts, 5m) ORDER BY 1

-- $__unixEpochFilter, $__unixEpochFrom, $__unixEpochTo: 2
SELECT count(*) AS n FROM times WHERE $__unixEpochFilter(s) AND s >= $__unixEpochFrom() AND s <= $__unixEpochTo()

-- as times of their own: 2025-12-22 00:00:00 2026-03-15 23:59:59.999
SELECT $__unixEpochFrom() AS time, $__unixEpochTo() AS "timeEnd"

-- $__unixEpochNanoFilter, $__unixEpochNanoFrom, $__unixEpochNanoTo: 2
SELECT count(*) AS n FROM times WHERE $__unixEpochNanoFilter(s * 1000000000) AND s * 1000000000 BETWEEN $__unixEpochNanoFrom() AND $__unixEpochNanoTo()

-- $__unixEpochGroup: 1772409900
SELECT $__unixEpochGroup(s, 5m) AS t FROM times WHERE id = 1

-- before 1970: -300
SELECT $__unixEpochGroup(s, 5m) AS t FROM times WHERE id = 3

-- a week: 1772409600
SELECT $__unixEpochGroup(s, 1w) AS t FROM times WHERE id = 1

-- a month: 1772323200
SELECT $__unixEpochGroup(s, 1M) AS t FROM times WHERE id = 1

-- five months: 1761955200
SELECT $__unixEpochGroup(s, 5M) AS t FROM times WHERE id = 1

-- $__unixEpochGroupAlias, grouped: 2026-03-02 00:05:00 1
SELECT $__unixEpochGroupAlias(s, 5m), count(*) AS n FROM times WHERE id = 1 GROUP BY $__unixEpochGroup(s, 5m)

-- $__interval, $__interval_ms, $__range, $__range_s, $__range_ms: 5m 300000 7257600s 7257600 7257599999
SELECT '$__interval' AS a, $__interval_ms AS b, '$__range' AS c, $__range_s AS d, $__range_ms AS e

-- $__from, $__to, $__slowMs: 1766361600000 1773619199999 2025-12-22 100
SELECT $__from AS a, $__to AS b, '${__from:date:YYYY-MM-DD}' AS c, $__slowMs AS d

-- $__timezone, $__searchFilter, $__nothing: UTC true $__from
SELECT $__timezone AS a, 'x' LIKE $__searchFilter AS b, '$${__nothing}__from' AS c

-- $__weekFilter, $__weekFrom, $__weekTo, $__week: 4 202552 202611 202610
SELECT count(*) AS n, $__weekFrom() AS a, $__weekTo() AS b, $__week(-1) AS c FROM weeks WHERE $__weekFilter(week)

-- $__weekTime: 2025-12-22 00:00:00
SELECT $__weekTime(week) AS t FROM weeks WHERE week = 202552

-- of a week 53: 2026-12-28 00:00:00
SELECT $__weekTime(week) AS t FROM weeks WHERE week = 202653

-- of numbers that are no weeks: 6
SELECT count(*) AS n FROM weeks WHERE $__weekTime(week) IS NULL

-- $__conditionalAll: 1
SELECT count(*) AS n FROM times WHERE $__conditionalAll(id = $all, $all) AND $__conditionalAll(id IN (1), $many)

-- texts of variables: it's it's 2
SELECT $one AS a, '$one' AS b, count(*) AS n FROM (SELECT 'a' AS x UNION ALL SELECT 'b\' AS x) AS q WHERE x IN ($many)
