-- format: time_series
-- from: 2026-12-21T00:00:00Z
-- to: 2027-01-17T23:59:59Z
SELECT $__timeGroupAlias(t, '1w', NULL), sum(v) AS value
FROM (VALUES (TIMESTAMP '2026-12-22', 1.0), (TIMESTAMP '2027-01-12', 2.0)) x(t, v) GROUP BY 1 ORDER BY 1
