-- error: `5 parsecs` is not an interval
SELECT $__timeGroup(t, '5 parsecs') FROM (SELECT now() AS t)
