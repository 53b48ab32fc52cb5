-- error: one statement
SELECT 1; SELECT 2
