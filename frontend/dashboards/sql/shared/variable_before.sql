SELECT 'The report before' AS __text, 'previous' AS __value, 999999 AS week
UNION ALL
SELECT format('{}-W{:02d}', week // 100, week % 100), CAST(week AS VARCHAR), week
FROM (SELECT DISTINCT week FROM perf_all_weeks WHERE $__weekFilter(week))
ORDER BY week DESC
