-- error: string
SELECT * FROM perf_all_weeks WHERE pattern = 'SELECT
