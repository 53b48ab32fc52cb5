-- format: time_series
-- 53 weeks in 2026, the next week is 2027-W01.
SELECT * FROM (VALUES (202552, 1.0), (202601, 2.0), (202652, 3.0), (202653, 4.0), (202701, 5.0)) t(week, value)
