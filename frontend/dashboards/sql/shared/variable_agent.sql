-- Empty where no report has a column `agent`.
SELECT DISTINCT agent AS __value
FROM perf_weeks
WHERE $__weekFilter(week) AND agent IS NOT NULL
ORDER BY agent
