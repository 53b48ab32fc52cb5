-- What pandas and polars write.
SELECT date_trunc('hour', ts) AS hour, time_bucket(INTERVAL '15 minutes', ts) AS bucket, ts::DATE AS day, ts::TIMESTAMP AS plain, ts + INTERVAL 1 DAY AS later, ts - INTERVAL 1 MONTH AS earlier, extract(year FROM ts) AS year, yearweek(ts) AS week, ts < now() AS before_now, ts - TIMESTAMPTZ '2026-01-01' AS since, ts AT TIME ZONE 'Europe/Berlin' AS berlin
FROM (VALUES (TIMESTAMPTZ_NS '2026-01-01 00:10:30.123456789')) t(ts)
