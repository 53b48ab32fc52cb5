-- format: time_series
-- error: column `time` is not a time
SELECT '2026-03-01' AS time, 1 AS value
