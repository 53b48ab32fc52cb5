-- format: time_series
-- from: 2026-01-15T00:00:00Z
-- to: 2026-05-10T00:00:00Z
SELECT $__timeGroupAlias(t, '1M', 0), sum(v) AS value
FROM (VALUES (TIMESTAMP '2026-01-20', 1.0), (TIMESTAMP '2026-01-31 23:59:59', 2.0), (TIMESTAMP '2026-04-30', 4.0)) x(t, v) GROUP BY 1 ORDER BY 1
