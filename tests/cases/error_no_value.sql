-- format: time_series
-- error: needs a number
SELECT TIMESTAMP '2026-03-01' AS time, 'a' AS name
