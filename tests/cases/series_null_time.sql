-- format: time_series
SELECT * FROM (VALUES (TIMESTAMP '2026-03-01', 1.0), (NULL, 2.0)) t(time, value)
