-- format: time_series
SELECT * FROM (VALUES (TIMESTAMP '2026-03-01', 'p95', 1.0), (TIMESTAMP '2026-03-01', 'p99', 2.0)) t(time, metric, value)
