SELECT 'The report before' AS __text, 'previous' AS __value, 999999 AS week
UNION ALL
SELECT label, CAST(week AS VARCHAR), week FROM perf_reports WHERE $__weekFilter(week)
ORDER BY week DESC
