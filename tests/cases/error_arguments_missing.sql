-- error: `$__timeGroup` needs its arguments in parentheses
SELECT $__timeGroup FROM perf_all_weeks
