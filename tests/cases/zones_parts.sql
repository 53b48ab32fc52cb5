SELECT date_trunc('week', t) AS week, date_trunc('quarter', t) AS quarter, time_bucket(INTERVAL '1 week', t) AS bucket, extract('isoyear' FROM t) AS isoyear, extract('week' FROM t) AS isoweek, dayname(t) AS day,
  date_diff('week', t, t + INTERVAL 21 DAY) AS weeks, t::DATE AS date, t::VARCHAR AS text, strftime(t, '%G-W%V') AS label, t + INTERVAL 1 MONTH AS next_month, '2027-01-03 23:30:00 Europe/Berlin'::TIMESTAMPTZ AS parsed
FROM (VALUES (TIMESTAMPTZ '2027-01-03 23:30:00+00')) x(t)
