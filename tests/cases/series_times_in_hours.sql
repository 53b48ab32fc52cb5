-- format: time_series
-- from: 2026-12-02T06:00:00Z
-- to: 2026-12-02T12:00:00Z
-- Nothing of weeks here: no notice.
SELECT ts AS time, 1 AS v FROM (VALUES (TIMESTAMP '2026-12-02 07:00')) t(ts) WHERE $__timeFilter(ts)
