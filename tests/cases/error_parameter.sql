-- error: parameter
SELECT * FROM perf_all_weeks WHERE week = ?
