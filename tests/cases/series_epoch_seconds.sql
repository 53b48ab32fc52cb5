-- format: time_series
SELECT * FROM (VALUES (1772359200, 1.0), (1772362800, 2.0)) t(time, value)
