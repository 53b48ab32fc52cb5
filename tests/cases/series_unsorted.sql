-- format: time_series
SELECT * FROM (VALUES (TIMESTAMP '2026-03-03', 'b', 3.0), (TIMESTAMP '2026-03-01', 'a', 1.0), (TIMESTAMP '2026-03-02', 'b', 2.0)) t(time, name, value)
