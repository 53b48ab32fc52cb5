-- format: time_series
SELECT $__timeEpoch(t), v FROM (VALUES (TIMESTAMP '2026-03-01 10:00:00.5', 1.0)) x(t, v)
