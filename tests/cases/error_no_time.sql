-- format: time_series
-- error: time
SELECT 'a' AS name, 1 AS value
