-- format: time_series
SELECT * FROM (VALUES (TIMESTAMP '2026-03-01', 'a', 1.0, 10), (TIMESTAMP '2026-03-01', 'a', 2.0, NULL), (TIMESTAMP '2026-03-01', 'b', 3.0, 30)) t(time, name, low, high)
