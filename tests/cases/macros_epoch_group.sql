-- Seconds since 1970, one of them before it.
SELECT s, $__unixEpochGroup(s, '1h') AS hour, $__unixEpochGroup(s, '1w') AS week, $__unixEpochGroup(s, '1M') AS month FROM (VALUES (1772362861), (-1)) x(s)
