-- format: time_series
-- Integers wider than any of Arrow's are values, not labels.
SELECT TIMESTAMP '2026-03-01' + INTERVAL (range) HOUR AS time, sum(range) AS huge, (range * 10)::UHUGEINT AS uhuge, (range * 100)::BIGNUM AS bignum FROM range(2) GROUP BY range ORDER BY 1
