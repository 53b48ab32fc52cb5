-- error: `1q` is not an interval (line 1, column 45). Units are told apart by their case: write `1Q`
SELECT $__timeGroup(TIMESTAMP '2026-01-01', 1q)
