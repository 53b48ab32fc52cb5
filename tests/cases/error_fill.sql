-- error: `linear` does not fill an empty bucket
SELECT $__timeGroup(t, '5m', linear) FROM (SELECT now() AS t)
