-- What panels are made of: names, numbers that were typed, growth, durations, the axis.
SELECT
  $__label(pattern, 12) AS name,
  $__match(pattern, 'FROM (\w+)') AS first_match,
  round($__growth(before_ms, p95_ms), 1) AS growth,
  $__duration(p95_ms) AS duration,
  (SELECT $__scale(ms) FROM (VALUES (1.0), (2.0), (100.0)) AS n(ms)) AS scale,
  $__number(' 12.5 ', 'Slow above', 3) AS typed,
  $__number('', 'Slow above', 3) AS untyped
FROM (
  VALUES
    ('SELECT 1 FROM a', 100.0, 150.0),
    ('SELECT 1 FROM b', 0.0, 1234.5),
    (E'UPDATE\n  c', 10.0, 0.25)
) AS n(pattern, before_ms, p95_ms)
ORDER BY pattern
