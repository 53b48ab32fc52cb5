-- var: pattern=$__all
-- error: the variable `$pattern` is set to All
SELECT * FROM perf_all_weeks WHERE pattern IN ($pattern)
