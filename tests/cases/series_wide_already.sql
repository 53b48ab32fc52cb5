-- format: time_series
SELECT DATE '2026-01-05' + (range * 7)::INTEGER AS day, range AS a, range * 1.5 AS b, NULL::DOUBLE AS c FROM range(3)
