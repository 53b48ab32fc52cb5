-- var: patterns=a
-- error: `$pattern`
SELECT * FROM perf_all_weeks WHERE pattern IN ($pattern)
