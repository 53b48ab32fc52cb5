-- format: time_series
-- from: 2026-01-01T00:00:00Z
-- to: 2026-01-01T02:59:59Z
SELECT $__timeGroupAlias(ts, '1h', 0), max(v) AS v FROM (VALUES (TIMESTAMPTZ_NS '2026-01-01 00:10:00.123456789', 1), (TIMESTAMPTZ_NS '2026-01-01 02:10:00', 2)) t(ts, v) WHERE $__timeFilter(ts) AND ts BETWEEN $__timeFrom() AND $__timeTo() GROUP BY 1
