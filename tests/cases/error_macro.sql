-- error: `$__timeFiltr`
SELECT * FROM perf_all_weeks WHERE $__timeFiltr(t)
