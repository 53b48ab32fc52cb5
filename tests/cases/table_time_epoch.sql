-- A column `time` is a time in tables too; others stay numbers.
SELECT 1772359200 AS time, 1772359200 AS other
