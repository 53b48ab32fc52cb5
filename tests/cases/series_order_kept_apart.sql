-- format: time_series
-- A label named like another's value, and labels that only together tell series apart.
SELECT * FROM (VALUES (TIMESTAMP '2026-03-01', 'a', 'b c', 1), (TIMESTAMP '2026-03-01', 'a b', 'c', 2)) t(time, host, name, value)
