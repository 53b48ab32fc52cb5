-- error: the `)` of `$__timeFilter` is missing
SELECT * FROM perf_all_weeks WHERE $__timeFilter(t
