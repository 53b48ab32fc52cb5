-- format: time_series
PIVOT (SELECT * FROM (VALUES (202652, 'a', 1.0), (202653, 'b', 2.0)) t(week, name, ms)) ON name IN ('a', 'b', 'c') USING sum(ms) GROUP BY week
