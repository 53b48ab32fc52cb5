-- format: time_series
-- from: 2026-03-01T00:00:00Z
-- to: 2026-03-01T05:00:00Z
SELECT $__timeGroupAlias(t, '1h', 0), sum(v) AS value FROM (VALUES (TIMESTAMP '2026-03-01', 1.0)) x(t, v) WHERE v > 5 GROUP BY 1
