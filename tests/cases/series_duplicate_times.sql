-- format: time_series
SELECT * FROM (VALUES (TIMESTAMP '2026-03-01', 'a', 1.0), (TIMESTAMP '2026-03-01', 'a', 2.0), (TIMESTAMP '2026-03-02', 'a', 3.0)) t(time, name, value)
