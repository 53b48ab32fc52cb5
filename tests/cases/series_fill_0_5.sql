-- format: time_series
-- from: 2026-03-01T00:00:00Z
-- to: 2026-03-01T05:00:00Z
SELECT $__timeGroup(t, '1h', 0.5) AS time, name, avg(v) AS value
FROM (VALUES (TIMESTAMP '2026-03-01 01:10:00', 'a', 1.0), (TIMESTAMP '2026-03-01 03:20:00', 'a', 3.0), (TIMESTAMP '2026-03-01 03:30:00', 'b', 5.0)) x(t, name, v)
GROUP BY ALL ORDER BY 1
