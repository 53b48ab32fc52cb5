-- Weeks start on Monday, months on the first, and the same before 1970.
SELECT t, $__timeGroup(t, '1w') AS week, $__timeGroup(t, '7d') AS seven_days, $__timeGroup(t, '2w') AS two_weeks, $__timeGroup(t, 1M) AS month,
  $__timeGroup(t, '3M') AS three_months, $__timeGroup(t, 1y) AS year, $__timeGroup(t, '1h30m') AS ninety_minutes, $__timeGroup(t, INTERVAL '5 minutes') AS five_minutes,
  $__timeGroup(t, $__interval) AS suggested
FROM (VALUES (TIMESTAMP '2027-01-03 23:59:59'), (TIMESTAMP '1969-12-31 23:00:00')) x(t)
