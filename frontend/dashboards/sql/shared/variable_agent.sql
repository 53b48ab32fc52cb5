-- Empty where no report has a column `agent`.
SELECT DISTINCT agent AS __value
FROM (SELECT NULL::VARCHAR AS agent, NULL::INTEGER AS week WHERE false UNION ALL BY NAME FROM perf_all_weeks)
WHERE $__weekFilter(week) AND agent IS NOT NULL
ORDER BY agent
