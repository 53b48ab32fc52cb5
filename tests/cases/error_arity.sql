-- error: `$__timeFilter` takes 1 argument, not 2
SELECT * FROM perf_all_weeks WHERE $__timeFilter(a, b)
