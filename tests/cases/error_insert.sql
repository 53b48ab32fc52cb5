-- error: `INSERT` statements are not allowed
INSERT INTO perf_all_weeks VALUES (1)
