-- error: `1q` is not an interval
SELECT $__timeGroup(TIMESTAMP '2026-01-01', 1q)
