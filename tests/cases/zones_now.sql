-- What people write every day, as comparisons that hold on any day.
SELECT now() - INTERVAL 7 DAY < now() AS week_ago, current_date = now()::DATE AS today, date_trunc('day', now()) <= now() AS midnight, date_trunc('week', now()) = date_trunc('week', current_date)::TIMESTAMPTZ AS monday,
  time_bucket(INTERVAL '1 hour', now()) <= now() AS bucket, extract('year' FROM now()) >= 2026 AS year, date_diff('day', now() - INTERVAL 3 DAY, now()) = 3 AS days,
  now()::TIMESTAMP = now() AT TIME ZONE 'UTC' AS utc, age(now(), now()) = INTERVAL 0 DAY AS age, strftime(now(), '%Y') >= '2026' AS text, now() BETWEEN TIMESTAMP '2026-01-01' AND TIMESTAMP '2200-01-01' AS between_plain,
  isoyear(now()) * 100 + week(now()) >= 202601 AS iso_week, to_timestamp(epoch(now())) <= now() + INTERVAL 1 SECOND AS epoch
