-- format: time_series
-- from: 1969-01-01T00:00:00Z
-- to: 2001-12-31T23:59:59Z
SELECT DISTINCT $__unixEpochGroup(s, '1M') AS "time", 1 AS v FROM (VALUES (999338400), (-1), (0)) t(s)
