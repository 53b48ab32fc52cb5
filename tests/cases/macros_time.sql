-- from: 2026-03-01T10:00:00Z
-- to: 2026-03-01T12:00:00.5Z
SELECT $__timeFrom() AS a, $__timeTo() AS b, $__unixEpochFrom() AS c, $__unixEpochNanoTo() AS d, '$__interval' AS text, $__interval_ms AS ms,
  TIMESTAMP '2026-03-01 11:00:00' AS t WHERE $__timeFilter(TIMESTAMP '2026-03-01 11:00:00') AND $__unixEpochFilter(1772362800)
