-- from: 1960-01-01T00:00:00Z
-- to: 9999-12-31T23:59:59.999Z
SELECT $__unixEpochFrom() AS time, $__unixEpochNanoFrom() AS timeEnd, $__unixEpochFrom() AS s, $__unixEpochTo() AS last, $__timeTo()::VARCHAR AS to_text, $__to AS ms, $__weekTo() AS week, '${__to:date:YYYY-MM-DD}' AS day
