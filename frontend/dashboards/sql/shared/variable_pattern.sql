SELECT
  regexp_replace(CASE
    WHEN length(pattern) <= 100 THEN pattern
    ELSE rtrim(left(pattern, 66)) || ' … ' || ltrim(right(pattern, 22)) || ' #' || left(md5(pattern), 6)
  END, '\s+', ' ', 'g') AS __text,
  pattern AS __value
FROM perf_all_weeks
WHERE $__weekFilter(week) AND pattern IS NOT NULL
GROUP BY pattern
ORDER BY max((week, coalesce(p95_ms, -1))) DESC, pattern
