-- format: time_series
-- from: 2026-03-01T10:00:00Z
-- to: 2026-03-01T13:00:00Z
SELECT $__unixEpochGroupAlias(s, '1h', NULL), count(*) AS n FROM (VALUES (1772362861), (1772362900), (1772366500)) x(s) WHERE $__unixEpochFilter(s) GROUP BY 1
