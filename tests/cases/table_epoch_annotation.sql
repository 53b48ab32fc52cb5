-- from: 2001-09-01T00:00:00Z
-- to: 2001-09-02T00:00:00Z
SELECT $__timeEpoch(ts), $__unixEpochGroup(epoch(ts)::BIGINT + 3600, '1s') AS timeEnd, 'deploy' AS text, $__unixEpochGroup(epoch(ts)::BIGINT, '1d') AS day FROM (VALUES (TIMESTAMP '2001-09-01 10:00')) t(ts)
