-- var: pattern=$__all
SELECT count(*) > 0 AS every FROM perf_all_weeks WHERE $__conditionalAll(pattern IN ($pattern), $pattern)
