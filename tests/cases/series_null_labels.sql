-- format: time_series
SELECT * FROM (VALUES (TIMESTAMP '2026-03-01', NULL, 'x', 1.0), (TIMESTAMP '2026-03-01', '', 'y', 2.0), (TIMESTAMP '2026-03-02', 'a', NULL, 3.0)) t(time, name, host, value)
