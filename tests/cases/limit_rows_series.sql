-- setting: maxRows=3
-- format: time_series
SELECT TIMESTAMP '2026-03-01' + to_hours(range) AS time, range AS value FROM range(9) ORDER BY 1
