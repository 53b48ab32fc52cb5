-- format: time_series
SELECT * FROM (VALUES (1772359200000000000, 1.0), (1772362800000000001, 2.0)) t(time, value)
