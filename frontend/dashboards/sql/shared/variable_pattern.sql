SELECT $__label(pattern, 100) AS __text, pattern AS __value
FROM perf_weeks
WHERE $__weekFilter(week) AND pattern IS NOT NULL
GROUP BY pattern
ORDER BY max((week, coalesce(p95_ms, -1))) DESC, pattern
