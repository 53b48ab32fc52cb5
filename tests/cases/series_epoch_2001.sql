-- format: time_series
-- from: 1960-01-01T00:00:00Z
-- Below ten digits of seconds, and before 1970: no guess from the magnitude.
SELECT $__timeEpoch(ts), row_number() OVER (ORDER BY ts) AS v FROM (VALUES (TIMESTAMP '2001-09-01 10:00'), (TIMESTAMP '1970-01-01 00:00:01'), (TIMESTAMP '1969-12-31 23:00'), (TIMESTAMP '1677-10-01'), (TIMESTAMP '0001-01-01'), (TIMESTAMP '3000-01-01'), (NULL)) t(ts)
