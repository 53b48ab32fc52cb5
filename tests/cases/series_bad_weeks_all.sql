-- format: time_series
-- from: 2020-01-01T00:00:00Z
-- Only numbers of six digits are weeks, and only those of the years 1970 to 2199 are ones.
SELECT * FROM (VALUES (202601, 1.0), (2601, 2.0), (202660, 3.0), (101, 4.0), (226252, 5.0), (999952, 6.0), (2026, 7.0), (0, 8.0), (-202601, 9.0)) t(week, value)
