-- format: time_series
-- 2025 has 52 weeks.
SELECT * FROM (VALUES (202552, 1.0), (202553, 2.0), (202500, 3.0), (NULL, 4.0), (202601, 5.0)) t(week, value)
