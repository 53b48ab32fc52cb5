-- format: time_series
SELECT * FROM (VALUES (TIMESTAMP '2026-03-01', 1.0), (TIMESTAMP '9999-12-31', 2.0), ('infinity'::TIMESTAMP, 3.0)) t(time, value)
