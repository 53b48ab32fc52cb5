-- format: time_series
-- from: 2001-08-30T00:00:00Z
-- to: 2001-09-02T23:59:59Z
SELECT $__unixEpochGroupAlias(epoch(ts)::BIGINT, '1d', 0), count(*) AS n FROM (VALUES (TIMESTAMP '2001-09-01 10:00'), (TIMESTAMP '2001-09-01 11:00'), (TIMESTAMP '2001-08-31 11:00')) t(ts) GROUP BY $__unixEpochGroup(epoch(ts)::BIGINT, '1d', 0)
