-- format: time_series
SELECT * FROM (VALUES (1772359200000, 1.0), (1772362800500, 2.0)) t(time, value)
