-- format: time_series
-- Numbers are values, never labels.
SELECT TIMESTAMP '2026-03-01' + to_days(range::INTEGER) AS time, sum(range) AS huge, (range / 4)::DECIMAL(9, 2) AS dec, range::UTINYINT AS tiny, range::FLOAT AS float
FROM range(2) GROUP BY ALL ORDER BY ALL
