-- A semicolon at the end is no second statement.
WITH weeks AS (FROM perf_all_weeks SELECT DISTINCT week WHERE week > 202651) FROM weeks ORDER BY week; -- done
